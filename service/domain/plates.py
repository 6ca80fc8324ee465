"""Plates and their owners: who may be told of tickets in a vehicle's name (U25, E58)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from service.domain.refusals import Refusal


class WatchState(StrEnum):
    """How an enterprise's wish to be told stands."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    ENDED = "ended"


class PlateAskedAlready(Refusal):
    """Your firm has asked for this plate already; `plate_id` names that entry."""

    title: ClassVar[str] = "贵企业已申报该车牌，plate_id 为已有记录"


class PlateHasAnotherOwner(Refusal):
    """This plate is confirmed for another firm; end that entry first, if the vehicle has changed hands."""

    title: ClassVar[str] = "该车牌已确认归其他企业；如车辆已过户，请先终止原记录"


class PlateNotConfirmed(Refusal):
    """Nothing is told before an office has confirmed that the vehicle is yours."""

    title: ClassVar[str] = "主管部门确认车辆归属之前不提供运单信息"


class PlateWatchHasEnded(Refusal):
    """This entry has ended; ask for the plate again, if the vehicle is yours."""

    title: ClassVar[str] = "该记录已终止；如车辆仍归贵企业，请重新申报"


@dataclass(frozen=True, slots=True)
class PlateWatch:
    """An enterprise's wish to be told of tickets that name its vehicle."""

    id: UUID
    enterprise_id: UUID
    plate: str
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def state(self) -> WatchState:
        """How it stands."""
        if self.ended_at is not None:
            return WatchState.ENDED
        return WatchState.CONFIRMED if self.confirmed_at is not None else WatchState.ASKED

    def check_running(self) -> None:
        """Raises PlateWatchHasEnded."""
        if self.state is WatchState.ENDED:
            raise PlateWatchHasEnded

    def check_confirmed(self) -> None:
        """Raises PlateWatchHasEnded and PlateNotConfirmed."""
        self.check_running()
        if self.state is not WatchState.CONFIRMED:
            raise PlateNotConfirmed
