"""What lots got back of loads that were sent back to them: those kilograms were away in between (W10)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from service.db import Connection
from service.domain.tickets import Journey
from service.store.lots import LotReturn, find_returns, keep_returns


@dataclass(frozen=True, slots=True)
class Moved:
    """A lot of which it has turned out otherwise when, or how much, came back; its stock is another from `since` on."""

    account: int
    since: datetime
    because_of: UUID


@dataclass(slots=True)
class Returns:
    """What a batch has seen come back into lots, load by load: the last word on a load counts."""

    _seen: dict[UUID, tuple[dict[int, LotReturn], UUID]] = field(default_factory=dict)

    def note(self, ticket_id: UUID, journey: Journey, kg: Mapping[int, int], because_of: UUID) -> None:
        """Set what lots got back of a load, in full, to what its scales tell now."""
        left_at, back_at = journey.out_at, journey.back_at
        came = {}
        if left_at is not None and back_at is not None:
            came = {lot: LotReturn(ticket_id, lot, lot_kg, left_at, back_at) for lot, lot_kg in kg.items() if lot_kg}
        self._seen[ticket_id] = came, because_of

    async def keep(self, connection: Connection) -> list[Moved]:
        """Write what differs from what was known; gives the lots that this concerns."""
        if not self._seen:
            return []
        known = await find_returns(connection, self._seen)
        moved, written = [], []
        for ticket_id, (came, because_of) in self._seen.items():
            old = known.get(ticket_id, {})
            for account in sorted(old.keys() | came.keys()):
                was, now = old.get(account), came.get(account)
                if was != now:
                    since = min(one.left_at for one in (was, now) if one is not None)
                    moved.append(Moved(account, since, because_of))
                    written.append(now or replace(old[account], kg=0))
        if written:
            await keep_returns(connection, written)
        return moved
