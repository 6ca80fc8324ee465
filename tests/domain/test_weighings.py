"""What follows from what a scale says, rule by rule: which kilograms go where."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.alerts import Flag
from service.domain.codes.numbers import make_number
from service.domain.ledger import AccountKey, AccountKind
from service.domain.proofs import Pledge
from service.domain.tickets import Journey, Ticket, TicketState
from service.domain.units import Kilograms
from service.domain.weighings import (
    Circumstances,
    Direction,
    Leg,
    Outcome,
    Record,
    Source,
    Station,
    Terms,
    weigh,
)
from service.domain.weighings.legs import still_there

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


def uid(number: int) -> UUID:
    return UUID(int=number)


PAIZHAI, PAIZHAI_FIRM, PLANT_TWO, TRADER = uid(1), uid(2), uid(3), uid(4)
CONTRACT, WEIGHING = uid(5), uid(6)
BRIDGE_7 = Station(uid(7), "210381", PAIZHAI, PAIZHAI_FIRM)
YARD = Station(uid(8), "210381", None, PLANT_TWO)
LOAD, QUOTA, LOT_A, LOT_B = 100, 101, 102, 103

TICKET = Ticket(
    id=uid(9),
    number=make_number(7),
    code="",
    contract_id=CONTRACT,
    slip_id=None,
    seller_id=PAIZHAI_FIRM,
    buyer_id=PLANT_TWO,
    mine_id=PAIZHAI,
    earmark=None,
    plate="辽C12345",
    planned_kg=Kilograms(31_000),
    grade="LM46",
    source_station_id=BRIDGE_7.id,
    destination_station_id=YARD.id,
    valid_from=NOON - timedelta(hours=1),
    valid_until=NOON + timedelta(days=1),
    account=LOAD,
    source_account=QUOTA,
)
TERMS = Terms(
    id=CONTRACT,
    kg=Kilograms(100_000),
    shipped_kg=Kilograms(0),
    received_kg=Kilograms(0),
    valid_until=date(2026, 12, 31),
    due_on=date(2026, 3, 16),
    is_filed=True,
    is_closed=False,
    pledges=None,
)
RECORD = Record(
    id=uid(10),
    sequence=1,
    ticket=TICKET.number,
    direction=Direction.OUT,
    plate="辽C12345",
    gross_kg=46_200,
    tare_kg=15_000,
    grade=None,
    weighed_at=NOON,
    manual=False,
    manual_reason=None,
    second_person=None,
    tare_source="fresh",
)
SEEN = Circumstances(
    weighing_id=WEIGHING,
    occurred_at=NOON,
    recorded_at=NOON,
    offset_is_large=False,
    sequence_is_broken=False,
    clock_went_back=False,
    station=BRIDGE_7,
    ticket=TICKET,
    terms=TERMS,
    source=Source(date(2030, 12, 31), consolidated=True, has_tranche=True),
)
ON_THE_ROAD = Journey(TicketState.OUT, Kilograms(31_200), NOON)
LOT = AccountKey(AccountKind.LOT, owner_id=PLANT_TWO, document_id=CONTRACT, grade="LM46", year=2026)
LOST = AccountKey(AccountKind.LOST, owner_id=PAIZHAI_FIRM, year=2026)
GAINED = AccountKey(AccountKind.GAINED, owner_id=PAIZHAI_FIRM, year=2026)
SUSPENSE = AccountKey(AccountKind.SUSPENSE, owner_id=PAIZHAI, year=2026)
STRAY = AccountKey(AccountKind.LOAD, owner_id=PAIZHAI_FIRM, document_id=WEIGHING)


def arrives(net_kg: int, journey: Journey = ON_THE_ROAD) -> Outcome:
    record = replace(RECORD, direction=Direction.IN, gross_kg=15_000 + net_kg)
    return weigh(record, replace(SEEN, station=YARD, journey=journey))


def comes_back(net_kg: int, journey: Journey = ON_THE_ROAD, *, others_kg: int = 0, came_anew_kg: int = 0) -> Outcome:
    record = replace(RECORD, direction=Direction.BACK, gross_kg=15_000 + net_kg)
    seen = replace(SEEN, journey=journey, others_kg=others_kg, came_anew_kg=Kilograms(came_anew_kg))
    return weigh(record, seen)


def test_w02_the_source_net_is_charged_to_the_quota() -> None:
    outcome = weigh(RECORD, SEEN)
    assert outcome.legs == (Leg(QUOTA, LOAD, Kilograms(31_200), draws_on_quota=True),)
    assert outcome.journey == ON_THE_ROAD
    assert outcome.flags == ()
    assert outcome.shipped_kg == 31_200


def test_w02_what_was_received_is_the_buyers_and_the_gap_is_lost() -> None:
    outcome = arrives(31_140)
    assert outcome.legs == (Leg(LOAD, LOST, Kilograms(60)), Leg(LOAD, LOT, Kilograms(31_140)))
    assert outcome.journey is not None
    assert (outcome.journey.state, outcome.journey.in_kg) == (TicketState.DELIVERED, 31_140)
    assert outcome.flags == ()
    assert outcome.received_kg == 31_140


def test_w02_what_the_second_scale_says_more_has_no_origin() -> None:
    outcome = arrives(31_250)
    assert outcome.legs == (Leg(GAINED, LOAD, Kilograms(50)), Leg(LOAD, LOT, Kilograms(31_250)))


@pytest.mark.parametrize(
    ("net_kg", "flags"), [(31_000, ()), (30_999, (Flag.WEIGHT_GAP,)), (31_400, ()), (31_401, (Flag.WEIGHT_GAP,))]
)
def test_w02_a_gap_beyond_the_tolerance_is_flagged(net_kg: int, flags: tuple[Flag, ...]) -> None:
    assert arrives(net_kg).flags == flags


def test_r16_a_load_weighed_on_the_last_evening_belongs_to_the_old_year() -> None:
    """E14: 31 December 23:59 in Asia/Shanghai, received in the new year into a lot of the old one."""
    evening = datetime(2026, 12, 31, 15, 59, tzinfo=UTC)
    ticket = replace(TICKET, valid_from=evening - timedelta(hours=1), valid_until=evening + timedelta(days=1))
    out = weigh(RECORD, replace(SEEN, ticket=ticket, occurred_at=evening, recorded_at=evening))
    assert out.legs[0].source == QUOTA
    later = weigh(
        RECORD,
        replace(SEEN, ticket=ticket, occurred_at=evening + timedelta(minutes=2), recorded_at=evening),
    )
    assert later.legs[0].source == AccountKey(AccountKind.QUOTA, owner_id=PAIZHAI, year=2027)
    assert out.journey is not None
    record = replace(RECORD, direction=Direction.IN)
    morning = evening + timedelta(hours=8)
    seen = replace(SEEN, ticket=ticket, station=YARD, journey=out.journey, occurred_at=morning, recorded_at=morning)
    assert weigh(record, seen).legs[-1].target == LOT


def test_w07_what_was_given_up_is_put_right_when_the_scales_tell() -> None:
    expired = weigh(RECORD, replace(SEEN, journey=Journey(TicketState.EXPIRED, ended_at=NOON)))
    assert expired.settled == (Flag.NEVER_WEIGHED,)
    assert expired.journey == ON_THE_ROAD
    on_the_last = replace(SEEN, station=YARD, journey=ON_THE_ROAD, recorded_at=NOON + timedelta(hours=72))
    late = replace(on_the_last, recorded_at=NOON + timedelta(hours=72, seconds=1))
    assert weigh(replace(RECORD, direction=Direction.IN), on_the_last).settled == ()
    assert weigh(replace(RECORD, direction=Direction.IN), late).settled == (Flag.NEVER_RECEIVED,)
    assert arrives(31_200).settled == ()


def test_w08_the_kilograms_over_the_contract_are_told() -> None:
    crossing = weigh(RECORD, replace(SEEN, terms=replace(TERMS, shipped_kg=Kilograms(90_000))))
    assert crossing.beyond_contract_kg == 21_200
    beyond = weigh(RECORD, replace(SEEN, terms=replace(TERMS, shipped_kg=Kilograms(100_500))))
    assert beyond.beyond_contract_kg == 31_200


@pytest.mark.parametrize(("text", "flag"), [(None, Flag.NO_TICKET), ("no such ticket", Flag.UNKNOWN_TICKET)])
def test_w06_ore_without_a_ticket_leaves_from_the_mines_suspense(text: str | None, flag: Flag) -> None:
    outcome = weigh(replace(RECORD, ticket=text), replace(SEEN, ticket=None, terms=None, source=None))
    assert outcome.flags == (flag,)
    assert outcome.legs == (Leg(SUSPENSE, STRAY, Kilograms(31_200)),)
    assert outcome.journey is None


def test_w06_ore_without_a_ticket_leaves_from_a_traders_suspense() -> None:
    yard = Station(uid(11), "210381", None, TRADER)
    outcome = weigh(replace(RECORD, ticket=None), replace(SEEN, station=yard, ticket=None, terms=None, source=None))
    assert outcome.legs[0].source == AccountKey(AccountKind.SUSPENSE, owner_id=TRADER, year=2026)


def test_w06_what_arrives_without_a_ticket_is_kept_but_moves_nothing() -> None:
    record = replace(RECORD, ticket=None, direction=Direction.IN)
    outcome = weigh(record, replace(SEEN, station=YARD, ticket=None, terms=None, source=None))
    assert outcome == Outcome((Flag.NO_TICKET,))


@pytest.mark.parametrize("state", [TicketState.OUT, TicketState.DELIVERED, TicketState.LOST])
def test_w06_a_second_load_of_a_ticket_leaves_from_suspense(state: TicketState) -> None:
    """E8."""
    outcome = weigh(RECORD, replace(SEEN, journey=replace(ON_THE_ROAD, state=state)))
    assert outcome.flags == (Flag.TICKET_REUSED,)
    assert outcome.legs == (Leg(SUSPENSE, STRAY, Kilograms(31_200)),)
    assert outcome.journey is None
    assert outcome.shipped_kg == 0


def test_w06_a_second_arrival_of_a_ticket_moves_nothing() -> None:
    delivered = arrives(31_140).journey
    assert delivered is not None
    assert arrives(31_140, delivered) == Outcome((Flag.TICKET_REUSED,))


def test_e4_a_cancelled_ticket_is_no_ticket() -> None:
    journey = Journey(TicketState.CANCELLED, ended_at=NOON)
    outcome = weigh(RECORD, replace(SEEN, journey=journey))
    assert outcome.flags == (Flag.NO_TICKET,)
    assert outcome.legs == (Leg(SUSPENSE, STRAY, Kilograms(31_200)),)


def test_w04_what_an_offline_station_weighed_before_the_cancelling_travels_lawfully() -> None:
    journey = Journey(TicketState.CANCELLED, ended_at=NOON + timedelta(hours=1))
    outcome = weigh(RECORD, replace(SEEN, journey=journey, recorded_at=NOON + timedelta(hours=2)))
    assert outcome.flags == ()
    assert outcome.journey == ON_THE_ROAD


def test_w07_a_destination_before_its_source_is_a_bypass_until_the_source_tells() -> None:
    """E47."""
    first = arrives(31_140, Journey())
    assert first.flags == (Flag.STATION_BYPASS,)
    assert first.legs == (Leg(LOAD, LOT, Kilograms(31_140)),)
    assert first.journey is not None
    then = weigh(RECORD, replace(SEEN, journey=first.journey))
    assert then.settled == (Flag.STATION_BYPASS,)
    assert then.legs == (Leg(QUOTA, LOAD, Kilograms(31_200), draws_on_quota=True), Leg(LOAD, LOST, Kilograms(60)))


@pytest.mark.parametrize(("net_kg", "is_flagged"), [(31_000, False), (30_999, True), (31_400, False), (31_401, True)])
def test_w02_the_gap_is_judged_alike_when_the_destination_tells_first(net_kg: int, is_flagged: bool) -> None:
    arrived = arrives(net_kg, Journey()).journey
    assert arrived is not None
    assert (Flag.WEIGHT_GAP in weigh(RECORD, replace(SEEN, journey=arrived)).flags) is is_flagged


@given(out_kg=st.integers(1, 80_000), in_kg=st.integers(1, 80_000))
def test_w04_the_end_is_the_same_whichever_scale_tells_first(out_kg: int, in_kg: int) -> None:
    out = replace(RECORD, gross_kg=15_000 + out_kg)
    source_first = weigh(out, SEEN)
    assert source_first.journey is not None
    destination_second = arrives(in_kg, source_first.journey)
    destination_first = arrives(in_kg, Journey())
    assert destination_first.journey is not None
    source_second = weigh(out, replace(SEEN, journey=destination_first.journey))

    assert destination_second.journey == source_second.journey
    forth, back = source_first.legs + destination_second.legs, destination_first.legs + source_second.legs
    assert sorted(map(str, forth)) == sorted(map(str, back))
    into = sum(leg.kg for leg in forth if leg.target == LOAD)
    assert into == sum(leg.kg for leg in forth if leg.source == LOAD), "nothing stays on the road"
    assert (Flag.WEIGHT_GAP in destination_second.flags) == (Flag.WEIGHT_GAP in source_second.flags)


def test_w10_a_load_that_was_not_taken_goes_back_to_the_quota() -> None:
    outcome = comes_back(31_180)
    assert outcome.give_back_kg == 31_180
    assert outcome.legs == (Leg(LOAD, LOST, Kilograms(20)),)
    assert outcome.journey is not None
    assert (outcome.journey.state, outcome.journey.back_kg) == (TicketState.RETURNED, 31_180)
    assert outcome.shipped_kg == -31_200


def test_w10_no_more_comes_back_than_left() -> None:
    outcome = comes_back(31_210)
    assert outcome.give_back_kg == 31_200
    assert outcome.legs == ()


def test_w10_what_still_lies_at_the_buyer_is_taken_off_the_arrival() -> None:
    delivered = arrives(31_140).journey
    assert delivered is not None
    outcome = comes_back(10_000, delivered)
    assert (outcome.flags, outcome.legs) == ((), ())
    assert (outcome.off_arrival_kg, outcome.give_back_kg) == (10_000, 10_000)


@pytest.mark.parametrize(("back_kg", "flags"), [(31_200, ()), (31_341, (Flag.WEIGHT_GAP,))])
def test_w10_no_more_comes_back_than_had_arrived(back_kg: int, flags: tuple[Flag, ...]) -> None:
    """W02: what the source's scale says more is within the tolerance, or flagged; no lot owes it, and no contract."""
    delivered = arrives(31_140).journey
    assert delivered is not None
    outcome = comes_back(back_kg, delivered)
    assert (outcome.flags, outcome.legs) == (flags, ())
    assert (outcome.off_arrival_kg, outcome.give_back_kg, outcome.received_kg) == (31_140, 31_140, -31_140)
    assert outcome.journey is not None
    assert (outcome.journey.back_kg, outcome.journey.received_kg) == (back_kg, 0)


