"""Papers that are attached to a contract from its page."""

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
from service.routes.uploads import read_upload

router = APIRouter()


@router.post("/contracts/{contract_id}/attachments")
async def add_paper(
    contract_id: UUID,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("attachments.add"))],
) -> Response:
    """Attach a PDF or a picture."""
    content, name = await read_upload(request)
    state = request.app.state
    await attach(
        connection,
        state.vault,
        AttachmentKind.CONTRACT,
        contract_id,
        file_name(name),
        content,
        at=state.clock.now(),
        actor=actor,
    )
    return RedirectResponse(f"/contracts/{contract_id}#papers", 303)
