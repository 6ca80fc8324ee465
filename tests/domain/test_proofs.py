"""Proofs of lawful origin: what a pledge bears, and which lots a load draws."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.proofs import Named, Pledge, UnknownLot, check_lots, draw, drawn_by_lot, pledge, undrawn

A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)
ACCOUNTS = {A: 11, B: 22, C: 33}


def lines(*parts: tuple[UUID, int]) -> list[Named]:
    return [Named(lot, kg) for lot, kg in parts]


PROOF = [Pledge(A, 11, 100), Pledge(B, 22, 50, excess_kg=20), Pledge(C, 33, 40)]


@pytest.mark.parametrize(
    ("shipped", "kg", "drawn"),
    [
        (0, 60, [(11, 60)]),
        (0, 100, [(11, 100)]),
        (60, 60, [(11, 40), (22, 20)]),
        (100, 30, [(22, 30)]),
        (100, 31, [(22, 30), (33, 1)]),
        (130, 60, [(33, 40), (None, 20)]),
        (170, 5, [(None, 5)]),
        (1_000, 5, [(None, 5)]),
        (0, 200, [(11, 100), (22, 30), (33, 40), (None, 30)]),
    ],
)
def test_r23_a_load_draws_the_lots_in_the_order_of_the_proof(
    shipped: int, kg: int, drawn: list[tuple[int | None, int]]
) -> None:
    assert draw(PROOF, shipped, kg) == drawn


def test_r23_without_a_proof_a_load_has_no_origin() -> None:
    assert draw([], 0, 31_200) == [(None, 31_200)]


def test_r23_what_was_shipped_before_the_proof_does_not_use_it_up() -> None:
    assert draw([Pledge(A, 11, 100, since_kg=30)], 30, 100) == [(11, 100)]
    assert draw([Pledge(A, 11, 100, since_kg=30)], 20, 10) == [(11, 10)], "a return came after the proof"


def test_r23_a_lot_bears_what_it_still_has_and_the_later_pledge_bears_the_excess() -> None:
    first = pledge(lines((A, 31_140)), ACCOUNTS, {A: 31_140}, {}, 0)
    second = pledge(lines((A, 20_000)), ACCOUNTS, {A: 0}, {}, 0)

    assert [made.excess_kg for made in (*first, *second)] == [0, 20_000]


def test_r23_a_lot_in_debt_bears_nothing() -> None:
    assert pledge(lines((A, 10)), ACCOUNTS, {A: -5}, {}, 0)[0].excess_kg == 10


def test_r23_a_new_proof_counts_what_the_contract_has_drawn_already() -> None:
    first = pledge(lines((A, 50), (B, 50)), ACCOUNTS, {A: 50, B: 50}, {}, 0)
    drawn = drawn_by_lot([(first, 70)])
    second = pledge(lines((B, 60), (A, 60)), ACCOUNTS, {A: 0, B: 30}, drawn, 70)

    assert drawn == {A: 50, B: 20}
    assert [(made.lot_id, made.excess_kg, made.drawn_kg, made.room_kg) for made in second] == [
        (B, 10, 20, 30),
        (A, 10, 50, 0),
    ]
    assert draw(second, 70, 40) == [(22, 30), (None, 10)]


def test_r23_a_lot_that_the_seller_does_not_hold_is_unknown() -> None:
    check_lots([A], ACCOUNTS)
    with pytest.raises(UnknownLot) as refused:
        check_lots([A, UUID(int=9)], ACCOUNTS)
    assert refused.value.facts == {"lots": [str(UUID(int=9))]}
    assert refused.value.code == "unknown-lot"


quantities = st.integers(1, 50)


@given(
    proof=st.lists(st.tuples(st.sampled_from([A, B, C]), quantities), max_size=3, unique_by=lambda line: line[0]),
    stock=st.tuples(*[st.integers(-10, 60)] * 3),
    loads=st.lists(quantities, max_size=8),
)
def test_the_parts_of_a_load_add_up_and_no_lot_gives_more_than_it_has(
    proof: list[tuple[UUID, int]], stock: tuple[int, int, int], loads: list[int]
) -> None:
    available = dict(zip((A, B, C), stock, strict=True))
    pledges = pledge(lines(*proof), ACCOUNTS, available, {}, 0)
    given_kg = dict.fromkeys(ACCOUNTS.values(), 0)
    shipped = 0
    for kg in loads:
        parts = draw(pledges, shipped, kg)
        assert sum(part for _, part in parts) == kg
        assert all(part > 0 for _, part in parts)
        for account, part in parts:
            if account is not None:
                given_kg[account] += part
        shipped += kg

    for made in pledges:
        assert given_kg[made.account] <= max(0, available[made.lot_id])
        assert given_kg[made.account] <= made.kg - made.excess_kg
    rests = {made.account: rest for made, rest in undrawn(pledges, shipped)}
    assert all(given_kg[made.account] + rests[made.account] == made.room_kg for made in pledges)


@given(
    versions=st.lists(
        st.tuples(
            st.lists(st.tuples(st.sampled_from([A, B, C]), quantities), max_size=3, unique_by=lambda line: line[0]),
            st.lists(quantities, max_size=3),
        ),
        max_size=4,
    ),
    stock=st.tuples(*[st.integers(0, 80)] * 3),
)
def test_however_often_the_proof_is_changed_a_lot_gives_no_more_than_it_has(
    versions: list[tuple[list[tuple[UUID, int]], list[int]]], stock: tuple[int, int, int]
) -> None:
    left = dict(zip((A, B, C), stock, strict=True))
    so_far: list[tuple[list[Pledge], int]] = []
    drawn_kg = dict.fromkeys(left, 0)
    shipped = 0
    for proof, loads in versions:
        pledges = pledge(lines(*proof), ACCOUNTS, left, drawn_by_lot(so_far), shipped)
        for kg in loads:
            for account, part in draw(pledges, shipped, kg):
                for lot in (lot for lot, known in ACCOUNTS.items() if known == account):
                    left[lot] -= part
                    drawn_kg[lot] += part
            shipped += kg
        so_far.append((pledges, shipped))

    assert min(left.values()) >= 0
    assert {lot: kg for lot, kg in drawn_by_lot(so_far).items() if kg} == {
        lot: kg for lot, kg in drawn_kg.items() if kg
    }