def test_w10_what_lies_there_no_longer_comes_back_as_an_ordinary_movement() -> None:
    """Into the seller's own lot, flagged: no quota is credited with it."""
    delivered = arrives(31_140).journey
    assert delivered is not None
    outcome = comes_back(10_000, delivered, others_kg=-25_000)
    own = replace(LOT, owner_id=PAIZHAI_FIRM)
    assert outcome.flags == (Flag.WEIGHT_GAP,)
    assert (outcome.off_arrival_kg, outcome.give_back_kg) == (6_140, 6_140)
    assert outcome.legs == (Leg(LOT, LOAD, Kilograms(3_860)), Leg(LOAD, own, Kilograms(3_860)))


def test_w10_of_what_was_refused_only_that_is_credited_which_still_lay_there() -> None:
    delivered = arrives(31_140).journey
    assert delivered is not None
    refused = replace(delivered, state=TicketState.OUT, refused_kg=Kilograms(10_000))
    outcome = comes_back(9_990, refused, came_anew_kg=4_000)
    own = replace(LOT, owner_id=PAIZHAI_FIRM)
    assert (outcome.give_back_kg, outcome.flags) == (6_000, ())
    assert outcome.legs == (Leg(LOAD, LOST, Kilograms(10)), Leg(LOAD, own, Kilograms(3_990)))


