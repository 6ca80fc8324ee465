"""Which pledged lots the loads of a contract draw: in the order in which they left, whichever was told first (R23, W04)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.actions.weighings.desk import Desk
from service.actions.weighings.righting import put_right, say
from service.actions.weighings.telling import NO_LOAD, Telling
from service.actions.weighings.watching import alert_of
from service.db import Connection
from service.domain.alerts import Flag
from service.domain.ledger import AccountKey
from service.domain.tickets import Journey, Ticket
from service.domain.units import Kilograms
from service.domain.weighings import Direction, Leg, Line, Naming, Status, Terms
from service.domain.weighings.legs import is_suspense, legs_of_the_load
from service.store import tickets, weighings
from service.store.weighings import Flow


@dataclass(frozen=True, slots=True)
class _Load:
    """A load under the contract, and the record by which it left; of a part of another's load there is none."""

    ticket: Ticket
    journey: Journey
    left_at: datetime
    out: Line | None


async def redraw(connection: Connection, desk: Desk) -> None:
    """Let the loads of the contracts that a late record has disturbed draw what they would have drawn in order.

    1. See all loads of the contract: what this batch has told of them, and what the book says of the others.
    2. Each draws from where those that left before it end; loads under an earlier proof stand as they drew.
    3. Put right those that draw otherwise; their tickets are locked before.
    """
    for contract_id, cause in desk.disturbed.items():
        loads = await _loads_of(connection, desk, contract_id)
        await _put_right(connection, desk, desk.terms[contract_id], loads, cause)


async def _loads_of(connection: Connection, desk: Desk, contract_id: UUID) -> list[_Load]:
    """All that left under a contract, in the order in which it left."""
    known = {one.id: (one, desk.journeys[one.id]) for one in desk.tickets.values() if contract_id in one.contract_ids}
    found = {one.id: (one, journey) for one, journey in await tickets.find_loads(connection, contract_id)} | known
    told: dict[UUID, list[Line]] = {}
    for line in await weighings.find_lines_of(connection, found.keys() - known.keys()):
        if line.ticket_id is not None and line.told.status is Status.ACCEPTED:
            told.setdefault(line.ticket_id, []).append(line)
    told |= {ticket_id: desk.stories[ticket_id] for ticket_id in known}
    loads = [
        _Load(ticket, journey, journey.out_at, _out_of(ticket, journey, told.get(ticket.id, ())))
        for ticket, journey in found.values()
        if journey.out_at is not None
    ]
    return sorted(loads, key=lambda load: (load.left_at, load.ticket.id))


def _out_of(ticket: Ticket, journey: Journey, story: Iterable[Line]) -> Line | None:
    if ticket.parent_id is not None:
        return None
    outs = (line for line in story if line.record.direction is Direction.OUT and line.occurred_at == journey.out_at)
    return next((line for line in outs if NO_LOAD.isdisjoint(line.told.flags)), None)


