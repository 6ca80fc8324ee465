"""What accounts hold and owe, and their books as the domain reads them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from service.db import Connection
from service.domain.books import Book
from service.domain.places import Places
from service.domain.units import Kilograms
from service.store.sentences import sentences

SQL = sentences("ledger")


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's live kilograms: what came and went, what lies there, what is owed."""

    in_kg: Kilograms
    out_kg: Kilograms
    stock_kg: Kilograms
    debt_kg: Kilograms


async def balances(
    connection: Connection, accounts: Collection[int], *, as_of: int | None = None
) -> dict[int, Balance]:
    """What accounts hold and owe, now or as of the last seq of an act; a boundary neither holds nor owes."""
    return {
        row["account"]: Balance(
            Kilograms(row["in_kg"]),
            Kilograms(row["out_kg"]),
            Kilograms(_places(row["stock"]).kg),
            Kilograms(_places(row["debt"]).kg),
        )
        for row in await connection.fetch(SQL["books"], sorted(accounts), as_of)
    }


async def read_books(connection: Connection, accounts: Collection[int]) -> dict[int, Book]:
    """The books as they stand, to be read under the head's lock."""
    return {
        row["account"]: Book(
            account=row["account"],
            is_boundary=row["is_boundary"],
            ins=row["ins"],
            outs=row["outs"],
            stock=_places(row["stock"]),
            debt=_places(row["debt"]),
        )
        for row in await connection.fetch(SQL["books"], sorted(accounts), None)
    }


def _places(spans: Iterable[Any]) -> Places:
    return Places((span.lower, span.upper) for span in spans)
