"""Papers beside contracts, slips, projects and declared stocks: sent, listed and fetched by those whose they are."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, TypeAdapter

from service.actions.attachments import attach
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.attachments import Attachment, AttachmentKind, MediaType
from service.domain.codes.texts import Malformed
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.routes.fields import Name
from service.routes.uploads import UPLOADED, UploadDep
from service.store import attachments

UNNAMED = "附件"
NAME: TypeAdapter[str] = TypeAdapter(Name)


class AttachmentOut(BaseModel):
    """A paper; `sha256` is the hash of its bytes, by which it is kept and audited."""

    id: UUID
    name: str
    media_type: MediaType
    size: int
    sha256: str
    enterprise_id: UUID | None
    attached_at: datetime

    @classmethod
    def of(cls, one: Attachment) -> "AttachmentOut":
        """A paper as clients see it."""
        return cls(
            id=one.id,
            name=one.name,
            media_type=one.media_type,
            size=one.size,
            sha256=one.sha256.hex(),
            enterprise_id=one.enterprise_id,
            attached_at=one.attached_at,
        )


class AttachmentsOut(BaseModel):
    """The papers of one subject, oldest first."""

    items: list[AttachmentOut]
    next: None = None


def file_name(given: str) -> str:
    """The name under which a paper is kept: the last part of a path, without what hides or reorders."""
    last = given.replace("\\", "/").rsplit("/", maxsplit=1)[-1].strip()[-100:]
    try:
        return NAME.validate_python(last) if last else UNNAMED
    except (ValueError, Malformed):
        return UNNAMED


def sent_as_a_file(path: str, name: str, media_type: str) -> Response:
    """A file to be saved, and never to be run as a page of ours."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return FileResponse(path, media_type=media_type, headers=headers)


def _doors(slice_name: str, kind: AttachmentKind) -> APIRouter:
    router = APIRouter(prefix=f"/v1/{slice_name}/{{subject_id}}/attachments", tags=["attachments"])

    @router.post(
        "", status_code=201, response_model=AttachmentOut, openapi_extra=UPLOADED, operation_id=f"attach_to_{kind}"
    )
    async def add_attachment(
        subject_id: UUID,
        request: Request,
        response: Response,
        actor: Annotated[Actor, Depends(may("attachments.add"))],
        upload: UploadDep,
        connection: ConnectionDep,
        name: Annotated[str, Query(max_length=200)] = "",
    ) -> AttachmentOut:
        """Attach a PDF, PNG or JPEG; the same bytes again are the same paper (200)."""
        content, sent_name = upload
        state = request.app.state
        made, is_new = await attach(
            connection,
            state.vault,
            kind,
            subject_id,
            file_name(name or sent_name),
            content,
            at=state.clock.now(),
            actor=actor,
        )
        response.status_code = 201 if is_new else 200
        return AttachmentOut.of(made)

    @router.get("", operation_id=f"attachments_of_{kind}")
    async def list_attachments(
        subject_id: UUID, connection: ReaderDep, actor: Annotated[Actor, Depends(may("attachments.read"))]
    ) -> AttachmentsOut:
        """The papers, oldest first."""
        if not await attachments.is_known(connection, kind, subject_id, actor=actor):
            raise NotFound
        found = await attachments.attachments_of(connection, kind, subject_id)
        return AttachmentsOut(items=[AttachmentOut.of(one) for one in found])

    @router.get("/{attachment_id}", response_class=FileResponse, operation_id=f"attachment_of_{kind}")
    async def fetch_attachment(
        subject_id: UUID,
        attachment_id: UUID,
        request: Request,
        connection: ReaderDep,
        actor: Annotated[Actor, Depends(may("attachments.read"))],
    ) -> Response:
        """The file itself."""
        if not await attachments.is_known(connection, kind, subject_id, actor=actor):
            raise NotFound
        found = await attachments.attachments_of(connection, kind, subject_id)
        one = next((one for one in found if one.id == attachment_id), None)
        if one is None:
            raise NotFound
        return sent_as_a_file(request.app.state.vault.path(one.sha256), one.name, one.media_type)

    return router


routers = (
    _doors("contracts", AttachmentKind.CONTRACT),
    _doors("slips", AttachmentKind.SLIP),
    _doors("projects", AttachmentKind.PROJECT),
    _doors("stocks", AttachmentKind.STOCK),
)
