"""What becomes of each record of a batch, in order: what one changes the next one sees."""

from collections import Counter
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.actions.weighings.desk import Desk
from service.actions.weighings.posting import Move, TakeBack
from service.actions.weighings.retelling import retell_event, retell_story
from service.actions.weighings.sent import Answer, Sent, answer_again
from service.actions.weighings.watching import alert_of
from service.domain.alerts import Flag
from service.domain.changes import GiveBack
from service.domain.tickets import Print, ReplacedBecause, Ticket
from service.domain.units import Kilograms, shanghai_year
from service.domain.weighings import (
    SAME_READING_WITHIN,
    Circumstances,
    Direction,
    IdReused,
    Line,
    Outcome,
    Record,
    Said,
    Status,
    Told,
    fact_of,
    firsts_of,
    impossible,
    told_together,
    weigh,
)
from service.ids import new_id


def judge(desk: Desk, sent: Sent) -> Answer:
    """What becomes of one record."""
    record, body_hash = sent.record, sent.record.body_hash
    known = desk.told.get(sent.key)
    refusal = sent.refusal or (IdReused() if known and known.body_hash != body_hash else None)
    if refusal is not None:
        desk.refused.append(sent.refused_for(refusal))
        return Answer(record.id, Said(Status.REFUSED, None, (), ()), refusal)
    if known is not None:
        _sign(desk, sent, known)
        return answer_again(known, desk.given.get(sent.key))
    told = Told(new_id(), sent.station_id, record.id, body_hash, Status.ACCEPTED)
    desk.told[sent.key] = told
    desk.fresh_ids.add(told.id)
    book = desk.books_used[sent.station_id] = desk.sequences[sent.station_id]
    was_whole = book.is_whole
    book.tick(record.sequence, record.weighed_at)
    is_broken = book.take(record.sequence)
    if book.is_whole and not was_whole:
        desk.watch.settle((Flag.SEQUENCE_GAP, "station", str(sent.station_id)))
    ticket = desk.ticket_of(record)
    occurred_at = record.weighed_at + sent.offset
    line = Line(told, record, occurred_at, desk.at, ticket.id if ticket else None, sent.person_id)
    desk.lines.append(line)
    _sign(desk, sent, told)
    went_back = desk.clocks.note(line, desk.stations[sent.station_id], desk.watch)
    if is_broken:
        # Of the station, whatever becomes of the record.
        desk.watch.open([alert_of(Flag.SEQUENCE_GAP, line, desk.stations[sent.station_id], ticket)])
    if refusal := impossible(record, desk.policies):
        told.status, told.problem = Status.REFUSED, {"code": refusal.code, "facts": refusal.facts}
        return Answer(record.id, told.said, refusal)
    circumstances = _circumstances(desk, sent, line, ticket, is_broken=is_broken, went_back=went_back)
    answer = desk.given[sent.key] = _enter(desk, line, circumstances)
    return answer


def _enter(desk: Desk, line: Line, seen: Circumstances) -> Answer:
    """Put a record in its place among all that were told, whichever came first (W04)."""
    told = line.told
    together = told_together(line, desk.lines_near, desk.policies) if desk.lines_near(line) else [line]
    firsts: dict[UUID, Line | None] = {told.id: None}
    if len(together) > 1:
        firsts = firsts_of(together, desk.policies)
    desk.remember(line, is_first=firsts[told.id] is None)
    changed = [other for other in together if other is not line and _is_said_otherwise(desk, other, firsts)]
    if first := firsts[told.id]:
        told.status, told.duplicate_of = Status.DUPLICATE, first.told.record_id
    if changed:
        retell_event(desk, line, seen, changed, firsts)
    elif first is None:
        story = desk.stories[line.ticket_id] if line.ticket_id else []
        is_last = not story or (story[-1] is line and line.ticket_id not in desk.deeds)
        if line.record.direction is Direction.BACK and seen.journey.in_kg is not None:
            is_last = False  # what had arrived is taken off the arrival
        if is_last:
            _weigh(desk, line, seen)
        else:
            retell_story(desk, line.ticket_id, line, seen)
    if first is None:
        return Answer(told.record_id, told.said)
    return Answer(told.record_id, replace(first.told.said, status=told.status, duplicate_of=told.duplicate_of))


def _is_said_otherwise(desk: Desk, line: Line, firsts: dict[UUID, Line | None]) -> bool:
    first = firsts[line.told.id]
    return line.told.duplicate_of != (first.told.record_id if first else None)


def _weigh(desk: Desk, line: Line, seen: Circumstances) -> None:
    """What follows from a record that is the last of its ticket in time."""
    ticket, told = seen.ticket, line.told
    outcome = weigh(line.record, seen, desk.policies)
    told.flags = [flag.value for flag in outcome.flags]
    if ticket is not None:
        if outcome.journey is not None and ticket.source_id is None:
            _note_draw(desk, ticket, line)
        _advance(desk, ticket, outcome, line.occurred_at)
    _plan(desk, line, ticket, outcome)
    if outcome.flags:
        desk.watch.open(
            alert_of(flag, line, seen.station, ticket, beyond_kg=outcome.beyond_contract_kg) for flag in outcome.flags
        )
    if ticket is not None:
        for flag in outcome.settled:
            desk.watch.settle((flag, "ticket", str(ticket.id)))


