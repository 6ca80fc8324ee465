"""What somebody should look at, and what each alert is about."""

from collections.abc import Iterable
from uuid import UUID

from service.domain.alerts import Alert, Flag
from service.domain.tickets import Ticket
from service.domain.weighings import Outcome, Station
from service.store.weighings import Line, Told


def alerts_of(
    line: Line, station: Station, ticket: Ticket | None, outcome: Outcome, *, has_gap: bool
) -> Iterable[Alert]:
    """The alerts that a weighing raises, one for each of its flags."""
    told, record = line.told, line.record
    parties = (ticket.seller_id, ticket.buyer_id) if ticket else (station.enterprise_id,)
    facts: dict[str, object] = {
        "weighing": told.id,
        "station": station.id,
        "plate": record.plate,
        "kg": record.net_kg,
    }
    if ticket is not None:
        facts["ticket"] = ticket.number
    for flag in outcome.flags:
        kind, subject_id = _subject(flag, told, station, ticket, has_gap=has_gap)
        beyond = {"over_kg": outcome.beyond_contract_kg} if flag is Flag.CONTRACT_OVERSHIPPED else {}
        yield Alert(flag, kind, str(subject_id), station.jurisdiction, parties, line.occurred_at, {**facts, **beyond})


_OF_THE_WEIGHING = frozenset({Flag.OVERWEIGHT, Flag.TARE_DRIFT})
_OF_THE_CONTRACT = frozenset({Flag.CONTRACT_OVERSHIPPED, Flag.CONTRACT_EXPIRED, Flag.FILING_OVERDUE})
_OF_THE_MINE = frozenset({Flag.QUOTA_FROZEN, Flag.SELLER_WITHOUT_QUOTA})


def _subject(flag: Flag, told: Told, station: Station, ticket: Ticket | None, *, has_gap: bool) -> tuple[str, UUID]:
    """What an alert is about, so that one trouble is one alert whichever record tells of it."""
    if flag is Flag.CLOCK_SKEW or (flag is Flag.SEQUENCE_GAP and has_gap):
        return ("station", station.id)
    if ticket is None or flag in _OF_THE_WEIGHING or flag is Flag.SEQUENCE_GAP:
        return ("weighing", told.id)
    if flag in _OF_THE_CONTRACT and ticket.contract_id:
        return ("contract", ticket.contract_id)
    if flag in _OF_THE_MINE and ticket.mine_id:
        return ("mine", ticket.mine_id)
    return ("ticket", ticket.id)
