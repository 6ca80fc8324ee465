"""Input fields: what is taken, in which form, and what is refused, with a code and in two languages."""

import json
import math
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from service.domain.units import MAX_KILOGRAMS, SHANGHAI
from service.routes.fields import (
    AdjustmentKilograms,
    Body,
    CreditCode,
    Day,
    DocumentNo,
    Flag,
    Grade,
    Instant,
    JurisdictionCode,
    KilogramsIn,
    LicenceNo,
    LoadKilograms,
    Name,
    Plate,
    Quarter,
    Reason,
    UuidText,
    Year,
)


class EverythingIn(Body):
    """Every field there is, as a route would name it."""

    kg: KilogramsIn
    change_kg: AdjustmentKilograms
    planned_kg: LoadKilograms
    year: Year
    quarter: Quarter | None
    consolidated: Flag
    name: Name
    number: DocumentNo
    licence: LicenceNo
    reason: Reason | None
    grade: Grade
    plate: Plate
    credit_code: CreditCode
    jurisdiction: JurisdictionCode
    signed_on: Day
    weighed_at: Instant
    id: UuidText


SENT = {
    "kg": 211_000_000,
    "change_kg": -1_000,
    "planned_kg": 31_200,
    "year": 2026,
    "quarter": 1,
    "consolidated": True,
    "name": " 海城排寨镁矿 ",
    "number": "鞍镁办〔2024〕2号",
    "licence": "C2100002010016120000001",
    "reason": "资源开发整合\r\n见附件",
    "grade": "LM-47",
    "plate": "辽c·12345",
    "credit_code": "９１２１０３８１ＭＡ０ＱＴＬ５Ｘ７Ｒ",
    "jurisdiction": "210381",
    "signed_on": "2026-02-28",
    "weighed_at": "2026-03-01T08:00:00.5+08:00",
    "id": "019CAF00-0000-7000-8000-0000000000A1",
}


def faults(field: str, value: object) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as refused:
        EverythingIn.model_validate({**SENT, field: value})
    return [(error["type"], error["msg"]) for error in refused.value.errors() if error["loc"][0] == field]


def test_a_body_is_taken_in_the_form_in_which_it_is_stored() -> None:
    body = EverythingIn.model_validate(SENT)
    assert body.model_dump() == SENT | {
        "name": "海城排寨镁矿",
        "reason": "资源开发整合\n见附件",
        "plate": "辽C12345",
        "credit_code": "91210381MA0QTL5X7R",
        "signed_on": date(2026, 2, 28),
        "weighed_at": datetime(2026, 3, 1, 0, 0, 0, 500_000, tzinfo=UTC),
        "id": UUID("019caf00-0000-7000-8000-0000000000a1"),
    }


def test_a_body_built_from_its_own_values_is_the_same() -> None:
    body = EverythingIn.model_validate(SENT)
    assert EverythingIn.model_validate(body.model_dump()) == body


def test_what_a_body_does_not_name_is_refused() -> None:
    assert faults("kg_", 1)[0][0] == "extra_forbidden"


NOT_WHOLE: list[object] = [1.0, 31_200.5, math.nan, math.inf, "31200", True, False, None, [1], {"kg": 1}, "١"]


@pytest.mark.parametrize("field", ["kg", "change_kg", "planned_kg", "year", "quarter"])
@pytest.mark.parametrize("value", NOT_WHOLE, ids=repr)
def test_a_whole_number_is_nothing_else(field: str, value: object) -> None:
    if field == "quarter" and value is None:
        return
    assert faults(field, value)[0][0] == "whole-number-required"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kg", 0),
        ("kg", -1),
        ("kg", MAX_KILOGRAMS + 1),
        ("kg", 10**400),
        ("change_kg", 0),
        ("change_kg", -MAX_KILOGRAMS - 1),
        ("planned_kg", 100_001),
        ("year", 1999),
        ("year", 2101),
        ("quarter", 0),
        ("quarter", 5),
    ],
)
def test_a_number_has_bounds(field: str, value: int) -> None:
    assert faults(field, value)[0][0] == ("mass-out-of-range" if field == "kg" else "number-out-of-range")


