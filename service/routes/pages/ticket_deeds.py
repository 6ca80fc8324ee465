"""What sellers, buyers and offices do to tickets in a browser: the same deeds as behind /v1/tickets."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from uuid_utils.compat import uuid7

from service.actions.tickets import Order
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep, Record, database
from service.domain.permissions import Actor
from service.domain.refusals import IdempotencyKeyRunning, Refusal
from service.domain.tickets import Wish
from service.domain.units import SHANGHAI
from service.problems import problem
from service.routes.fields import Reason
from service.routes.idempotency import Said
from service.routes.pages.languages import language_of
from service.routes.pages.pages import show
from service.routes.pages.rendering import sentence
from service.routes.pages.typed import FormOnceDep, fields_of
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

USUAL_HOURS = 24
MOST_TONNES = 100
Moment = Annotated[datetime, Form()]
Tonnes = Annotated[float, Form(gt=0, le=MOST_TONNES)]
Asked = TypeVar("Asked", bound=ReasonIn)


@router.get("/tickets/new")
async def ask_for_tickets(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("tickets.issue"))],
    paper: UUID | None = None,
) -> Response:
    """The form by which a seller issues tickets under one of its contracts: one plate a line."""
    now = request.app.state.clock.now().astimezone(SHANGHAI)
    said = {
        "contract_id": str(paper or ""),
        "plates": "",
        "tonnes": "",
        "valid_from": _for_the_field(now),
        "valid_until": _for_the_field(now + timedelta(hours=USUAL_HOURS)),
        "once": str(uuid7()),
    }
    return await _form(request, connection, actor, said)


@router.post("/tickets/new")
async def issue_tickets(
    request: Request, once: FormOnceDep, actor: Annotated[Actor, Depends(may("tickets.issue"))]
) -> Response:
    """Issue a ticket for each plate, once for the same form; what cannot be read is said above it, and it keeps its input."""
    said = await fields_of(request)
    plates = [line for line in said.get("plates", "").splitlines() if line.strip()]
    wishes: list[Wish] = []
    faults: list[tuple[str, str | None]] = [] if 0 < len(plates) <= MOST_TICKETS else [("plates", None)]
    for plate in plates[:MOST_TICKETS]:
        try:
            wishes.append(TicketIn.model_validate(_asked(said, plate)).wish())
        except ValidationError as error:
            faults += [
                (plate, str(fault["ctx"]["detail"] if "ctx" in fault else fault["msg"])) for fault in error.errors()
            ]
        except ValueError:
            faults.append((plate, None))
    if faults:
        async with database(request).transaction(readonly=True) as connection:
            return await _form(request, connection, actor, said, faults=faults)

    asked = await once.asked(actor)
    issued = await request.app.state.issuing.submit(
        [(Wanted(Order(actor, wish)), asked and asked.part(number)) for number, wish in enumerate(wishes)]
    )
    if running := next((one for one in issued if isinstance(one, IdempotencyKeyRunning)), None):
        raise running
    refused = [
        (wish.plate, sentence(problem(one), language_of(request)))
        for wish, one in zip(wishes, issued, strict=True)
        if isinstance(one, Refusal)
    ]
    ids = [one.id for one in issued if isinstance(one, Said)]
    if len(ids) == 1 and not refused:
        return RedirectResponse(f"/tickets/{ids[0]}", 303)
    async with database(request).transaction(readonly=True) as connection:
        return await show(request, connection, actor, "tickets_issued.html", ids=ids, turned_down=refused)


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


@router.post("/tickets/{ticket_id}/cancel")
async def cancel_ticket(pressed: PressedDep, actor: Annotated[Actor, Depends(may("tickets.cancel"))]) -> Response:
    """End a ticket before its journey."""
    return await pressed(deeds.cancel_ticket, ReasonIn, actor)


@router.post("/tickets/{ticket_id}/lose")
async def lose_ticket(pressed: PressedDep, actor: Annotated[Actor, Depends(may("tickets.lose"))]) -> Response:
    """End a ticket that was lost before its journey; an office writes off a load that was lost on it."""
    return await pressed(deeds.lose_ticket, ReasonIn, actor)


@router.post("/tickets/{ticket_id}/extend")
async def extend_ticket(
    pressed: PressedDep, valid_until: Moment, actor: Annotated[Actor, Depends(may("tickets.extend"))]
) -> Response:
    """Give a ticket a later end."""
    until = valid_until if valid_until.tzinfo else valid_until.replace(tzinfo=SHANGHAI)
    return await pressed(deeds.extend_ticket, ExtensionIn, actor, valid_until=until)


@router.post("/tickets/{ticket_id}/reissue")
async def reissue_ticket(
    pressed: PressedDep,
    cause: Annotated[str, Form()],
    actor: Annotated[Actor, Depends(may("tickets.reissue"))],
) -> Response:
    """Print a ticket anew in place of a lost or damaged paper; go to the new sheet."""
    return await pressed(deeds.reissue_ticket, ReissueIn, actor, cause=cause, shown="/sheet")


@router.post("/tickets/{ticket_id}/redirect")
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


@router.post("/tickets/{ticket_id}/children")
async def split_ticket(
    pressed: PressedDep,
    plate: Annotated[str, Form()],
    tonnes: Tonnes,
    actor: Annotated[Actor, Depends(may("tickets.split"))],
) -> Response:
    """Let a part of a load go on by another truck; go to its ticket."""
    truck = {"plate": plate, "planned_kg": round(tonnes * 1000)}
    return await pressed(deeds.split_ticket, TransferIn, actor, trucks=[truck])


@router.post("/tickets/{ticket_id}/close")
async def close_ticket(pressed: PressedDep, actor: Annotated[Actor, Depends(may("tickets.split"))]) -> Response:
    """Close the rest of a load whose parts went on by other trucks."""
    return await pressed(deeds.close_ticket, ReasonIn, actor)


@router.post("/tickets/{ticket_id}/refuse-part")
async def refuse_part(
    pressed: PressedDep, tonnes: Tonnes, actor: Annotated[Actor, Depends(may("tickets.refuse_part"))]
) -> Response:
    """Record that the buyer does not take a part of what was weighed in."""
    return await pressed(deeds.refuse_part, RefusalIn, actor, refused_kg=round(tonnes * 1000))


@router.post("/tickets/{ticket_id}/decide")
async def decide_ticket(
    pressed: PressedDep,
    decision: Annotated[Literal["release", "refuse"], Form()],
    actor: Annotated[Actor, Depends(may("tickets.decide"))],
) -> Response:
    """Release a ticket that waits for the office, or turn it down."""
    deed = deeds.release_ticket if decision == "release" else deeds.refuse_ticket
    return await pressed(deed, ReasonIn, actor)


async def _form(
    request: Request,
    connection: Connection,
    actor: Actor,
    said: Mapping[str, str],
    faults: list[tuple[str, str | None]] | None = None,
) -> Response:
    assert actor.enterprise_id is not None, "an enterprise issues tickets"
    contracts = await reads.contracts_of_seller(connection, actor.enterprise_id)
    chosen = next((row for row in contracts if str(row["id"]) == said["contract_id"]), None)
    answer = await show(
        request,
        connection,
        actor,
        "tickets_new.html",
        contracts=contracts,
        sources=await reads.stations_of(connection, [actor.enterprise_id]),
        destinations=await reads.stations_of(connection, _buyers(contracts, chosen)),
        chosen=chosen,
        said={
            "source_station_id": "",
            "destination_station_id": "",
            "grade": chosen["grade"] if chosen else "",
            "once": "",
            **said,
        },
        faults=faults or [],
        most=MOST_TICKETS,
    )
    answer.status_code = 422 if faults else 200
    return answer


def _buyers(contracts: Sequence[Record], chosen: Record | None) -> list[UUID]:
    return [chosen["buyer_id"]] if chosen else [row["buyer_id"] for row in contracts]


def _asked(said: Mapping[str, str], plate: str) -> dict[str, Any]:
    """What the form says about one truck, as the API takes it; raises ValueError where it says no number."""
    names = ("contract_id", "grade", "source_station_id", "destination_station_id")
    return {
        **{name: said.get(name, "") for name in names},
        "plate": plate,
        "planned_kg": round(float(said.get("tonnes", "")) * 1000),
        "valid_from": _from_the_field(said.get("valid_from", "")),
        "valid_until": _from_the_field(said.get("valid_until", "")),
    }


def _for_the_field(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M")


def _from_the_field(text: str) -> str:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).isoformat()
