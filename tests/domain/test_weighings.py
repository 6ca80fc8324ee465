"""What follows from what a scale says, rule by rule."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
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
    Event,
    Leg,
    Outcome,
    Record,
    Sequences,
    Source,
    Station,
    Terms,
    impossible,
    is_one_event,
    named_ticket,
    weigh,
)

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


def test_p01_ore_to_a_plant_none_of_whose_lines_runs_is_flagged() -> None:
    stopped = replace(YARD, is_stopped=True)
    out = weigh(RECORD, replace(SEEN, station=replace(BRIDGE_7, is_stopped=True)))
    came = weigh(replace(RECORD, direction=Direction.IN), replace(SEEN, station=stopped, journey=ON_THE_ROAD))

    assert out.flags == arrives(31_200).flags == ()
    assert came.flags == (Flag.STOPPED_PLANT,)
    assert came.legs == arrives(31_200).legs


def comes_back(net_kg: int, journey: Journey = ON_THE_ROAD) -> Outcome:
    record = replace(RECORD, direction=Direction.BACK, gross_kg=15_000 + net_kg)
    return weigh(record, replace(SEEN, journey=journey))


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


@pytest.mark.parametrize(
    ("gross_kg", "tare_kg", "is_possible"),
    [
        (15_000, 15_000, False),
        (14_000, 15_000, False),
        (0, 0, False),
        (-5, -10, False),
        (20_000, -1, False),
        (100_001, 15_000, False),
        (100_000, 15_000, True),
        (15_001, 15_000, True),
    ],
)
def test_w05_what_no_truck_weighs_is_refused(gross_kg: int, tare_kg: int, is_possible: bool) -> None:
    """E16."""
    assert (impossible(replace(RECORD, gross_kg=gross_kg, tare_kg=tare_kg)) is None) == is_possible


FLAGGED = [
    ({"gross_kg": 49_001}, {}, Flag.OVERWEIGHT),
    ({"axles": 5, "gross_kg": 43_001}, {}, Flag.OVERWEIGHT),
    ({"axles": 4, "gross_kg": 36_001}, {}, Flag.OVERWEIGHT),
    ({"axles": 2, "gross_kg": 18_001}, {}, Flag.OVERWEIGHT),
    ({"tare_kg": 8_000, "gross_kg": 48_001}, {}, Flag.OVERWEIGHT),
    ({"stable": False}, {}, Flag.READING_UNSTABLE),
    ({}, {"reading_is_repeated": True}, Flag.READING_REPEATED),
    ({}, {"tare_is_stale": True}, Flag.TARE_STALE),
    ({}, {"is_too_fast": True}, Flag.TOO_FAST),
    ({"mgo_per_mille": 454}, {}, Flag.GRADE_MISMATCH),
    ({"mgo_per_mille": 475}, {}, Flag.GRADE_MISMATCH),
    ({}, {"usual_tare_kg": 17_000}, Flag.TARE_DRIFT),
    ({}, {"another_is_on_the_road": True}, Flag.TWO_OPEN_TICKETS),
    ({}, {"station": YARD}, Flag.WRONG_STATION),
    ({"plate": "辽C54321"}, {}, Flag.PLATE_MISMATCH),
    ({"grade": "LM44"}, {}, Flag.GRADE_MISMATCH),
    ({}, {"occurred_at": TICKET.valid_until + timedelta(seconds=1), "recorded_at": NOON + timedelta(days=2)},
     Flag.TICKET_EXPIRED),
    ({}, {"offset_is_large": True}, Flag.CLOCK_SKEW),
    ({}, {"recorded_at": NOON - timedelta(minutes=3)}, Flag.CLOCK_SKEW),
    ({}, {"sequence_is_broken": True}, Flag.SEQUENCE_GAP),
    ({}, {"clock_went_back": True}, Flag.CLOCK_JUMPED_BACK),
    ({}, {"source": Source(date(2030, 12, 31), consolidated=False, has_tranche=True)}, Flag.QUOTA_FROZEN),
    ({}, {"source": Source(date(2030, 12, 31), consolidated=True, has_tranche=False)}, Flag.SELLER_WITHOUT_QUOTA),
    ({}, {"terms": replace(TERMS, shipped_kg=Kilograms(68_801))}, Flag.CONTRACT_OVERSHIPPED),
    ({}, {"terms": replace(TERMS, valid_until=date(2026, 3, 1))}, Flag.CONTRACT_EXPIRED),
    ({}, {"terms": replace(TERMS, is_closed=True)}, Flag.CONTRACT_EXPIRED),
    ({}, {"terms": replace(TERMS, is_filed=False, due_on=date(2026, 3, 1))}, Flag.FILING_OVERDUE),
]  # fmt: skip


@pytest.mark.parametrize(("said", "seen", "flag"), FLAGGED)
def test_what_looks_wrong_is_flagged_and_posted(said: dict[str, object], seen: dict[str, object], flag: Flag) -> None:
    """R22d (at each load), R07, E13, E15, E16, E17, E40, E46."""
    record = replace(RECORD, **said)
    outcome = weigh(record, replace(SEEN, **seen))
    assert outcome.flags == (flag,)
    assert [leg.kg for leg in outcome.legs] == [record.net_kg]


@pytest.mark.parametrize(
    "said",
    [
        {"axles": 6, "gross_kg": 49_000},
        {"axles": 3, "gross_kg": 27_000},
        {"mgo_per_mille": 455},
        {"mgo_per_mille": 474},
        {"stable": True, "reading": 7},
        {"stable": False, "manual": True, "manual_reason": "仪表故障", "second_person": "王五"},
    ],
)
def test_w05_e16_e17_e46_what_is_plausible_is_not_flagged(said: dict[str, object]) -> None:
    assert weigh(replace(RECORD, **said), SEEN).flags == ()


def test_w07_what_was_given_up_is_put_right_when_the_scales_tell() -> None:
    expired = weigh(RECORD, replace(SEEN, journey=Journey(TicketState.EXPIRED, ended_at=NOON)))
    assert expired.settled == (Flag.NEVER_WEIGHED,)
    assert expired.journey == ON_THE_ROAD
    late = replace(SEEN, station=YARD, journey=ON_THE_ROAD, recorded_at=NOON + timedelta(hours=73))
    assert weigh(replace(RECORD, direction=Direction.IN), late).settled == (Flag.NEVER_RECEIVED,)
    assert arrives(31_200).settled == ()


def test_w05_a_usual_tare_is_not_flagged() -> None:
    assert weigh(RECORD, replace(SEEN, usual_tare_kg=16_500)).flags == ()


def test_r26_a_load_inside_the_window_of_an_unfiled_contract_is_not_flagged() -> None:
    assert weigh(RECORD, replace(SEEN, terms=replace(TERMS, is_filed=False))).flags == ()


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


def test_w10_what_the_buyer_had_taken_comes_back_as_an_ordinary_movement() -> None:
    delivered = arrives(31_140).journey
    assert delivered is not None
    outcome = comes_back(10_000, delivered)
    assert outcome.flags == (Flag.WEIGHT_GAP,)
    assert outcome.legs == (Leg(LOT, QUOTA, Kilograms(10_000)),)


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


@pytest.mark.parametrize(
    ("consolidated", "on", "is_frozen"),
    [(True, date(2026, 6, 30), False), (True, date(2026, 7, 1), True), (False, date(2026, 6, 1), True)],
)
def test_r07_a_mine_without_its_right_is_frozen(consolidated: bool, on: date, is_frozen: bool) -> None:
    source = Source(licence_valid_until=date(2026, 6, 30), consolidated=consolidated, has_tranche=True)
    assert source.is_frozen(on) == is_frozen


EVENT = Event(uid(30), "辽C12345", TICKET.id, 46_200, NOON)


@pytest.mark.parametrize(
    ("change", "is_one"),
    [
        ({}, True),
        ({"gross_kg": 46_220}, True),
        ({"gross_kg": 46_221}, False),
        ({"occurred_at": NOON - timedelta(seconds=60)}, True),
        ({"occurred_at": NOON + timedelta(seconds=61)}, False),
        ({"ticket_id": None}, True),
        ({"plate": "辽C54321"}, True),
        ({"plate": "辽C54321", "ticket_id": None}, False),
    ],
)
def test_w06_two_scans_of_one_truck_are_one_event(change: dict[str, object], is_one: bool) -> None:
    """E7."""
    assert is_one_event(EVENT, replace(EVENT, **change)) == is_one


@pytest.mark.parametrize(
    ("recorded_at", "flags"),
    [
        (datetime(2026, 3, 16, 15, 59, tzinfo=UTC), ()),
        (datetime(2026, 3, 16, 16, 0, tzinfo=UTC), (Flag.WEIGHING_LATE,)),
    ],
)
def test_e12_w04_what_comes_after_ten_working_days_is_kept_and_flagged(
    recorded_at: datetime, flags: tuple[Flag, ...]
) -> None:
    outcome = weigh(RECORD, replace(SEEN, recorded_at=recorded_at))
    assert outcome.flags == flags
    assert outcome.legs == weigh(RECORD, SEEN).legs


def test_w04_a_gap_in_the_sequence_closes_when_its_records_come() -> None:
    book = Sequences()
    assert [book.take(number) for number in (4, 5, 8, 6, 7, 9, 3, 5)] == [
        False, False, True, False, False, False, False, True
    ]  # fmt: skip
    assert book.ranges == [(3, 10)]


@given(st.lists(st.integers(0, 40)))
def test_w04_the_book_of_sequences_is_the_set_of_numbers(numbers: list[int]) -> None:
    book = Sequences()
    seen: set[int] = set()
    for number in numbers:
        came_before = number in seen
        assert book.take(number) >= came_before
        seen.add(number)
    assert [number for lo, hi in book.ranges for number in range(lo, hi)] == sorted(seen)
    assert all(hi < lo for (_, hi), (lo, _) in pairwise(book.ranges))
    assert book.has_gap == bool(seen and max(seen) - min(seen) + 1 > len(seen))


@pytest.mark.parametrize("text", ["", "hello", "123", "1" * 288, "https://x/T/" + "9" * 290, "0" * 13])
def test_a_text_that_is_no_ticket_names_none(text: str) -> None:
    naming = named_ticket(text)
    assert naming is None or not naming.fits(TICKET)


def test_a_number_is_read_however_it_was_typed() -> None:
    for text in (TICKET.number, f" {TICKET.number[:4]} {TICKET.number[4:]}"):
        naming = named_ticket(text)
        assert naming is not None
        assert naming.fits(TICKET)
