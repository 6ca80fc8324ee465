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
    """When a ticket's load was on the road, and whose it is."""

    plate: str
    ticket_id: UUID
    number: str
    seller_id: UUID
    buyer_id: UUID
    jurisdiction: str | None
    out_at: datetime
    ended_at: datetime | None
    is_lost: bool = False  # written off: nobody looks for its paper any more, until it turns up (E39)

    def is_on_the_road(self, at: datetime, missed_after: timedelta) -> bool:
        """Whether it was neither over nor missed at a moment."""
        return at < self.until(missed_after)

    def until(self, missed_after: timedelta) -> datetime:
        """When it ended, or was missed (W07): that is one alert, not one more for each later load."""
        missed_at = self.out_at + missed_after
        return missed_at if self.ended_at is None else min(self.ended_at, missed_at)


def tares_and_roads(rows: Iterable[Iterable[Any]]) -> tuple[list[Tare], list[Road]]:
    """What the sentence about plates has found."""
    tares, roads = [], []
    for (
        is_road, plate, id_, station_id, other_id, begun_at, ended_at, number, tare_kg, gross_kg, is_fresh, jurisdiction,
        owner_id, latitude, longitude,
    ) in rows:  # fmt: skip
        if is_road:
            roads.append(Road(plate, id_, number, owner_id, other_id, jurisdiction, begun_at, ended_at, is_fresh))
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
