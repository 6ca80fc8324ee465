"""One record of a scale: what it said and what was said of it later, and the forms of whoever puts it right."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from uuid_utils.compat import uuid7

from service.actions.weighings import Settlement
from service.auth import may
from service.db import ReaderDep
from service.domain.permissions import Actor, reach
from service.routes import weighed
from service.routes.fields import Reason
from service.routes.pages.looks import Looks
from service.routes.pages.pages import show
from service.routes.pages.returned import stands_on
from service.routes.pages.typed import FormOnceDep, in_tonnes
from service.routes.weighed import CorrectionIn, Corrector, Reader, SettlementIn, VoidIn
from service.store import pages as reads
from service.store import stations

router = APIRouter(dependencies=[stands_on("/weighings/{weighing_id}")])

Tonnes = Annotated[Decimal, Form(ge=0, le=1_000, decimal_places=3)]


@router.get("/weighings/{weighing_id}")
async def show_weighing(
    weighing_id: UUID, request: Request, connection: ReaderDep, actor: Reader, look: Looks
) -> Response:
    """One record with its later versions, now or as it stood then."""
    weighing = await weighed.show_weighing(weighing_id, connection, actor, look.at)
    at = request.app.state.clock.now()
    told_by = await stations.list_watched(connection, station_id=weighing.station_id, limit=1, at=at, actor=actor)
    stands = look.at is None and weighing.status == "accepted"
    return await show(
        request,
        connection,
        actor,
        "weighing.html",
        weighing=weighing,
        names=await reads.names_of(connection, {one.person_id for one in weighing.versions}),
        sees_station=bool(told_by),
        suspense_kg=await reads.suspense_kg_of(connection, weighing.movement_ids),
        weights={"gross": in_tonnes(weighing.gross_kg or 0), "tare": in_tonnes(weighing.tare_kg or 0)},
        once=str(uuid7()),
        may_settle=stands and reach(actor, "weighings.settle") is not None,
        may_correct=stands and reach(actor, "weighings.correct") is not None,
    )


@router.post("/weighings/{weighing_id}/settle")
async def settle_weighing(
    weighing_id: UUID,
    settlement: Annotated[Settlement, Form()],
    note: Annotated[Reason, Form()],
    request: Request,
    actor: Annotated[Actor, Depends(may("weighings.settle"))],
    once: FormOnceDep,
) -> Response:
    """Charge what left without a lawful paper to the mine's quota, or write it off (W06)."""
    await weighed.settle(weighing_id, SettlementIn(settlement=settlement, note=note), request, actor, once)
    return RedirectResponse(f"/weighings/{weighing_id}", 303)


@router.post("/weighings/{weighing_id}/correct")
async def correct_weighing(
    weighing_id: UUID,
    gross: Tonnes,
    tare: Tonnes,
    reason: Annotated[Reason, Form()],
    request: Request,
    actor: Corrector,
    once: FormOnceDep,
) -> Response:
    """Say what the scale should have said (W09)."""
    body = CorrectionIn(gross_kg=int(gross * 1000), tare_kg=int(tare * 1000), reason=reason)
    await weighed.correct(weighing_id, body, request, actor, once)
    return RedirectResponse(f"/weighings/{weighing_id}", 303)


@router.post("/weighings/{weighing_id}/void")
async def void_weighing(
    weighing_id: UUID, reason: Annotated[Reason, Form()], request: Request, actor: Corrector, once: FormOnceDep
) -> Response:
    """Take a record back (W09)."""
    await weighed.take_back(weighing_id, VoidIn(reason=reason), request, actor, once)
    return RedirectResponse(f"/weighings/{weighing_id}", 303)
