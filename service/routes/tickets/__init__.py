"""Tickets: issued by sellers, checked by whoever stands in front of the truck, changed by firms and offices."""

from fastapi import APIRouter

from service.routes.tickets import deeds, issuing, reading
from service.routes.tickets.bodies import TicketIn
from service.routes.tickets.issuing import MOST_TICKETS, Wanted, issuing_batcher

__all__ = ["MOST_TICKETS", "TicketIn", "Wanted", "issuing_batcher", "router"]

router = APIRouter()
for part in (issuing, reading, deeds):
    router.include_router(part.router)
