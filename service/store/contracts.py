"""Contracts and the filings of their sides, and what the registry knows of those who file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from service.db import Connection, Record
from service.domain.filings import Assessment, Contract, ContractState, Filing, Terms
from service.domain.papers import PaperKind
from service.domain.permissions import Actor
from service.domain.proofs import Named, ProofState
from service.domain.units import Kilograms
from service.store import papers
from service.store.provenance import Moment
from service.store.sentences import sentences
from service.store.tickets import shipped_at

SQL = sentences("contracts")


@dataclass(frozen=True, slots=True)
class Firm:
    """An enterprise, as far as filing asks."""

    id: UUID
    kinds: tuple[str, ...]
    jurisdiction: str
    group_code: str  # of the group's head; its own where it belongs to none


async def find_firms(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Firm]:
    """Those of the enterprises that are registered."""
    rows = await connection.fetch(SQL["firms"], list(ids))
    return {row["id"]: Firm(row["id"], tuple(row["kinds"]), row["jurisdiction"], row["group_code"]) for row in rows}


async def mines_of(connection: Connection, firms: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The mines of each of some enterprises."""
    return _by_firm(firms, await connection.fetch(SQL["mines_of"], list(firms)))


async def sources_of(connection: Connection, firms: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The projects that each of some enterprises operates and the stocks that it has declared (R01)."""
    return _by_firm(firms, await connection.fetch(SQL["sources_of"], list(firms)))


def _by_firm(firms: Collection[UUID], rows: Sequence[Record]) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {firm: [] for firm in firms}
    for row in rows:
        # The driver's own kind of UUID is none that JSON knows, and a mine becomes part of the terms that are filed.
        found[row["enterprise_id"]].append(UUID(bytes=row["id"].bytes))
    return found


async def lines_of(connection: Connection, firms: Collection[UUID]) -> dict[UUID, dict[UUID, str]]:
    """The production lines of each of some enterprises, with their status."""
    found: dict[UUID, dict[UUID, str]] = {firm: {} for firm in firms}
    for row in await connection.fetch(SQL["lines_of"], list(firms)):
        found[row["enterprise_id"]][row["id"]] = row["status"]
    return found


async def with_tranche(connection: Connection, asked: Collection[tuple[UUID, date]]) -> set[tuple[UUID, date]]:
    """Those mines, projects and declared stocks that have an issued tranche in force on the day beside them (R22d)."""
    if not asked:
        return set()
    sources, days = zip(*asked, strict=True)
    rows = await connection.fetch(SQL["with_tranche"], sources, days)
    return {(row["source_id"], row["day"]) for row in rows}


async def open_contracts(
    connection: Connection, begun: Sequence[tuple[UUID, str, Terms, date]], *, at: datetime
) -> None:
    """Begin contracts by id, number, terms and the day until which they are filed, but for those that another side has begun."""
    rows = [
        (
            contract_id,
            number,
            terms.seller_id,
            terms.buyer_id,
            terms.mine_id,
            terms.signed_on,
            terms.kg,
            terms.grade,
            terms.valid_until,
            terms.earmark,
            due_on,
            terms.project_id,
            terms.stock_id,
            terms.is_framework,
            terms.framework_id,
        )
        for contract_id, number, terms, due_on in begun
    ]
    await connection.execute(SQL["open_contracts"], *map(list, zip(*rows, strict=True)), at)
    await papers.enter(connection, PaperKind.CONTRACT, [contract_id for contract_id, *_ in begun], at=at)


async def find_by_numbers(connection: Connection, keys: Collection[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    """Those of the sellers and numbers by which a contract is known already."""
    rows = await connection.fetch(SQL["find_by_numbers"], *map(list, zip(*keys, strict=True))) if keys else []
    return {(row["seller_id"], row["number"]) for row in rows}


async def lock_by_numbers(
    connection: Connection, keys: Collection[tuple[UUID, str]]
) -> dict[tuple[UUID, str], Contract]:
    """Those contracts that are known by their sellers and numbers, held until the transaction ends."""
    if not keys:
        return {}
    rows = await connection.fetch(SQL["lock_by_numbers"], *map(list, zip(*keys, strict=True)))
    return {(row["seller_id"], row["number"]): _contract(row) for row in rows}


async def lock(connection: Connection, contract_id: UUID) -> Contract:
    """A contract that exists, held until the transaction ends."""
    row = await connection.fetchrow(SQL["lock"], contract_id)
    assert row is not None, "contracts are never deleted"
    return _contract(row)


async def lock_all(connection: Connection, contract_ids: Collection[UUID]) -> dict[UUID, Contract]:
    """Those of some contracts that exist, held until the transaction ends."""
    if not contract_ids:
        return {}
    return {row["id"]: _contract(row) for row in await connection.fetch(SQL["lock_all"], list(contract_ids))}


async def list_contracts(
    connection: Connection,
    *,
    ids: Collection[UUID] | None = None,
    state: str | None = None,
    party: UUID | None = None,
    number: str | None = None,
    framework: UUID | None = None,
    after: UUID | None = None,
    limit: int = 50,
    actor: Actor,
) -> list[Contract]:
    """The contracts that the actor may know of, newest first."""
    chosen = None if ids is None else list(ids)
    rows = await connection.fetch(
        SQL["list"], chosen, actor.seen_area, actor.enterprise_id, state, party, number, after, limit, framework
    )
    return [_contract(row) for row in rows]


async def contracts_of(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Contract]:
    """Contracts that were filed, whoever they are of."""
    rows = await connection.fetch(SQL["list"], list(ids), None, None, None, None, None, None, len(ids), None)
    return {row["id"]: _contract(row) for row in rows}


async def find_contract(
    connection: Connection, contract_id: UUID, as_of: datetime | None = None, *, actor: Actor
) -> Contract | None:
    """A contract, if the actor may know of it, or might then; its buyer is that of then."""
    if as_of is None:
        return next(iter(await list_contracts(connection, ids=[contract_id], actor=actor)), None)
    row = await connection.fetchrow(SQL["find_then"], contract_id, as_of, actor.seen_area, actor.enterprise_id)
    if row is None:
        return None
    known = dict(row)
    known["buyer_id"] = known.pop("buyer_then")
    return _contract(known)


async def newest_filings(
    connection: Connection, contract_ids: Collection[UUID], past: Moment | None = None
) -> dict[UUID, list[Filing]]:
    """What each firm has last filed of each contract, or had then."""
    filings: dict[UUID, list[Filing]] = {contract_id: [] for contract_id in contract_ids}
    rows = await connection.fetch(SQL["newest_filings"], list(contract_ids), past and past.at) if contract_ids else ()
    for row in rows:
        filings[row["contract_id"]].append(_filing(row))
    return filings


async def versions(connection: Connection, contract_id: UUID) -> list[Filing]:
    """All that was ever filed of a contract, oldest first."""
    return [_filing(row) for row in await connection.fetch(SQL["versions"], contract_id)]


async def instalments_kg(connection: Connection, framework_ids: Collection[UUID]) -> dict[UUID, Kilograms]:
    """What the instalments of each framework promise; a closed one counts with what it shipped."""
    rows = await connection.fetch(SQL["instalments_kg"], list(framework_ids)) if framework_ids else ()
    return dict.fromkeys(framework_ids, Kilograms(0)) | {row["framework_id"]: Kilograms(row["kg"]) for row in rows}


async def promised_at(connection: Connection, framework_id: UUID, past: Moment) -> Kilograms:
    """What the instalments of a framework promised then; a closed one counts with what it had shipped."""
    rows = await connection.fetch(SQL["instalments_at"], str(framework_id), past.at)
    shipped = await shipped_at(connection, [row["id"] for row in rows if row["is_closed"]], past)
    return Kilograms(sum(shipped.get(row["id"], 0) if row["is_closed"] else row["kg"] for row in rows))


async def had_tranche(connection: Connection, source_id: UUID, day: date, known_at: datetime) -> bool:
    """Whether a source had an issued tranche in force on a day, by what was on record at a time (R22d)."""
    had: bool = await connection.fetchval(SQL["had_tranche"], source_id, day, known_at)
    return had


async def last_load_at(connection: Connection, contract_id: UUID) -> datetime | None:
    """When the last load of a contract left."""
    found: datetime | None = await connection.fetchval(SQL["last_loads"], contract_id)
    return found


async def reflag(connection: Connection, contract_id: UUID, flags: Sequence[str]) -> None:
    """Write what is wrong with a contract."""
    await connection.execute(SQL["reflag"], contract_id, flags)


async def add_filings(connection: Connection, filed: Sequence[tuple[UUID, Filing, bytes, UUID]]) -> None:
    """Record versions of sides' filings, each with its contract, the hash that stands for it and the person who files it."""
    rows = [
        (
            filing.id,
            contract_id,
            filing.enterprise_id,
            filing.party,
            filing.version,
            filing.terms,
            filing.filed_at,
            filing.first_filed_at,
            filing.days_late,
            fact,
            person_id,
        )
        for contract_id, filing, fact, person_id in filed
    ]
    await connection.execute(SQL["add_filings"], *map(list, zip(*rows, strict=True)))
    at = max(filing.filed_at for _, filing, *_ in filed)
    await papers.enter(connection, PaperKind.FILING, [filing.id for _, filing, *_ in filed], at=at)


async def keep_assessments(connection: Connection, kept: Sequence[tuple[UUID, Assessment, Sequence[str]]]) -> None:
    """Write what the filings of contracts have come to, each with what is wrong with it."""
    rows = [
        (
            contract_id,
            assessment.terms.buyer_id,
            assessment.terms.mine_id,
            assessment.terms.signed_on,
            assessment.terms.kg,
            assessment.terms.grade,
            assessment.terms.valid_until,
            assessment.terms.earmark,
            assessment.due_on,
            assessment.state,
            assessment.proof_state,
            " ".join(flags),
            assessment.terms.project_id,
            assessment.terms.stock_id,
            assessment.terms.is_framework,
            assessment.terms.framework_id,
        )
        for contract_id, assessment, flags in kept
    ]
    await connection.execute(SQL["keep"], *map(list, zip(*rows, strict=True)))


async def tickets_not_weighed(connection: Connection, contract_id: UUID) -> list[str]:
    """Numbers of tickets that were issued under a contract and may still be used, twenty at most."""
    return [row["number"] for row in await connection.fetch(SQL["tickets_not_weighed"], contract_id)]


async def close_contract(connection: Connection, contract_id: UUID, flags: Sequence[str], *, at: datetime) -> None:
    """End a contract with what was shipped."""
    await connection.execute(SQL["close"], contract_id, at, flags)
    await papers.enter(connection, PaperKind.CONTRACT, [contract_id], at=at)


async def flag_overdue(connection: Connection, today: date) -> Sequence[Record]:
    """Flag the contracts whose window closed before a day and whose filing is not complete; those newly flagged."""
    return await connection.fetch(SQL["flag_overdue"], today)


def _contract(row: Record | dict[str, Any]) -> Contract:
    return Contract(
        **{
            **row,
            "state": ContractState(row["state"]),
            "proof_state": ProofState(row["proof_state"]),
            "flags": tuple(row["flags"]),
        }
    )


def _filing(row: Record) -> Filing:
    return Filing(
        id=row["id"],
        enterprise_id=row["enterprise_id"],
        version=row["version"],
        terms=terms_of(row["terms"]),
        filed_at=row["filed_at"],
        first_filed_at=row["first_filed_at"],
        days_late=row["days_late"],
        fact=row["fact"],
    )


def _id(stored: dict[str, Any], name: str) -> UUID | None:
    # Terms that were filed before there was such a term do not say it.
    return UUID(stored[name]) if stored.get(name) else None


def terms_of(stored: dict[str, Any]) -> Terms:
    """Terms as they were written down."""
    proof = stored["proof"]
    return Terms(
        seller_id=UUID(stored["seller_id"]),
        buyer_id=UUID(stored["buyer_id"]),
        signed_on=date.fromisoformat(stored["signed_on"]),
        kg=Kilograms(stored["kg"]),
        grade=stored["grade"],
        valid_until=date.fromisoformat(stored["valid_until"]),
        mine_id=_id(stored, "mine_id"),
        proof=tuple(Named(UUID(line["lot_id"]), Kilograms(line["kg"])) for line in proof) if proof else None,
        earmark=stored["earmark"],
        price_fen_per_t=stored["price_fen_per_t"],
        project_id=_id(stored, "project_id"),
        stock_id=_id(stored, "stock_id"),
        is_framework=stored.get("is_framework", False),
        framework_id=_id(stored, "framework_id"),
    )
