"""Tickets, as they are issued, found and ended; what the scales do to them is written with the weighings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service.db import Connection, Door, Record
from service.domain.alerts import Flag
from service.domain.papers import PaperKind
from service.domain.permissions import Actor
from service.domain.tickets import Journey, Print, ReplacedBecause, Ticket, TicketState
from service.domain.units import Kilograms, shanghai_year
from service.domain.weighings import Naming, Station
from service.store import papers
from service.store.copying import array_of
from service.store.provenance import Moment
from service.store.sentences import sentences

SQL = sentences("tickets")
NOT_BEGUN = Journey()


def _ticket(row: Record | Mapping[str, Any]) -> Ticket:
    return Ticket(
        row["id"],
        row["number"],
        row["code"],
        row["contract_id"],
        row["slip_id"],
        row["seller_id"],
        row["buyer_id"],
        row["mine_id"],
        row["earmark"],
        row["plate"],
        Kilograms(row["planned_kg"]),
        row["grade"],
        row["source_station_id"],
        row["destination_station_id"],
        row["valid_from"],
        row["valid_until"],
        row["account"],
        row["source_account"],
        row["reissue"],
        tuple(_print(one) for one in row["earlier_prints"]),
        row["parent_id"],
        row["onward_contract_id"],
        row["onward_buyer_id"],
        row["project_id"],
        row["stock_id"],
        row["acted_at"],
    )


def _print(kept: Mapping[str, Any]) -> Print:
    revoked_at = kept["revoked_at"]
    return Print(
        kept["code"],
        ReplacedBecause(kept["because"]),
        datetime.fromisoformat(kept["replaced_at"]),
        revoked_at and datetime.fromisoformat(revoked_at),
    )


def _journey(row: Record | Mapping[str, Any]) -> Journey:
    return Journey(
        TicketState(row["state"]),
        row["out_kg"],
        row["out_at"],
        row["in_kg"],
        row["in_at"],
        row["back_kg"],
        row["ended_at"],
        Kilograms(row["split_kg"]),
        Kilograms(row["closed_kg"]),
        Kilograms(row["refused_kg"]),
        row["back_at"],
    )


async def lock_named(connection: Connection, namings: Collection[Naming]) -> list[tuple[Ticket, Journey]]:
    """The tickets that texts name, locked in the order of their ids."""
    if not namings:
        return []
    return [ticket_and_journey(row) for row in await connection.fetch(SQL["lock_named"], *ids_and_numbers(namings))]


async def lock_children(connection: Connection, ticket_ids: Collection[UUID]) -> list[tuple[Ticket, Journey]]:
    """The tickets under which parts of these tickets' loads went on, locked in the order of their ids (W11)."""
    return [ticket_and_journey(row) for row in await connection.fetch(SQL["lock_children"], list(ticket_ids))]


async def find_loads(connection: Connection, contract_id: UUID) -> list[tuple[Ticket, Journey]]:
    """What left under a contract, or is passed on under it; the contract is locked."""
    return [ticket_and_journey(row) for row in await connection.fetch(SQL["find_loads"], contract_id)]


def ids_and_numbers(namings: Collection[Naming]) -> tuple[str, str]:
    """The parameters of the statements that lock tickets."""
    return (
        array_of(naming.ticket_id for naming in namings if naming.ticket_id),
        array_of(naming.number for naming in namings if naming.number),
    )


def ticket_and_journey(row: Record | Mapping[str, Any]) -> tuple[Ticket, Journey]:
    """A ticket's row: what it says, and where its load stands."""
    return _ticket(row), _journey(row)


async def find_tickets(connection: Connection, ticket_ids: Collection[UUID]) -> list[tuple[Ticket, Journey, datetime]]:
    """Tickets as they stand now, and when they were issued."""
    rows = await connection.fetch(SQL["find"], list(ticket_ids))
    return [(*ticket_and_journey(row), row["issued_at"]) for row in rows]


