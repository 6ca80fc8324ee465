"""The alerts that a batch opens, changes and settles."""

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
OF_THE_SOURCE = ""
"""In place of a jurisdiction that is not known yet: that of the source station of the ticket that the alert names."""


class Watch:
    """Alerts as records open and settle them, in their order: the last one on a subject counts."""

    def __init__(self) -> None:
        self._opened: dict[Subject, Alert] = {}
        self._settled: dict[Subject, bool] = {}
        self._doubtful: set[Subject] = set()
        self._restated: set[Subject] = set()
        self._reworded: dict[Subject, Alert] = {}

    def open(self, found: Iterable[Alert]) -> None:
        """Open these alerts; one that is open already stays as it is."""
        for alert in found:
            if self._settled.pop(alert.subject, False):
                self.restate(alert)
            else:
                self._opened.setdefault(alert.subject, alert)  # one that is open keeps its first opening

    def restate(self, alert: Alert) -> None:
        """Open this alert, in place of the one that is open, whichever record had opened that (W04)."""
        self._settled.pop(alert.subject, None)
        self._opened[alert.subject] = alert
        self._restated.add(alert.subject)
        self._reworded.pop(alert.subject, None)

    def reword(self, alert: Alert) -> None:
        """Replace the facts of this alert, if it is open."""
        if alert.subject in self._opened:
            self._opened[alert.subject] = alert
            self._restated.add(alert.subject)
        else:
            self._reworded[alert.subject] = alert

    def settle(self, subject: Subject) -> None:
        """Settle the alert of this subject."""
        self._settled[subject] = True

    def doubt(self, subject: Subject) -> None:
        """Settle the alert of this subject, unless another record still has the flag."""
        self._doubtful.add(subject)

    async def tell(self, connection: Connection, *, at: datetime) -> None:
        """Write all of it. Opened first: one record of the batch may settle what another has opened."""
        told = await _placed(connection, [*self._opened.values(), *self._reworded.values()])
        opened, reworded = told[: len(self._opened)], told[len(self._opened) :]
        await alerts.open_alerts(connection, opened, at=at)
        restated = [alert for alert in opened if alert.subject in self._restated]
        await alerts.restate_alerts(connection, [*restated, *reworded], at=at)
        if self._doubtful:
            said = await weighings.still_said(connection, self._doubtful)
            self._settled |= dict.fromkeys(self._doubtful - said, True)
        await alerts.settle_alerts(connection, list(self._settled), at=at)


async def _placed(connection: Connection, told: list[Alert]) -> list[Alert]:
    numbers = {str(alert.facts["ticket"]) for alert in told if alert.jurisdiction == OF_THE_SOURCE}
    if not numbers:
        return told
    places = await tickets.find_places(connection, numbers)
    return [
        replace(alert, jurisdiction=places[str(alert.facts["ticket"])])
        if alert.jurisdiction == OF_THE_SOURCE
        else alert
        for alert in told
    ]


def alert_of(flag: Flag, line: Line, station: Station, ticket: Ticket | None, *, beyond_kg: int | None = None) -> Alert:
    """The alert that a weighing raises by one of its flags."""
    told, record = line.told, line.record
    facts: dict[str, object] = {"weighing": told.id, "station": station.id, "plate": record.plate, "kg": record.net_kg}
    if ticket is not None:
        facts["ticket"] = ticket.number
    if flag is Flag.CONTRACT_OVERSHIPPED and beyond_kg is not None:
        facts["over_kg"] = beyond_kg
    _, kind, subject_id = subject_of(flag, told.id, station.id, ticket)
    # What is about a station, a mine or a contract concerns the same firms and office, whichever load tells it first.
    parties: tuple[UUID, ...] = (station.enterprise_id,)
    jurisdiction = station.jurisdiction
    if ticket is not None and kind != "station":
        parties = (ticket.seller_id,) if kind == "mine" else (ticket.seller_id, ticket.buyer_id)
        if kind in ("mine", "contract") and station.id != ticket.source_station_id:
            jurisdiction = OF_THE_SOURCE
    return Alert(flag, kind, subject_id, jurisdiction, parties, line.occurred_at, facts)


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
