"""What parties and offices attach to what was filed or registered."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection
from service.domain.attachments import MOST_OF_ONE, Attachment, AttachmentKind, TooManyAttachments, media_type_of
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.store import attachments, audits
from service.vault import Vault


async def attach(
    connection: Connection,
    vault: Vault,
    kind: AttachmentKind,
    subject_id: UUID,
    name: str,
    content: bytes,
    *,
    at: datetime,
    actor: Actor,
) -> tuple[Attachment, bool]:
    """Attach a paper; gives it and whether it is new: the same bytes are the same paper, whatever their name.

    The file is written before the book names it, and is known by its hash from then on.
    """
    if not await attachments.is_known(connection, kind, subject_id, actor=actor):
        raise NotFound
    media_type = media_type_of(content)
    earlier = await attachments.attachments_of(connection, kind, subject_id)
    digest = await vault.keep(content)
    if known := next((one for one in earlier if one.sha256 == digest), None):
        return known, False
    if len(earlier) >= MOST_OF_ONE:
        raise TooManyAttachments(most=MOST_OF_ONE)

    attachment = Attachment(uuid7(), kind, subject_id, actor.enterprise_id, name, media_type, len(content), digest, at)
    if not await attachments.add_attachment(connection, attachment, person_id=actor.person_id):
        return await _already_there(connection, attachment), False
    facts = {"attachment": attachment.id, "sha256": digest.hex(), "name": name}
    await audits.note(connection, "attachments.add", subject_id, facts, at=at, actor=actor)
    return attachment, True


async def _already_there(connection: Connection, attachment: Attachment) -> Attachment:
    known = await attachments.attachments_of(connection, attachment.kind, attachment.subject_id)
    return next(one for one in known if one.sha256 == attachment.sha256)
