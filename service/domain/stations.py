"""Whether a station is there: life signs, pauses, silences and its cameras."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
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
