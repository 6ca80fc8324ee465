"""Where kilograms came from and where they went: the fragments that a walk ends in, and what they add up to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain
from uuid import UUID

from service.domain.refusals import Busy
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


End = tuple[int, Ending, int | None, UUID | None, tuple[int, ...]]
"""What kilograms have in common that share one end: account, ending, `beyond`, movement and runs."""

PROVEN = frozenset({Ending.TRANCHE, Ending.ISSUE})


class PartsDoNotAddUpError(Exception):
    """A walk lost or doubled kilograms: the book is broken, and no answer is given from it."""


class TooFarToWalk(Busy):
    """This walk takes longer than `seconds`: ask about less, a ticket or a lot in place of a contract or an area."""

    title = "此次溯源耗时超过 seconds 秒；请缩小范围，例如按单张运输单或单个批次查询，而不按合同或地区查询"


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

    def within(self, others: Iterable["Interval"]) -> list["Interval"]:
        """What of it lies in others of its account, which do not overlap."""
        found = [(max(self.lo, other.lo), min(self.hi, other.hi)) for other in others]
        return [Interval(self.account, lo, hi) for lo, hi in sorted(found) if lo < hi]

    def without(self, others: Iterable["Interval"]) -> list["Interval"]:
        """What of it lies in none of those."""
        within = self.within(others)
        los, his = [self.lo, *(part.hi for part in within)], [*(part.lo for part in within), self.hi]
        return [Interval(self.account, lo, hi) for lo, hi in zip(los, his, strict=True) if lo < hi]


@dataclass(frozen=True, slots=True)
class Passage:
    """A run that a walk forwards went through: which of its kilograms [lo, hi) became product there.

    `leg_lo` is the place, among those, of the first kilogram that the run's leg took: product kilogram j of it is ore
    [⌊jn/m⌋, ⌊(j+1)n/m⌋) from there. It lies outside of [lo, hi) where the walk has but a part of the leg.
    """

    run: int
    lo: int
    hi: int
    leg_lo: int
    ore_kg: int
    product_kg: int

    def before(self, made: int) -> int:
        """Where those of the walk's kilograms begin that are in no product kilogram before the one of this number."""
        return min(max(self.leg_lo + made * self.ore_kg // self.product_kg, self.lo), self.hi)


@dataclass(frozen=True, slots=True)
class Fragment:
    """Kilograms that share one end of their walk.

    `start` is the first one's place in the account that was asked about, None backwards past a conversion. `place` is
    where the walk ended: for a tranche the mine's quota, for a debt the account that owes it. `beyond` is the account on
    the far side of the last leg (a tranche's pool), and `movement` that leg's movement (a tranche's allotment). Forwards
    `runs` are those that it went through, the first one first, and `place` has its product: every kilogram with some of
    its ore in it, so that neighbours of other ore may have the outer ones, too. `kg` is of ore, and nobody else's.
    """

    start: int | None
    kg: Kilograms
    place: Interval
    ending: Ending
    beyond: int | None
    movement: UUID | None
    occurred_at: datetime | None
    runs: tuple[int, ...] = ()

    @classmethod
    def at_rest(cls, place: Interval, start: int, passages: Sequence[Passage]) -> "Fragment":
        """Kilograms that lie in a place; `start` is the first one's number among those that the last run made."""
        lo, hi = start, start + place.kg
        for passage in reversed(passages):
            lo, hi = passage.before(lo), passage.before(hi)
        runs = tuple(passage.run for passage in passages)
        return cls(lo, Kilograms(hi - lo), place, Ending.REST, None, None, None, runs)

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
    """All that one movement carried between two accounts in a walk; a conversion takes more than it gives.

    `seq` is that of the first of its legs.
    """

    seq: int
    source: int
    target: int
    source_kg: Kilograms
    target_kg: Kilograms
    movement: UUID
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """All kilograms of a walk that ended in the same way, in the same account, by the same movement, through the same runs.

    `product_kg` is what they are in now, None where they are ore still: each kilogram that has some of them in it, once.
    """

    account: int
    ending: Ending
    beyond: int | None
    movement: UUID | None
    runs: tuple[int, ...]
    kg: Kilograms
    product_kg: Kilograms | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """What a bounded answer leaves out."""

    shares: int
    kg: Kilograms
    unproven_kg: Kilograms


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a walk back came to, for each part of what was asked; and what was carried on the way, in order of record.

    `flows_count` says how many flows there are: those that are named need not be all.
    """

    parts: Sequence[Sequence[Share]]
    flows: Sequence[Flow]
    flows_count: int

    def joined(self, other: "Lineage") -> "Lineage":
        """With what other kilograms came to, all of whose flows are known; what their movements carried is to be named here."""
        parts = [together(both) for both in zip(self.parts, other.parts, strict=True)]
        return replace(self.and_on(other.flows), parts=parts)

    def and_on(self, onward: Sequence[Flow]) -> "Lineage":
        """With what was carried onward; what movements of those carried on the way here is to be named."""
        carried = {_way(flow): flow for flow in self.flows}
        new = sum(_way(flow) not in carried for flow in onward)
        for flow in onward:
            carried[_way(flow)] = _both(carried[_way(flow)], flow) if _way(flow) in carried else flow
        in_order = sorted(carried.values(), key=lambda flow: flow.seq)
        return Lineage(self.parts, in_order, self.flows_count + new)


def _way(flow: Flow) -> tuple[UUID, int, int]:
    return flow.movement, flow.source, flow.target


def _both(one: Flow, other: Flow) -> Flow:
    return replace(
        one,
        seq=min(one.seq, other.seq),
        source_kg=Kilograms(one.source_kg + other.source_kg),
        target_kg=Kilograms(one.target_kg + other.target_kg),
    )


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
            kg = Kilograms(last.kg + fragment.kg)
            merged[-1] = replace(last, kg=kg, place=replace(last.place, hi=fragment.place.hi))
        else:
            merged.append(fragment)
    return tuple(merged)


def _touch(first: Fragment, second: Fragment) -> bool:
    if first.start is None or second.start is None:
        return False
    return first.start + first.kg == second.start and first.place.hi == second.place.lo and _end(first) == _end(second)


def _end(fragment: Fragment) -> End:
    return fragment.place.account, fragment.ending, fragment.beyond, fragment.movement, fragment.runs


def shares(fragments: Iterable[Fragment]) -> list[Share]:
    """What the fragments come to by account, ending, movement and runs: the proven first, then by kilograms."""
    found: dict[End, list[Fragment]] = {}
    for fragment in fragments:
        found.setdefault(_end(fragment), []).append(fragment)
    return in_order(
        Share(*end, Kilograms(sum(part.kg for part in parts)), _product_kg(parts)) for end, parts in found.items()
    )


def in_order(found: Iterable[Share]) -> list[Share]:
    """Shares as an answer names them: the proven first, then by kilograms."""
    return sorted(found, key=_rank)


def _rank(share: Share) -> tuple[bool, int, int, tuple[int, ...], int]:
    return share.ending not in PROVEN, -share.kg, share.account, share.runs, share.movement.int if share.movement else 0


def together(parts: Iterable[Sequence[Share]]) -> list[Share]:
    """What shares of several parts come to; of ore, which is in one part only."""
    found: dict[End, int] = {}
    for share in chain.from_iterable(parts):
        end = share.account, share.ending, share.beyond, share.movement, share.runs
        found[end] = found.get(end, 0) + share.kg
    return in_order(Share(*end, Kilograms(kg)) for end, kg in found.items())


def _product_kg(parts: Sequence[Fragment]) -> Kilograms | None:
    if not parts[0].runs:
        return None
    kg = end = 0
    for place in sorted((part.place for part in parts), key=lambda place: place.lo):
        kg += max(0, place.hi - max(place.lo, end))
        end = max(place.hi, end)
    return Kilograms(kg)


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
            parts[0].seq,
            source,
            target,
            Kilograms(sum(step.source.kg for step in parts)),
            Kilograms(sum(step.target.kg for step in parts)),
            movement,
            parts[0].occurred_at,
        )
        for (movement, source, target), parts in carried.items()
    ]
