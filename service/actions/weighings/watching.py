"""What somebody should look at: the alerts that a batch opens, and those that it puts right."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.tickets import Ticket
from service.domain.weighings import Line, Station
from service.store import alerts, tickets, weighings

Subject = tuple[Flag, str, str]

_OF_THE_STATION = frozenset({Flag.CLOCK_SKEW, Flag.SEQUENCE_GAP, Flag.READING_REPEATED, Flag.WEIGHING_LATE})
_OF_THE_WEIGHING = frozenset(
    {
        Flag.CLOCK_JUMPED_BACK,
        Flag.OVERWEIGHT,
        Flag.TARE_DRIFT,
        Flag.TARE_STALE,
        Flag.TOO_FAST,
        Flag.READING_UNSTABLE,
        Flag.MANUAL_UNWITNESSED,
    }
)
_OF_THE_CONTRACT = frozenset({Flag.CONTRACT_OVERSHIPPED, Flag.CONTRACT_EXPIRED, Flag.FILING_OVERDUE})
_OF_THE_MINE = frozenset({Flag.QUOTA_FROZEN, Flag.SELLER_WITHOUT_QUOTA})


class Watch:
    """Alerts in the order in which records have opened and settled them: the last word on a subject counts."""

    def __init__(self) -> None:
        self._opened: dict[Subject, Alert] = {}
        self._settled: dict[Subject, bool] = {}
        self._doubtful: set[Subject] = set()
        self._restated: set[Subject] = set()

    def open(self, found: Iterable[Alert]) -> None:
        """Have these looked at."""
        for alert in found:
            if self._settled.pop(alert.subject, False):
                self.restate(alert)
            else:
                self._opened.setdefault(alert.subject, alert)  # one that is open keeps its first opening

    def restate(self, alert: Alert) -> None:
        """Have this looked at; one that is open says this now, whichever record had opened it (W04)."""
        self._settled.pop(alert.subject, None)
        self._opened[alert.subject] = alert
        self._restated.add(alert.subject)

    def settle(self, subject: Subject) -> None:
        """What this told of has been put right."""
        self._settled[subject] = True

    def doubt(self, subject: Subject) -> None:
        """A record no longer says this; another may."""
        self._doubtful.add(subject)

    async def tell(self, connection: Connection, *, at: datetime) -> None:
        """Open and settle. Opened first: what one record of the batch told amiss another may have put right."""
        unplaced = {UUID(alert.subject_id) for alert in self._opened.values() if not alert.jurisdiction}
        places = await tickets.find_places(connection, unplaced) if unplaced else {}
        opened = [
            alert if alert.jurisdiction else replace(alert, jurisdiction=places[UUID(alert.subject_id)])
            for alert in self._opened.values()
        ]
        await alerts.open_alerts(connection, opened, at=at)
        await alerts.restate_alerts(connection, [alert for alert in opened if alert.subject in self._restated], at=at)
        if doubtful := self._doubtful - self._opened.keys():
            said = await weighings.still_said(connection, doubtful)
            self._settled |= dict.fromkeys(doubtful - said, True)
        await alerts.settle_alerts(connection, list(self._settled), at=at)


def alert_of(flag: Flag, line: Line, station: Station, ticket: Ticket | None, *, beyond_kg: int | None = None) -> Alert:
    """The alert that a weighing raises by one of its flags."""
    told, record = line.told, line.record
    facts: dict[str, object] = {"weighing": told.id, "station": station.id, "plate": record.plate, "kg": record.net_kg}
    if ticket is not None:
        facts["ticket"] = ticket.number
    if flag is Flag.CONTRACT_OVERSHIPPED and beyond_kg is not None:
        facts["over_kg"] = beyond_kg
    _, kind, subject_id = subject_of(flag, told.id, station.id, ticket)
    # What is about a station, or a mine, concerns the same firms whichever load tells it first.
    parties: tuple[UUID, ...] = (station.enterprise_id,)
    if ticket is not None and kind != "station":
        parties = (ticket.seller_id,) if kind == "mine" else (ticket.seller_id, ticket.buyer_id)
    return Alert(flag, kind, subject_id, station.jurisdiction, parties, line.occurred_at, facts)


def subject_of(flag: Flag, weighing_id: UUID, station_id: UUID, ticket: Ticket | None) -> Subject:
    """What an alert is about, so that one trouble is one alert whichever record tells of it."""
    if flag in _OF_THE_STATION:
        return (flag, "station", str(station_id))
    if ticket is None or flag in _OF_THE_WEIGHING:
        return (flag, "weighing", str(weighing_id))
    if flag in _OF_THE_CONTRACT and ticket.contract_id:
        return (flag, "contract", str(ticket.contract_id))
    if flag in _OF_THE_MINE and ticket.mine_id:
        return (flag, "mine", str(ticket.mine_id))
    return (flag, "ticket", str(ticket.id))
