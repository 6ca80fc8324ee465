"""Loads that go on by other trucks under child tickets (W11, E35)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.overdraws import report_overdraws
from service.actions.tickets.beside import note_roads
from service.actions.tickets.issuing import code_of, draw_numbers
from service.actions.tickets.locking import lock_own
from service.actions.tickets.signing import hold_key
from service.actions.weighings.plates import road_of
from service.db import Connection
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import NotFound
from service.domain.revocations import RevokedBecause
from service.domain.ticket_acts import Act, ActKind
from service.domain.tickets import Journey, Ticket, TicketState, check_validity
from service.domain.transfers import split
from service.domain.units import Kilograms
from service.keys import KeyRing, Purpose
from service.store import audits, ticket_acts, tickets
from service.store.accounts import open_accounts
from service.store.ledger import append
from service.store.tickets import Issue


@dataclass(frozen=True, slots=True)
class Truck:
    """A truck that takes over a part of a load."""

    plate: str
    kg: Kilograms
    station_id: UUID | None = None  # the yard's scale where it is loaded, if there is one
    destination_station_id: UUID | None = None  # None: where the parent goes
    valid_until: datetime | None = None  # None: as long as the parent


async def split_ticket(
    connection: Connection,
    ticket_id: UUID,
    trucks: Sequence[Truck],
    reason: str,
    *,
    at: datetime,
    keys: KeyRing,
    policies: Policies = DEFAULTS,
    actor: Actor,
) -> list[UUID]:
    """Let parts of a load go on by other trucks, each under a child ticket that is on the road at once (W11, E35).

    Their kilograms leave the parent's load now, with their origin. By the seller or an office; gives the children's
    ids. Raises NotFound, NotAllowed, TicketIsHeld, TicketHasEnded, NotOnTheRoad, ChildrenExceedParent, ValidityIsPast
    and ValidityTooLong.
    """
    await hold_key(connection, keys=keys)
    parent, journey = await lock_own(connection, ticket_id, actor=actor)
    gone = split(journey, [truck.kg for truck in trucks], at=at)
    for valid_until in filter(None, (truck.valid_until for truck in trucks)):
        check_validity(at, valid_until, policies, at=at)
    stations = {key for truck in trucks for key in (truck.station_id, truck.destination_station_id) if key}
    if len(await tickets.find_stations(connection, stations)) < len(stations):
        raise NotFound(stations=sorted(stations))

    children = [child_of(parent, truck, truck.kg) for truck in trucks]
    act = Act(uuid7(), ticket_id, ActKind.SPLIT, reason, Kilograms(sum(truck.kg for truck in trucks)))
    await hand_over(connection, parent, journey, gone, children, act, at=at, keys=keys, actor=actor)
    facts = {"children": [child.id for child in children], "kg": act.kg, "reason": reason}
    await audits.note(connection, "tickets.split", ticket_id, facts, at=at, actor=actor)
    return [child.id for child in children]


def child_of(parent: Ticket, truck: Truck, kg: Kilograms) -> Ticket:
    """The ticket of a truck that takes over a part of a load, without number, code and account yet."""
    return replace(
        parent,
        id=uuid7(),
        number="",
        code=None,
        plate=truck.plate,
        planned_kg=kg,
        source_station_id=truck.station_id or parent.source_station_id,
        destination_station_id=truck.destination_station_id or parent.destination_station_id,
        valid_until=truck.valid_until or parent.valid_until,
        account=0,
        reissue=0,
        earlier_prints=(),
        parent_id=parent.id,
    )


async def hand_over(
    connection: Connection,
    parent: Ticket,
    journey: Journey,
    gone: Journey,
    children: Sequence[Ticket],
    act: Act,
    *,
    at: datetime,
    keys: KeyRing,
    actor: Actor,
) -> None:
    """Write the children, bring the parent to where it then stands, and move their kilograms out of its load; the key is held."""
    loads = [AccountKey(AccountKind.LOAD, owner_id=child.seller_id, document_id=child.id) for child in children]
    accounts = await open_accounts(connection, loads)
    numbers = await draw_numbers(connection, len(children))
    key = keys.current(Purpose.TICKETS)
    issues, movements = [], []
    for child, load, number in zip(children, loads, numbers, strict=True):
        named = replace(child, number=number, account=accounts[load])
        signed = replace(named, code=code_of(named, key))
        on_the_road = Journey(TicketState.OUT, child.planned_kg, journey.out_at)
        issues.append(Issue(signed, actor.person_id, (), key.key_id, on_the_road))
        movements.append(Movement(uuid7(), act.id, parent.account, named.account, child.planned_kg, at, act.fact))
    moved = replace(act, movement_ids=tuple(movement.id for movement in movements))
    await tickets.issue(connection, issues, at=at)
    await ticket_acts.advance(connection, parent.id, gone)
    await ticket_acts.keep(connection, [moved], at=at, actor=actor)
    if not gone.is_open:
        await ticket_acts.revoke_all(connection, parent, RevokedBecause.ENDED, at=at)
    posted = await append(connection, movements, at=at, sign=keys.current(Purpose.LEDGER))
    await report_overdraws(connection, posted, at=at)
    changes = [(road_of(parent, journey, None), road_of(parent, gone, None))]
    changes += [(None, road_of(issue.ticket, issue.journey, None)) for issue in issues]
    await note_roads(connection, changes, since=journey.out_at, at=at)
