"""What firms and offices do to tickets, and the list of codes that are good no longer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from uuid import UUID

import orjson

from service.db import Connection, Door, Record
from service.domain.papers import PaperKind
from service.domain.permissions import Actor
from service.domain.revocations import ALL_PRINTS, MOST_AT_ONCE, Revocation, Revocations, RevokedBecause
from service.domain.ticket_acts import Act, ActKind
from service.domain.tickets import Journey, Ticket, TicketState
from service.domain.units import Kilograms
from service.domain.weighings import Deed
from service.store import papers
from service.store.sentences import sentences

SQL = sentences("ticket_acts")


async def keep(connection: Connection, acts: Sequence[Act], *, at: datetime, actor: Actor) -> None:
    """Write what somebody has done to tickets into the book."""
    await connection.execute(
        SQL["keep"],
        [act.id for act in acts],
        [act.ticket_id for act in acts],
        [act.kind.value for act in acts],
        [act.kg for act in acts],
        [orjson.dumps(act.facts, default=str).decode() for act in acts],
        [act.reason for act in acts],
        [orjson.dumps([str(movement) for movement in act.movement_ids]).decode() for act in acts],
        at,
        actor.person_id,
    )
    await papers.enter(connection, PaperKind.ACT, [act.id for act in acts], at=at)


async def acts_of(door: Door, ticket_id: UUID) -> Sequence[Record]:
    """What was done to a ticket, oldest first."""
    return await door.fetch(SQL["acts_of"], ticket_id)


async def before_changes(connection: Connection, ticket: Ticket, at: datetime) -> Ticket:
    """A ticket with the window, the contract, the buyer and the destination that it had at a time."""
    for row in await connection.fetch(SQL["find_changed"], ticket.id, at):
        names = (
            ("valid_until",)
            if row["kind"] == ActKind.EXTENDED
            else ("contract_id", "buyer_id", "destination_station_id")
        )
        ticket = replace(ticket, **{name: row[name] for name in names})
    return ticket


async def find_deeds(connection: Connection, ticket_ids: Collection[UUID]) -> dict[UUID, list[Deed]]:
    """What people did that changes the tickets' stories, oldest first, by ticket; the tickets are locked."""
    found: dict[UUID, list[Deed]] = {}
    for row in await connection.fetch(SQL["find_deeds"], list(ticket_ids)):
        act = Act(row["id"], row["ticket_id"], ActKind(row["kind"]), row["reason"], row["kg"])
        deed = Deed(
            act,
            row["done_at"],
            tuple(UUID(movement_id) for movement_id in row["movement_ids"]),
            row["version"],
            Kilograms(row["reckoned_kg"] or 0),
            shares_with=tuple(UUID(ticket_id) for ticket_id in row["shares_with"]),
            shares_of=row["shares_of"],
        )
        found.setdefault(act.ticket_id, []).append(deed)
    return found


@dataclass(frozen=True, slots=True)
class DeedVersion:
    """What a deed moves from now on, and because of which weighing."""

    deed: Deed
    kg: Kilograms
    because_of: UUID


async def keep_versions(connection: Connection, versions: Sequence[DeedVersion], *, at: datetime) -> None:
    """Keep what deeds move from now on (W04)."""
    if versions:
        await connection.executemany(
            SQL["keep_versions"],
            [
                (one.deed.act.id, one.deed.version, one.kg, list(one.deed.movement_ids), one.because_of, at)
                for one in versions
            ],
        )


async def reprint(connection: Connection, ticket: Ticket, key_id: int, *, at: datetime) -> None:
    """Write a ticket's new code and window, and the prints before it."""
    earlier = [asdict(one) for one in ticket.earlier_prints]
    await connection.execute(
        SQL["reprint"], ticket.id, ticket.code, key_id, ticket.reissue, ticket.valid_until, earlier
    )
    await papers.enter(connection, PaperKind.TICKET, [ticket.id], at=at)


async def release(connection: Connection, ticket_id: UUID, code: str, key_id: int, *, at: datetime) -> None:
    """Let a ticket that waited go on its way, with its code."""
    await connection.execute(SQL["release"], ticket_id, code, key_id)
    await papers.enter(connection, PaperKind.TICKET, [ticket_id], at=at)


