"""What the rules ask about a weighing beside the record itself."""

from datetime import date, datetime
from uuid import UUID

from service.domain.policies import DEFAULTS, ExpiredLicencePolicy, Policies
from service.domain.proofs import Pledge
from service.domain.tickets import Journey, Ticket
from service.domain.units import Kilograms
from service.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Station:
    """A weighbridge: at a mine, or in an enterprise's yard."""

    id: UUID
    jurisdiction: str
    mine_id: UUID | None
    enterprise_id: UUID  # of the mine, or whose yard it is
    where: tuple[float, float] | None = None  # latitude and longitude
    is_stopped: bool = False  # of a plant none of whose lines is running (P01)


@dataclass(frozen=True, slots=True)
class Source:
    """The mine of a load, and whether it holds a tranche of the load's quota year (R22d)."""

    licence_valid_until: date
    consolidated: bool
    has_tranche: bool

    def is_frozen(self, on: date, policies: Policies = DEFAULTS) -> bool:
        """Whether its balance must not be used on a day: it is not consolidated, or its right has expired (R07)."""
        may_mine = self.consolidated and on <= self.licence_valid_until
        return not may_mine and policies.expired_licence is ExpiredLicencePolicy.FREEZE


@dataclass(frozen=True, slots=True)
class Terms:
    """A contract under which loads travel, with what has been shipped so far."""

    id: UUID
    kg: Kilograms
    shipped_kg: Kilograms
    received_kg: Kilograms
    valid_until: date
    due_on: date
    is_filed: bool
    is_closed: bool
    pledges: tuple[Pledge, ...] | None  # None: the ore comes from the seller's own mine
    proof_id: UUID | None = None  # the filing that put the pledges into force
    last_left_at: datetime | None = None  # when the last of its loads left, where they draw pledged lots
    taken_back_at: datetime | None = None  # when a load of those lots was last refused, or came back (W10)

    def beyond_kg(self, kg: int) -> Kilograms:
        """What of another load lies beyond what was sold (W08)."""
        return Kilograms(min(kg, max(0, self.shipped_kg + kg - self.kg)))

    def after(self, shipped_kg: Kilograms, received_kg: Kilograms) -> "Terms":
        """The contract with so much more shipped and received."""
        return Terms(
            self.id,
            self.kg,
            Kilograms(self.shipped_kg + shipped_kg),
            Kilograms(self.received_kg + received_kg),
            self.valid_until,
            self.due_on,
            self.is_filed,
            self.is_closed,
            self.pledges,
            self.proof_id,
            self.last_left_at,
            self.taken_back_at,
        )


NOT_BEGUN = Journey()


@dataclass(slots=True)
class Circumstances:
    """All that the rules ask about a weighing beside the record itself."""

    weighing_id: UUID
    occurred_at: datetime  # the device's time, corrected by its offset
    recorded_at: datetime
    offset_is_large: bool
    sequence_is_broken: bool
    clock_went_back: bool
    station: Station
    ticket: Ticket | None = None
    journey: Journey = NOT_BEGUN
    terms: Terms | None = None
    source: Source | None = None  # of the ticket's mine
    usual_tare_kg: int | None = None
    tare_is_stale: bool = False  # stored, and the plate's last fresh one is long ago (E15)
    is_too_fast: bool = False  # the plate was at another station sooner than it can drive (E40)
    reading_is_repeated: bool = False  # the indicator's number was told before (E17)
    another_is_on_the_road: bool = False  # another ticket of this plate
    revoked_at: datetime | None = None  # when the print that was scanned was replaced because it was lost (E37)
    key_is_retired: bool = False  # of the print that was scanned: good by our book, though no station can know (W03)
    held_until: datetime | None = None  # when an officer released the ticket: it was no paper before (O03)
    onward_terms: Terms | None = None  # of the contract under which the buyer passes the load on (W12)
    others_kg: int = 0  # beside this load in the buyer's lot when some of it was sent back; below 0 where it owed (W10)
    came_anew_kg: Kilograms = Kilograms(0)  # of what was refused: it lay no longer there, and is a movement of its own
