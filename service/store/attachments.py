"""Papers beside what was filed or registered; their bytes lie in the vault."""

from uuid import UUID

from service.db import Connection
from service.domain.attachments import Attachment, AttachmentKind, MediaType
from service.domain.permissions import Actor
from service.store.sentences import sentences

SQL = sentences("attachments")


async def is_known(connection: Connection, kind: AttachmentKind, subject_id: UUID, *, actor: Actor) -> bool:
    """Whether the actor is a party of what a paper would be attached to, or an office over one."""
    row = await connection.fetchrow(SQL["subject"], kind, subject_id)
    if row is None:
        return False
    if actor.reads_all or actor.enterprise_id in row["parties"]:
        return True
    return any(actor.covers(place) for place in row["places"] if place)


async def add_attachment(connection: Connection, attachment: Attachment, *, person_id: UUID) -> bool:
    """Record a paper; False where this very paper is there already."""
    made = await connection.fetchval(
        SQL["add"],
        attachment.id,
        attachment.kind,
        attachment.subject_id,
        attachment.enterprise_id,
        attachment.name,
        attachment.media_type,
        attachment.size,
        attachment.sha256,
        person_id,
        attachment.attached_at,
    )
    return made is not None


async def attachments_of(connection: Connection, kind: AttachmentKind, subject_id: UUID) -> list[Attachment]:
    """The papers of one subject, oldest first."""
    return [
        Attachment(**{**row, "kind": AttachmentKind(row["kind"]), "media_type": MediaType(row["media_type"])})
        for row in await connection.fetch(SQL["of"], kind, subject_id)
    ]
