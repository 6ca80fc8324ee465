"""What a batch of records, or one deed, is about to change: collected while it is judged, written when all of it is known."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.weighings.books import Books
from service.actions.weighings.posting import Move, Step
from service.actions.weighings.returning import Returns
from service.actions.weighings.sent import Answer
from service.actions.weighings.watching import Watch
from service.domain.ledger import AccountKey
from service.domain.policies import Policies
from service.domain.tickets import Journey, Ticket
from service.domain.units import Kilograms, shanghai_year
from service.domain.weighings import Circumstances, Line, Sequences, Terms
from service.domain.weighings.legs import lot_of
from service.store.ticket_acts import DeedVersion
from service.store.weighings import Flow, Refused, Version

Stirred = dict[UUID, dict[int | AccountKey, datetime]]
"""For each record or deed: the lots whose kilograms it has changed, and from when on."""


@dataclass(frozen=True, slots=True)
class Shift:
    """By how many kilograms a lot's stock differs from a moment on, and because of which record or deed."""

    account: int | AccountKey
    kg: int
    at: datetime
    because_of: UUID


class Desk(Books):
    """The open books, with all that is to be written of what changes in them.

    `because_of` is the record or deed that all changes are put down to; without it each line's own record.
    """

    def __init__(self, at: datetime, policies: Policies, because_of: UUID | None = None) -> None:
        super().__init__(policies)
        self.at = at
        self._because_of = because_of
        self.given: dict[tuple[UUID, UUID], Answer] = {}
        self.changed_terms: set[UUID] = set()
        self.lines: list[Line] = []
        self.fresh_ids: set[UUID] = set()
        self.versions: list[Version] = []
        self.stirred: Stirred = {}
        self.calm: Stirred = {}  # lots of which nothing was sent back since, as far as is known
        self.shifts: list[Shift] = []
        self.returns = Returns()
        self.disturbed: dict[UUID, Line] = {}  # contracts whose loads may draw other lots, and by which record
        self.deed_versions: list[DeedVersion] = []
        self.moved: dict[UUID, Journey] = {}
        self.steps: list[Step] = []
        self.signed: dict[UUID, tuple[UUID, UUID, str]] = {}
        self.refused: list[Refused] = []
        self.charged: set[UUID] = set()
        self.posted: set[UUID] = set()
        self.watch = Watch()
        self.commitments: dict[int, set[UUID]] = defaultdict(set)
        self.books_used: dict[UUID, Sequences] = {}

    @property
    def reaches_back(self) -> bool:
        """Whether what is told changes what is known of other loads: which lots they draw, or what of them was sent back."""
        return bool(self.disturbed or self.sends_back)

    def because(self, cause: Line) -> UUID:
        """The record or deed to which changes that follow from a line are put down."""
        return self._because_of or cause.told.id

    def disturb(self, terms: Terms, line: Line) -> None:
        """Have the loads of a contract draw its pledged lots again: a line has changed what left of them, or when (R23)."""
        if terms.pledges and terms.proof_id is not None:
            self.disturbed[terms.id] = line

    def circumstances_of(self, line: Line, ticket: Ticket | None) -> Circumstances:
        """What the rules ask about a line beside what its device and its plate say."""
        year = shanghai_year(line.occurred_at)
        return Circumstances(
            line.told.id,
            line.occurred_at,
            line.recorded_at,
            offset_is_large=False,
            sequence_is_broken=False,
            clock_went_back=False,
            station=self.stations[line.told.station_id],
            ticket=ticket,
            journey=self.journeys[ticket.id] if ticket else Journey(),
            terms=self.terms[ticket.contract_id] if ticket and ticket.contract_id else None,
            source=self.sources.get((ticket.source_id, year)) if ticket and ticket.source_id else None,
            onward_terms=self.terms[ticket.onward_contract_id] if ticket and ticket.onward_contract_id else None,
        )

    def move(self, ticket: Ticket, journey: Journey) -> None:
        """Set a ticket to the journey that the scales tell."""
        was = self.journeys[ticket.id]
        self.journeys[ticket.id] = self.moved[ticket.id] = journey
        self.plates.note_journey(ticket, was, journey, self.stations.get(ticket.source_station_id), self.watch)

    def count(self, ticket: Ticket, shipped_kg: int, received_kg: int) -> None:
        """Add to what the ticket's contracts have shipped and received; less than nothing takes off."""
        for contract_id in ticket.contract_ids if shipped_kg or received_kg else ():
            terms = self.terms[contract_id].after(Kilograms(shipped_kg), Kilograms(received_kg))
            self.terms[contract_id] = terms
            self.changed_terms.add(contract_id)
            if terms.shipped_kg > terms.kg:
                self.overshipped.add(contract_id)

    def stir(self, account: int | AccountKey, kg: int, at: datetime, because_of: UUID) -> None:
        """Note that a lot's stock differs from a moment on: what was sent back out of it later may have to be recomputed (W10)."""
        last_at = self.last_taken_back(account)
        if last_at is None or at > last_at:
            note_earliest(self.calm, because_of, account, at)
        else:
            note_earliest(self.stirred, because_of, account, at)
            self.shifts.append(Shift(account, kg, at, because_of))

    def stir_sent_back(self, ticket: Ticket, journey: Journey, because_of: UUID) -> None:
        """Have a lot looked at again when a load came back out of it at another time than was known (W10)."""
        was = self.journeys[ticket.id]
        if was.in_kg is None or was.out_at is None or was.back_at is None or was.back_at == journey.back_at:
            return
        since = min(was.back_at, journey.back_at or was.back_at)
        note_earliest(self.stirred, because_of, lot_of(ticket, was.out_at), since)

    def post(self, owner_id: UUID, move: Move) -> None:
        """Add a leg of a record, or of a deed, to what the ledger will post."""
        self.steps.append(move)
        self.posted.add(move.movement_id)
        flow = Flow(move.movement_id, move.leg.source, move.leg.target, move.leg.kg)
        self.flows.setdefault(owner_id, []).append(flow)
        if move.leg.draws_on_quota:
            self.charged.add(move.movement_id)


def note_earliest(stirred: Stirred, because_of: UUID, account: int | AccountKey, at: datetime) -> None:
    """Note a lot with the moment from which on it is stirred, or calm; an earlier moment stays."""
    lots = stirred.setdefault(because_of, {})
    lots[account] = min(at, lots.get(account, at))
