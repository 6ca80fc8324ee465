"""A record that arrives late, or after people did something to its load, has its ticket's story replayed (W04).

The result is what it would be if all records had arrived in the order of their corrected times.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from uuid import UUID

from service.actions.weighings.desk import Desk
from service.actions.weighings.righting import (
    Correction,
    alert_anew,
    alert_of_deeds,
    fact_of_line,
    put_right,
    say,
    say_of_deed,
    settle_flags,
)
from service.actions.weighings.telling import Telling, tell
from service.domain.alerts import Flag
from service.domain.tickets import Ticket
from service.domain.weighings import (
    Circumstances,
    Deed,
    Line,
    Said,
    Status,
    TicketIsInHand,
    firsts_of,
    told_without,
)


def retell_event(
    desk: Desk, line: Line, seen: Circumstances, changed: Iterable[Line], firsts: Mapping[UUID, Line | None]
) -> None:
    """A record of an event that others have recorded: it is the first of them in time now, and they are duplicates (E7)."""
    stories = {}
    for other in changed:
        first = firsts[other.told.id]
        _say_which(desk, other, first, line)
        if other.ticket_id is not None:
            stories[other.ticket_id] = other
        else:
            _retell(desk, None, [other] if first is None else [], [other], line, seen)
    if line.told.status is Status.ACCEPTED:
        if line.ticket_id is None:
            _retell(desk, None, [line], [line], line, seen)
        else:
            stories.setdefault(line.ticket_id, line)
    gone: dict[UUID, list[Line]] = {}
    for other in changed:
        if other.ticket_id is not None and firsts[other.told.id] is not None:
            gone.setdefault(other.ticket_id, []).append(other)
    for ticket_id in stories:
        story = desk.stories[ticket_id]
        _retell(desk, desk.tickets[ticket_id], story, [*story, *gone.get(ticket_id, [])], line, seen)


def retell_story(desk: Desk, ticket_id: UUID | None, line: Line, seen: Circumstances) -> None:
    """Replay a ticket's records in the order of time, a new one among them."""
    assert ticket_id is not None, "a story is a ticket's"
    story = desk.stories[ticket_id]
    _retell(desk, desk.tickets[ticket_id], story, story, line, seen)


def retell_corrected(desk: Desk, line: Line, correction: Correction) -> None:
    """Put right what follows from a line whose weights were corrected."""
    ticket = desk.tickets[line.ticket_id] if line.ticket_id else None
    story = desk.stories[ticket.id] if ticket else [line]
    _retell(desk, ticket, story, story if line in story else [*story, line], line, None, correction)


def retell_void(desk: Desk, line: Line, correction: Correction) -> None:
    """Put right what follows from a line that was taken back: another record of its event, if there is one, stands now.

    Raises TicketIsInHand where a deed would lose the record that it rests on.
    """
    left = told_without(line, desk.lines_near(line), desk.policies)
    firsts = firsts_of(left, desk.policies)
    line.told.status = Status.VOID
    _leave(desk, line)
    changed = [line]
    for other in left:
        first = firsts[other.told.id]
        if other.told.duplicate_of != (first and first.told.record_id):
            _say_which(desk, other, first, line, correction)
            changed.append(other)
    for ticket_id in dict.fromkeys(one.ticket_id for one in changed):
        ticket = desk.tickets[ticket_id] if ticket_id else None
        own = [one for one in changed if one.ticket_id == ticket_id]
        stand = [one for one in own if one.told.status is Status.ACCEPTED]
        story = desk.stories[ticket_id] if ticket_id else stand
        involved = [*story, *(one for one in own if one not in stand)]
        telling = _retell(desk, ticket, story, involved, line, None, correction)
        if telling.groundless:
            raise TicketIsInHand(deeds=[deed.act.kind for deed in telling.groundless])


def retell_deed(desk: Desk, deed: Deed, correction: Correction) -> None:
    """Put right what follows from a deed that was done just now; its ticket's records are known."""
    story = desk.stories[deed.act.ticket_id]
    _retell(desk, desk.tickets[deed.act.ticket_id], story, story, story[-1], None, correction)


def retell_sent_back(desk: Desk, ticket_id: UUID) -> None:
    """Put right what was cut of a load that was refused, or sent back: the buyer's stock of that time has changed (W10)."""
    story = desk.stories[ticket_id]
    last = story[-1]
    correction = Correction("", last.person_id, last.occurred_at, fact_of_line(last), None)
    _retell(desk, desk.tickets[ticket_id], story, story, last, None, correction)


