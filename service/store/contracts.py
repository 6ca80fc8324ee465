"""Contracts and the filings of their sides, and what the registry knows of those who file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from service.db import Connection, Record
from service.domain.filings import Assessment, Contract, ContractState, Filing, Terms
from service.domain.permissions import Actor
from service.domain.proofs import Named, ProofState
from service.domain.units import Kilograms
from service.store.sentences import sentences

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


async def mines_of(connection: Connection, enterprise_id: UUID) -> list[UUID]:
    """The mines of an enterprise."""
    # The driver's own kind of UUID is none that JSON knows, and a mine becomes part of the terms that are filed.
    return [UUID(bytes=row["id"].bytes) for row in await connection.fetch(SQL["mines_of"], enterprise_id)]


async def sources_of(connection: Connection, enterprise_id: UUID) -> list[UUID]:
    """The projects that an enterprise operates and the stocks that it has declared (R01)."""
    return [UUID(bytes=row["id"].bytes) for row in await connection.fetch(SQL["sources_of"], enterprise_id)]


async def lines_of(connection: Connection, enterprise_id: UUID) -> dict[UUID, str]:
    """The production lines of an enterprise, each with its status."""
    return {row["id"]: row["status"] for row in await connection.fetch(SQL["lines_of"], enterprise_id)}


async def has_tranche(connection: Connection, source_id: UUID, on: date) -> bool:
    """Whether a mine, project or declared stock has an issued tranche in force on a day (R22d)."""
    return bool(await connection.fetchval(SQL["has_tranche"], source_id, on.year, on))


async def open_contract(
    connection: Connection, contract_id: UUID, number: str, terms: Terms, due_on: date, *, at: datetime
) -> None:
    """Begin a contract, unless another side has begun it first."""
    await connection.execute(
        SQL["open_contract"],
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
        at,
    )


async def lock_by_number(connection: Connection, seller_id: UUID, number: str) -> Contract | None:
    """The contract that a seller numbered so, held until the transaction ends."""
    row = await connection.fetchrow(SQL["lock_by_number"], seller_id, number)
    return _contract(row) if row else None


async def lock(connection: Connection, contract_id: UUID) -> Contract:
    """A contract that exists, held until the transaction ends."""
    row = await connection.fetchrow(SQL["lock"], contract_id)
    assert row is not None, "contracts are never deleted"
    return _contract(row)


async def find_and_lock(connection: Connection, contract_id: UUID) -> Contract | None:
    """A contract that may exist, held until the transaction ends."""
    row = await connection.fetchrow(SQL["lock"], contract_id)
    return _contract(row) if row else None


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
    area = None if actor.reads_all else actor.area
    rows = await connection.fetch(
        SQL["list"], chosen, area, actor.enterprise_id, state, party, number, after, limit, framework
    )
    return [_contract(row) for row in rows]


async def find_contract(connection: Connection, contract_id: UUID, *, actor: Actor) -> Contract | None:
    """A contract, if the actor may know of it."""
    return next(iter(await list_contracts(connection, ids=[contract_id], actor=actor)), None)


async def newest_filings(connection: Connection, contract_ids: Collection[UUID]) -> dict[UUID, list[Filing]]:
    """What each firm has last filed of each contract."""
    filings: dict[UUID, list[Filing]] = {contract_id: [] for contract_id in contract_ids}
    for row in await connection.fetch(SQL["newest_filings"], list(contract_ids)):
        filings[row["contract_id"]].append(_filing(row))
    return filings


async def versions(connection: Connection, contract_id: UUID) -> list[Filing]:
    """All that was ever filed of a contract, oldest first."""
    return [_filing(row) for row in await connection.fetch(SQL["versions"], contract_id)]


async def instalments_kg(connection: Connection, framework_ids: Collection[UUID]) -> dict[UUID, Kilograms]:
    """What the instalments of each framework promise; a closed one counts with what it shipped."""
    rows = await connection.fetch(SQL["instalments_kg"], list(framework_ids))
    return dict.fromkeys(framework_ids, Kilograms(0)) | {row["framework_id"]: Kilograms(row["kg"]) for row in rows}


async def last_load_at(connection: Connection, contract_id: UUID) -> datetime | None:
    """When the last load of a contract left."""
    found: datetime | None = await connection.fetchval(SQL["last_loads"], contract_id)
    return found


async def reflag(connection: Connection, contract_id: UUID, flags: Sequence[str]) -> None:
    """Write what is wrong with a contract."""
    await connection.execute(SQL["reflag"], contract_id, flags)


async def add_filing(
    connection: Connection, contract_id: UUID, filing: Filing, fact: bytes, *, person_id: UUID
) -> None:
    """Record a version of a side's filing."""
    await connection.execute(
        SQL["add_filing"],
        filing.id,
        contract_id,
        filing.enterprise_id,
        filing.party,
        filing.version,
        filing.terms,
        filing.filed_at,
        filing.first_filed_at,
        filing.days_late,
        person_id,
        fact,
    )


async def keep_assessment(
    connection: Connection, contract_id: UUID, assessment: Assessment, flags: Sequence[str]
) -> None:
    """Write what a contract's filings have come to."""
    terms = assessment.terms
    await connection.execute(
        SQL["keep"],
        contract_id,
        terms.buyer_id,
        terms.mine_id,
        terms.signed_on,
        terms.kg,
        terms.grade,
        terms.valid_until,
        terms.earmark,
        assessment.due_on,
        assessment.state,
        assessment.proof_state,
        flags,
        terms.project_id,
        terms.stock_id,
        terms.is_framework,
        terms.framework_id,
    )


async def tickets_not_weighed(connection: Connection, contract_id: UUID) -> list[str]:
    """Numbers of tickets that were issued under a contract and may still be used, twenty at most."""
    return [row["number"] for row in await connection.fetch(SQL["tickets_not_weighed"], contract_id)]


async def close_contract(connection: Connection, contract_id: UUID, flags: Sequence[str], *, at: datetime) -> None:
    """End a contract with what was shipped."""
    await connection.execute(SQL["close"], contract_id, at, flags)


async def flag_overdue(connection: Connection, today: date) -> Sequence[Record]:
    """Flag the contracts whose window closed before a day and whose filing is not complete; those newly flagged."""
    return await connection.fetch(SQL["flag_overdue"], today)


def _contract(row: Record) -> Contract:
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
