"""Issuing tickets: what papers bear, in one batch of set-based sentences."""

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.tickets.beside import note_roads
from service.actions.tickets.signing import hold_key
from service.actions.weighings.plates import road_of
from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.codes.numbers import NUMBER_SPACE, make_number
from service.domain.codes.tickets import TicketCode, encode
from service.domain.investigations import Investigation, check_free
from service.domain.ledger import AccountKey, AccountKind
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, OverdrawPolicy, Policies
from service.domain.refusals import NotAllowed, NotFound, Refusal
from service.domain.tickets import (
    Journey,
    Paper,
    QuotaIsUsedUp,
    Ticket,
    TicketState,
    Wish,
    check_onward,
    check_validity,
    check_wish,
    flags_of,
)
from service.domain.units import Kilograms, shanghai_day, shanghai_year
from service.domain.weighings import Station
from service.keys import Key, KeyRing
from service.store import alerts, audits, investigations, tickets, weighings
from service.store.accounts import open_accounts
from service.store.ledger import balances, lock_head
from service.store.quotas import places_of
from service.store.tickets import Issue


@dataclass(frozen=True, slots=True)
class Order:
    """A ticket that somebody asks for."""

    actor: Actor
    wish: Wish
    request_id: str | None = field(default_factory=audits.request_under_way)


@dataclass(frozen=True, slots=True)
class _Good:
    """An order that its paper bears."""

    place: int
    order: Order
    paper: Paper
    onward: Paper | None
    station: Station
    is_frozen: bool
    load: AccountKey
    quota: AccountKey | None
    waits: bool = False


async def issue_tickets(
    connection: Connection, orders: Sequence[Order], *, at: datetime, keys: KeyRing, policies: Policies = DEFAULTS
) -> list[UUID | Refusal]:
    """Issue what the papers bear, in order: the ticket's id, or why there is none (W01, R26).

    1. Hold the key and the contracts, so that nobody retires or closes them meanwhile, and read what the rules ask.
    2. Refuse order by order; under policies `block` and `hold` the head is locked, and what the quota has not left is
       refused or set to wait (O03).
    3. Draw the numbers and sign the codes; under policy `hold` what the quota has not left waits for an officer, without a
       code. Open the alerts.
    4. Hold the plates, the last of all locks, see which other tickets of theirs are open (W05), and write the tickets.
    """
    answers: list[UUID | Refusal] = [NotFound()] * len(orders)
    key = await hold_key(connection, keys=keys)
    good = await _judge(connection, orders, answers, policies, at=at)
    good = await _within_quota(connection, good, answers, policies, at=at)
    if not good:
        return answers

    accounts = await open_accounts(
        connection, {key for one in good for key in (one.load, one.quota) if key is not None}
    )
    numbers = await draw_numbers(connection, len(good))
    issues = [_issue(one, number, accounts, key) for one, number in zip(good, numbers, strict=True)]
    for one, issue in zip(good, issues, strict=True):
        answers[one.place] = issue.ticket.id
    found = [_alert(flag, one, issue) for one, issue in zip(good, issues, strict=True) for flag in issue.flags]
    await alerts.open_alerts(connection, found, at=at)
    issues = await _beside_others(connection, issues)
    await tickets.issue(connection, issues, at=at)
    await _note(connection, good, issues, at=at)
    beside = [
        (None, road_of(issue.ticket, issue.journey, one.station.jurisdiction))
        for one, issue in zip(good, issues, strict=True)
        if Flag.TWO_OPEN_TICKETS in issue.flags
    ]
    await note_roads(connection, beside, at=at)
    return answers


