"""What sellers, buyers and offices do to tickets in a browser: the same deeds as behind /v1/tickets."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, TypeVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from uuid_utils.compat import uuid7

from service.actions.tickets import Order
from service.auth import may
from service.db import ConnectionDep, ReaderDep, database
from service.domain.codes.plates import normalise_plate
from service.domain.codes.texts import Malformed
from service.domain.permissions import Actor
from service.domain.refusals import IdempotencyKeyRunning, MalformedBody, Refusal
from service.domain.sheets import CellFault, CellKind, Column
from service.domain.units import SHANGHAI
from service.problems import problem
from service.routes.bulk.reading import Entry
from service.routes.fields import Reason
from service.routes.idempotency import Said
from service.routes.pages.languages import language_of
from service.routes.pages.pages import show
from service.routes.pages.rendering import sentence
from service.routes.pages.returned import returned_to, stands_on
from service.routes.pages.typed import FormOnceDep, entry_of, fields_of, model_of, show_form
from service.routes.tickets import MOST_TICKETS, TicketIn, Wanted, deeds
from service.routes.tickets.bodies import (
    ExtensionIn,
    ReasonIn,
    RedirectionIn,
    RefusalIn,
    ReissueIn,
    TransferIn,
)
from service.routes.tickets.deeds import Doing
from service.store import pages as reads

router = APIRouter()
doors = APIRouter(dependencies=[stands_on("/tickets/{ticket_id}")])

USUAL_HOURS = 24
MOST_TONNES = 100
Moment = Annotated[datetime, Form()]
Tonnes = Annotated[float, Form(gt=0, le=MOST_TONNES)]
Asked = TypeVar("Asked", bound=ReasonIn)
COLUMNS: Final = (
    Column("contract_id", "销售合同", "contract", is_required=True),
    Column("planned_kg", "每车计划数量（吨）", "planned for each truck (t)", CellKind.TONNES, True),
    Column("grade", "品级", "grade", is_required=True),
    Column("source_station_id", "发货站", "from station", is_required=True),
    Column("destination_station_id", "收货站", "to station", is_required=True),
    Column("valid_from", "有效期起", "valid from", CellKind.MOMENT, True),
    Column("valid_until", "有效期止", "valid until", CellKind.MOMENT, True),
)
PLATES: Final = Column("plates", "车牌（每行一个）", "plates, one a line", is_required=True)


@router.get("/tickets/new")
async def ask_for_tickets(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("tickets.issue"))],
    paper: UUID | None = None,
) -> Response:
    """The form by which a seller issues tickets under one of its contracts: one plate a line."""
    now = request.app.state.clock.now().astimezone(SHANGHAI)
    until = now + timedelta(hours=USUAL_HOURS)
    typed = {"valid_from": _for_the_field(now), "valid_until": _for_the_field(until), "once": str(uuid7())}
    typed |= returned_to(request).typed or ({"contract_id": str(paper)} if paper else {})
    assert actor.enterprise_id is not None, "an enterprise issues tickets"
    contracts = await reads.contracts_of_seller(connection, actor.enterprise_id)
    chosen = next((row for row in contracts if str(row["id"]) == typed.get("contract_id")), None)
    buyers = [chosen["buyer_id"]] if chosen else [row["buyer_id"] for row in contracts]
    sources = await reads.stations_of(connection, [actor.enterprise_id])
    destinations = await reads.stations_of(connection, buyers)
    likely = {
        "grade": chosen["grade"] if chosen else "",
        "source_station_id": str(sources[0]["id"]) if sources else "",
        "destination_station_id": str(destinations[0]["id"]) if chosen and destinations else "",
    }
    return await show_form(
        request,
        connection,
        actor,
        "tickets_new.html",
        columns=(*COLUMNS, PLATES),
        typed={**likely, **typed},
        choices={
            "contract_id": [(str(row["id"]), f"{row['number']} — {row['buyer']}") for row in contracts],
            "source_station_id": [(str(row["id"]), row["name"]) for row in sources],
            "destination_station_id": [(str(row["id"]), f"{row['name']} — {row['holder']}") for row in destinations],
        },
    )


@router.post("/tickets/new")
async def issue_tickets(
    request: Request, once: FormOnceDep, actor: Annotated[Actor, Depends(may("tickets.issue"))]
) -> Response:
    """Issue a ticket for each plate, once for the same form; what is wrong with all is said once, and the form keeps its input."""
    typed = await fields_of(request)
    sent = entry_of(COLUMNS, typed)
    plates = _plates(typed, sent.entries[0])
    sent.entries[0].said["plate"] = next(iter(plates), "")
    body = model_of(sent, TicketIn)
    asked = await once.asked(actor)
    issued = await request.app.state.issuing.submit(
        [
            (Wanted(Order(actor, replace(body.wish(), plate=plate))), asked and asked.part(number))
            for number, plate in enumerate(plates)
        ]
    )
    if running := next((one for one in issued if isinstance(one, IdempotencyKeyRunning)), None):
        raise running
    refused: defaultdict[str, list[str]] = defaultdict(list)
    for plate, one in zip(plates, issued, strict=True):
        if isinstance(one, Refusal):
            refused[sentence(problem(one), language_of(request))].append(plate)
    ids = [one.id for one in issued if isinstance(one, Said)]
    if len(ids) == 1 and not refused:
        return RedirectResponse(f"/tickets/{ids[0]}", 303)
    if ids:
        async with database(request).transaction(readonly=True) as connection:
            return await show(request, connection, actor, "tickets_issued.html", ids=ids, turned_down=refused)
    if len(refused) == 1:
        raise next(one for one in issued if isinstance(one, Refusal))
    faults = [f"{', '.join(whose)}: {why}" for why, whose in refused.items()]
    raise MalformedBody(errors=[{"pointer": "/plates", "code": "refused", "detail": why} for why in faults])


class Pressed:
    """A form by which something is done to a ticket: what its deed behind /v1/tickets does, once for the same form."""

    def __init__(self, doing: Doing, reason: str) -> None:
        self._doing = doing
        self._reason = reason

    async def __call__(
        self,
        deed: Callable[[Asked, Doing, Actor], Awaitable[Response]],
        body: type[Asked],
        actor: Actor,
        *,
        shown: str = "",
        **said: object,
    ) -> Response:
        """Go to the ticket's page, or to that of the one under which its load goes on."""
        try:
            asked = body.model_validate({"reason": self._reason, **said})
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from error
        told = orjson.loads((await deed(asked, self._doing, actor)).body)
        led_to = told["items"][0] if "items" in told else told
        return RedirectResponse(f"/tickets/{led_to['id']}{shown}", 303)


