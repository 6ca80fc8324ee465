"""The public page behind a printed code: valid or not, whose ore it is and where it goes; for everybody who can scan."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from service.actions.tickets import Checked, look_up_code
from service.auth.attempts import address_of
from service.db import ReaderDep
from service.domain.codes.plates import plate_as_seen
from service.domain.codes.tickets import CodeFault, read
from service.domain.tickets import CheckReason, TicketState
from service.keys import Purpose
from service.routes.pages.rendering import render
from service.store import pages as reads

router = APIRouter()

MOST_SCANS = RateLimitItemPerMinute(120)
_scans = MovingWindowRateLimiter(MemoryStorage())


@router.get("/t/{code:path}")
@router.get("/T/{code:path}")
async def show_code(
    code: str, request: Request, connection: ReaderDep, plate: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """What the code proves, with every reason against it; `plate` is the one that stands on the vehicle."""
    if not await _scans.hit(MOST_SCANS, "scan", address_of(request)):
        return render(
            request, "code.html", status=429, headers={"Retry-After": "60"}, ticket=None, reasons=["too-many-scans"]
        )
    state = request.app.state
    # Only a code that we have signed opens the page: whoever guesses numbers learns nothing.
    proven = read(request.url.path, state.keys.public_keys(Purpose.TICKETS))
    if isinstance(proven, CodeFault):
        return render(request, "code.html", status=404, ticket=None, reasons=[proven.value])
    seen = plate.strip() or None
    checked = await look_up_code(connection, request.url.path, seen, at=state.clock.now(), keys=state.keys)
    if checked.ticket is None:
        return render(request, "code.html", status=404, ticket=None, reasons=[one.value for one in checked.reasons])
    return render(
        request,
        "code.html",
        ticket=await reads.ticket_for_anybody(connection, checked.ticket.id),
        reasons=_said_against(checked),
        earlier=checked.earlier is not None,
        plate=plate,
        plate_fits=plate_as_seen(plate) == checked.ticket.plate if plate.strip() else None,
    )


def _said_against(checked: Checked) -> list[str]:
    """The reasons against a ticket; of one that has ended how it has, for no extension helps it (E38)."""
    reasons = [one.value for one in checked.reasons]
    if checked.journey is None or checked.journey.is_open or CheckReason.TICKET_EXPIRED not in reasons:
        return reasons
    if checked.journey.state is TicketState.EXPIRED:
        return ["ticket-lapsed" if one == CheckReason.TICKET_EXPIRED else one for one in reasons]
    return [one for one in reasons if one != CheckReason.TICKET_EXPIRED]
