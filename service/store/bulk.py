"""What people write in sheets in place of ids: codes, licences, numbers and names, looked up for a whole sheet at once."""

from collections.abc import Collection, Sequence
from uuid import UUID

from service.db import Connection, Record
from service.store.sentences import sentences

SQL = sentences("bulk")


async def firms_by_code(connection: Connection, codes: Collection[str]) -> dict[str, UUID]:
    """The enterprises that have these credit codes."""
    return {row["credit_code"]: row["id"] for row in await connection.fetch(SQL["firms_by_code"], list(codes))}


async def mines_by_licence(connection: Connection, licences: Collection[str]) -> dict[str, UUID]:
    """The mines that have these licences."""
    rows = await connection.fetch(SQL["mines_by_licence"], list(licences))
    return {row["licence_number"]: row["id"] for row in rows}


async def projects_by_document(
    connection: Connection, firms: Collection[UUID], documents: Collection[str]
) -> dict[str, UUID]:
    """The projects of firms by the documents that approve them."""
    rows = await connection.fetch(SQL["projects_by_document"], list(firms), list(documents))
    return {row["document_no"]: row["id"] for row in rows}


async def stocks_by_document(
    connection: Connection, firms: Collection[UUID], documents: Collection[str]
) -> dict[str, UUID]:
    """The declared stocks of firms by the documents that they were declared with."""
    rows = await connection.fetch(SQL["stocks_by_document"], list(firms), list(documents))
    return {row["document_no"]: row["id"] for row in rows}


async def lines_by_name(connection: Connection, firm: UUID, names: Collection[str]) -> dict[str, UUID]:
    """The lines of a firm's plants by name."""
    return {row["name"]: row["id"] for row in await connection.fetch(SQL["lines_by_name"], firm, list(names))}


async def contracts_by_number(
    connection: Connection, sellers: Collection[UUID], numbers: Collection[str]
) -> dict[tuple[UUID, str], Record]:
    """Contracts by their sellers and numbers."""
    rows = await connection.fetch(SQL["contracts_by_number"], list(sellers), list(numbers))
    return {(row["seller_id"], row["number"]): row for row in rows}


async def slips_by_number(connection: Connection, firm: UUID, numbers: Collection[str]) -> dict[str, Record]:
    """A firm's slips by their numbers."""
    return {row["number"]: row for row in await connection.fetch(SQL["slips_by_number"], firm, list(numbers))}


async def stations_by_name(
    connection: Connection, firms: Collection[UUID], names: Collection[str]
) -> dict[tuple[UUID, str], list[UUID]]:
    """The stations of firms by name; two of one name are both given."""
    found: dict[tuple[UUID, str], list[UUID]] = {}
    for row in await connection.fetch(SQL["stations_by_name"], list(firms), list(names)):
        found.setdefault((row["enterprise_id"], row["name"]), []).append(row["id"])
    return found


async def words_of(connection: Connection, ids: Collection[UUID | None]) -> dict[UUID, str]:
    """What people write in place of ids: credit codes, licences, documents and numbers."""
    rows = await connection.fetch(SQL["words"], [key for key in ids if key])
    return {row["id"]: row["word"] for row in rows}


async def own_sources(connection: Connection, firm: UUID) -> Sequence[Record]:
    """What ore a firm has of its own: kind, what it is called by in papers, and its name."""
    return await connection.fetch(SQL["own_sources"], firm)


async def own_lines(connection: Connection, firm: UUID) -> Sequence[Record]:
    """A firm's lines as they are registered."""
    return await connection.fetch(SQL["own_lines"], firm)