@given(back_kg=st.integers(1, 60_000), arrived_kg=st.integers(0, 60_000), others_kg=st.integers(-90_000, 90_000))
def test_w10_no_more_is_taken_off_an_arrival_than_lies_there(back_kg: int, arrived_kg: int, others_kg: int) -> None:
    off_kg = still_there(back_kg, arrived_kg, others_kg)
    assert 0 <= off_kg <= min(back_kg, arrived_kg)
    assert off_kg == min(back_kg, arrived_kg) or off_kg == max(0, arrived_kg + others_kg)


def test_e33_what_was_refused_and_went_on_to_another_buyer_cannot_come_back() -> None:
    delivered = replace(ON_THE_ROAD, state=TicketState.DELIVERED, in_kg=Kilograms(31_200), refused_kg=Kilograms(8_000))
    assert comes_back(7_990, replace(delivered, state=TicketState.OUT)).flags == ()
    outcome = comes_back(7_990, delivered)
    assert (outcome.flags, outcome.legs, outcome.give_back_kg) == ((Flag.TICKET_REUSED,), (), 0)


def test_w10_what_never_left_cannot_come_back() -> None:
    assert comes_back(31_000, Journey()) == Outcome((Flag.STATION_BYPASS,))


def test_a_returned_ticket_is_used_up() -> None:
    returned = comes_back(31_200).journey
    assert returned is not None
    assert comes_back(31_200, returned) == Outcome((Flag.TICKET_REUSED,))
    assert arrives(31_200, returned) == Outcome((Flag.TICKET_REUSED,))
    assert weigh(RECORD, replace(SEEN, journey=returned)).flags == (Flag.TICKET_REUSED,)


