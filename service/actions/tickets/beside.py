"""Two open tickets on one plate: what people do to tickets, and time, may make it so, or put it right (W05)."""

from collections.abc import Collection
from datetime import datetime

from service.actions.weighings.plates import Plates
from service.actions.weighings.watching import Watch
from service.db import Connection
from service.domain.policies import DEFAULTS, Policies
from service.store import tickets, weighings
from service.store.weighings import Road


async def note_roads(
    connection: Connection,
    changes: Collection[tuple[Road | None, Road | None]],
    *,
    at: datetime,
    since: datetime | None = None,
    policies: Policies = DEFAULTS,
) -> None:
    """Open and settle the alerts of two open tickets on one plate, after some tickets' roads have changed from one to another.

    The last thing that a deed does: it locks the plates, so that of two deeds at once the later one sees the other. Loads that
    left before `since` are not affected; None: before now.
    """
    plates = Plates(policies)
    names = {road.plate for change in changes for road in change if road is not None}
    if not names:
        return
    await tickets.hold_plates(connection, names)
    found = await weighings.find_roads(connection, names, min(since or at, at))
    plates.know(names, (), [*found, *(was for was, _ in changes if was is not None)])
    watch = Watch()
    for was, now in changes:
        plates.note_road(was, now, watch)
    await watch.tell(connection, at=at)