async def expiries(connection: Connection, ticket_ids: Collection[UUID]) -> list[tuple[UUID, datetime]]:
    """When the sweeper ended tickets, though a scale may have told of them since."""
    rows = await connection.fetch(SQL["expiries"], list(ticket_ids))
    return [(row["ticket_id"], row["expired_at"]) for row in rows]


async def find_named(door: Door, naming: Naming) -> tuple[Ticket, Journey] | None:
    """The ticket that a text names, whoever asks: the text itself is the right to know of it (W03)."""
    rows = await door.fetch(SQL["find_named"], naming.ticket_id, naming.number)
    found = ticket_and_journey(rows[0]) if rows else None
    return found if found and naming.fits(found[0]) else None


async def numbers_taken(connection: Connection, numbers: Collection[str]) -> set[str]:
    """Those of the numbers that tickets have."""
    return {row["number"] for row in await connection.fetch(SQL["numbers_taken"], list(numbers))}


async def share_contracts(connection: Connection, contract_ids: Collection[UUID]) -> dict[UUID, Record]:
    """The contracts, which nobody closes before this transaction ends."""
    rows = await connection.fetch(SQL["share_papers"], contract_ids) if contract_ids else []
    return {row["id"]: row for row in rows}


async def find_slips(connection: Connection, slip_ids: Collection[UUID]) -> dict[UUID, Record]:
    """The slips."""
    rows = await connection.fetch(SQL["find_slips"], slip_ids) if slip_ids else []
    return {row["id"]: row for row in rows}


async def find_stations(connection: Connection, station_ids: Collection[UUID]) -> dict[UUID, Station]:
    """Those of the stations that exist."""
    rows = await connection.fetch(SQL["find_stations"], station_ids)
    return {row["id"]: Station(row["id"], row["jurisdiction"], row["mine_id"], row["enterprise_id"]) for row in rows}


async def find_places(connection: Connection, numbers: Collection[str]) -> dict[str, str]:
    """Where the source stations of tickets are, by the tickets' numbers."""
    rows = await connection.fetch(SQL["find_places"], list(numbers))
    return {row["number"]: row["jurisdiction"] for row in rows}


async def hold_plates(connection: Connection, plates: Collection[str]) -> None:
    """Let nobody else issue, open or end tickets of these plates before this transaction ends, but for scales (W05)."""
    await connection.fetch(SQL["hold_plates"], list(plates))


async def open_on_plates(connection: Connection, plates: Collection[str]) -> dict[str, list[tuple[datetime, datetime]]]:
    """When each plate's open tickets are valid."""
    times: dict[str, list[tuple[datetime, datetime]]] = {plate: [] for plate in plates}
    for row in await connection.fetch(SQL["open_on_plates"], list(plates)):
        times[row["plate"]].append((row["valid_from"], row["valid_until"]))
    return times


