"""What a line makes of ore: how it is shared out, and how far the yield may lie from the line's."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.policies import DEFAULTS
from service.domain.runs import (
    Books,
    Input,
    Line,
    OreDoesNotAddUp,
    Output,
    OutputKind,
    Run,
    is_out_of_band,
    movements,
    settle,
)

NOON = datetime(2026, 3, 3, 4, tzinfo=UTC)
LOT, FIRM, KILN = UUID(int=1), UUID(int=2), UUID(int=3)
PRODUCT, BY_PRODUCT, TAILINGS = OutputKind.PRODUCT, OutputKind.BY_PRODUCT, OutputKind.TAILINGS


def line(kind: str = "light_burnt", factor: str = "2.1") -> Line:
    return Line(KILN, FIRM, 1, kind, "running", Decimal(factor))


def run(in_kg: int, *outputs: tuple[OutputKind, int, int | None], lost_kg: int | None = None) -> Run:
    made = tuple(Output(kind, kind.value, kg, ore_kg) for kind, kg, ore_kg in outputs)
    return Run("JG-1", FIRM, KILN, date(2026, 3, 2), (Input(LOT, in_kg),), made, lost_kg)


@pytest.mark.parametrize(
    ("kind", "filed", "ore", "lost"),
    [
        ("light_burnt", run(2_100, (PRODUCT, 1_000, None)), [2_100], 0),
        ("light_burnt", run(2_100, (PRODUCT, 1_000, None), lost_kg=50), [2_050], 50),
        ("fused", run(100, (PRODUCT, 2, None), (BY_PRODUCT, 1, None)), [67, 33], 0),
        ("fused", run(100, (PRODUCT, 2, 90), (BY_PRODUCT, 1, 10)), [90, 10], 0),
        ("flotation", run(100, (PRODUCT, 60, None), (TAILINGS, 35, None)), [60, 35], 5),
        ("light_burnt", run(100, (PRODUCT, 120, None)), [100], 0),
    ],
)
def test_p02_e44_e45_ore_is_shared_out_to_the_kilogram(kind: str, filed: Run, ore: list[int], lost: int) -> None:
    settled = settle(filed, line(kind))

    assert ([output.ore_kg for output in settled.outputs], settled.lost_kg) == (ore, lost)
    assert sum(output.ore_kg or 0 for output in settled.outputs) + lost == filed.in_kg


@pytest.mark.parametrize(
    ("kind", "filed"),
    [
        ("flotation", run(100, (PRODUCT, 60, None), (TAILINGS, 45, None))),
        ("flotation", run(100, (PRODUCT, 60, None), (TAILINGS, 30, None), lost_kg=5)),
        ("light_burnt", run(100, (PRODUCT, 40, 90), (BY_PRODUCT, 1, None))),
        ("light_burnt", run(100, (PRODUCT, 40, 90), lost_kg=5)),
        ("light_burnt", run(100, (PRODUCT, 40, None), lost_kg=100)),
        ("light_burnt", run(2, (PRODUCT, 90, None), (BY_PRODUCT, 1, None))),
    ],
)
def test_p02_what_does_not_add_up_is_refused(kind: str, filed: Run) -> None:
    with pytest.raises(OreDoesNotAddUp):
        settle(filed, line(kind))


@pytest.mark.parametrize(
    ("product_kg", "is_out"), [(1_000, False), (833, True), (834, False), (1_250, False), (1_251, True)]
)
def test_p02_the_yield_may_lie_a_fifth_off_the_lines_factor(product_kg: int, is_out: bool) -> None:
    assert is_out_of_band(run(2_000, (PRODUCT, product_kg, None)), line(factor="2"), DEFAULTS) is is_out


def test_p02_a_run_that_makes_no_product_is_out_of_band() -> None:
    assert is_out_of_band(run(2_000, (TAILINGS, 2_000, None)), line("flotation"), DEFAULTS)


@given(
    in_kg=st.integers(1, 10**9),
    outputs=st.lists(st.integers(1, 10**9), min_size=1, max_size=4),
    lost=st.none() | st.integers(1, 10**9),
)
def test_every_kilogram_of_ore_leaves_the_run(in_kg: int, outputs: list[int], lost: int | None) -> None:
    try:
        settled = settle(run(in_kg, *((PRODUCT, kg, None) for kg in outputs), lost_kg=lost), line())
    except OreDoesNotAddUp:
        return
    books = Books({LOT: 1}, 2, range(10, 10 + len(outputs)), 3, 4)
    moved = movements(settled, uuid4(), books, iter(uuid4, None), bytes(32), filed_at=NOON)

    assert sum(move.kg for move in moved if move.target == 2) == in_kg
    assert sum(move.kg for move in moved if move.source == 2) == in_kg
    for product, kg in zip(books.products, outputs, strict=True):
        assert sum(move.target_kg for move in moved if move.target == product) == kg