def _retell(
    desk: Desk,
    ticket: Ticket | None,
    story: list[Line],
    involved: list[Line],
    cause: Line,
    seen: Circumstances | None,
    correction: Correction | None = None,
    retold: set[UUID] | None = None,
) -> Telling:
    """Replay the records of a ticket, and write what follows; `involved` are also those that have left it."""
    if ticket is not None and desk.journeys[ticket.id].is_sent_back:
        desk.sends_back = True  # or it does so no longer
    telling = tell(desk, ticket, story, cause, seen)
    if ticket is not None and telling.journey != desk.journeys[ticket.id]:
        desk.stir_sent_back(ticket, telling.journey, desk.because(cause))
        desk.move(ticket, telling.journey)
    if ticket is not None and ticket.source_id is None and ticket.contract_id is not None:
        desk.disturb(desk.terms[ticket.contract_id], cause)
        desk.returns.note(ticket.id, telling.journey, _came_back(desk, telling, ticket), desk.because(cause))
    deeds = [deed for deed in desk.deeds.get(ticket.id, ()) if deed.follows_the_scales] if ticket else []
    movements = put_right(desk, involved, deeds, telling, cause, correction)
    for line in involved:
        said, now = line.told.said, telling.flags.get(line.told.id, ())
        is_new = line is cause and correction is None
        alert_anew(desk, telling, line, ticket, () if is_new else tuple(Flag(flag) for flag in said.flags))
        moved = tuple(movements[line.told.id])
        more = Said(said.status, said.duplicate_of, tuple(flag.value for flag in now), moved)
        say(desk, line, more, cause, correction)
    for deed in deeds:
        say_of_deed(desk, deed, movements[deed.act.id], cause)
    if ticket is not None and telling.deeds:
        alert_of_deeds(desk, telling, ticket, story[-1] if story else cause)
        _retell_others(desk, ticket, cause, correction, retold or set())
    return telling


def _came_back(desk: Desk, telling: Telling, ticket: Ticket) -> Counter[int]:
    """Of what a load had drawn, what each lot has again."""
    back_kg: Counter[int] = Counter()
    for stream, kg in telling.cut.items():
        source = telling.wanted[stream].source
        if telling.wanted[stream].target == ticket.account and desk.is_lot(source):
            back_kg[source] += kg
    return back_kg


def _retell_others(desk: Desk, ticket: Ticket, cause: Line, correction: Correction | None, retold: set[UUID]) -> None:
    """Replay what depends on a load: what went on by other trucks left when it did (W11); others share its weighing (E36)."""
    retold.add(ticket.id)
    left_at = desk.journeys[ticket.id].out_at
    others = []
    for child in desk.children.get(ticket.id, ()):
        if left_at is not None and desk.journeys[child.id].out_at != left_at:
            desk.move(child, replace(desk.journeys[child.id], out_at=left_at))
            others.append(child.id)
    for deed in desk.deeds[ticket.id]:
        others += deed.sharing.out_kg if deed.sharing is not None else ()
    for id_ in others:
        if id_ not in retold:
            story, own = desk.stories[id_], correction
            if own is not None and own.weighing_id is None and story:
                # What somebody did to the one was not done to the other.
                own = replace(own, fact=fact_of_line(story[-1]))
            _retell(desk, desk.tickets[id_], story, story, cause, None, own, retold)


def _say_which(desk: Desk, line: Line, first: Line | None, cause: Line, correction: Correction | None = None) -> None:
    """Say of a record of an event that it tells again what another has told, or that it tells first."""
    said = line.told.said
    if first is not None:
        settle_flags(desk, line, said.flags)
        again = replace(said, status=Status.DUPLICATE, duplicate_of=first.told.record_id)
        say(desk, line, again, cause, correction)
        _leave(desk, line)
    else:
        say(desk, line, replace(said, status=Status.ACCEPTED, duplicate_of=None), cause, correction)
        _join(desk, line)


def _leave(desk: Desk, line: Line) -> None:
    if line.ticket_id is not None:
        desk.stories[line.ticket_id] = [one for one in desk.stories[line.ticket_id] if one is not line]


def _join(desk: Desk, line: Line) -> None:
    if line.ticket_id is not None:
        story = desk.stories[line.ticket_id]
        story.append(line)
        story.sort(key=lambda one: one.place)