async def _judge(
    connection: Connection, orders: Sequence[Order], answers: list[UUID | Refusal], policies: Policies, *, at: datetime
) -> list[_Good]:
    """The orders that their papers bear; why the others are refused is written into `answers`, at their places."""
    wishes = [order.wish for order in orders]
    papers = await _papers(connection, wishes)
    held = await investigations.held(connection, papers.keys(), shanghai_day(at))
    stations = await tickets.find_stations(
        connection, [station for wish in wishes for station in (wish.source_station_id, wish.destination_station_id)]
    )
    loads = {
        (paper.source_id, shanghai_year(wish.valid_from))
        for wish in wishes
        if (paper := _paper_of(wish, papers)) and paper.source_id
    }
    sources = await weighings.find_sources(connection, loads)
    good = []
    for place, order in enumerate(orders):
        try:
            paper, onward, station = _checked(order, papers, stations, held, policies, at=at)
        except Refusal as refusal:
            answers[place] = refusal
            continue
        year = shanghai_year(order.wish.valid_from)
        source = sources.get((paper.source_id, year)) if paper.source_id else None
        is_frozen = source is not None and source.is_frozen(shanghai_day(max(order.wish.valid_from, at)), policies)
        quota = AccountKey(AccountKind.QUOTA, owner_id=paper.source_id, year=year, earmark=paper.earmark)
        load = AccountKey(AccountKind.LOAD, owner_id=paper.seller_id, document_id=uuid7())
        good.append(_Good(place, order, paper, onward, station, is_frozen, load, quota if paper.source_id else None))
    return good


def _checked(
    order: Order,
    papers: dict[UUID, Paper],
    stations: Mapping[UUID, Station],
    held: Mapping[UUID, Investigation],
    policies: Policies,
    *,
    at: datetime,
) -> tuple[Paper, Paper | None, Station]:
    """An order's paper, the one under which its buyer passes the load on, and its source station; raises why it is refused."""
    wish, paper = order.wish, _paper_of(order.wish, papers)
    if paper is None or order.actor.enterprise_id not in (paper.seller_id, paper.buyer_id):
        raise NotFound
    if order.actor.enterprise_id != paper.seller_id:
        raise NotAllowed
    station = stations.get(wish.source_station_id)
    if station is None or wish.destination_station_id not in stations:
        raise NotFound(stations=[wish.source_station_id, wish.destination_station_id])
    check_free([key for key in (wish.contract_id, wish.onward_contract_id) if key], held)
    check_wish(wish, paper, serves_the_seller=_serves(station, paper))
    check_validity(wish.valid_from, wish.valid_until, policies, at=at)
    if wish.onward_contract_id is None:
        return paper, None, station
    onward = papers.get(wish.onward_contract_id)
    if onward is None:
        raise NotFound(onward_contract_id=wish.onward_contract_id)
    check_onward(wish, paper, onward)
    return paper, onward, station


async def _within_quota(
    connection: Connection,
    good: list[_Good],
    answers: list[UUID | Refusal],
    policies: Policies,
    *,
    at: datetime,
) -> list[_Good]:
    """Those that a strict pool lets through, some of which wait for an officer; the others are refused (O03)."""
    strict = await _strict_pools(connection, good, policies)
    if not strict:
        return good
    short = await _beyond_quota(connection, good, at=at)
    let_through = []
    for one in good:
        policy = strict.get(one.place) if one.place in short else None
        if policy is OverdrawPolicy.BLOCK:
            answers[one.place] = short[one.place]
        else:
            let_through.append(replace(one, waits=policy is OverdrawPolicy.HOLD))
    return let_through


