"""One truck on one scale, told twice."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.domain.policies import DEFAULTS, Policies

SCANS = 5
"""A chain of records of one event reaches no further than so many times what lies between two of them."""


@dataclass(frozen=True, slots=True)
class Event:
    """A weighing that another record may tell a second time."""

    record_id: UUID
    plate: str
    ticket_id: UUID | None
    gross_kg: int
    occurred_at: datetime


def is_one_event(first: Event, second: Event, policies: Policies = DEFAULTS) -> bool:
    """Whether two records of one station and direction tell of one truck that was scanned twice (W06, E7).

    Another plate with another ticket is another truck, however close in weight and time.
    """
    return (
        abs(first.gross_kg - second.gross_kg) <= policies.double_scan_kg
        and abs(first.occurred_at - second.occurred_at) <= timedelta(seconds=policies.double_scan_seconds)
        and (first.plate == second.plate or (first.ticket_id is not None and first.ticket_id == second.ticket_id))
    )


def event_span(policies: Policies = DEFAULTS) -> timedelta:
    """How far apart in time the first and the last record of one event are at the most."""
    return SCANS * timedelta(seconds=policies.double_scan_seconds)
