"""The policy values."""

import pytest

from service.domain.policies import Policies
from service.domain.units import Kilograms


@pytest.mark.parametrize(("net_kg", "tolerance_kg"), [(31_200, 200), (40_000, 200), (40_200, 201), (0, 200)])
def test_two_scales_may_differ_by_a_share_or_a_fixed_weight(net_kg: int, tolerance_kg: int) -> None:
    assert Policies().transit_tolerance(Kilograms(net_kg)) == tolerance_kg
