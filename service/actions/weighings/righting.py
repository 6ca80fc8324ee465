"""What follows from a replay: kilograms struck and posted, new versions of records, alerts opened and settled (W04, W09)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.weighings.desk import Desk
from service.actions.weighings.posting import Move, TakeBack
from service.actions.weighings.telling import Stream, Telling
from service.actions.weighings.watching import alert_of, subject_of
from service.domain.alerts import Flag
from service.domain.changes import ClawBack, Void
from service.domain.ledger import AccountKey
from service.domain.tickets import Ticket, TicketState
from service.domain.units import Kilograms
from service.domain.weighings import Deed, Leg, Line, Said, Status, fact_of
from service.store.ticket_acts import DeedVersion
from service.store.weighings import Flow, Version

_BY_THEMSELVES = frozenset(
    {
        Flag.TWO_OPEN_TICKETS,
        Flag.CONTRACT_OVERSHIPPED,
        Flag.TARE_DRIFT,
        Flag.TARE_STALE,
        Flag.TOO_FAST,
        Flag.SEQUENCE_GAP,
        Flag.CLOCK_SKEW,
        Flag.CLOCK_JUMPED_BACK,
        Flag.WEIGHING_LATE,
        Flag.READING_REPEATED,
    }
)
"""Alerts that are settled by the state of what they are about, not by the flags of one record."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Why a story has changed: somebody has corrected one of its records, or done something to its load (W09, W10)."""

    reason: str
    person_id: UUID
    occurred_at: datetime
    fact: bytes
    weighing_id: UUID | None  # the one that is corrected


@dataclass(frozen=True, slots=True)
class _Owner:
    """What the movements of a record or a deed say of it."""

    fact: bytes
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class _Why:
    """What the changes are put down to, and what the entries that strike say of it."""

    because_of: UUID
    fact: bytes
    occurred_at: datetime


def put_right(
    desk: Desk,
    involved: Iterable[Line],
    deeds: Iterable[Deed],
    telling: Telling,
    cause: Line,
    correction: Correction | None,
) -> dict[UUID, list[UUID]]:
    """Strike what should not flow, last first, then post what should; gives the movements that stand for each.

    What a correction changes comes into the places of what it replaces; all else leaves them and comes anew. What went on
    by other trucks is no part of it: those kilograms were named.
    """
    fact = correction.fact if correction else fact_of_line(cause)
    why = _Why(desk.because(cause), fact, correction.occurred_at if correction else cause.occurred_at)
    owners = {
        line.told.id: _Owner(fact if line is cause else fact_of_line(line), line.occurred_at) for line in involved
    }
    owners |= {deed.act.id: _Owner(deed.act.fact, deed.done_at) for deed in deeds}
    wanted = {(stream[0], *_ids(desk, leg)): leg for stream, leg in telling.wanted.items() if leg.kg}
    cut_kg = {(stream[0], *_ids(desk, telling.wanted[stream])): kg for stream, kg in telling.cut.items()}
    wanted_kg = {stream: leg.kg - cut_kg.get(stream, 0) for stream, leg in wanted.items()}
    held = _take_up(desk, owners)
    _stir_lots(desk, owners, held, wanted_kg, why.because_of)
    corrected_id = correction.weighing_id if correction else None
    in_place_of = _strike_surplus(desk, held, wanted, wanted_kg, corrected_id, why)
    struck: dict[UUID, list[UUID]] = defaultdict(list)
    for stream, leg in wanted.items():
        owner_id = stream[0]
        owner = owners[owner_id]
        desk.post(owner_id, Move(uuid7(), why.because_of, leg, owner.occurred_at, owner.fact, in_place_of.get(stream)))
        if taken := cut_kg.get(stream):  # it is posted as the scale recorded it
            posted = desk.flows[owner_id].pop()
            standing = _strike(desk, [posted], taken, why)
            desk.flows[owner_id] += standing
            if not standing:
                struck[owner_id].append(posted.movement_id)
    return {id_: [flow.movement_id for flow in desk.flows[id_]] + struck[id_] for id_ in owners}


