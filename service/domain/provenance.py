"""Where kilograms came from and where they went: the fragments that a walk ends in, and what they add up to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.domain.units import Kilograms


class Ending(StrEnum):
    """Why a walk went no further."""

    TRANCHE = "tranche"  # the leg by which a pool gave it to a mine's, project's or stock's quota
    ISSUE = "issue"  # the province's act
    DEBT = "debt"  # it went out, and nothing has come in behind it
    SUSPENSE = "suspense"  # it left without a lawful paper
    GAINED = "gained"  # found in a stocktake
    CIRCLE = "circle"  # it came from itself
    REST = "rest"  # forwards: it lies there
    MADE = "made"  # forwards: it was made into product


PROVEN = frozenset({Ending.TRANCHE, Ending.ISSUE})


class PartsDoNotAddUpError(Exception):
    """A walk lost or doubled kilograms: the book is broken, and no answer is given from it."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Neighbouring places of one account."""

    account: int
    lo: int
    hi: int

    def __post_init__(self) -> None:
        assert 0 <= self.lo < self.hi, "an interval has kilograms"

    @property
    def kg(self) -> Kilograms:
        """How many kilograms it holds."""
        return Kilograms(self.hi - self.lo)


@dataclass(frozen=True, slots=True)
class Fragment:
    """Kilograms that share one end of their walk.

    `start` is the first one's place in the account that was asked about, None past a conversion. `place` is where the
    walk ended: for a tranche the mine's quota, for a debt the account that owes it. `beyond` is the account on the far
    side of the last leg (a tranche's pool), and `movement` that leg's movement (a tranche's allotment).
    """

    start: int | None
    place: Interval
    ending: Ending
    beyond: int | None
    movement: UUID | None
    occurred_at: datetime | None

    @property
    def kg(self) -> Kilograms:
        """How many kilograms; of ore, where the walk passed a conversion."""
        return self.place.kg

    @property
    def is_proven(self) -> bool:
        """Whether it has an origin."""
        return self.ending in PROVEN


@dataclass(frozen=True, slots=True)
class Step:
    """A leg's part in a walk: kilograms of one movement between two accounts."""

    seq: int
    depth: int
    source: Interval
    target: Interval
    movement: UUID
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Flow:
    """All that one movement carried between two accounts in a walk; a conversion takes more than it gives."""

    source: int
    target: int
    source_kg: Kilograms
    target_kg: Kilograms
    movement: UUID
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """All kilograms of a walk that ended in the same way, in the same account, by the same movement."""

    account: int
    ending: Ending
    beyond: int | None
    movement: UUID | None
    occurred_at: datetime | None
    kg: Kilograms


@dataclass(frozen=True, slots=True)
class Rest:
    """What a bounded answer leaves out."""

    shares: int
    kg: Kilograms
    unproven_kg: Kilograms


@dataclass(frozen=True, slots=True)
class Trace:
    """A walk's answer for one interval; its parts add up to the kilogram, or it does not exist."""

    asked: Interval
    ore_kg: Kilograms
    fragments: tuple[Fragment, ...]

    def __post_init__(self) -> None:
        found = sum(fragment.kg for fragment in self.fragments)
        if found != self.ore_kg:
            raise PartsDoNotAddUpError(f"{self.ore_kg} kg of {self.asked} were walked, {found} kg found")
        place = self.asked.lo
        for fragment in self.fragments:
            if fragment.start is None:
                continue
            if fragment.start < place:
                raise PartsDoNotAddUpError(f"kilogram {fragment.start} of {self.asked} was found twice")
            place = fragment.start + fragment.kg

    @property
    def proven_kg(self) -> Kilograms:
        """The kilograms that have an origin."""
        return Kilograms(sum(fragment.kg for fragment in self.fragments if fragment.is_proven))

    @property
    def unproven_kg(self) -> Kilograms:
        """The kilograms whose walk ends in nothing, in suspense, in a gain or in a circle."""
        return Kilograms(self.ore_kg - self.proven_kg)


def merge(fragments: Iterable[Fragment]) -> tuple[Fragment, ...]:
    """Join neighbours that touch on both ends of the walk, in order of their start."""
    merged: list[Fragment] = []
    for fragment in fragments:
        last = merged[-1] if merged else None
        if last is not None and _touch(last, fragment):
            merged[-1] = replace(last, place=replace(last.place, hi=fragment.place.hi))
        else:
            merged.append(fragment)
    return tuple(merged)


def _touch(first: Fragment, second: Fragment) -> bool:
    if first.start is None or second.start is None:
        return False
    return (
        first.start + first.kg == second.start
        and first.place.hi == second.place.lo
        and (first.place.account, first.ending, first.beyond, first.movement)
        == (second.place.account, second.ending, second.beyond, second.movement)
    )


def shares(fragments: Iterable[Fragment]) -> list[Share]:
    """What the fragments come to by account, ending and movement: the proven first, then by kilograms."""
    found: dict[tuple[int, Ending, int | None, UUID | None], Share] = {}
    for fragment in fragments:
        key = (fragment.place.account, fragment.ending, fragment.beyond, fragment.movement)
        known = found.get(key)
        if known is None:
            found[key] = Share(*key, fragment.occurred_at, fragment.kg)
        else:
            found[key] = replace(known, kg=Kilograms(known.kg + fragment.kg))
    return sorted(found.values(), key=lambda share: (share.ending not in PROVEN, -share.kg, share.account))


def bounded(found: Sequence[Share], limit: int) -> tuple[Sequence[Share], Rest | None]:
    """The first shares, and honestly what the others come to."""
    left = found[limit:]
    if not left:
        return found, None
    unproven_kg = sum(share.kg for share in left if share.ending not in PROVEN)
    return found[:limit], Rest(len(left), Kilograms(sum(share.kg for share in left)), Kilograms(unproven_kg))


def flows(steps: Iterable[Step]) -> list[Flow]:
    """The steps of a walk for a picture: one flow for each movement between two accounts, in order of record."""
    carried: dict[tuple[UUID, int, int], list[Step]] = {}
    for step in sorted(steps, key=lambda step: step.seq):
        carried.setdefault((step.movement, step.source.account, step.target.account), []).append(step)
    return [
        Flow(
            source,
            target,
            Kilograms(sum(step.source.kg for step in parts)),
            Kilograms(sum(step.target.kg for step in parts)),
            movement,
            parts[0].occurred_at,
        )
        for (movement, source, target), parts in carried.items()
    ]