def _issue(one: _Good, number: str, accounts: dict[AccountKey, int], key: Key) -> Issue:
    """The ticket of an order, with its code unless it waits, and what is odd about it."""
    wish, ticket_id = one.order.wish, one.load.document_id
    assert ticket_id is not None, "a load is a ticket's"
    ticket = Ticket(
        id=ticket_id,
        number=number,
        code=None,
        contract_id=wish.contract_id,
        slip_id=wish.slip_id,
        seller_id=one.paper.seller_id,
        buyer_id=one.paper.buyer_id,
        mine_id=one.paper.mine_id,
        earmark=one.paper.earmark,
        plate=wish.plate,
        planned_kg=wish.planned_kg,
        grade=wish.grade,
        source_station_id=wish.source_station_id,
        destination_station_id=wish.destination_station_id,
        valid_from=wish.valid_from,
        valid_until=wish.valid_until,
        account=accounts[one.load],
        source_account=accounts[one.quota] if one.quota else None,
        onward_contract_id=wish.onward_contract_id,
        onward_buyer_id=one.onward.buyer_id if one.onward else None,
        project_id=one.paper.project_id,
        stock_id=one.paper.stock_id,
    )
    flags = flags_of(wish, one.paper, is_frozen=one.is_frozen)
    if one.waits:
        held = [*flags, Flag.TICKET_HELD]
        return Issue(ticket, one.order.actor.person_id, held, None, Journey(TicketState.HELD))
    return Issue(replace(ticket, code=code_of(ticket, key)), one.order.actor.person_id, flags, key.key_id)


async def _note(connection: Connection, good: Sequence[_Good], issues: Sequence[Issue], *, at: datetime) -> None:
    """One note for all tickets of a request."""
    issued: defaultdict[tuple[Actor, str | None], list[UUID]] = defaultdict(list)
    for one, issue in zip(good, issues, strict=True):
        issued[one.order.actor, one.order.request_id].append(issue.ticket.id)
    notes = [
        audits.Note(actor, ids[0] if len(ids) == 1 else None, {"tickets": ids}, request_id)
        for (actor, request_id), ids in issued.items()
    ]
    await audits.note_all(connection, "tickets.issue", notes, at=at)


async def _beside_others(connection: Connection, issues: Sequence[Issue]) -> list[Issue]:
    """Flag those whose plates have another open ticket: of two that two processes issue at once the later one sees the other."""
    plates = {issue.ticket.plate for issue in issues}
    await tickets.hold_plates(connection, plates)
    open_times = await tickets.open_on_plates(connection, plates)
    seen = []
    for issue in issues:
        ticket, times = issue.ticket, open_times[issue.ticket.plate]
        is_other = any(since < ticket.valid_until and ticket.valid_from < until for since, until in times)
        seen.append(replace(issue, flags=[*issue.flags, Flag.TWO_OPEN_TICKETS]) if is_other else issue)
        if issue.journey.is_open:
            times.append((ticket.valid_from, ticket.valid_until))
    return seen


async def _papers(connection: Connection, wishes: Sequence[Wish]) -> dict[UUID, Paper]:
    named = {key for wish in wishes for key in (wish.contract_id, wish.onward_contract_id) if key}
    sales = await papers_of(connection, sorted(named))
    slips = await tickets.find_slips(connection, sorted({wish.slip_id for wish in wishes if wish.slip_id}))
    own = {
        row["id"]: Paper(
            row["enterprise_id"],
            row["enterprise_id"],
            row["mine_id"],
            row["earmark"],
            row["grade"],
            goes_by_tickets=row["by_tickets"],
            project_id=row["project_id"],
            stock_id=row["stock_id"],
            exit_station_id=row["exit_station_id"],
        )
        for row in slips.values()
    }
    return sales | own


async def papers_of(connection: Connection, contract_ids: Sequence[UUID]) -> dict[UUID, Paper]:
    """What tickets need to know of contracts, which nobody closes before this transaction ends."""
    contracts = await tickets.share_contracts(connection, contract_ids)
    return {
        row["id"]: Paper(
            row["seller_id"],
            row["buyer_id"],
            row["mine_id"],
            row["earmark"],
            row["grade"],
            valid_until=row["valid_until"],
            is_closed=row["is_closed"],
            project_id=row["project_id"],
            stock_id=row["stock_id"],
            exit_station_id=row["exit_station_id"],
            is_framework=row["is_framework"],
        )
        for row in contracts.values()
    }


def _paper_of(wish: Wish, papers: dict[UUID, Paper]) -> Paper | None:
    document_id = wish.contract_id or wish.slip_id
    return papers.get(document_id) if document_id else None


