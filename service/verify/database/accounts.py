"""Lots and loads against the accounts that are theirs: an account's mark binds whose it is and of which paper."""

import asyncpg

from service.verify.books import Books
from service.verify.findings import Findings

LOTS = """
SELECT lot.id, account.id AS account
FROM lot
LEFT JOIN account ON account.id = lot.account
WHERE
    (account.owner_id, account.document_id, account.grade, account.year)
    IS DISTINCT FROM (lot.holder_id, coalesce(lot.contract_id, lot.slip_id, lot.output_id), lot.grade, lot.year)
    OR account.kind NOT IN ('lot', 'product')
"""
LOADS = """
SELECT ticket.number
FROM ticket
LEFT JOIN account ON account.id = ticket.account
WHERE (account.owner_id, account.document_id, account.kind) IS DISTINCT FROM (ticket.seller_id, ticket.id, 'load')
"""
# Books that know no lots or no tickets at all are those of the ledger alone. A load in which nothing ever was may be that of a
# ticket that was refused, by versions before 23 November 2026; one that was issued and is gone is missed in the log of papers.
LEFT_ALONE = """
SELECT account.id, account.kind, account.document_id
FROM account
LEFT JOIN lot ON lot.account = account.id
WHERE account.kind IN ('lot', 'product') AND lot.id IS NULL AND EXISTS (SELECT FROM lot)
UNION ALL
SELECT account.id, account.kind, account.document_id
FROM account
LEFT JOIN ticket ON ticket.account = account.id
WHERE
    account.kind = 'load' AND ticket.id IS NULL AND EXISTS (SELECT FROM ticket)
    AND NOT EXISTS (SELECT FROM ticket AS passed WHERE passed.id = account.document_id)
    AND NOT EXISTS (SELECT FROM weighing WHERE weighing.id = account.document_id)
    AND (
        EXISTS (SELECT FROM leg WHERE leg.source = account.id AND NOT leg.source_behind)
        OR EXISTS (SELECT FROM leg WHERE leg.target = account.id AND NOT leg.target_behind)
    )
"""


async def lots_and_loads_are_of_their_papers(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """Each lot and each ticket is what its account's mark says, and no such account has lost its paper."""
    for row in await connection.fetch(LOTS):
        findings.add("lot", None, f"lot {row['id']} is not what its account says")
    for row in await connection.fetch(LOADS):
        findings.add("ticket", None, f"ticket {row['number']} is not what its load's account says")
    for row in await connection.fetch(LEFT_ALONE):
        findings.add(
            "account", None, f"account {row['id']} is the {row['kind']} of {row['document_id']}, which is gone"
        )