async def _put_right(connection: Connection, desk: Desk, terms: Terms, loads: Iterable[_Load], cause: Line) -> None:
    proof_id, lots = terms.proof_id, {pledge.account for pledge in terms.pledges or ()}
    assert proof_id is not None, "there is a proof in force"
    # Ids are given in the order of time: a load that was told before the proof was filed drew by the one before.
    earlier = [load for load in loads if load.out is not None and load.out.told.id.int < proof_id.int]
    shipped_kg = sum(int(load.journey.shipped_kg) for load in earlier)
    for load in loads:
        ticket, out = load.ticket, load.out
        if load in earlier:
            continue
        before = replace(terms, shipped_kg=Kilograms(shipped_kg))
        shipped_kg += load.journey.shipped_kg
        if out is None or ticket.contract_id != terms.id or ticket.source_id is not None:
            continue
        flows = await _flows_of(connection, desk, out)
        filling = [flow for flow in flows if flow.target == ticket.account and _is_drawn(desk, flow, lots)]
        drawn = legs_of_the_load(ticket, before, Kilograms(out.record.net_kg), out.occurred_at)
        wanted = _standing(drawn, sum(flow.kg for flow in filling))
        desk.returns.note(ticket.id, load.journey, _came_back(desk, drawn, wanted), desk.because(cause))
        is_unproven = any(is_suspense(leg.source) for leg in drawn)
        is_as_it_was = _sums(desk, wanted) == _sums(desk, filling)
        if is_as_it_was and is_unproven == (Flag.ORIGIN_UNPROVEN in out.told.flags):
            continue
        telling = Telling(load.journey)
        for leg in [*wanted, *(Leg(flow.source, flow.target, flow.kg) for flow in flows if flow not in filling)]:
            stream = (out.told.id, desk.account_of(leg.source), desk.account_of(leg.target))
            known = telling.wanted.get(stream)
            telling.wanted[stream] = replace(leg, kg=Kilograms(leg.kg + known.kg)) if known else leg
        if ticket.id not in desk.tickets:
            await tickets.lock_named(connection, [Naming(ticket_id=ticket.id)])
        await _say_anew(connection, desk, ticket, out, telling, cause, is_unproven=is_unproven)


def _standing(drawn: Iterable[Leg], standing_kg: int) -> list[Leg]:
    """What a load draws, less what came back of it: the last first."""
    left_kg, wanted = standing_kg, list[Leg]()
    for leg in drawn:
        taken_kg = min(left_kg, int(leg.kg))
        left_kg -= taken_kg
        if taken_kg:
            wanted.append(replace(leg, kg=Kilograms(taken_kg)))
    return wanted


def _came_back(desk: Desk, drawn: Iterable[Leg], standing: Iterable[Leg]) -> Counter[int]:
    """Of what a load draws, what each lot has again."""
    back_kg: Counter[int] = Counter()
    for legs, sign in ((drawn, 1), (standing, -1)):
        for leg in legs:
            if desk.is_lot(leg.source):
                back_kg[leg.source] += sign * leg.kg
    return back_kg


async def _flows_of(connection: Connection, desk: Desk, out: Line) -> list[Flow]:
    if out.told.id not in desk.flows:
        flows, accounts = await weighings.find_flows(connection, {out.told.id: out.told.movement_ids})
        desk.flows[out.told.id] = flows.get(out.told.id, [])
        desk.know_accounts(accounts)
    return desk.flows[out.told.id]


def _is_drawn(desk: Desk, flow: Flow, lots: set[int]) -> bool:
    """Whether it comes out of a lot of the proof, or from beyond it; what an office has settled is drawn no more (W06)."""
    source = desk.account_keys.get(flow.source, flow.source) if isinstance(flow.source, int) else flow.source
    return flow.source in lots or is_suspense(source)


def _sums(desk: Desk, legs: Iterable[Leg | Flow]) -> dict[int | AccountKey, int]:
    sums: dict[int | AccountKey, int] = {}
    for leg in legs:
        source = desk.account_of(leg.source)
        sums[source] = sums.get(source, 0) + leg.kg
    return sums


async def _say_anew(
    connection: Connection,
    desk: Desk,
    ticket: Ticket,
    out: Line,
    telling: Telling,
    cause: Line,
    *,
    is_unproven: bool,
) -> None:
    movements = put_right(desk, [out], (), telling, cause, None)
    station_id = out.told.station_id
    if station_id not in desk.stations:
        desk.stations |= await tickets.find_stations(connection, [station_id])
    others = tuple(flag for flag in out.told.said.flags if flag != Flag.ORIGIN_UNPROVEN)
    flags = (*others, Flag.ORIGIN_UNPROVEN.value) if is_unproven else others
    alert = alert_of(Flag.ORIGIN_UNPROVEN, out, desk.stations[station_id], ticket)
    if is_unproven:
        desk.watch.open([alert])
    else:
        desk.watch.settle(alert.subject)
    said = replace(out.told.said, flags=flags, movement_ids=tuple(movements[out.told.id]))
    say(desk, out, said, cause, is_later=True)