SALE = replace(TICKET, seller_id=TRADER, mine_id=None, source_account=None)


def sold_from_stock(pledges: tuple[Pledge, ...], shipped_kg: int = 0) -> Outcome:
    terms = replace(TERMS, shipped_kg=Kilograms(shipped_kg), pledges=pledges)
    return weigh(RECORD, replace(SEEN, ticket=SALE, terms=terms, source=None))


def test_r23_a_traders_load_draws_its_proof_in_order() -> None:
    pledges = (
        Pledge(uid(20), LOT_A, Kilograms(20_000)),
        Pledge(uid(21), LOT_B, Kilograms(90_000)),
    )
    outcome = sold_from_stock(pledges)
    assert outcome.legs == (Leg(LOT_A, LOAD, Kilograms(20_000)), Leg(LOT_B, LOAD, Kilograms(11_200)))
    assert outcome.flags == ()


def test_r23_what_no_proof_bears_has_no_origin() -> None:
    suspense = AccountKey(AccountKind.SUSPENSE, owner_id=TRADER, year=2026)
    outcome = sold_from_stock((Pledge(uid(20), LOT_A, Kilograms(20_000)),))
    assert outcome.legs == (Leg(LOT_A, LOAD, Kilograms(20_000)), Leg(suspense, LOAD, Kilograms(11_200)))
    assert outcome.flags == (Flag.ORIGIN_UNPROVEN,)
    assert sold_from_stock(()).legs == (Leg(suspense, LOAD, Kilograms(31_200)),)