async def end(connection: Connection, ticket_id: UUID, state: TicketState, *, at: datetime) -> None:
    """End a ticket."""
    await connection.execute(SQL["end"], ticket_id, state.value, at)


async def advance(connection: Connection, ticket_id: UUID, journey: Journey) -> None:
    """Write where an act, not a scale, has brought a ticket."""
    await connection.execute(
        SQL["advance"],
        ticket_id,
        journey.state.value,
        journey.split_kg,
        journey.closed_kg,
        journey.refused_kg,
        journey.ended_at,
    )


async def redirect(connection: Connection, ticket: Ticket, *, at: datetime) -> None:
    """Write where a ticket goes now."""
    await connection.execute(
        SQL["redirect"], ticket.id, ticket.contract_id, ticket.buyer_id, ticket.destination_station_id
    )
    await papers.enter(connection, PaperKind.TICKET, [ticket.id], at=at)


async def recount(connection: Connection, changes: Mapping[UUID, tuple[int, int]]) -> None:
    """Add to what contracts have shipped and received; they are locked."""
    await connection.execute(
        SQL["recount"], list(changes), [out for out, _ in changes.values()], [into for _, into in changes.values()]
    )


async def revoke(connection: Connection, revocations: Sequence[Revocation], *, at: datetime) -> None:
    """Put codes on the list of those that are good no longer; versions become visible in their order."""
    await connection.execute(
        SQL["revoke"],
        [one.ticket_id for one in revocations],
        [one.number for one in revocations],
        [one.prints_below for one in revocations],
        [one.because.value for one in revocations],
        [one.expires_at for one in revocations],
        at,
    )


async def revoke_all(connection: Connection, ticket: Ticket, because: RevokedBecause, *, at: datetime) -> None:
    """Put all codes of a ticket that has any on the list, where they do not say themselves that their time has run out."""
    if ticket.code is not None and ticket.valid_until > at:
        await revoke(connection, [Revocation(ticket.id, ticket.number, ALL_PRINTS, because, ticket.valid_until)], at=at)


async def revoked(door: Door, since: int, *, at: datetime, limit: int = MOST_AT_ONCE) -> Revocations:
    """What was revoked after a version; all of it for a version that this book has not reached."""
    rows = await door.fetch(SQL["revoked"], since, at, limit)
    latest: int = rows[0]["latest"]
    items = [
        (
            row["version"],
            Revocation(
                row["ticket_id"], row["number"], row["prints_below"], RevokedBecause(row["reason"]), row["expires_at"]
            ),
        )
        for row in rows
        if row["version"] is not None
    ]
    is_whole = len(items) < limit
    return Revocations(
        since=since if since <= latest else 0,
        version=latest if is_whole else items[-1][0],
        latest=latest,
        at=at,
        items=items,
    )


async def keys_in_use(door: Door, key_ids: Collection[int], *, at: datetime) -> set[int]:
    """Those of the keys that signed codes whose time has not run out."""
    rows = await door.fetch(SQL["keys_in_use"], list(key_ids), at)
    return {row["key_id"] for row in rows}


async def hold_keys(connection: Connection) -> None:
    """Be one of those who sign tickets: no key is retired until this transaction ends."""
    await connection.execute(SQL["hold_keys"])


async def await_signers(connection: Connection) -> None:
    """Let those who sign tickets finish; who comes later waits until this transaction ends."""
    await connection.execute(SQL["await_signers"])


async def retire_key(
    connection: Connection, key_id: int, signed_after: datetime, reason: str, *, at: datetime, actor: Actor
) -> datetime | None:
    """Write that a key is believed no longer; where it was written before, from which moment on."""
    before: datetime | None = await connection.fetchval(
        SQL["retire_key"], key_id, signed_after, reason, actor.person_id, at
    )
    return before


async def retired_keys(door: Door) -> dict[int, datetime]:
    """The keys that are believed no longer, each with the moment from which on."""
    return {row["key_id"]: row["signed_after"] for row in await door.fetch(SQL["retired_keys"])}