async def _pressed(
    ticket_id: UUID, request: Request, connection: ConnectionDep, reason: Annotated[Reason, Form()], once: FormOnceDep
) -> Pressed:
    return Pressed(Doing(ticket_id, request, connection, once), reason)


PressedDep = Annotated[Pressed, Depends(_pressed)]


@doors.post("/tickets/{ticket_id}/cancel")
async def cancel_ticket(pressed: PressedDep, actor: Annotated[Actor, Depends(may("tickets.cancel"))]) -> Response:
    """End a ticket before its journey."""
    return await pressed(deeds.cancel_ticket, ReasonIn, actor)


@doors.post("/tickets/{ticket_id}/lose")
async def lose_ticket(pressed: PressedDep, actor: Annotated[Actor, Depends(may("tickets.lose"))]) -> Response:
    """End a ticket that was lost before its journey; an office writes off a load that was lost on it."""
    return await pressed(deeds.lose_ticket, ReasonIn, actor)


@doors.post("/tickets/{ticket_id}/extend")
async def extend_ticket(
    pressed: PressedDep, valid_until: Moment, actor: Annotated[Actor, Depends(may("tickets.extend"))]
) -> Response:
    """Give a ticket a later end."""
    until = valid_until if valid_until.tzinfo else valid_until.replace(tzinfo=SHANGHAI)
    return await pressed(deeds.extend_ticket, ExtensionIn, actor, valid_until=until)