async def held(connection: Connection, accounts: Collection[int], *, at: datetime) -> dict[int, Kilograms]:
    """What open tickets hold on quota accounts: planned kilograms that have not left yet (O01, E28)."""
    rows = await connection.fetch(SQL["held"], list(accounts), shanghai_year(at))
    return {row["source_account"]: Kilograms(row["held_kg"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Issue:
    """A ticket to be written, with who issues it, which key signed it and what is flagged; without a key it waits."""

    ticket: Ticket
    issued_by: UUID
    flags: Sequence[Flag]
    key_id: int | None
    journey: Journey = NOT_BEGUN


async def shipped_at(connection: Connection, paper_ids: Collection[UUID], past: Moment) -> Mapping[UUID, Kilograms]:
    """What contracts and slips had shipped by a time; nothing of those that had not (E53)."""
    rows = await connection.fetch(SQL["shipped_at"], list(paper_ids), past.at, past.size)
    return {row["paper_id"]: Kilograms(row["kg"] or 0) for row in rows}


async def newest_at(connection: Connection, paper_id: UUID, past: Moment, limit: int) -> list[UUID]:
    """The tickets that a contract or slip had by a time, newest first (E53)."""
    rows = await connection.fetch(SQL["newest_at"], [paper_id], past.at, limit)
    return [row["id"] for row in rows]


async def received_at(connection: Connection, contract_ids: Collection[UUID], past: Moment) -> Mapping[UUID, Kilograms]:
    """What contracts had received by a time; nothing of those that had not (E53)."""
    rows = await connection.fetch(SQL["received_at"], list(contract_ids), past.at)
    return {row["paper_id"]: Kilograms(row["kg"]) for row in rows}


async def issue(connection: Connection, issues: Sequence[Issue], *, at: datetime) -> None:
    """Write new tickets."""
    tickets = [issue.ticket for issue in issues]
    await connection.execute(
        SQL["issue"],
        at,
        [ticket.id for ticket in tickets],
        [ticket.number for ticket in tickets],
        [ticket.code for ticket in tickets],
        [ticket.contract_id for ticket in tickets],
        [ticket.slip_id for ticket in tickets],
        [ticket.seller_id for ticket in tickets],
        [ticket.buyer_id for ticket in tickets],
        [ticket.mine_id for ticket in tickets],
        [ticket.earmark for ticket in tickets],
        [ticket.plate for ticket in tickets],
        [ticket.planned_kg for ticket in tickets],
        [ticket.grade for ticket in tickets],
        [ticket.source_station_id for ticket in tickets],
        [ticket.destination_station_id for ticket in tickets],
        [ticket.valid_from for ticket in tickets],
        [ticket.valid_until for ticket in tickets],
        [issue.issued_by for issue in issues],
        [ticket.account for ticket in tickets],
        [ticket.source_account for ticket in tickets],
        [",".join(issue.flags) for issue in issues],
        [issue.key_id for issue in issues],
        [issue.journey.state.value for issue in issues],
        [issue.journey.out_kg for issue in issues],
        [issue.journey.out_at for issue in issues],
        [ticket.parent_id for ticket in tickets],
        [ticket.onward_contract_id for ticket in tickets],
        [ticket.onward_buyer_id for ticket in tickets],
        [ticket.project_id for ticket in tickets],
        [ticket.stock_id for ticket in tickets],
    )
    await papers.enter(connection, PaperKind.TICKET, [ticket.id for ticket in tickets], at=at)


def _scope(actor: Actor) -> tuple[bool, str | None, UUID | None, UUID | None]:
    return (actor.reads_all, actor.area, actor.enterprise_id, actor.station_id)


async def lock_visible(connection: Connection, ticket_id: UUID, actor: Actor) -> tuple[Ticket, Journey] | None:
    """A ticket that the actor may know of, locked."""
    row = await connection.fetchrow(SQL["lock_visible"], ticket_id, *_scope(actor))
    return None if row is None else ticket_and_journey(row)


async def lock_signed(
    connection: Connection, key_id: int, signed_after: datetime, *, at: datetime, limit: int
) -> list[tuple[Ticket, Journey]]:
    """Open tickets of which a key signed a good print after a moment, locked in the order of their ids."""
    rows = await connection.fetch(SQL["lock_signed"], key_id, signed_after, at, limit)
    return [ticket_and_journey(row) for row in rows]


async def list_tickets(
    door: Door,
    actor: Actor | None,
    *,
    ids: Collection[UUID] | None = None,
    after: UUID | None = None,
    contract_id: UUID | None = None,
    state: str | None = None,
    plate: str | None = None,
    parent_id: UUID | None = None,
    then: Ticket | None = None,
    limit: int,
) -> Sequence[Mapping[str, Any]]:
    """The tickets that the actor may know of, newest first, with the names that people read; no actor sees them all.

    Of one that stood otherwise `then`: when the actor might know of it so, with the names of those who were its parties.
    """
    scope = (True, None, None, None) if actor is None else _scope(actor)
    wanted = None if ids is None else list(ids)
    was_for = (then.buyer_id, then.destination_station_id) if then else (None, None)
    return await door.fetch(SQL["list"], *scope, after, wanted, contract_id, state, plate, limit, parent_id, *was_for)


async def issued(connection: Connection, ticket_ids: Collection[UUID]) -> Sequence[Record]:
    """Tickets with the names that people read, for those to whom they were issued."""
    return await connection.fetch(SQL["issued"], list(ticket_ids))