def _take_up(desk: Desk, owners: Iterable[UUID]) -> dict[Stream, list[Flow]]:
    """What is posted for these owners so far, by stream; taken off the desk until it is known how much of it stands."""
    held: dict[Stream, list[Flow]] = {}
    for id_ in owners:
        for flow in desk.flows.get(id_, ()):
            if flow.kg:
                held.setdefault((id_, *_ids(desk, flow)), []).append(flow)
        desk.flows[id_] = []
    return held


def _strike_surplus(
    desk: Desk,
    held: Mapping[Stream, list[Flow]],
    wanted: dict[Stream, Leg],
    wanted_kg: Mapping[Stream, int],
    corrected_id: UUID | None,
    why: _Why,
) -> dict[Stream, UUID]:
    """Strike what flows too much, the last stream first, and drop from `wanted` what flows already.

    A stream that flows too little is struck whole, and posted anew. Gives the movements of the corrected weighing in whose
    places others are to be posted.
    """
    in_place_of: dict[Stream, UUID] = {}
    for stream, flows in reversed(list(held.items())):
        held_kg = sum(int(flow.kg) for flow in flows)
        asked_kg = wanted_kg.get(stream, 0)
        taking, surplus_kg = flows, held_kg
        if stream in wanted and stream[0] == corrected_id and asked_kg != held_kg:
            in_place_of[stream] = flows[0].movement_id
            taking = flows[1:]
            surplus_kg = sum(int(flow.kg) for flow in taking)
        elif asked_kg <= held_kg:
            surplus_kg = held_kg - asked_kg
            wanted.pop(stream, None)
        desk.flows[stream[0]][:0] = _strike(desk, taking, surplus_kg, why)
    return in_place_of


def fact_of_line(line: Line) -> bytes:
    """What entries bind of a record (W03)."""
    return fact_of(line.told.id, line.told.station_id, line.told.body_hash)


def _stir_lots(
    desk: Desk,
    owners: Mapping[UUID, _Owner],
    held: Mapping[Stream, Iterable[Flow]],
    standing: Mapping[Stream, int],
    because_of: UUID,
) -> None:
    for stream in {*held, *standing}:
        owner_id, source, target = stream
        more_kg = standing.get(stream, 0) - sum(int(flow.kg) for flow in held.get(stream, ()))
        if more_kg:
            desk.stir(source, -more_kg, owners[owner_id].occurred_at, because_of)
            desk.stir(target, more_kg, owners[owner_id].occurred_at, because_of)


def _strike(desk: Desk, flows: list[Flow], kg: int, why: _Why) -> list[Flow]:
    """Strike so many kilograms, the last first; gives what of the flows still stands."""
    standing: list[Flow] = []
    for flow in reversed(flows):
        taken = min(kg, flow.kg)
        kg -= taken
        if taken:
            whole = Void([flow.movement_id], why.occurred_at, why.fact)
            part = ClawBack(flow.movement_id, Kilograms(taken), why.occurred_at, why.fact)
            desk.steps.append(TakeBack(why.because_of, whole if taken == flow.kg else part))
        if flow.kg > taken:
            standing.insert(0, replace(flow, kg=Kilograms(flow.kg - taken)))
    return standing


def _ids(desk: Desk, flow: Flow | Leg) -> tuple[int | AccountKey, int | AccountKey]:
    return desk.account_of(flow.source), desk.account_of(flow.target)


def say(
    desk: Desk,
    line: Line,
    said: Said,
    cause: Line,
    correction: Correction | None = None,
    *,
    is_later: bool = False,
) -> None:
    """Set what is said of a line; for one that was recorded before, or said otherwise already, as its next version."""
    told = line.told
    is_corrected = correction is not None and told.id == correction.weighing_id
    if told.said == said and not is_corrected:
        return
    if line is not cause or correction is not None or is_later:
        if told.id in desk.fresh_ids and line.first is None:
            line.first = told.said
        told.version += 1
        person_id = correction.person_id if correction else cause.person_id
        because_of, reason = (None, correction.reason) if correction and is_corrected else (desk.because(cause), None)
        desk.versions.append(Version(line, said, told.version, because_of, person_id, reason))
    told.say(said)


