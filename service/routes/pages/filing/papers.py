"""Papers that are attached to a contract or a slip from its page."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from service.actions.attachments import attach
from service.auth import may
from service.db import ConnectionDep
from service.domain.attachments import AttachmentKind
from service.domain.permissions import Actor
from service.routes.attachments import file_name
from service.routes.pages.returned import stands_on
from service.routes.uploads import UploadDep

router = APIRouter()


def _door(slice_name: str, kind: AttachmentKind) -> None:
    @router.post(
        f"/{slice_name}/{{subject_id}}/attachments",
        name=f"attach_to_{kind}_page",
        dependencies=[stands_on(f"/{slice_name}/{{subject_id}}")],
    )
    async def add_paper(
        subject_id: UUID,
        request: Request,
        actor: Annotated[Actor, Depends(may("attachments.add"))],
        upload: UploadDep,
        connection: ConnectionDep,
    ) -> Response:
        """Attach a PDF or a picture."""
        content, name = upload
        state = request.app.state
        at = state.clock.now()
        await attach(connection, state.vault, kind, subject_id, file_name(name), content, at=at, actor=actor)
        return RedirectResponse(f"/{slice_name}/{subject_id}#papers", 303)


_door("contracts", AttachmentKind.CONTRACT)
_door("slips", AttachmentKind.SLIP)
