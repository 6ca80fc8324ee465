"""What quota there is and what became of it: the figures of one holder, the tree of pools, and what breaks a cap."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from uuid import UUID

from service.domain.alerts import Alert, Flag
from service.domain.allotments import PROVINCE, HolderKind
from service.domain.permissions import area_of
from service.domain.places import Places, Span
from service.domain.policies import OvercommitBase, Policies
from service.domain.units import Kilograms

PACE_DAYS = 28
"""Over so many days a pace is measured: whole weeks, so that every day of the week counts alike."""


@dataclass(frozen=True, slots=True)
class Window:
    """The days over which a pace is measured, both included; the last is today, or the day that is asked about."""

    first: date
    last: date

    @classmethod
    def of(cls, year: int, today: date) -> "Window | None":
        """The last four weeks of a quota year that is running; in any other year nothing is used up any more (R16)."""
        return cls(max(today - timedelta(PACE_DAYS - 1), date(year, 1, 1)), today) if today.year == year else None

    @property
    def days(self) -> int:
        """How many days that is."""
        return (self.last - self.first).days + 1

    def pace_kg(self, lately_kg: int) -> int:
        """Kilograms a day, floored."""
        return max(0, lately_kg) // self.days

    def ends_on(self, left_kg: int, lately_kg: int) -> date | None:
        """The day on which kilograms are used up if as much goes on leaving as did in these days.

        Today where none are left; None where they last beyond the year, since what is unspent then lapses.
        """
        if left_kg <= 0:
            return self.last
        year_end = date(self.last.year, 12, 31)
        if left_kg * self.days > lately_kg * (year_end - self.last).days:
            return None
        return self.last - timedelta(-left_kg * self.days // lately_kg)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was issued, has left, is held by open tickets and is promised by contracts (O01); what of it left lately."""

    issued_kg: int = 0
    out_kg: int = 0
    held_kg: int = 0
    contracted_kg: int = 0
    lately_kg: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.issued_kg + other.issued_kg,
            self.out_kg + other.out_kg,
            self.held_kg + other.held_kg,
            self.contracted_kg + other.contracted_kg,
            self.lately_kg + other.lately_kg,
        )

    def pace_kg(self, window: Window | None) -> int | None:
        """Kilograms a day that left lately; None in a year that is not running."""
        return None if window is None else window.pace_kg(self.lately_kg)

    def exhausted_on(self, window: Window | None) -> date | None:
        """The day on which what is available is used up at the pace of the window (O01); None where that is never."""
        if window is None or not (self.issued_kg or self.out_kg):
            return None
        return window.ends_on(self.available_kg, self.lately_kg)

    @property
    def available_kg(self) -> int:
        """What may still leave; negative where more has left or is held than was issued."""
        return self.issued_kg - self.out_kg - self.held_kg


@dataclass(frozen=True, slots=True)
class Pool:
    """What a jurisdiction got for a year and what it has allotted of it."""

    got_kg: int = 0
    allotted_kg: int = 0


@dataclass(frozen=True, slots=True)
class Holding:
    """One holder's figures of a year; `overdrawn_kg` has left with nothing behind it (O04)."""

    kind: HolderKind
    id: UUID
    name: str
    jurisdiction: str
    figures: Figures
    overdrawn_kg: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A jurisdiction as the tree names it."""

    code: str
    name: str
    name_en: str
    level: str


@dataclass(frozen=True, slots=True)
class Excess:
    """By how much a jurisdiction's cap was broken from a moment on, and by which movement."""

    over_kg: int
    movement: UUID
    cause: str
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class PoolEpisode:
    """From the entry that broke a cap to the one after which it held again (R06, O02)."""

    opened_by: UUID
    cause: str
    occurred_at: datetime
    discovered_at: datetime
    over_kg: int
    peak_kg: int
    closed_at: datetime | None = None
    covered_by: UUID | None = None


def pool_episodes(changes: Iterable[Excess]) -> list[PoolEpisode]:
    """The episodes that a jurisdiction's changes come to, in their order."""
    episodes: list[PoolEpisode] = []
    for change in changes:
        is_open = bool(episodes) and episodes[-1].closed_at is None
        if is_open:
            peak_kg = max(episodes[-1].peak_kg, change.over_kg)
            moved = replace(episodes[-1], over_kg=change.over_kg, peak_kg=peak_kg)
            if not change.over_kg:
                moved = replace(moved, closed_at=change.recorded_at, covered_by=change.movement)
            episodes[-1] = moved
        elif change.over_kg:
            episodes.append(
                PoolEpisode(
                    opened_by=change.movement,
                    cause=change.cause,
                    occurred_at=change.occurred_at,
                    discovered_at=change.recorded_at,
                    over_kg=change.over_kg,
                    peak_kg=change.over_kg,
                )
            )
    return episodes


