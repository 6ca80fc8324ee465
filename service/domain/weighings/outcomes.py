"""What follows from one weighing, as values: legs of kilograms, flags, and where the ticket stands."""

from service.domain.alerts import Flag
from service.domain.ledger import AccountKey
from service.domain.tickets import Journey
from service.domain.units import Kilograms
from service.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Leg:
    """Kilograms from one account to another; an account that may have to be opened is told by what it is."""

    source: int | AccountKey
    target: int | AccountKey
    kg: Kilograms
    draws_on_quota: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from one weighing."""

    flags: tuple[Flag, ...] = ()
    legs: tuple[Leg, ...] = ()
    journey: Journey | None = None  # None: the ticket stands where it stood
    off_arrival_kg: Kilograms = Kilograms(0)  # of what had come into the lot, before all else
    give_back_kg: Kilograms = Kilograms(0)  # of the ticket's own load, before the legs
    shipped_kg: Kilograms = Kilograms(0)  # what the contract has shipped more, or less
    received_kg: Kilograms = Kilograms(0)
    beyond_contract_kg: Kilograms = Kilograms(0)
    recovers: bool = False  # what an officer wrote off as lost has turned up: its writing off is cut first
    settled: tuple[Flag, ...] = ()  # provisional flags of the ticket that this weighing has explained
