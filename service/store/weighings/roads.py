"""What is known of a plate: its empty weights, and when its loads were on the road."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from service.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Tare:
    """An empty weight that a scale has told of a plate, and where it was told."""

    plate: str
    weighing_id: UUID
    station_id: UUID
    record_id: UUID
    occurred_at: datetime
    tare_kg: int
    gross_kg: int
    is_fresh: bool
    jurisdiction: str
    enterprise_id: UUID
    where: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Road:
    """When a ticket's load was on the road, for how long its paper is good while it is open, and whose it is."""

    plate: str
    ticket_id: UUID
    number: str
    seller_id: UUID
    buyer_id: UUID
    jurisdiction: str | None
    out_at: datetime | None = None  # None: it has not left, or by no scale of its own
    ended_at: datetime | None = None
    is_lost: bool = False  # written off: nobody looks for its paper any more, until it turns up (E39)
    window: tuple[datetime, datetime] | None = None  # None: it is open no longer

    def is_on_the_road(self, at: datetime, missed_after: timedelta) -> bool:
        """Whether it had left, and was neither over nor missed at a moment."""
        return self.out_at is not None and at < until(self.out_at, self.ended_at, missed_after)

    def is_beside(self, other: "Road") -> bool:
        """Whether both papers are open, and good at the same time."""
        if self.window is None or other.window is None:
            return False
        return self.window[0] < other.window[1] and other.window[0] < self.window[1]


def until(out_at: datetime, ended_at: datetime | None, missed_after: timedelta) -> datetime:
    """When a load's journey ended, or was missed (W07): that is one alert, not one more for each later load."""
    missed_at = out_at + missed_after
    return missed_at if ended_at is None else min(ended_at, missed_at)


def tares_and_roads(rows: Iterable[Iterable[Any]]) -> tuple[list[Tare], list[Road]]:
    """What the sentence about plates has found."""
    tares, roads = [], []
    for (
        is_road, plate, id_, station_id, other_id, begun_at, ended_at, number, tare_kg, gross_kg, is_fresh, jurisdiction,
        owner_id, latitude, longitude, valid_from, valid_until,
    ) in rows:  # fmt: skip
        if is_road:
            window = (valid_from, valid_until) if valid_from and valid_until else None
            roads.append(
                Road(plate, id_, number, owner_id, other_id, jurisdiction, begun_at, ended_at, is_fresh, window)
            )
        else:
            where = None if latitude is None else (latitude, longitude)
            tares.append(
                Tare(
                    plate,
                    id_,
                    station_id,
                    other_id,
                    begun_at,
                    tare_kg,
                    gross_kg,
                    is_fresh,
                    jurisdiction,
                    owner_id,
                    where,
                )
            )
    return tares, roads
