"""Provenance: what fragments come to, and that no kilogram is lost or doubled on the way."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.provenance import (
    Ending,
    Flow,
    Fragment,
    Interval,
    Lineage,
    PartsDoNotAddUpError,
    Passage,
    Rest,
    Step,
    Trace,
    bounded,
    flows,
    merge,
    shares,
    together,
)
from service.domain.units import Kilograms

AT = datetime(2026, 3, 2, tzinfo=UTC)
PAIZHAI, GUANMENSHAN, COUNTY, LOT = 1, 2, 3, 9


def tranche(start: int, lo: int, kg: int, *, quota: int = PAIZHAI, movement: int = 1) -> Fragment:
    return Fragment(start, Kilograms(kg), Interval(quota, lo, lo + kg), Ending.TRANCHE, COUNTY, UUID(int=movement), AT)


def debt(start: int, lo: int, kg: int) -> Fragment:
    return Fragment(start, Kilograms(kg), Interval(LOT, lo, lo + kg), Ending.DEBT, None, None, None)


def trace(kg: int, *fragments: Fragment) -> Trace:
    return Trace(Interval(LOT, 0, kg), Kilograms(kg), fragments)


def test_fragments_that_touch_on_both_ends_are_one() -> None:
    assert merge([tranche(0, 50, 5), tranche(5, 55, 3)]) == (tranche(0, 50, 8),)


@pytest.mark.parametrize(
    "second",
    [
        tranche(5, 56, 3),
        tranche(6, 55, 3),
        tranche(5, 55, 3, quota=GUANMENSHAN),
        tranche(5, 55, 3, movement=2),
        debt(5, 55, 3),
        replace(tranche(5, 55, 3), start=None),
    ],
)
def test_fragments_that_do_not_touch_stay_two(second: Fragment) -> None:
    assert merge([tranche(0, 50, 5), second]) == (tranche(0, 50, 5), second)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.data())
def test_merging_loses_no_kilogram(cuts: list[int], data: st.DataObject) -> None:
    start, fragments = 0, []
    for kg in cuts:
        fragments.append(tranche(start, start + data.draw(st.sampled_from([0, 100])), kg))
        start += kg

    assert sum(fragment.kg for fragment in merge(fragments)) == start
    assert trace(start, *merge(fragments)).proven_kg == start


runs = st.integers(1, 40).flatmap(lambda ore_kg: st.tuples(st.just(ore_kg), st.integers(1, ore_kg)))


@given(runs, st.data())
def test_product_leads_back_through_two_runs_to_its_own_ore(first: tuple[int, int], data: st.DataObject) -> None:
    """Part of the first run's ore is followed; the second run takes all of its product and some more before it."""
    lo, hi = sorted(data.draw(st.lists(st.integers(0, first[0]), min_size=2, max_size=2, unique=True)))
    made = {ore: _product(ore, *first) for ore in range(lo, hi)}
    before = data.draw(st.integers(0, 5))
    taken = first[1] + before
    second = (taken, data.draw(st.integers(1, taken)))
    ends = {ore: _product(before + number, *second) for ore, number in made.items()}
    passages = [Passage(1, lo, hi, 0, *first), Passage(2, made[lo], made[hi - 1] + 1, -before, *second)]

    for number in set(ends.values()):
        found = Fragment.at_rest(Interval(LOT, number, number + 1), number, passages)
        assert found.start is not None
        assert list(range(found.start, found.start + found.kg)) == [ore for ore, end in ends.items() if end == number]


