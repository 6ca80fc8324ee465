"""Amendments of contracts, and what was answered to them."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.amendments import Amendment, AmendmentState
from service.domain.papers import PaperKind
from service.store import papers
from service.store.contracts import terms_of
from service.store.sentences import sentences

SQL = sentences("amendments")


async def add_amendment(connection: Connection, amendment: Amendment, fact: bytes, *, person_id: UUID) -> None:
    """Record what a side proposes."""
    await connection.execute(
        SQL["add"],
        amendment.id,
        amendment.contract_id,
        amendment.number,
        amendment.enterprise_id,
        amendment.terms,
        amendment.changes,
        amendment.reason,
        amendment.agreed_on,
        amendment.due_on,
        amendment.proposed_at,
        amendment.days_late,
        person_id,
        fact,
    )
    await papers.enter(connection, PaperKind.AMENDMENT, [amendment.id], at=amendment.proposed_at)


async def answer_amendment(
    connection: Connection,
    amendment_id: UUID,
    state: AmendmentState,
    answer: str | None,
    *,
    days_late: int,
    at: datetime,
    person_id: UUID,
) -> None:
    """Record what has become of an amendment."""
    await connection.execute(SQL["answer"], amendment_id, state, at, days_late, person_id, answer)
    await papers.enter(connection, PaperKind.AMENDMENT, [amendment_id], at=at)


async def amendments_of(connection: Connection, contract_ids: Collection[UUID]) -> dict[UUID, list[Amendment]]:
    """All amendments of each contract, first to last."""
    found: dict[UUID, list[Amendment]] = {contract_id: [] for contract_id in contract_ids}
    for row in await connection.fetch(SQL["of_contracts"], list(contract_ids)):
        found[row["contract_id"]].append(_amendment(row))
    return found


async def overdue(connection: Connection, today: date) -> Sequence[Record]:
    """The amendments whose window closed before a day and that wait for an answer."""
    return await connection.fetch(SQL["overdue"], today)


def _amendment(row: Record) -> Amendment:
    return Amendment(
        id=row["id"],
        contract_id=row["contract_id"],
        number=row["number"],
        enterprise_id=row["enterprise_id"],
        terms=terms_of(row["terms"]),
        changes=tuple(row["changes"]),
        reason=row["reason"],
        agreed_on=row["agreed_on"],
        due_on=row["due_on"],
        proposed_at=row["proposed_at"],
        days_late=row["days_late"],
        state=AmendmentState(row["state"]),
        answered_at=row["answered_at"],
        answer_days_late=row["answer_days_late"],
        answer=row["answer"],
    )