@dataclass(frozen=True, slots=True)
class Node:
    """A jurisdiction in the tree: its pool, if it may be seen, and the sum of all that is held below it."""

    place: Place
    pool: Pool | None
    held_below: Figures
    children: Sequence["Node"] = field(default=())
    holdings: Sequence[Holding] = field(default=())
    episodes: Sequence[PoolEpisode] = field(default=())

    @property
    def figures(self) -> Figures:
        """The node's own figures: what its pool got against all that went out below it (R06)."""
        below = self.held_below
        got_kg = below.issued_kg if self.pool is None else self.pool.got_kg
        return Figures(got_kg, below.out_kg, below.held_kg, below.contracted_kg, below.lately_kg)

    @property
    def overdrawn_kg(self) -> int:
        """By how much consumption breaks the cap of this level (R06)."""
        return beyond(self.figures.out_kg, self.figures.issued_kg)


def beyond(out_kg: int, got_kg: int) -> int:
    """Kilograms that went out beyond what there was to give."""
    return max(0, out_kg - got_kg)


def room_kg(most_kg: int, given_kg: int, policies: Policies) -> Kilograms:
    """What a holder may still be issued of what it can get, as far as contracts may count on it (O01, R13)."""
    if policies.overcommit_base is OvercommitBase.ISSUED:
        return Kilograms(0)
    return Kilograms(max(0, most_kg - given_kg))


def overcommitted_kg(figures: Figures, room_kg: Kilograms) -> int:
    """By how much what left and what is promised exceed the most that a mine can still get this year (O01).

    `room_kg` is what the year's ceiling leaves for further tranches.
    """
    return beyond(figures.out_kg + figures.contracted_kg, figures.issued_kg + room_kg)


def spent_kg(places: Iterable[Span], stock: Places) -> int:
    """How many of a tranche's places are no longer in stock: the ore that was weighed out under it (R16)."""
    return sum(hi - lo - sum(b - a for a, b in stock.within(lo, hi)) for lo, hi in places)


def ends_of(unspent_kg: Iterable[int], figures: Figures, window: Window | None) -> list[date | None]:
    """The day on which each tranche of an account is used up, in their order; None where it was, or will not be.

    What open tickets hold goes first, as it will from the scale.
    """
    ends: list[date | None] = []
    left_kg = -figures.held_kg
    for kg in unspent_kg:
        left_kg += kg
        ends.append(window.ends_on(left_kg, figures.lately_kg) if window and kg else None)
    return ends


