"""Shares of one weighing (E36, E52)."""

from hypothesis import given
from hypothesis import strategies as st

from service.domain.transfers import apportioned
from service.domain.units import Kilograms

weights = st.lists(st.integers(1, 100_000).map(Kilograms), min_size=1, max_size=8)


@given(st.integers(1, 100_000).map(Kilograms), weights)
def test_e36_shares_add_up_and_none_is_off_by_a_kilogram(whole: Kilograms, by: list[Kilograms]) -> None:
    shares = apportioned(whole, by)
    assert sum(shares) == whole
    for share, weight in zip(shares, by, strict=True):
        assert abs(share * sum(by) - whole * weight) < sum(by)
