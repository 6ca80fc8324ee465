"""Proofs of lawful origin (R23): the lots that a contract pledges, how far they bear it, and which of them a load draws."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from service.domain.refusals import NotFound
from service.domain.units import Kilograms


class ProofState(StrEnum):
    """How a contract stands with the proof that it needs."""

    NONE = "none"  # none is needed: the ore comes from the seller's own mine
    COMPLETE = "complete"  # lots are named for all of its kilograms
    MISSING = "missing"  # lots are named for a part of them, or for none


class UnknownLot(NotFound):
    """The proof names a lot that the seller does not hold; name only lots that the seller received (GET /v1/lots)."""

    title = "合法来源证明所列矿石批并非卖方持有；请只列卖方已收货的矿石批（见 GET /v1/lots）"
    rule = "R23"


@dataclass(frozen=True, slots=True)
class Named:
    """One line of a proof: a lot of the seller's and the kilograms to be taken from it."""

    lot_id: UUID
    kg: Kilograms


@dataclass(frozen=True, slots=True)
class Pledge:
    """One line of the proof that a contract has in force, as far as its lot bears it."""

    lot_id: UUID
    account: int
    kg: Kilograms
    excess_kg: Kilograms = Kilograms(0)  # beyond what the lot still had when it was pledged: without origin
    drawn_kg: Kilograms = Kilograms(0)  # taken from the lot already under earlier proofs of the same contract
    since_kg: Kilograms = Kilograms(0)  # what the contract had shipped when this proof came into force

    def __post_init__(self) -> None:
        assert 0 <= self.excess_kg <= self.kg, "an excess is a part of its pledge"
        assert self.drawn_kg >= 0, "what was drawn is not negative"

    @property
    def room_kg(self) -> Kilograms:
        """What loads can draw under this proof from its beginning to its end."""
        return Kilograms(max(0, self.kg - self.excess_kg - self.drawn_kg))


def draw(pledges: Sequence[Pledge], shipped_kg: Kilograms, kg: Kilograms) -> list[tuple[int | None, Kilograms]]:
    """Where a load comes from, after `shipped_kg` of the contract: (lot account, kilograms) in the order of the proof (R23).

    Each lot gives up to its pledge without the excess. What lies beyond has no account (None): it comes from the
    seller's suspense, without origin. The parts add up to `kg`.
    """
    parts: list[tuple[int | None, Kilograms]] = []
    left = kg
    for pledge, rest_kg in undrawn(pledges, shipped_kg):
        if taken := min(rest_kg, left):
            parts.append((pledge.account, Kilograms(taken)))
            left = Kilograms(left - taken)
    return [*parts, (None, left)] if left else parts


def undrawn(pledges: Sequence[Pledge], shipped_kg: Kilograms) -> Iterator[tuple[Pledge, Kilograms]]:
    """Each pledge of a proof with what loads can still draw of it, after `shipped_kg` of the contract."""
    # A return can bring the contract below what it had shipped when the proof came into force.
    gone = max(0, shipped_kg - pledges[0].since_kg) if pledges else 0
    for pledge in pledges:
        drawn = min(gone, pledge.room_kg)
        gone -= drawn
        yield pledge, Kilograms(pledge.room_kg - drawn)


def drawn_by_lot(proofs: Sequence[tuple[Sequence[Pledge], Kilograms]]) -> dict[UUID, Kilograms]:
    """What a contract has drawn of each lot: of its proofs so far, each with what was shipped when it ended."""
    drawn: dict[UUID, Kilograms] = {}
    for pledges, until_kg in proofs:
        for pledge, rest_kg in undrawn(pledges, until_kg):
            drawn[pledge.lot_id] = Kilograms(drawn.get(pledge.lot_id, 0) + pledge.room_kg - rest_kg)
    return drawn


def check_lots(named: Collection[UUID], held: Collection[UUID]) -> None:
    """Refuse a proof that names a lot which the seller does not hold: UnknownLot (R23)."""
    if unknown := sorted(str(lot_id) for lot_id in named if lot_id not in held):
        raise UnknownLot(lots=unknown)


def pledge(
    proof: Sequence[Named],
    accounts: Mapping[UUID, int],
    available: Mapping[UUID, Kilograms],
    drawn: Mapping[UUID, Kilograms],
    shipped_kg: Kilograms,
) -> list[Pledge]:
    """A proof as pledges: what a lot has not left beside the pledges of others is this pledge's excess (R23).

    `available` is what each lot still has, `drawn` what the contract took of it already, `shipped_kg` what it shipped.
    """
    pledges = []
    for named in proof:
        before = drawn.get(named.lot_id, Kilograms(0))
        wanted = max(0, named.kg - before)
        excess = wanted - min(wanted, max(0, available[named.lot_id]))
        pledges.append(Pledge(named.lot_id, accounts[named.lot_id], named.kg, Kilograms(excess), before, shipped_kg))
    return pledges