def chain(code: str) -> list[str]:
    """A jurisdiction and those above it, the province first."""
    area = area_of(code)
    return list(dict.fromkeys([PROVINCE, f"{area[:4]}00", code][: len(area) // 2]))


def below(giver: str, code: str) -> list[str]:
    """The jurisdictions that a pool passed over when it gave straight to a holder in one of them (policy `non_mine_pool`, R03)."""
    return [one for one in chain(code) if len(area_of(one)) > len(area_of(giver))]


def tree(
    places: Mapping[str, Place],
    pools: Mapping[str, Pool] | None,
    holdings: Iterable[Holding],
    *,
    area: str = "",
    episodes: Mapping[str, Sequence[PoolEpisode]] | None = None,
) -> Node:
    """The province with its cities, counties and holders, as it is seen from an area: itself and the chain above it.

    Every figure is of all that lies below it, seen or not. A jurisdiction with neither pool nor holder is left out;
    without pools a node shows only what is held below it.
    """
    held: dict[str, list[Holding]] = {}
    for holding in holdings:
        held.setdefault(holding.jurisdiction, []).append(holding)
    known = {above for code in [*(pools or ()), *held] for above in chain(code)} | {PROVINCE}
    children: dict[str, list[str]] = {}
    for code in sorted(known - {PROVINCE}):
        children.setdefault(chain(code)[-2], []).append(code)

    def node(code: str) -> Node:
        below = [node(child) for child in children.get(code, ())]
        own = held.get(code, [])
        total = sum((child.held_below for child in below), sum((holding.figures for holding in own), Figures()))
        seen = [child for child in below if _is_seen(child.place.code, area)]
        pool = None if pools is None else pools.get(code, Pool())
        broken = (episodes or {}).get(code, ())
        return Node(places[code], pool, total, seen, own if code.startswith(area) else [], broken)

    return node(PROVINCE)


def _is_seen(code: str, area: str) -> bool:
    return code.startswith(area) or area.startswith(area_of(code))


@dataclass(frozen=True, slots=True)
class Cap:
    """What a jurisdiction got for a year, itself or straight for its holders, and what has gone out below it (R06)."""

    jurisdiction: str
    year: int
    got_kg: int
    out_kg: int

    @property
    def over_kg(self) -> int:
        """By how much it is broken."""
        return beyond(self.out_kg, self.got_kg)

    def alert(self, occurred_at: datetime) -> Alert:
        """The alert for the office of that level."""
        facts = {"year": self.year, "got_kg": self.got_kg, "out_kg": self.out_kg, "over_kg": self.over_kg}
        code = self.jurisdiction
        return Alert(Flag.POOL_OVERDRAWN, "jurisdiction", code, code, (), occurred_at, facts)


@dataclass(frozen=True, slots=True)
class CapChange:
    """What one entry of the ledger does to a cap."""

    seq: int
    act: int
    movement: UUID
    cause: str
    occurred_at: datetime
    got_kg: int = 0
    out_kg: int = 0

    @property
    def over_kg(self) -> int:
        """By how many kilograms more the cap is broken; negative: fewer."""
        return self.out_kg - self.got_kg


@dataclass(frozen=True, slots=True)
class ExcessChange:
    """A cap after an act that changed its excess; `by` is the change that did, `seq` the act's last entry."""

    cap: Cap
    by: CapChange
    seq: int
    begins: bool
    ends: bool


def excesses(now: Cap, told_kg: int, changes: Sequence[CapChange]) -> list[ExcessChange]:
    """Each change of a cap's excess, act by act; `now` is the cap after all the changes, `told_kg` its excess before them (O02).

    The result is the same however acts are cut into batches: a cap that breaks and holds again within one batch is seen.
    """
    cap = replace(
        now,
        got_kg=now.got_kg - sum(change.got_kg for change in changes),
        out_kg=now.out_kg - sum(change.out_kg for change in changes),
    )
    told: list[ExcessChange] = []
    for _, of_act in groupby(changes, key=lambda change: change.act):
        act = list(of_act)
        cap = replace(
            cap,
            got_kg=cap.got_kg + sum(change.got_kg for change in act),
            out_kg=cap.out_kg + sum(change.out_kg for change in act),
        )
        if cap.over_kg != told_kg:
            pick = max if cap.over_kg > told_kg else min
            by = pick(act, key=lambda change: change.over_kg)
            told.append(ExcessChange(cap, by, act[-1].seq, begins=not told_kg, ends=not cap.over_kg))
            told_kg = cap.over_kg
    return told


@dataclass(frozen=True, slots=True)
class Overcommitment:
    """A mine, project or declared stock whose ore that left and is promised exceeds all that it can still get."""

    kind: HolderKind
    id: UUID
    enterprise_id: UUID
    jurisdiction: str
    year: int
    figures: Figures
    room_kg: Kilograms

    @property
    def over_kg(self) -> int:
        """By how much; 0 where the holder is not over-committed."""
        return overcommitted_kg(self.figures, self.room_kg)

    def alert(self, occurred_at: datetime) -> Alert:
        """The alert for the holder's firm and its office."""
        facts = {
            "year": self.year,
            "issued_kg": self.figures.issued_kg,
            "out_kg": self.figures.out_kg,
            "contracted_kg": self.figures.contracted_kg,
            "room_kg": self.room_kg,
            "over_kg": self.over_kg,
        }
        *_, subject_id = self.subject
        parties = (self.enterprise_id,)
        return Alert(Flag.QUOTA_OVERCOMMITTED, self.kind, subject_id, self.jurisdiction, parties, occurred_at, facts)

    @property
    def subject(self) -> tuple[Flag, str, str]:
        """What its alert is about."""
        return (Flag.QUOTA_OVERCOMMITTED, self.kind.value, str(self.id))