@pytest.mark.parametrize("value", [91210381000000000, 9.1210381e17, None, True])
def test_a_credit_code_is_text(value: object) -> None:
    [(code, detail)] = faults("credit_code", value)
    assert code == "credit-code-is-text"
    assert detail.endswith(" / credit codes are text: a number loses their last digits")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("credit_code", "91210381MA0QTL5X71", "credit-code-check-digit"),
        ("credit_code", "9121", "credit-code-length"),
        ("name", "", "text-empty"),
        ("name", 5, "text-required"),
        ("name", "镁" * 101, "text-too-long"),
        ("name", "排寨\u202e镁矿", "text-forbidden-character"),
        ("name", "排寨\n镁矿", "text-forbidden-character"),
        ("number", 2024, "text-required"),
        ("number", "\u200b", "text-forbidden-character"),
        ("licence", "C" * 33, "text-too-long"),
        ("licence", 2.1e21, "text-required"),
        ("reason", "\x00" * 3, "text-forbidden-character"),
        ("grade", "x" * 21, "text-too-long"),
        ("plate", "辽CABCDE", "plate-malformed"),
        ("plate", 12345, "text-required"),
        ("jurisdiction", 210381, "jurisdiction-code-malformed"),
        ("jurisdiction", "21038", "jurisdiction-code-malformed"),
        ("jurisdiction", "２１０３８１", "jurisdiction-code-malformed"),
        ("jurisdiction", "210381\n", "jurisdiction-code-malformed"),
        ("consolidated", "yes", "bool_type"),
        ("consolidated", 1, "bool_type"),
    ],
)
def test_a_text_that_is_not_what_it_should_be_is_refused_by_its_code(field: str, value: object, code: str) -> None:
    assert [fault for fault, _ in faults(field, value)] == [code]


@pytest.mark.parametrize(
    "value",
    [
        "2026-2-28",
        "28.02.2026",
        "2026-02-30",
        "2026-02-28T00:00:00Z",
        "２０２６-02-28",
        "2026-02-28\n",
        20260228,
        1.7e9,
        datetime(2026, 2, 28, tzinfo=UTC),
        "",
        None,
    ],
)
def test_a_day_is_written_in_one_way(value: object) -> None:
    assert faults("signed_on", value)[0][0] == "day-malformed"


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T08:00:00",
        "2026-03-01 08:00:00+08:00",
        "2026-03-01T08:00+08:00",
        "2026-03-01T24:00:00Z",
        "now",
        "",
        "2026-03-01T08:00:60Z",
        "2026-02-30T08:00:00Z",
        "2026-03-01T08:00:00+25:00",
        1_772_000_000,
        1.7e9,
        None,
        "2026-03-01T08:00:00+0800",
        "2026-03-01T08:00:00Z\n",
        datetime(2026, 3, 1),  # noqa: DTZ001
    ],
)
def test_an_instant_is_written_after_rfc_3339_with_its_offset(value: object) -> None:
    assert faults("weighed_at", value)[0][0] == "instant-malformed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("signed_on", "1999-12-31"),
        ("signed_on", "2101-01-01"),
        ("signed_on", date(1999, 12, 31)),
        ("weighed_at", "0001-01-01T00:00:00+23:59"),
        ("weighed_at", "9999-12-31T23:59:59-23:59"),
        ("weighed_at", "1970-01-01T00:00:00Z"),
        ("weighed_at", "2000-01-01T00:00:00+08:00"),
        ("weighed_at", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_days_and_instants_lie_between_2000_and_2100(field: str, value: object) -> None:
    assert faults(field, value)[0][0] == "year-out-of-range"


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-03-01T08:00:00Z", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-01t08:00:00z", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-01T08:00:00.123456789+08:00", datetime(2026, 3, 1, 0, 0, 0, 123456, tzinfo=UTC)),
        ("2026-12-31T23:59:59+08:00", datetime(2026, 12, 31, 23, 59, 59, tzinfo=SHANGHAI)),
        ("2026-03-01T08:00:00-00:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
    ],
)
def test_an_instant_keeps_its_place_in_time(written: str, instant: datetime) -> None:
    assert TypeAdapter(Instant).validate_python(written) == instant


@pytest.mark.parametrize(
    "value",
    [
        "",
        "42",
        "019caf000000700080000000000000a1",
        "{019caf00-0000-7000-8000-0000000000a1}",
        5,
        None,
        "' OR 1=1 --",
        "urn:uuid:019caf00-0000-7000-8000-0000000000a1",
        "019caf00-0000-7000-8000-0000000000a1\n",
    ],
)
def test_an_id_is_the_text_of_a_uuid(value: object) -> None:
    assert faults("id", value)[0][0] == "uuid-malformed"


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(SENT)), json_values)
def test_whatever_is_sent_a_field_takes_it_or_says_why_not_in_both_languages(field: str, value: object) -> None:
    try:
        EverythingIn.model_validate({**SENT, field: value})
    except ValidationError as refused:
        for error in refused.errors():
            assert error["type"] == "bool_type" or " / " in error["msg"]
            assert "{" not in error["msg"]


def test_clients_are_told_the_shape_of_every_field() -> None:
    properties = EverythingIn.model_json_schema()["properties"]
    assert json.dumps(properties)
    assert properties["kg"] == {"type": "integer", "minimum": 1, "maximum": MAX_KILOGRAMS, "title": "Kg"}
    assert properties["signed_on"]["format"] == "date"
    assert all("type" in schema or "anyOf" in schema for schema in properties.values())
