"""The types of input fields that all routes share: strict where a wrong value would be believed, bilingual in reply."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, StrictBool, WithJsonSchema
from pydantic_core import PydanticCustomError

from service.domain.codes.credit_codes import normalise_credit_code
from service.domain.codes.plates import normalise_plate
from service.domain.codes.texts import Malformed, clean_text
from service.domain.codes.tickets import MOST_PLANNED_KG
from service.domain.units import MAX_KILOGRAMS, Kilograms

FIRST_YEAR = 2000
LAST_YEAR = 2100
MOST_FEN_PER_TONNE = 100_000_000
_FIRST_INSTANT = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_END_OF_INSTANTS = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_JURISDICTION = re.compile(r"[1-9][0-9]{5}")


class Body(BaseModel):
    """The body of a request: what it does not name is refused, and nobody changes it on its way."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def refused(code: str, zh: str, en: str) -> PydanticCustomError:
    """A field's fault, as the 422 problem shows it: a code for machines, both languages for people."""
    return PydanticCustomError(code, "{detail}", {"detail": f"{zh} / {en}"})


def _text(value: object, code: str, zh: str, en: str) -> str:
    if not isinstance(value, str):
        raise refused(code, zh, en)
    return value


def _whole_number(at_least: int, at_most: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        # bool is an int to Python; a float that looks whole has already lost digits that nobody sees.
        if not isinstance(value, int) or isinstance(value, bool):
            raise refused(
                "whole-number-required",
                "须为整数，不接受小数、文本或真假值",
                "must be a whole number: no decimals, no text, no true or false",
            )
        if not at_least <= value <= at_most:
            raise refused(
                "number-out-of-range",
                f"须在 {at_least} 与 {at_most} 之间",
                f"must be between {at_least} and {at_most}",
            )
        return value

    return check


def _mass(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and not 1 <= value <= MAX_KILOGRAMS:
        raise refused(
            "mass-out-of-range",
            "数量须大于 0 且不超过 1 亿吨；请核对零的个数（接口按千克，表格按吨）",
            "must be above 0 and at most 100 million tonnes: count the noughts (the API takes kilograms, sheets tonnes)",
        )
    return _whole_number(1, MAX_KILOGRAMS)(value)


def _adjustment(value: object) -> int:
    kg = _whole_number(-MAX_KILOGRAMS, MAX_KILOGRAMS)(value)
    if kg == 0:
        raise refused("number-out-of-range", "不能为 0", "must not be 0")
    return kg


def _clean(at_most: int, *, several_lines: bool = False) -> Callable[[object], str]:
    def check(value: object) -> str:
        text = _text(value, "text-required", "须为文本（加引号）", "must be text, in quotation marks")
        try:
            return clean_text(text, at_most=at_most, several_lines=several_lines)
        except Malformed as fault:
            raise refused(fault.code, fault.zh, fault.en) from fault

    return check


def _plate(value: object) -> str:
    text = _text(value, "text-required", "车牌号须为文本", "a plate must be text")
    try:
        return normalise_plate(text)
    except Malformed as fault:
        raise refused(fault.code, fault.zh, fault.en) from fault


def _credit_code(value: object) -> str:
    text = _text(
        value,
        "credit-code-is-text",
        "统一社会信用代码是文本：录成数字会丢失末几位",
        "credit codes are text: a number loses their last digits",
    )
    try:
        return normalise_credit_code(text)
    except Malformed as fault:
        raise refused(fault.code, fault.zh, fault.en) from fault


def _jurisdiction(value: object) -> str:
    if not isinstance(value, str) or not _JURISDICTION.fullmatch(value):
        raise refused(
            "jurisdiction-code-malformed",
            "行政区划代码须为 6 位数字的文本，例如 \u201c210381\u201d",
            'a jurisdiction is the text of six digits, such as "210381"',
        )
    return value


def _day(value: object) -> date:
    day = _written_day(value) if not isinstance(value, date) or isinstance(value, datetime) else value
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _year_out_of_range()
    return day


def _written_day(value: object) -> date:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise refused("day-malformed", "日期须写作 YYYY-MM-DD", "a day is written YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise refused("day-malformed", "没有这一天", "there is no such day") from error


def _instant(value: object) -> datetime:
    instant = value if isinstance(value, datetime) and value.tzinfo is not None else _written_instant(value)
    # Before it is converted: the first and the last day of the calendar leave it when an offset is taken off.
    if not _FIRST_INSTANT <= instant < _END_OF_INSTANTS:
        raise _year_out_of_range()
    return instant.astimezone(UTC)


def _written_instant(value: object) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise refused(
            "instant-malformed",
            "时间须按 RFC 3339 书写并带时区，例如 2026-03-01T08:00:00+08:00",
            "a time is written after RFC 3339 and with its offset, such as 2026-03-01T08:00:00+08:00",
        )
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise refused("instant-malformed", "没有这一时刻", "there is no such time") from error


def _year_out_of_range() -> PydanticCustomError:
    return refused(
        "year-out-of-range",
        f"年份须在 {FIRST_YEAR} 与 {LAST_YEAR} 之间",
        f"the year must be between {FIRST_YEAR} and {LAST_YEAR}",
    )


def _uuid(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise refused(
            "uuid-malformed",
            "标识须为 UUID 文本，例如 019a0000-0000-7000-8000-000000000000",
            "an id is the text of a UUID, such as 019a0000-0000-7000-8000-000000000000",
        )
    return UUID(value)


def _schema(kind: str, **facts: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, **facts})


KilogramsIn = Annotated[
    Kilograms,
    PlainValidator(_mass),
    _schema("integer", minimum=1, maximum=MAX_KILOGRAMS),
]
SomeKilograms = Annotated[
    Kilograms,
    PlainValidator(_whole_number(0, MAX_KILOGRAMS)),
    _schema("integer", minimum=0, maximum=MAX_KILOGRAMS),
]
"""What may also be nothing."""
AdjustmentKilograms = Annotated[
    Kilograms,
    PlainValidator(_adjustment),
    _schema("integer", minimum=-MAX_KILOGRAMS, maximum=MAX_KILOGRAMS),
]
LoadKilograms = Annotated[
    Kilograms,
    PlainValidator(_whole_number(1, MOST_PLANNED_KG)),
    _schema("integer", minimum=1, maximum=MOST_PLANNED_KG),
]
"""What a ticket plans for one truck."""

FenPerTonne = Annotated[
    int,
    PlainValidator(_whole_number(0, MOST_FEN_PER_TONNE)),
    _schema("integer", minimum=0, maximum=MOST_FEN_PER_TONNE),
]
"""A price, in hundredths of a yuan for a tonne."""

Year = Annotated[
    int,
    PlainValidator(_whole_number(FIRST_YEAR, LAST_YEAR)),
    _schema("integer", minimum=FIRST_YEAR, maximum=LAST_YEAR),
]
Quarter = Annotated[int, PlainValidator(_whole_number(1, 4)), _schema("integer", minimum=1, maximum=4)]
Flag = StrictBool

Name = Annotated[str, PlainValidator(_clean(100)), _schema("string", minLength=1, maxLength=100)]
DocumentNo = Annotated[str, PlainValidator(_clean(64)), _schema("string", minLength=1, maxLength=64)]
LicenceNo = Annotated[str, PlainValidator(_clean(32)), _schema("string", minLength=1, maxLength=32)]
Reason = Annotated[str, PlainValidator(_clean(500, several_lines=True)), _schema("string", minLength=1, maxLength=500)]
Grade = Annotated[str, PlainValidator(_clean(20)), _schema("string", minLength=1, maxLength=20)]

Plate = Annotated[str, PlainValidator(_plate), _schema("string", examples=["辽C12345"])]
"""The plate that a ticket names."""
CreditCode = Annotated[
    str, PlainValidator(_credit_code), _schema("string", minLength=18, maxLength=18, examples=["91210381MA00000002"])
]
JurisdictionCode = Annotated[
    str, PlainValidator(_jurisdiction), _schema("string", pattern="^[1-9][0-9]{5}$", examples=["210381"])
]

# Without a serializer of their own, what a PlainValidator has read is written twice over and warned about.
_AS_TEXT = PlainSerializer(str, return_type=str, when_used="json")
_AS_ISO = PlainSerializer(lambda value: value.isoformat(), return_type=str, when_used="json")

Day = Annotated[date, PlainValidator(_day), _AS_ISO, _schema("string", format="date")]
Instant = Annotated[datetime, PlainValidator(_instant), _AS_ISO, _schema("string", format="date-time")]
AsOf = Annotated[Instant | None, Query(description="what was known then")]
UuidText = Annotated[UUID, PlainValidator(_uuid), _AS_TEXT, _schema("string", format="uuid")]
