"""What looks wrong in what a scale says: plausibility, double scans, lateness, numbers and names (W04–W06, R07, R26)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.alerts import Flag
from service.domain.units import Kilograms, shanghai_day
from service.domain.weighings import (
    Direction,
    Event,
    Sequences,
    Source,
    impossible,
    is_one_event,
    named_ticket,
    weigh,
)
from tests.domain.test_weighings import BRIDGE_7, NOON, ON_THE_ROAD, RECORD, SEEN, TERMS, TICKET, YARD, arrives, uid


def test_p01_ore_to_a_plant_none_of_whose_lines_runs_is_flagged() -> None:
    stopped = replace(YARD, is_stopped=True)
    out = weigh(RECORD, replace(SEEN, station=replace(BRIDGE_7, is_stopped=True)))
    came = weigh(replace(RECORD, direction=Direction.IN), replace(SEEN, station=stopped, journey=ON_THE_ROAD))

    assert out.flags == arrives(31_200).flags == ()
    assert came.flags == (Flag.STOPPED_PLANT,)
    assert came.legs == arrives(31_200).legs


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
    ({"manual": True, "manual_reason": "仪表故障"}, {}, Flag.MANUAL_UNWITNESSED),
    ({"manual": True, "second_person": "王五"}, {}, Flag.MANUAL_UNWITNESSED),
    ({}, {"reading_is_repeated": True}, Flag.READING_REPEATED),
    ({}, {"tare_is_stale": True}, Flag.TARE_STALE),
    ({}, {"is_too_fast": True}, Flag.TOO_FAST),
    ({"mgo_per_mille": 454}, {}, Flag.GRADE_MISMATCH),
    ({"mgo_per_mille": 475}, {}, Flag.GRADE_MISMATCH),
    ({"tare_kg": 0, "gross_kg": 31_200}, {}, Flag.TARE_DRIFT),
    ({"tare_kg": 17_999}, {"usual_tare_kg": 20_000}, Flag.TARE_DRIFT),
    ({}, {"another_is_on_the_road": True}, Flag.TWO_OPEN_TICKETS),
    ({}, {"station": YARD}, Flag.WRONG_STATION),
    ({"plate": "辽C54321"}, {}, Flag.PLATE_MISMATCH),
    ({"grade": "LM44"}, {}, Flag.GRADE_MISMATCH),
    ({}, {"occurred_at": TICKET.valid_until + timedelta(seconds=1), "recorded_at": NOON + timedelta(days=2)},
     Flag.TICKET_EXPIRED),
    ({}, {"offset_is_large": True}, Flag.CLOCK_SKEW),
    ({}, {"recorded_at": NOON - timedelta(minutes=2, seconds=1)}, Flag.CLOCK_SKEW),
    ({}, {"sequence_is_broken": True}, Flag.SEQUENCE_GAP),
    ({}, {"clock_went_back": True}, Flag.CLOCK_JUMPED_BACK),
    ({}, {"source": Source(date(2030, 12, 31), consolidated=False, has_tranche=True)}, Flag.QUOTA_FROZEN),
    ({}, {"source": Source(date(2030, 12, 31), consolidated=True, has_tranche=False)}, Flag.SELLER_WITHOUT_QUOTA),
    ({}, {"terms": replace(TERMS, shipped_kg=Kilograms(68_801))}, Flag.CONTRACT_OVERSHIPPED),
    ({}, {"terms": replace(TERMS, valid_until=date(2026, 3, 1))}, Flag.CONTRACT_EXPIRED),
    ({}, {"terms": replace(TERMS, is_closed=True)}, Flag.CONTRACT_EXPIRED),
    ({}, {"terms": replace(TERMS, is_closed=True, is_filed=False, due_on=date(2026, 3, 1))}, Flag.CONTRACT_EXPIRED),
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


def test_w05_a_usual_tare_is_not_flagged() -> None:
    assert weigh(replace(RECORD, tare_kg=18_000), replace(SEEN, usual_tare_kg=Kilograms(20_000))).flags == ()


def test_w04_a_clock_that_is_two_minutes_ahead_is_not_flagged() -> None:
    assert weigh(RECORD, replace(SEEN, recorded_at=NOON - timedelta(minutes=2))).flags == ()


def test_r26_a_load_inside_the_window_of_an_unfiled_contract_is_not_flagged() -> None:
    assert weigh(RECORD, replace(SEEN, terms=replace(TERMS, is_filed=False))).flags == ()


def test_r26_the_last_day_of_a_contract_and_of_its_window_are_theirs() -> None:
    """By the device's time the one, by the day on which it is told the other."""
    today = shanghai_day(NOON)
    seen = replace(SEEN, terms=replace(TERMS, is_filed=False, due_on=today, valid_until=today))
    assert weigh(RECORD, seen).flags == ()
    assert weigh(RECORD, replace(seen, recorded_at=NOON + timedelta(days=1))).flags == (Flag.FILING_OVERDUE,)


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
