"""What reports are made of, as of a snapshot: outflows, reserves, production forms; and the city's samples."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.reports import Outflow, Reserve, ReserveKind, Snapshot, SnapshotUnknown, Use, by_use
from service.domain.units import Kilograms
from service.store.sentences import sentences

SQL = sentences("reports")


async def snapshot(connection: Connection, asked: str | None, *, at: datetime) -> Snapshot:
    """The snapshot of an id, or the present one; raises SnapshotUnknown (E53)."""
    if asked is None:
        return Snapshot(await connection.fetchval(SQL["newest"]), at)
    found = Snapshot.read(asked)
    if found.at > at or not await connection.fetchval(SQL["knows"], found.size):
        raise SnapshotUnknown(as_of=asked)
    return found


async def outflows(
    connection: Connection, mines: Collection[UUID], year: int, past: Snapshot
) -> Mapping[UUID, list[Outflow]]:
    """What left mines of a quota year, by paper, in the order in which it happened."""
    found: defaultdict[UUID, list[Outflow]] = defaultdict(list)
    for row in await connection.fetch(SQL["outflows"], list(mines), year, past.size, past.at):
        names = ("occurred_at", "document", "contract", "buyer", "grade", "went_kg", "back_kg", "contract_id")
        found[row["mine_id"]].append(Outflow(use=Use(row["use"]), **{name: row[name] for name in names}))
    return found


async def uses(
    connection: Connection, mines: Collection[UUID], year: int, began: datetime, ended: datetime, past: Snapshot
) -> dict[UUID, dict[str, int]]:
    """Kilograms that left mines of a quota year in a time, and stand, by what they left for."""
    found = {mine_id: by_use(()) for mine_id in mines}
    for row in await connection.fetch(SQL["uses"], list(mines), year, past.size, began, ended):
        found[row["mine_id"]][f"{Use(row['use']).name.lower()}_kg"] = row["kg"]
    return found


async def prices(connection: Connection, contracts: Collection[UUID], past: Snapshot) -> dict[UUID, int | None]:
    """What contracts say of the price, in fen per tonne, where the seller has filed it."""
    rows = await connection.fetch(SQL["prices"], list(contracts), past.at)
    return {row["contract_id"]: row["price"] for row in rows}


async def find_county(connection: Connection, code: str, *, actor: Actor) -> Record:
    """A county of the office's area; raises NotFound."""
    row = await connection.fetchrow(SQL["county"], code, actor.area or "-")
    if row is None:
        raise NotFound
    return row


async def mines_of(connection: Connection, county: str, past: Snapshot) -> Sequence[Record]:
    """The mines of a county, with their scale and firm of then."""
    return await connection.fetch(SQL["mines_of"], county, past.at)


async def reserves(connection: Connection, mine_id: UUID, past: Snapshot) -> list[Reserve]:
    """What was said of a mine's reserve."""
    rows = await connection.fetch(SQL["reserves"], mine_id, past.at)
    return [
        Reserve(ReserveKind(row["kind"]), Kilograms(row["kg"]), row["counted_on"], row["document_no"]) for row in rows
    ]


async def supplied_by_day(connection: Connection, mine_id: UUID, past: Snapshot) -> list[tuple[date, int]]:
    """What left a mine over all years, by day."""
    return [(row["day"], row["kg"]) for row in await connection.fetch(SQL["supplied_by_day"], mine_id, past.size)]


async def add_reserve(connection: Connection, mine_id: UUID, said: Reserve, *, at: datetime, actor: Actor) -> UUID:
    """Keep what a mine says of its reserve."""
    reserve_id = uuid7()
    given = (reserve_id, mine_id, said.kind, said.kg, said.counted_on, said.document_no, actor.person_id, at)
    await connection.execute(SQL["add_reserve"], *given)
    return reserve_id


async def draw_form(
    connection: Connection, mine_id: UUID, year: int, quarter: int, known: Mapping[str, Any], past: Snapshot
) -> tuple[UUID, bool] | None:
    """Write the ledger's figures into a form, a new one or in place of older ones; None once it is signed."""
    row = await connection.fetchrow(SQL["draw_form"], uuid7(), mine_id, year, quarter, known, str(past), past.at)
    return None if row is None else (row["id"], row["is_new"])


async def lock_form(connection: Connection, form_id: UUID) -> None:
    """Make all others that would change or sign a form wait until this transaction ends."""
    await connection.execute(SQL["lock_form"], form_id)


async def say(connection: Connection, form_id: UUID, said: Mapping[str, Any]) -> bool:
    """Keep what the mine says; False once the form is signed."""
    return await connection.fetchval(SQL["say"], form_id, said) is not None


async def sign_form(connection: Connection, form_id: UUID, *, at: datetime, actor: Actor) -> bool:
    """Sign a form; False where it is signed already."""
    return await connection.fetchval(SQL["sign_form"], form_id, at, actor.person_id) is not None


async def list_forms(
    connection: Connection,
    *,
    form_id: UUID | None = None,
    mine_id: UUID | None = None,
    year: int | None = None,
    quarter: int | None = None,
    after: UUID | None = None,
    limit: int,
    actor: Actor,
) -> Sequence[Record]:
    """The production forms of the office's area or of the firm, oldest first."""
    asked = (form_id, mine_id, year, quarter, after, limit)
    return await connection.fetch(SQL["forms"], actor.area, actor.enterprise_id, *asked)


async def find_form(connection: Connection, form_id: UUID, *, actor: Actor) -> Record:
    """A production form that the actor may see; raises NotFound."""
    rows = await list_forms(connection, form_id=form_id, limit=1, actor=actor)
    if not rows:
        raise NotFound
    return rows[0]


async def signed_forms(
    connection: Connection, mines: Collection[UUID], year: int, quarter: int, past: Snapshot
) -> dict[UUID, dict[str, Any]]:
    """What mines have said of a quarter, and signed."""
    rows = await connection.fetch(SQL["signed_forms"], list(mines), year, quarter, past.at)
    return {row["mine_id"]: row["said"] for row in rows}


async def scores(
    connection: Connection, mines: Collection[UUID], year: int, quarter: int, past: Snapshot
) -> dict[UUID, int]:
    """The scores of mines for a quarter."""
    rows = await connection.fetch(SQL["scores"], list(mines), year, quarter, past.at)
    return {row["mine_id"]: row["score"] for row in rows}


async def draw_sample(
    connection: Connection, mine_id: UUID, year: int, quarter: int, reason: str, *, at: datetime, actor: Actor
) -> UUID:
    """Keep that the city looks into a mine's quarter (R17)."""
    sample_id = uuid7()
    given = (sample_id, mine_id, year, quarter, reason, at, actor.person_id)
    await connection.execute(SQL["draw_sample"], *given)
    return sample_id


async def find(
    connection: Connection,
    sample_id: UUID,
    *,
    is_in_order: bool,
    finding: str,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> bool:
    """Keep what the city has found; False where it is kept already."""
    given = (sample_id, is_in_order, finding, document_no, at, actor.person_id)
    return await connection.fetchval(SQL["find"], *given) is not None


async def list_samples(
    connection: Connection, *, sample_id: UUID | None = None, after: UUID | None = None, limit: int, actor: Actor
) -> Sequence[Record]:
    """The samples of the office's area, oldest first."""
    return await connection.fetch(SQL["samples"], actor.area, sample_id, after, limit)
