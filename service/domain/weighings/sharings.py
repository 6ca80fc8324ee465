"""One weighing that several tickets of a truck share: each load's share follows what the scales tell of all of them (E36)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.domain.tickets import Journey
from service.domain.transfers import apportioned
from service.domain.units import Kilograms


@dataclass(slots=True)
class Sharing:
    """What the scale saw under the named ticket, and what each load on the truck had when it left, the named one first."""

    named_id: UUID
    out_kg: dict[UUID, Kilograms]
    whole_kg: Kilograms = Kilograms(0)  # nothing while no scale has told of the arrival
    weighed_at: datetime | None = None

    def forget(self, ticket_id: UUID) -> None:
        """A load's story is told anew: as yet no scale has seen it."""
        self.out_kg[ticket_id] = Kilograms(0)
        if ticket_id == self.named_id:
            self.whole_kg, self.weighed_at = Kilograms(0), None

    def note(self, ticket_id: UUID, journey: Journey) -> None:
        """What the scales have told of a load when its share is due."""
        self.out_kg[ticket_id] = journey.out_kg or Kilograms(0)
        if ticket_id == self.named_id:
            self.whole_kg, self.weighed_at = journey.in_kg or Kilograms(0), journey.in_at

    def is_due(self, ticket_id: UUID, journey: Journey) -> bool:
        """Whether a load has left, and the truck has arrived."""
        has_arrived = journey.in_kg is not None if ticket_id == self.named_id else self.whole_kg > 0
        return journey.out_kg is not None and has_arrived

    def share_of(self, ticket_id: UUID) -> Kilograms:
        """A load's share by what the sources' scales saw; nothing of it before it is due."""
        if not self.whole_kg or not self.out_kg[ticket_id]:
            return Kilograms(0)
        shares = apportioned(self.whole_kg, list(self.out_kg.values()))
        return dict(zip(self.out_kg, shares, strict=True))[ticket_id]

    def reckoned_kg(self, ticket_id: UUID) -> Kilograms:
        """What the deed says of a ticket: of the named one all that was weighed, of another its share."""
        return self.whole_kg if ticket_id == self.named_id else self.share_of(ticket_id)
