"""What quota there is and what became of it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import quotas
from service.domain.allotments import HolderKind
from service.domain.places import Places
from service.domain.quotas import (
    Cap,
    CapChange,
    Excess,
    ExcessChange,
    Figures,
    Holding,
    Overcommitment,
    Place,
    Pool,
    Window,
    ends_of,
    pool_episodes,
)
from service.domain.units import Kilograms

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLACES = {
    code: Place(code, name, name, level)
    for code, name, level in [
        ("210000", "辽宁省", "province"),
        ("210300", "鞍山市", "city"),
        ("210381", "海城市", "county"),
        ("210323", "岫岩满族自治县", "county"),
        ("210800", "营口市", "city"),
    ]
}


def mine(number: int, jurisdiction: str, figures: Figures, overdrawn_kg: int = 0) -> Holding:
    return Holding(HolderKind.MINE, UUID(int=number), f"矿山{number}", jurisdiction, figures, overdrawn_kg)


def test_what_is_available_is_neither_gone_nor_held() -> None:
    assert Figures(issued_kg=100, out_kg=60, held_kg=30).available_kg == 10
    assert Figures(issued_kg=100, out_kg=100, held_kg=30).available_kg == -30


# O01


@pytest.mark.parametrize(
    ("out_kg", "contracted_kg", "issued_kg", "room_kg", "over_kg"),
    [(0, 100, 10, 90, 0), (0, 101, 10, 90, 1), (60, 41, 100, 0, 1), (60, 40, 100, 0, 0), (120, 0, 100, 0, 20)],
)
def test_a_mine_is_overcommitted_beyond_all_that_it_can_still_get(
    out_kg: int, contracted_kg: int, issued_kg: int, room_kg: int, over_kg: int
) -> None:
    figures = Figures(issued_kg=issued_kg, out_kg=out_kg, contracted_kg=contracted_kg)

    assert quotas.overcommitted_kg(figures, Kilograms(room_kg)) == over_kg
    found = Overcommitment(HolderKind.MINE, UUID(int=1), UUID(int=2), "210381", 2026, figures, Kilograms(room_kg))
    assert found.alert(NOW).facts["over_kg"] == over_kg


# O04, R16


@pytest.mark.parametrize(
    ("places", "stock", "spent"),
    [
        ([(0, 100)], [(0, 100)], 0),
        ([(0, 100)], [(30, 200)], 30),
        ([(100, 200)], [(30, 200)], 0),
        ([(0, 100)], [], 100),
        ([(0, 40), (60, 100)], [(90, 100)], 70),  # the middle was taken back
        ([(0, 100)], [(10, 20), (50, 200)], 40),  # a load came back to its old place
    ],
)
def test_a_tranche_is_spent_from_its_first_kilogram(
    places: list[tuple[int, int]], stock: list[tuple[int, int]], spent: int
) -> None:
    assert quotas.spent_kg(places, Places(stock)) == spent


# R06


def test_the_chain_of_a_county_leads_from_the_province() -> None:
    assert quotas.chain("210381") == ["210000", "210300", "210381"]
    assert quotas.chain("210300") == ["210000", "210300"]
    assert quotas.chain("210000") == ["210000"]


@pytest.mark.parametrize(
    ("giver", "passed_over"), [("210381", []), ("210300", ["210381"]), ("210000", ["210300", "210381"])]
)
def test_r03_a_pool_that_gives_straight_passes_over_those_between(giver: str, passed_over: list[str]) -> None:
    assert quotas.below(giver, "210381") == passed_over


def test_the_tree_adds_up_at_every_level() -> None:
    pools = {"210000": Pool(900, 800), "210300": Pool(800, 700), "210381": Pool(500, 300), "210323": Pool(200, 100)}
    holdings = [
        mine(1, "210381", Figures(200, 150, 20, 10)),
        mine(2, "210381", Figures(100, 130, 0, 5), overdrawn_kg=30),
        mine(3, "210323", Figures(100, 40, 10, 0)),
    ]

    province = quotas.tree(PLACES, pools, holdings)

    anshan = province.children[0]
    xiuyan, haicheng = anshan.children
    assert haicheng.figures == Figures(500, 280, 20, 15)
    assert [holding.id for holding in haicheng.holdings] == [UUID(int=1), UUID(int=2)]
    assert xiuyan.figures == Figures(200, 40, 10, 0)
    assert anshan.figures == Figures(800, 320, 30, 15)
    assert province.figures == Figures(900, 320, 30, 15)


def test_without_a_pool_a_node_shows_what_is_held_below_it() -> None:
    province = quotas.tree(PLACES, None, [mine(1, "210381", Figures(200, 150, 20, 10))])

    assert province.figures == Figures(200, 150, 20, 10)
    assert [child.place.code for child in province.children] == ["210300"]


def test_a_county_sees_itself_and_the_chain_above_it() -> None:
    pools = {"210000": Pool(900, 800), "210300": Pool(800, 700), "210381": Pool(500, 300), "210800": Pool(100)}
    holdings = [mine(1, "210381", Figures(200, 150)), mine(3, "210323", Figures(100, 40))]

    province = quotas.tree(PLACES, pools, holdings, area="210381")

    (anshan,) = province.children
    (haicheng,) = anshan.children
    assert (haicheng.place.code, len(haicheng.holdings)) == ("210381", 1)
    assert anshan.figures == Figures(800, 190)
    (city,) = quotas.tree(PLACES, pools, holdings, area="2103").children
    assert [len(county.holdings) for county in city.children] == [1, 1]


def test_an_empty_year_is_the_province_alone() -> None:
    province = quotas.tree(PLACES, {}, [])

    assert (province.place.code, province.children, province.overdrawn_kg) == ("210000", [], 0)


def cap_change(act: int, kg: int, *, got: bool = False) -> CapChange:
    facts = (act, act, UUID(int=act), "cover" if got else "load", NOW)
    return CapChange(*facts, got_kg=kg) if got else CapChange(*facts, out_kg=kg)


def test_what_breaks_a_cap_and_mends_it_is_told_act_by_act() -> None:
    """R06, O02: with the entry that did it, also where it holds again in the end."""
    changes = [cap_change(1, 90), cap_change(2, 30), cap_change(3, -25), cap_change(3, 10), cap_change(4, 40, got=True)]

    told = quotas.excesses(Cap("210300", 2026, 140, 105), 0, changes)

    assert [(one.cap.over_kg, one.by.movement.int, one.begins, one.ends) for one in told] == [
        (20, 2, True, False),
        (5, 3, False, False),
        (0, 4, False, True),
    ]
    assert told[1].by.out_kg == -25
    alert = told[0].cap.alert(NOW)
    facts = {"year": 2026, "got_kg": 100, "out_kg": 120, "over_kg": 20}
    assert (alert.code, alert.jurisdiction, alert.facts) == ("pool-overdrawn", "210300", facts)


@given(st.lists(st.tuples(st.booleans(), st.integers(-30, 30)), min_size=1), st.data())
def test_what_is_told_of_a_cap_is_the_same_however_its_acts_are_cut(
    moves: list[tuple[bool, int]], data: st.DataObject
) -> None:
    changes = [cap_change(act, kg, got=got) for act, (got, kg) in enumerate(moves)]
    place = data.draw(st.integers(0, len(changes)))

    def told(some: Sequence[CapChange], last_kg: int, until: int) -> list[ExcessChange]:
        got_kg, out_kg = (sum(getattr(one, name) for one in changes[:until]) for name in ("got_kg", "out_kg"))
        return quotas.excesses(Cap("210300", 2026, 100 + got_kg, 95 + out_kg), last_kg, some)

    first = told(changes[:place], 0, place)
    last_kg = first[-1].cap.over_kg if first else 0
    assert first + told(changes[place:], last_kg, len(changes)) == told(changes, 0, len(changes))


WINDOW = Window(date(2026, 8, 6), date(2026, 9, 2))


@pytest.mark.parametrize(
    ("year", "today", "first", "days"),
    [
        (2026, date(2026, 9, 2), date(2026, 8, 6), 28),
        (2026, date(2026, 1, 1), date(2026, 1, 1), 1),
        (2026, date(2026, 1, 28), date(2026, 1, 1), 28),
        (2026, date(2026, 12, 31), date(2026, 12, 4), 28),
    ],
)
def test_a_pace_is_that_of_the_last_four_weeks_of_the_running_year(
    year: int, today: date, first: date, days: int
) -> None:
    window = Window.of(year, today)
    assert window == Window(first, today)
    assert window.days == days
    assert Window.of(year - 1, today) is None


@pytest.mark.parametrize(
    ("figures", "ends_on"),
    [
        (Figures(issued_kg=1000, out_kg=0, lately_kg=2800), date(2026, 9, 12)),  # 100 kg a day: ten days
        (Figures(issued_kg=1001, out_kg=0, lately_kg=2800), date(2026, 9, 13)),
        (Figures(issued_kg=999, out_kg=0, lately_kg=2800), date(2026, 9, 12)),
        (Figures(issued_kg=1500, out_kg=400, held_kg=100, lately_kg=2800), date(2026, 9, 12)),  # held ore goes first
        (Figures(issued_kg=1, out_kg=0, lately_kg=10**12), date(2026, 9, 3)),
        (Figures(issued_kg=500, out_kg=500, lately_kg=2800), date(2026, 9, 2)),  # nothing is left
        (Figures(issued_kg=500, out_kg=900, lately_kg=0), date(2026, 9, 2)),
        (Figures(issued_kg=1000, out_kg=0, lately_kg=0), None),
        (Figures(issued_kg=12_000, out_kg=0, lately_kg=2800), date(2026, 12, 31)),
        (Figures(issued_kg=12_001, out_kg=0, lately_kg=2800), None),  # what is unspent then lapses (R16)
        (Figures(issued_kg=10**15, out_kg=0, lately_kg=1), None),
        (Figures(), None),
    ],
)
def test_a_quota_is_used_up_when_as_much_goes_on_leaving(figures: Figures, ends_on: date | None) -> None:
    assert figures.exhausted_on(WINDOW) == ends_on
    assert figures.exhausted_on(None) is None


def test_tranches_are_used_up_one_after_the_other() -> None:
    figures = Figures(issued_kg=5000, out_kg=2000, held_kg=200, lately_kg=2800)
    ends = ends_of([0, 1200, 0, 1000, 800, 100_000], figures, WINDOW)
    assert ends == [None, date(2026, 9, 12), None, date(2026, 9, 22), date(2026, 9, 30), None]
    assert ends_of([5], figures, None) == [None]


@given(left=st.integers(1, 10**9), lately=st.integers(1, 10**7))
def test_the_day_before_something_is_left_and_on_the_day_nothing(left: int, lately: int) -> None:
    day = WINDOW.ends_on(left, lately)
    if day is None:
        assert left * 28 > lately * (date(2026, 12, 31) - WINDOW.last).days
    else:
        ahead = (day - WINDOW.last).days
        assert (ahead - 1) * lately < left * 28 <= ahead * lately


def test_an_episode_of_a_pool_runs_until_its_cap_holds_again() -> None:
    """R06, O02."""

    def told(number: int, over_kg: int, cause: str = "load") -> Excess:
        return Excess(over_kg, UUID(int=number), cause, NOW, NOW + timedelta(hours=number))

    changes = [told(1, 5), told(2, 9), told(3, 3), told(4, 0, "cover"), told(5, 0), told(6, 1, "slip")]

    first, second = pool_episodes(changes)

    assert (first.opened_by.int, first.cause, first.peak_kg, first.over_kg) == (1, "load", 9, 0)
    assert (first.closed_at, first.covered_by) == (NOW + timedelta(hours=4), UUID(int=4))
    assert (second.opened_by.int, second.cause, second.peak_kg, second.closed_at) == (6, "slip", 1, None)
    assert pool_episodes([]) == []
