"""The devices of stations, for the office that approves them: by the fingerprint that the weighman reads out."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.devices import fingerprint
from service.domain.permissions import Actor, reach
from service.routes import devices as doors
from service.routes.devices import RevokeIn
from service.routes.fields import Reason
from service.routes.pages.pages import show
from service.routes.pages.returned import back_to, stands_on
from service.store import devices

router = APIRouter()

PAGE = 100
Officer = Annotated[Actor, Depends(may("devices.approve"))]


@router.get("/devices")
async def list_devices(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("devices.read"))],
    after: UUID | None = None,
) -> Response:
    """The devices, newest first, each with its fingerprint."""
    rows = await devices.list_devices(connection, after=after, limit=PAGE, actor=actor)
    return await show(
        request,
        connection,
        actor,
        "devices.html",
        rows=[{**row, "fingerprint": fingerprint(row["public_key"])} for row in rows],
        following=rows[-1]["id"] if len(rows) == PAGE else None,
        may_approve=reach(actor, "devices.approve") is not None,
    )


@router.post("/devices/{device_id}/approve", dependencies=[stands_on("/devices")])
async def approve_device(device_id: UUID, request: Request, connection: ConnectionDep, actor: Officer) -> Response:
    """Let a device speak for its station."""
    await doors.approve_device(device_id, request, connection, actor)
    return back_to(request, "/devices")


@router.post("/devices/{device_id}/revoke", dependencies=[stands_on("/devices")])
async def revoke_device(
    device_id: UUID, reason: Annotated[Reason, Form()], request: Request, actor: Officer
) -> Response:
    """Believe a device no longer."""
    await doors.revoke_device(device_id, RevokeIn(reason=reason), request, actor)
    return back_to(request, "/devices")