def _serves(station: Station, paper: Paper) -> bool:
    if station.mine_id is not None and paper.mine_id is not None:
        return station.mine_id == paper.mine_id
    return station.enterprise_id == paper.seller_id


async def _strict_pools(connection: Connection, good: Sequence[_Good], policies: Policies) -> dict[int, OverdrawPolicy]:
    """By place, what the pool of an order's source does beyond flagging when its quota is used up (O03)."""
    drawing = {one.place: one.quota.owner_id for one in good if one.quota and one.quota.owner_id}
    if policies.is_scoped("overdraw"):
        pools = await places_of(connection, set(drawing.values()))
        found = {place: policies.within(pools[source]).overdraw for place, source in drawing.items()}
    else:
        found = dict.fromkeys(drawing, policies.overdraw)
    return {place: policy for place, policy in found.items() if policy is not OverdrawPolicy.FLAG}


async def _beyond_quota(connection: Connection, good: Sequence[_Good], *, at: datetime) -> dict[int, QuotaIsUsedUp]:
    """By place, those whose planned kilograms the quota has no longer, beside what other tickets hold.

    A ticket whose validity began last year draws on this year's quota, as its hold does (E28). The quotas' accounts are opened
    before the head is locked; those of loads are nobody else's, and of no use to who is refused.
    """
    this_year = shanghai_year(at)
    drawn = {one.place: replace(one.quota, year=max(one.quota.year or 0, this_year)) for one in good if one.quota}
    accounts = await open_accounts(connection, set(drawn.values()))
    await lock_head(connection, at=at)
    quotas = set(accounts.values())
    held = await tickets.held(connection, quotas, at=at)
    available = {
        account: balance.in_kg - balance.out_kg - held.get(account, 0)
        for account, balance in (await balances(connection, quotas)).items()
    }
    beyond = {}
    for one in good:
        planned_kg = one.order.wish.planned_kg
        if one.place not in drawn:
            continue
        account = accounts[drawn[one.place]]
        if planned_kg > available[account]:
            left_kg = Kilograms(max(0, available[account]))
            beyond[one.place] = QuotaIsUsedUp(available_kg=left_kg, planned_kg=planned_kg)
        else:
            available[account] -= planned_kg
    return beyond


def code_of(ticket: Ticket, key: Key) -> str:
    """The digits of a ticket's code, signed."""
    code = TicketCode.of(
        ticket_id=ticket.id,
        number=ticket.number,
        reissue=ticket.reissue,
        valid_from=ticket.valid_from,
        valid_until=ticket.valid_until,
        plate=ticket.plate,
        planned_kg=ticket.planned_kg,
        source_station_id=ticket.source_station_id,
        destination_station_id=ticket.destination_station_id,
        grade=ticket.grade,
    )
    return encode(code, key_id=key.key_id, sign=key.sign)


async def draw_numbers(connection: Connection, count: int) -> list[str]:
    """As many numbers as are asked for, that no ticket has."""
    drawn: dict[str, None] = {}
    while len(drawn) < count:
        fresh = {make_number(secrets.randbelow(NUMBER_SPACE)) for _ in range(count - len(drawn))}
        drawn |= dict.fromkeys(fresh - await tickets.numbers_taken(connection, fresh))
    return list(drawn)


def _alert(flag: Flag, one: _Good, issue: Issue) -> Alert:
    ticket = issue.ticket
    of_the_mine = flag is Flag.QUOTA_FROZEN and ticket.mine_id is not None
    return Alert(
        flag,
        "mine" if of_the_mine else "ticket",
        str(ticket.mine_id if of_the_mine else ticket.id),
        one.station.jurisdiction,
        (ticket.seller_id,) if of_the_mine else (ticket.seller_id, ticket.buyer_id),
        ticket.valid_from,
        {"ticket": ticket.number, "plate": ticket.plate, "kg": ticket.planned_kg},
    )
