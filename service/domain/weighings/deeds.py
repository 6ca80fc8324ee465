"""What people did to a load, among what the scales tell of it (W04, W10, W11).

A deed stands as it was done. It was lawful then, so what it needs had been told: it takes its place as soon as the scales
have told that, whatever their clocks say, and what it was reckoned from is reckoned anew.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.domain.ticket_acts import Act, ActKind
from service.domain.tickets import Journey, Ticket, TicketState, sent_on
from service.domain.units import Kilograms
from service.domain.weighings.records import Direction
from service.domain.weighings.sharings import Sharing
from service.domain.weighings.told import Line

_ENDS = {
    ActKind.CANCELLED: TicketState.CANCELLED,
    ActKind.TURNED_DOWN: TicketState.CANCELLED,
    ActKind.LOST: TicketState.LOST,
}
"""Deeds to a ticket that no scale had seen; what was weighed before them travels lawfully."""
_AFTER_IT_LEFT = frozenset({ActKind.SPLIT, ActKind.CLOSED, ActKind.WRITTEN_OFF, ActKind.APPORTIONED})
_AFTER_IT_ARRIVED = frozenset({ActKind.REFUSED, ActKind.APPORTIONED})
_NEVER_WEIGHED = frozenset({TicketState.CANCELLED, TicketState.EXPIRED, TicketState.HELD})


@dataclass(slots=True)
class Deed:
    """A deed to a ticket, with what was reckoned of it last, and the movements that stand for it now."""

    act: Act
    done_at: datetime
    movement_ids: tuple[UUID, ...] = ()
    version: int = 1
    reckoned_kg: Kilograms = Kilograms(0)
    shares_with: tuple[UUID, ...] = ()  # the tickets of the other loads on its truck: they share its weighing
    shares_of: UUID | None = None  # the ticket under which the truck was weighed
    sharing: Sharing | None = None
    is_new: bool = False  # done just now: the book does not know it yet

    @property
    def kg(self) -> Kilograms:
        """The kilograms that somebody named."""
        return self.act.kg or Kilograms(0)

    @property
    def rides_with(self) -> tuple[UUID, ...]:
        """The tickets whose loads hang together with this one by it (E36)."""
        return self.shares_with if self.shares_of is None else (self.shares_of,)

    @property
    def is_on_the_way(self) -> bool:
        """Whether it was done to a load, and not to a paper before its journey."""
        return self.act.kind not in _ENDS and self.act.kind is not ActKind.RELEASED

    @property
    def takes_the_rest(self) -> bool:
        """Whether it moves what is on board then, and not what somebody named."""
        return self.act.kind in (ActKind.CLOSED, ActKind.WRITTEN_OFF)

    @property
    def follows_the_scales(self) -> bool:
        """Whether more or less of its kilograms may move when the scales tell otherwise."""
        return self.takes_the_rest or self.act.kind in (ActKind.REFUSED, ActKind.APPORTIONED)

    def is_due(self, journey: Journey) -> bool:
        """Whether the scales have told what it needs."""
        if self.sharing is not None:
            return self.sharing.is_due(self.act.ticket_id, journey)
        if self.act.kind is ActKind.REFUSED:
            return journey.out_kg is not None and journey.in_kg is not None
        if self.act.kind is ActKind.REDIRECTED:
            return journey.refused_kg > 0
        return journey.out_kg is not None

    def done(self, journey: Journey) -> Journey:
        """The journey after it."""
        match self.act.kind:
            case ActKind.SPLIT:
                gone = replace(journey, split_kg=Kilograms(journey.split_kg + self.kg))
                is_over = gone.state is TicketState.OUT and gone.on_board_kg <= 0
                return replace(gone, state=TicketState.DELIVERED, ended_at=self.done_at) if is_over else gone
            case ActKind.CLOSED:
                closed_kg = Kilograms(journey.closed_kg + max(0, journey.on_board_kg))
                return replace(journey, state=TicketState.DELIVERED, closed_kg=closed_kg, ended_at=self.done_at)
            case ActKind.WRITTEN_OFF:
                return replace(journey, state=TicketState.LOST, ended_at=self.done_at)
            case ActKind.REFUSED:
                return replace(journey, state=TicketState.OUT, refused_kg=self.kg, ended_at=None)
            case ActKind.APPORTIONED:
                assert self.sharing is not None, "a share is of something"
                return replace(
                    journey,
                    state=TicketState.DELIVERED,
                    in_kg=self.sharing.share_of(self.act.ticket_id),
                    in_at=self.sharing.weighed_at,
                    ended_at=self.done_at,
                )
            case _:
                return sent_on(journey, at=self.done_at)


def share(deeds: Mapping[UUID, Collection[Deed]], journeys: Mapping[UUID, Journey]) -> None:
    """Let the deeds by which tickets share a weighing know of each other, as the book says that they stand (E36)."""
    shared = [deed for of_ticket in deeds.values() for deed in of_ticket if deed.act.kind is ActKind.APPORTIONED]
    for named in shared:
        if named.shares_with:
            named_id = named.act.ticket_id
            out_kg = {id_: journeys[id_].out_kg or Kilograms(0) for id_ in (named_id, *named.shares_with)}
            named.sharing = Sharing(named_id, out_kg, named.reckoned_kg, journeys[named_id].in_at)
            for deed in shared:
                if deed.shares_of == named_id and deed.act.ticket_id in named.shares_with:
                    deed.sharing = named.sharing


def beginning(ticket: Ticket, was: Journey, deeds: Iterable[Deed]) -> Journey:
    """Where a ticket stood before any scale had seen it; a part of another's load was on the road at once (W11)."""
    if ticket.parent_id is not None:
        return Journey(TicketState.OUT, ticket.planned_kg, was.out_at)
    for deed in deeds:
        if deed.act.kind in _ENDS:
            return Journey(_ENDS[deed.act.kind], ended_at=deed.done_at)
    unseen = was.out_kg is None and was.in_kg is None
    return was if unseen and was.state in _NEVER_WEIGHED else Journey()


def held_until(deeds: Iterable[Deed]) -> datetime | None:
    """When an officer released a ticket that waited: it was no paper before (O03)."""
    return next((deed.done_at for deed in deeds if deed.act.kind is ActKind.RELEASED), None)


def story_of(lines: Iterable[Line], deeds: Collection[Deed]) -> list[Line]:
    """The records in the order in which they are told: that of time.

    But what went on by other trucks had left before it arrived anywhere, and what was refused had arrived before it came
    back, whatever the clocks say.
    """
    kinds = {deed.act.kind for deed in deeds}
    left, arrived = not kinds.isdisjoint(_AFTER_IT_LEFT), not kinds.isdisjoint(_AFTER_IT_ARRIVED)

    def rank(line: Line) -> int:
        direction = line.record.direction
        return (left and direction is not Direction.OUT) + (arrived and direction is Direction.BACK)

    return sorted(lines, key=lambda line: (rank(line), line.place))


def is_impossible(journey: Journey) -> bool:
    """Whether the scales tell now of less than people have passed on or refused: flagged, and owed, never refused (W11)."""
    passed_on = journey.split_kg > journey.out_kg if journey.out_kg is not None else journey.split_kg > 0
    return passed_on or journey.refused_kg > (journey.in_kg or 0)
