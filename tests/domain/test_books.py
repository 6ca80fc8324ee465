"""Places in the books: what is written where, and what a cut gives back."""

from copy import deepcopy
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from service.domain import books
from service.domain.books import Book
from service.domain.ledger import Hole, Leg, Movement, Part
from service.domain.places import Places
from service.domain.units import Kilograms

PAIZHAI, TRADER, PLANT = 1, 2, 3
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def empty() -> dict[int, Book]:
    return {number: Book(number, False, 0, 0, Places(), Places()) for number in (PAIZHAI, TRADER, PLANT)}


def move(number: int, source: int, target: int, kg: int) -> Movement:
    return Movement(UUID(int=number), UUID(int=number), source, target, Kilograms(kg), NOW, bytes(32))


def parts(rows: list[books.Row]) -> list[Part]:
    return [
        Part(leg.movement, leg.source, leg.source_lo, leg.source_kg, leg.target, leg.target_lo, leg.target_kg)
        for leg in rows
        if isinstance(leg, Leg)
    ]


def test_what_leaves_beyond_the_stock_is_over_and_the_next_inflow_covers_it() -> None:
    found = empty()
    rows = books.post(
        found, enumerate([move(1, PAIZHAI, TRADER, 30), move(2, TRADER, PLANT, 50), move(3, PAIZHAI, TRADER, 25)])
    )

    assert [(leg.over_kg, leg.cover_kg) for leg in rows if isinstance(leg, Leg)] == [(30, 0), (20, 0), (25, 20)]
    assert found[TRADER].stock == Places([(50, 55)])


def test_a_voided_inflow_that_was_passed_on_is_owed_though_stock_lies_beside_it() -> None:
    found = empty()
    first, *_ = posted = books.post(
        found, enumerate([move(1, PAIZHAI, TRADER, 10), move(2, TRADER, PLANT, 4), move(3, PAIZHAI, TRADER, 6)])
    )
    rows = books.cut(found, parts([first]), act=9, occurred_at=NOW, fact=bytes(32))

    assert len(posted) == 3
    assert [row.debt_kg for row in rows if isinstance(row, Hole)] == [10, 4]
    assert (found[TRADER].debt, found[TRADER].stock) == (Places([(0, 4)]), Places([(10, 16)]))
    assert not found[TRADER].is_plain


moves = st.lists(
    st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([1, 2]), st.integers(1, 9)).map(
        lambda drawn: (drawn[0], (drawn[0] + drawn[1] - 1) % 3 + 1, drawn[2])
    ),
    min_size=1,
    max_size=12,
)


@given(before=moves, voided=st.integers(0, 11), after=moves)
def test_an_act_that_is_voided_at_once_leaves_stock_and_debts_as_before(
    before: list[tuple[int, int, int]], voided: int, after: list[tuple[int, int, int]]
) -> None:
    found = empty()
    rows = books.post(found, enumerate(move(number, *drawn) for number, drawn in enumerate(before)))
    ids = {row.movement for row in rows}
    struck = [part for part in parts(rows) if part.movement == sorted(ids)[voided % len(ids)]]
    books.cut(found, struck, act=1, occurred_at=NOW, fact=bytes(32))
    was = deepcopy(found)

    act = books.post(found, ((2, move(100 + number, *drawn)) for number, drawn in enumerate(after)))
    books.cut(found, parts(act), act=3, occurred_at=NOW, fact=bytes(32))

    for number, book in found.items():
        assert (book.stock, book.debt) == (was[number].stock, was[number].debt)