def _product(ore: int, ore_kg: int, product_kg: int) -> int:
    """The number of the product kilogram that a kilogram of ore is in, by looking through all of them."""
    return next(j for j in range(product_kg) if j * ore_kg // product_kg <= ore < (j + 1) * ore_kg // product_kg)


def test_a_trace_knows_what_is_proven() -> None:
    answer = trace(8, tranche(0, 50, 5), debt(5, 5, 3))

    assert (answer.proven_kg, answer.unproven_kg) == (5, 3)


@pytest.mark.parametrize(
    "fragments",
    [
        (tranche(0, 50, 5),),
        (tranche(0, 50, 5), tranche(5, 55, 4)),
        (tranche(0, 50, 5), tranche(4, 60, 3)),
        (),
    ],
)
def test_an_answer_that_does_not_add_up_is_none(fragments: tuple[Fragment, ...]) -> None:
    with pytest.raises(PartsDoNotAddUpError):
        trace(8, *fragments)


def test_shares_are_named_by_kilograms_and_the_unproven_last() -> None:
    found = shares([tranche(0, 0, 2), debt(2, 2, 90), tranche(92, 9, 3, quota=GUANMENSHAN), tranche(95, 40, 2)])

    assert [(share.account, share.ending, share.kg) for share in found] == [
        (PAIZHAI, Ending.TRANCHE, 4),
        (GUANMENSHAN, Ending.TRANCHE, 3),
        (LOT, Ending.DEBT, 90),
    ]


def test_a_bounded_answer_says_what_it_leaves_out() -> None:
    found = shares([tranche(0, 0, 5), tranche(5, 9, 3, quota=GUANMENSHAN), debt(8, 2, 1)])

    assert bounded(found, 3) == (found, None)
    assert bounded(found, 1) == (found[:1], Rest(shares=2, kg=Kilograms(4), unproven_kg=Kilograms(1)))


def test_a_picture_shows_one_flow_for_each_movement_between_two_accounts() -> None:
    def step(seq: int, lo: int, kg: int, movement: int) -> Step:
        return Step(seq, 1, Interval(PAIZHAI, lo, lo + kg), Interval(LOT, lo, lo + kg), UUID(int=movement), AT)

    found = flows([step(9, 30, 2, 2), step(4, 0, 5, 1), step(5, 5, 3, 1)])

    assert [(flow.movement.int, flow.source_kg, flow.target_kg) for flow in found] == [(1, 8, 8), (2, 2, 2)]


places = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=4)


@given(places)
def test_what_lies_within_others_and_what_does_not_are_all_of_an_interval(others: list[tuple[int, int]]) -> None:
    taken: set[int] = set()
    known = []
    for lo, kg in others:
        if taken.isdisjoint(range(lo, lo + kg)):
            taken |= set(range(lo, lo + kg))
            known.append(Interval(LOT, lo, lo + kg))
    asked = Interval(LOT, 5, 25)

    within, without = (
        [place for part in parts for place in range(part.lo, part.hi)]
        for parts in (asked.within(known), asked.without(known))
    )

    assert within == [place for place in range(5, 25) if place in taken]
    assert without == [place for place in range(5, 25) if place not in taken]


def test_what_was_carried_onward_is_named_in_order_of_record() -> None:
    def flow(seq: int, movement: int, kg: int) -> Flow:
        return Flow(seq, PAIZHAI, LOT, Kilograms(kg), Kilograms(kg), UUID(int=movement), AT)

    whole = Lineage([[]], [flow(3, 1, 5), flow(8, 2, 4)], 40).and_on([flow(2, 2, 1), flow(5, 3, 7)])

    assert [(each.seq, each.movement.int, each.target_kg) for each in whole.flows] == [(2, 2, 5), (3, 1, 5), (5, 3, 7)]
    assert whole.flows_count == 41


def test_shares_of_several_parts_are_put_together() -> None:
    parts = [shares([tranche(0, 0, 2), debt(2, 2, 1)]), [], shares([tranche(0, 7, 3), tranche(3, 9, 9, movement=2)])]

    assert [(share.ending, share.movement, share.kg) for share in together(parts)] == [
        (Ending.TRANCHE, UUID(int=2), 9),
        (Ending.TRANCHE, UUID(int=1), 5),
        (Ending.DEBT, None, 1),
    ]


def test_an_interval_has_kilograms() -> None:
    with pytest.raises(AssertionError):
        Interval(LOT, 5, 5)