@doors.post("/tickets/{ticket_id}/reissue")
async def reissue_ticket(
    pressed: PressedDep,
    cause: Annotated[str, Form()],
    actor: Annotated[Actor, Depends(may("tickets.reissue"))],
) -> Response:
    """Print a ticket anew in place of a lost or damaged paper; go to the new sheet."""
    return await pressed(deeds.reissue_ticket, ReissueIn, actor, cause=cause, shown="/sheet")


@doors.post("/tickets/{ticket_id}/redirect")
async def redirect_ticket(
    pressed: PressedDep,
    contract_id: Annotated[UUID, Form()],
    destination_station_id: Annotated[UUID, Form()],
    actor: Annotated[Actor, Depends(may("tickets.redirect"))],
) -> Response:
    """Send a load to another buyer under that buyer's contract."""
    return await pressed(
        deeds.redirect_ticket,
        RedirectionIn,
        actor,
        contract_id=contract_id,
        destination_station_id=destination_station_id,
    )


@doors.post("/tickets/{ticket_id}/children")
async def split_ticket(
    pressed: PressedDep,
    plate: Annotated[str, Form()],
    tonnes: Tonnes,
    actor: Annotated[Actor, Depends(may("tickets.split"))],
) -> Response:
    """Let a part of a load go on by another truck; go to its ticket."""
    truck = {"plate": plate, "planned_kg": round(tonnes * 1000)}
    return await pressed(deeds.split_ticket, TransferIn, actor, trucks=[truck])


@doors.post("/tickets/{ticket_id}/close")
async def close_ticket(pressed: PressedDep, actor: Annotated[Actor, Depends(may("tickets.split"))]) -> Response:
    """Close the rest of a load whose parts went on by other trucks."""
    return await pressed(deeds.close_ticket, ReasonIn, actor)


@doors.post("/tickets/{ticket_id}/refuse-part")
async def refuse_part(
    pressed: PressedDep, tonnes: Tonnes, actor: Annotated[Actor, Depends(may("tickets.refuse_part"))]
) -> Response:
    """Record that the buyer does not take a part of what was weighed in."""
    return await pressed(deeds.refuse_part, RefusalIn, actor, refused_kg=round(tonnes * 1000))


@doors.post("/tickets/{ticket_id}/decide")
async def decide_ticket(
    pressed: PressedDep,
    decision: Annotated[Literal["release", "refuse"], Form()],
    actor: Annotated[Actor, Depends(may("tickets.decide"))],
) -> Response:
    """Release a ticket that waits for the office, or turn it down."""
    deed = deeds.release_ticket if decision == "release" else deeds.refuse_ticket
    return await pressed(deed, ReasonIn, actor)


router.include_router(doors)


def _plates(typed: Mapping[str, str], entry: Entry) -> list[str]:
    """The plates that were typed, one a line; what is wrong with one is said with its line."""
    lines = [line.strip() for line in typed.get("plates", "").splitlines() if line.strip()]
    if not 0 < len(lines) <= MOST_TICKETS:
        told = f"请填写车牌，每行一个，最多 {MOST_TICKETS} 个 / give at least one plate and at most {MOST_TICKETS}, one a line"
        entry.faults.append(CellFault("plates", "plates-uncountable", told))
    plates = []
    for line in lines[:MOST_TICKETS]:
        try:
            plates.append(normalise_plate(line))
        except Malformed as fault:
            entry.faults.append(CellFault("plates", fault.code, f"{line}：{fault.zh} / {line}: {fault.en}"))
    return plates


def _for_the_field(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M")