def say_of_deed(desk: Desk, deed: Deed, movement_ids: Iterable[UUID], cause: Line) -> None:
    """Say what a deed moves now, or what is reckoned of it, where that is something else; of a new one nothing was said."""
    if deed.sharing is not None:
        kg = deed.sharing.reckoned_kg(deed.act.ticket_id)
    else:
        kg = Kilograms(sum(flow.kg for flow in desk.flows[deed.act.id]))
    moved = tuple(movement_ids)
    if moved == deed.movement_ids and (deed.sharing is None or kg == deed.reckoned_kg):
        return
    deed.movement_ids, deed.reckoned_kg = moved, kg
    if deed.is_new:
        return
    deed.version += 1
    desk.deed_versions.append(DeedVersion(replace(deed), kg, desk.because(cause)))


def alert_anew(desk: Desk, telling: Telling, line: Line, ticket: Ticket | None, old: Collection[Flag]) -> None:
    """Open the alerts of a record's new flags, and settle those of flags that it has no longer."""
    _open(desk, telling, line, ticket, old)
    _close(desk, telling, line, ticket, old)


def _open(desk: Desk, telling: Telling, line: Line, ticket: Ticket | None, old: Collection[Flag]) -> None:
    if line.told.status is not Status.ACCEPTED:
        return
    station = desk.stations[line.told.station_id]
    for flag in telling.flags.get(line.told.id, ()):
        if flag is Flag.TWO_OPEN_TICKETS and telling.journey.state is TicketState.LOST:
            continue
        alert = alert_of(flag, line, station, ticket, beyond_kg=telling.beyond.get(line.told.id))
        of_ticket = alert.subject_kind == "ticket" and flag is not Flag.TWO_OPEN_TICKETS
        if not of_ticket and flag not in old:
            desk.watch.open([alert])
        elif of_ticket and flag in telling.open - telling.told:
            telling.told.add(flag)
            desk.watch.restate(alert)


def _close(desk: Desk, telling: Telling, line: Line, ticket: Ticket | None, old: Collection[Flag]) -> None:
    now = telling.flags.get(line.told.id, ())
    for flag in {*old, *now} - _BY_THEMSELVES:
        subject = subject_of(flag, line.told.id, line.told.station_id, ticket)
        match subject[1]:
            case "ticket":
                if flag is Flag.GRADE_MISMATCH and flag not in telling.open:
                    desk.watch.doubt(subject)  # of the ticket itself, perhaps, since it was issued (E46)
                elif flag not in telling.open:
                    desk.watch.settle(subject)
            case "weighing":
                if flag not in now:
                    desk.watch.settle(subject)
            case _:
                if flag not in now:
                    desk.watch.doubt(subject)


def alert_of_deeds(desk: Desk, telling: Telling, ticket: Ticket, cause: Line) -> None:
    """Open, or settle, the ticket's weight gap between deeds and scales, where no record has that flag (W11)."""
    subject = (Flag.WEIGHT_GAP, "ticket", str(ticket.id))
    if Flag.WEIGHT_GAP in telling.told:
        return
    if Flag.WEIGHT_GAP in telling.open:
        desk.watch.restate(alert_of(Flag.WEIGHT_GAP, cause, desk.stations[cause.told.station_id], ticket))
    else:
        desk.watch.settle(subject)


def settle_flags(desk: Desk, line: Line, old: Iterable[str]) -> None:
    """Settle the alerts of a record without a ticket that has turned out to be a duplicate."""
    ticket = desk.tickets.get(line.ticket_id) if line.ticket_id else None
    if ticket is None:
        for flag in set(map(Flag, old)) - _BY_THEMSELVES:
            desk.watch.settle(subject_of(flag, line.told.id, line.told.station_id, None))
