"""What a ticket is good for, and how it ends."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from service.domain.alerts import Flag
from service.domain.codes.numbers import make_number
from service.domain.policies import DEFAULTS
from service.domain.refusals import Refusal
from service.domain.tickets import (
    CheckReason,
    ContractHasEnded,
    ContractIsClosed,
    Journey,
    Paper,
    SlipGoesWithoutTickets,
    SourceStationNotTheSellers,
    Ticket,
    TicketAlreadyWeighed,
    TicketHasEnded,
    TicketState,
    ValidityIsPast,
    ValidityTooLong,
    Wish,
    cancelled,
    check_validity,
    check_wish,
    flags_of,
    reasons_against,
)
from service.domain.units import Kilograms

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


def uid(number: int) -> UUID:
    return UUID(int=number)


TICKET = Ticket(
    id=uid(1),
    number=make_number(7),
    code="",
    contract_id=uid(2),
    slip_id=None,
    seller_id=uid(3),
    buyer_id=uid(4),
    mine_id=uid(5),
    earmark=None,
    plate="辽C12345",
    planned_kg=Kilograms(31_000),
    grade="LM46",
    source_station_id=uid(6),
    destination_station_id=uid(7),
    valid_from=NOON - timedelta(hours=1),
    valid_until=NOON + timedelta(hours=1),
    account=1,
    source_account=2,
)
PAPER = Paper(uid(3), uid(4), uid(5), None, "LM46", valid_until=date(2026, 12, 31))
WISH = Wish(
    contract_id=uid(2),
    slip_id=None,
    plate="辽C12345",
    planned_kg=Kilograms(31_000),
    grade="LM46",
    source_station_id=uid(6),
    destination_station_id=uid(7),
    valid_from=NOON,
    valid_until=NOON + timedelta(days=1),
)
OUT = Journey(TicketState.OUT, Kilograms(31_200), NOON)


@pytest.mark.parametrize(
    ("journey", "at", "plate", "reasons"),
    [
        (Journey(), NOON, None, []),
        (Journey(), NOON, "辽 C·12345", []),
        (OUT, NOON, None, []),
        (Journey(), TICKET.valid_from, None, []),
        (Journey(), TICKET.valid_until, None, []),
        (Journey(), TICKET.valid_from - timedelta(seconds=1), None, [CheckReason.NOT_YET_VALID]),
        (Journey(), TICKET.valid_until + timedelta(seconds=1), None, [CheckReason.TICKET_EXPIRED]),
        (Journey(TicketState.EXPIRED), NOON, None, [CheckReason.TICKET_EXPIRED]),
        (Journey(TicketState.CANCELLED), NOON, None, [CheckReason.TICKET_CANCELLED]),
        (Journey(TicketState.DELIVERED), NOON, None, [CheckReason.TICKET_USED]),
        (Journey(TicketState.RETURNED), NOON, None, [CheckReason.TICKET_USED]),
        (Journey(TicketState.LOST), NOON, None, [CheckReason.TICKET_LOST]),
        (Journey(TicketState.HELD), NOON, None, [CheckReason.TICKET_HELD]),
        (Journey(), NOON, "辽C54321", [CheckReason.PLATE_MISMATCH]),
        (
            Journey(TicketState.CANCELLED),
            NOON + timedelta(days=1),
            "辽C54321",
            [CheckReason.TICKET_CANCELLED, CheckReason.TICKET_EXPIRED, CheckReason.PLATE_MISMATCH],
        ),
    ],
)
def test_w03_a_ticket_is_good_or_has_reasons_not_to_be(
    journey: Journey, at: datetime, plate: str | None, reasons: list[CheckReason]
) -> None:
    assert reasons_against(TICKET, journey, plate, at=at) == reasons


def test_e4_a_ticket_is_cancelled_before_its_journey() -> None:
    ended = cancelled(Journey(), at=NOON)
    assert ended == Journey(TicketState.CANCELLED, ended_at=NOON)
    assert cancelled(ended, at=NOON + timedelta(hours=1)) is ended


@pytest.mark.parametrize(
    ("journey", "refusal"),
    [
        (OUT, TicketAlreadyWeighed),
        (replace(OUT, state=TicketState.DELIVERED), TicketAlreadyWeighed),
        (Journey(TicketState.DELIVERED, in_kg=Kilograms(31_000)), TicketAlreadyWeighed),
        (Journey(TicketState.EXPIRED, ended_at=NOON), TicketHasEnded),
    ],
)
def test_e5_what_a_scale_has_seen_is_not_cancelled(journey: Journey, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal) as raised:
        cancelled(journey, at=NOON)
    assert raised.value.facts == {"state": journey.state}


@pytest.mark.parametrize(
    ("begins_in", "hours", "refusal"),
    [(-1, 2, None), (-1, 240, None), (500, 240, None), (-1, 1, ValidityIsPast), (-1, 241, ValidityTooLong)],
)
def test_w01_a_ticket_is_good_for_one_journey(begins_in: int, hours: int, refusal: type[Refusal] | None) -> None:
    valid_from = NOON + timedelta(hours=begins_in)
    with pytest.raises(refusal) if refusal else nullcontext():
        check_validity(valid_from, valid_from + timedelta(hours=hours), DEFAULTS, at=NOON)


def test_a_paper_that_bears_the_ticket_gives_it() -> None:
    check_wish(WISH, PAPER, serves_the_seller=True)
    last_evening = replace(WISH, valid_from=datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    check_wish(last_evening, PAPER, serves_the_seller=True)


@pytest.mark.parametrize(
    ("wish", "paper", "serves", "refusal"),
    [
        (WISH, replace(PAPER, goes_by_tickets=False), True, SlipGoesWithoutTickets),
        (WISH, replace(PAPER, is_closed=True), True, ContractIsClosed),
        (replace(WISH, valid_from=datetime(2026, 12, 31, 16, tzinfo=UTC)), PAPER, True, ContractHasEnded),
        (WISH, PAPER, False, SourceStationNotTheSellers),
    ],
)
def test_a_paper_that_does_not_bear_the_ticket_gives_none(
    wish: Wish, paper: Paper, serves: bool, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        check_wish(wish, paper, serves_the_seller=serves)


@pytest.mark.parametrize(
    ("grade", "is_frozen", "flags"),
    [
        ("LM46", False, []),
        ("LM44", False, [Flag.GRADE_MISMATCH]),
        ("LM46", True, [Flag.QUOTA_FROZEN]),
    ],
)
def test_what_looks_wrong_with_a_ticket_is_noted(grade: str, is_frozen: bool, flags: list[Flag]) -> None:
    assert flags_of(replace(WISH, grade=grade), PAPER, is_frozen=is_frozen) == flags
