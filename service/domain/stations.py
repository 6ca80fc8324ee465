"""Whether a station is there: life signs, pauses, silences and its cameras."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import ClassVar
from uuid import UUID

from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import Refusal


class StationState(StrEnum):
    """What an office sees of a station's line."""

    LIVE = "live"
    LATE = "late"
    DOWN = "down"
    PAUSED = "paused"
    UNWATCHED = "unwatched"  # it has never sent a heartbeat: an enterprise's own system may not


class CameraEventKind(StrEnum):
    """What became of a camera."""

    UP = "up"
    DOWN = "down"
    TAMPERED = "tampered"
    STILL = "still"  # its picture does not change


class StationNotNamed(Refusal):
    """Say which station each event is of: an office's system speaks for many."""

    title: ClassVar[str] = "请为每个事件填写 station_id：主管部门的系统对应多个计量站"


class PauseNotAhead(Refusal):
    """A pause is said before it begins, and ends after that; only an office explains a silence that has begun."""

    title: ClassVar[str] = "停用须事先申报，且结束时间须晚于开始时间；已经开始的失联只能由主管部门说明"


@dataclass(frozen=True, slots=True)
class Pulse:
    """A station's last sign of life, and the end of the pause that it is in."""

    seen_at: datetime | None
    paused_until: datetime | None = None


def state_of(pulse: Pulse, *, at: datetime, policies: Policies = DEFAULTS) -> StationState:
    """Whether a station is there at a moment: late, then down, by the minutes since its last heartbeat."""
    if pulse.paused_until is not None and at < pulse.paused_until:
        return StationState.PAUSED
    if pulse.seen_at is None:
        return StationState.UNWATCHED
    silent = at - pulse.seen_at
    if silent > timedelta(minutes=policies.station_down_minutes):
        return StationState.DOWN
    return StationState.LATE if silent > timedelta(minutes=policies.station_late_minutes) else StationState.LIVE


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """What became of one camera of a station; None: of the station that tells it."""

    station_id: UUID | None
    camera: str
    kind: CameraEventKind
    occurred_at: datetime
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A time from one moment until another; without an end it lasts."""

    since: datetime
    until: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.since <= at and (self.until is None or at < self.until)


def blind_spans(events: Iterable[CameraEvent]) -> list[tuple[CameraEvent, Span]]:
    """When each camera did not see: from the event that says so until it is up again; events in order, camera by camera."""
    spans = []
    begun: CameraEvent | None = None
    for event in events:
        if begun is not None and (event.camera != begun.camera or event.kind is CameraEventKind.UP):
            spans.append((begun, Span(begun.occurred_at, event.occurred_at if event.camera == begun.camera else None)))
            begun = None
        if begun is None and event.kind is not CameraEventKind.UP:
            begun = event
    if begun is not None:
        spans.append((begun, Span(begun.occurred_at, None)))
    return spans


WAYS = ("out", "in", "back")


@dataclass(frozen=True, slots=True)
class DayLine:
    """One record of a station's day."""

    sequence: int
    direction: str
    gross_kg: int
    tare_kg: int
    net_kg: int
    is_manual: bool
    is_signed: bool
    status: str
    flags: tuple[str, ...]
    weighed_at: datetime  # by the device's own clock


@dataclass(frozen=True, slots=True)
class DaySheet:
    """What a station's day comes to: the weights of what was accepted, the counts of all that was told."""

    loads: dict[str, int]
    gross_kg: int
    tare_kg: int
    net_kg: int
    nets_kg: dict[str, int]  # by direction: what came back is no more of what went out
    manual: int
    signed: int
    unsigned: int
    duplicates: int
    refused: int
    void: int
    flags: dict[str, int]
    first_sequence: int | None
    last_sequence: int | None
    missing: list[tuple[int, int]]
    backwards: list[int]


def day_sheet(
    lines: Sequence[DayLine], seen: Sequence[tuple[int, int]], refusals: int, policies: Policies = DEFAULTS
) -> DaySheet:
    """A station's day in figures; `seen` are the numbers [from, until) that it ever told, so that gaps show.

    `backwards` are the numbers before which the device's clock went back (E13), in whatever order they arrived.
    """
    accepted = [line for line in lines if line.status == "accepted"]
    numbers = [line.sequence for line in lines]
    statuses = Counter(line.status for line in lines)
    return DaySheet(
        loads={way: sum(line.direction == way for line in accepted) for way in WAYS},
        gross_kg=sum(line.gross_kg for line in accepted),
        tare_kg=sum(line.tare_kg for line in accepted),
        net_kg=sum(line.net_kg for line in accepted),
        nets_kg={way: sum(line.net_kg for line in accepted if line.direction == way) for way in WAYS},
        manual=sum(line.is_manual for line in accepted),
        signed=sum(line.is_signed for line in lines),
        unsigned=sum(not line.is_signed for line in lines),
        duplicates=statuses["duplicate"],
        refused=statuses["refused"] + refusals,
        void=statuses["void"],
        flags=dict(sorted(Counter(flag for line in accepted for flag in line.flags).items())),
        first_sequence=min(numbers, default=None),
        last_sequence=max(numbers, default=None),
        missing=[
            (until, since - 1)
            for (_, until), (since, _) in pairwise(sorted(seen))
            if numbers and min(numbers) <= since <= max(numbers)
        ],
        backwards=[
            later.sequence
            for earlier, later in pairwise(sorted(lines, key=lambda line: line.sequence))
            if earlier.weighed_at - later.weighed_at > timedelta(seconds=policies.clock_skew_seconds)
        ],
    )