def _note_draw(desk: Desk, ticket: Ticket, line: Line) -> None:
    """See whether a load out of stock left, or came back, before others of its contract did (R23)."""
    terms = desk.terms[ticket.contract_id] if ticket.contract_id else None
    if terms is None or line.record.direction is Direction.IN:
        return
    last_at, is_out = terms.last_left_at, line.record.direction is Direction.OUT
    if last_at is not None and (not is_out or line.occurred_at <= last_at):
        desk.disturb(terms, line)
    elif is_out:
        desk.terms[terms.id] = replace(terms, last_left_at=line.occurred_at)


def _sign(desk: Desk, sent: Sent, told: Told) -> None:
    if sent.jws is not None and sent.device_id is not None:
        desk.signed[told.id] = (told.id, sent.device_id, sent.jws)


def _circumstances(
    desk: Desk, sent: Sent, line: Line, ticket: Ticket | None, *, is_broken: bool, went_back: bool
) -> Circumstances:
    record, occurred_at = line.record, line.occurred_at
    plain = desk.circumstances_of(line, ticket)
    plain.offset_is_large = abs(sent.offset.total_seconds()) > desk.policies.clock_skew_seconds or (
        bool(sent.offset) and shanghai_year(occurred_at) != shanghai_year(record.weighed_at)
    )
    plain.sequence_is_broken, plain.clock_went_back = is_broken, went_back
    desk.plates.note(line, plain, desk.watch)
    if record.reading is not None:
        reading = (line.told.station_id, record.reading)
        times = desk.readings.setdefault(reading, [])
        plain.reading_is_repeated = any(abs(occurred_at - at) <= SAME_READING_WITHIN for at in times)
        if plain.reading_is_repeated:
            desk.watch.open([alert_of(Flag.READING_REPEATED, line, plain.station, ticket)])
        times.append(occurred_at)
    plain.another_is_on_the_road = ticket is not None and desk.plates.is_another_open(ticket, occurred_at)
    if (scanned := _replaced_print(desk, record, ticket)) is not None:
        by_key = scanned.because is ReplacedBecause.KEY_RETIRED
        plain.revoked_at = None if by_key else scanned.revoked_at
        plain.key_is_retired = by_key and occurred_at >= scanned.replaced_at
    return plain


def _replaced_print(desk: Desk, record: Record, ticket: Ticket | None) -> Print | None:
    """The print that the record names, if another has replaced it (E37)."""
    if ticket is None or not ticket.earlier_prints or record.ticket is None:
        return None
    naming = desk.namings[record.ticket]
    return ticket.find_print(naming.digits) if naming and naming.digits else None


def _advance(desk: Desk, ticket: Ticket, outcome: Outcome, occurred_at: datetime) -> None:
    """What the next record sees of the ticket, its plate and its contract."""
    if outcome.journey is not None:
        desk.move(ticket, outcome.journey)
    desk.count(ticket, outcome.shipped_kg, outcome.received_kg)
    if ticket.source_id and outcome.beyond_contract_kg:
        desk.commitments[shanghai_year(occurred_at)].add(ticket.source_id)


def _plan(desk: Desk, line: Line, ticket: Ticket | None, outcome: Outcome) -> None:
    """The steps that the ledger takes for a record."""
    told, occurred_at = line.told, line.occurred_at
    if not outcome.legs and not outcome.give_back_kg:
        return
    fact = fact_of(told.id, told.station_id, told.body_hash)
    if ticket is not None and outcome.give_back_kg:
        _give_back(desk, line, ticket, outcome.give_back_kg, fact)
    for leg in outcome.legs:
        move = Move(new_id(), told.id, leg, occurred_at, fact)
        told.movement_ids.append(move.movement_id)
        desk.post(told.id, move)
        if desk.watches_lots:
            desk.stir(leg.source, -leg.kg, occurred_at, told.id)
            desk.stir(leg.target, leg.kg, occurred_at, told.id)


def _give_back(desk: Desk, line: Line, ticket: Ticket, left_kg: int, fact: bytes) -> None:
    """What the source's scale weighs back in is taken off what filled the load, last first (W10)."""
    back_kg: Counter[int] = Counter()
    for filling in reversed(desk.stories[ticket.id]):
        flows = desk.flows.get(filling.told.id, [])
        for place, flow in reversed(list(enumerate(flows))):
            taken = Kilograms(min(flow.kg, left_kg))
            if flow.target != ticket.account or not taken:
                continue
            line.told.movement_ids.append(flow.movement_id)
            back = GiveBack(flow.movement_id, taken, line.occurred_at, fact)
            desk.steps.append(TakeBack(line.told.id, back))
            desk.stir(flow.source, taken, filling.occurred_at, line.told.id)
            flows[place] = replace(flow, kg=Kilograms(flow.kg - taken))
            left_kg -= taken
            if desk.is_lot(flow.source):
                back_kg[flow.source] += taken
    if ticket.source_id is None:
        desk.returns.note(ticket.id, desk.journeys[ticket.id], back_kg, line.told.id)
