"""E36, W04: the shares of one weighing follow what the scales tell of all the loads on the truck."""

from uuid import UUID

from service.domain.tickets import Journey
from service.domain.units import Kilograms
from service.domain.weighings import Sharing

FIRST, SECOND = UUID(int=1), UUID(int=2)


def test_e36_shares_follow_what_the_sources_scales_saw() -> None:
    sharing = Sharing(FIRST, {FIRST: Kilograms(0), SECOND: Kilograms(16_000)})
    left = Journey(out_kg=Kilograms(15_000))
    assert not sharing.is_due(FIRST, left), "it has not arrived"
    assert not sharing.is_due(SECOND, left), "the truck has not arrived"
    sharing.note(FIRST, Journey(out_kg=Kilograms(15_000), in_kg=Kilograms(30_957)))
    assert sharing.is_due(SECOND, left)
    assert [sharing.share_of(id_) for id_ in (FIRST, SECOND)] == [14_979, 15_978]
    sharing.note(SECOND, Journey(out_kg=Kilograms(15_000)))
    assert [sharing.share_of(id_) for id_ in (FIRST, SECOND)] == [15_479, 15_478]


def test_e36_what_no_scale_has_told_has_no_share() -> None:
    sharing = Sharing(FIRST, {FIRST: Kilograms(15_000), SECOND: Kilograms(16_000)}, Kilograms(31_000))
    sharing.forget(SECOND)
    assert [sharing.share_of(id_) for id_ in (FIRST, SECOND)] == [31_000, 0]
    sharing.forget(FIRST)
    assert [sharing.reckoned_kg(id_) for id_ in (FIRST, SECOND)] == [0, 0]
