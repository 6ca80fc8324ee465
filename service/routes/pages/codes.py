"""The public page behind a printed code: valid or not, whose ore it is and where it goes; for everybody who can scan."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from service.auth.attempts import address_of
from service.db import ReaderDep
from service.domain.codes.plates import plate_as_seen
from service.domain.codes.tickets import CodeFault, TicketCode, read
from service.keys import Purpose
from service.routes.pages.rendering import render
from service.store import pages as reads

router = APIRouter()

MOST_SCANS = RateLimitItemPerMinute(120)
# Why a ticket that is ours is no longer, or not yet, good for a journey.
ENDED = {
    "delivered": "ticket-used",
    "returned": "ticket-returned",
    "cancelled": "ticket-cancelled",
    "expired": "ticket-expired",
    "lost": "ticket-lost",
}

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
    proven = read(f"{request.url.path}", request.app.state.keys.public_keys(Purpose.TICKETS))
    if isinstance(proven, CodeFault):
        return render(request, "code.html", status=404, ticket=None, reasons=[proven.value])
    ticket = await reads.ticket_for_anybody(connection, proven.ticket_id)
    if ticket is None or ticket["number"] != proven.number:
        return render(request, "code.html", status=404, ticket=None, reasons=["unknown-ticket"])
    return render(
        request,
        "code.html",
        ticket=ticket,
        reasons=_reasons(proven, ticket["state"], request),
        plate=plate,
        plate_fits=plate_as_seen(plate) == ticket["plate"] if plate.strip() else None,
    )


def _reasons(code: TicketCode, state: str, request: Request) -> list[str]:
    if state in ENDED:
        return [ENDED[state]]
    return [fault.value for fault in code.faults(at=request.app.state.clock.now())]
