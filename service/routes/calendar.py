"""The calendar of working days, and the platform's outages: entered by the province."""

import csv
import io
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field, ValidationError, model_validator

from service.actions import deadlines as deeds
from service.auth import may
from service.db import Connection, ReaderDep, database
from service.domain.calendar import kind_of
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.units import shanghai_year
from service.routes.entries import Now, PoliciesNow
from service.routes.fields import Body, Day, DocumentNo, Flag, Instant, Reason, refused
from service.routes.idempotency import OnceDep
from service.store import policies as store

router = APIRouter(prefix="/v1", tags=["calendar"])

MOST_DAYS = 800
LONGEST_OUTAGE = timedelta(days=90)
WORKED = frozenset({"1", "true", "yes", "班", "上班", "是"})
FREE = frozenset({"0", "false", "no", "休", "放假", "否"})


class DayIn(Body):
    """What a notice makes of a day."""

    day: Day
    is_worked: Flag


class CalendarIn(Body):
    """What a year's notice says, by its number."""

    days: Annotated[list[DayIn], Field(min_length=1, max_length=MOST_DAYS)]
    document_no: DocumentNo

    @model_validator(mode="after")
    def names_a_day_once(self) -> Self:
        """One notice says one thing of a day."""
        if len({one.day for one in self.days}) < len(self.days):
            raise refused("day-named-twice", "同一日期出现两次", "a day is named twice")
        return self


def _described() -> dict[str, Any]:
    """The body's schema in one piece: what is not a parameter has no place among the document's components."""
    schema = CalendarIn.model_json_schema()
    schema["properties"]["days"]["items"] = schema.pop("$defs")["DayIn"]
    return schema


class DayOut(BaseModel):
    """A day that is not what its weekday says; provisional where no notice is known yet."""

    day: date
    is_worked: bool
    is_provisional: bool


class CalendarOut(BaseModel):
    """A year's calendar: the weekdays that are free and the weekend days that are worked."""

    year: int
    is_provisional: bool
    items: list[DayOut]
    next: None = None

    @classmethod
    def of(cls, year: int, policies: Policies) -> "CalendarOut":
        """A year as it is known; where any of its days is only expected, the year is provisional."""
        days = [date(year, 1, 1) + timedelta(days=passed) for passed in range(366)]
        kinds = {day: kind_of(day, policies.calendar.overrides) for day in days if day.year == year}
        odd = [
            DayOut(day=day, is_worked=kind.is_worked, is_provisional=kind.is_provisional)
            for day, kind in kinds.items()
            if kind.is_worked != (day.weekday() < 5)
        ]
        return cls(year=year, is_provisional=any(kind.is_provisional for kind in kinds.values()), items=odd)


class OutageIn(Body):
    """A time in which the platform was out."""

    starts_at: Instant
    ends_at: Instant
    reason: Reason
    document_no: DocumentNo

    @model_validator(mode="after")
    def lasts(self) -> Self:
        """An outage ends after it starts, and is none for ever."""
        if not self.starts_at < self.ends_at <= self.starts_at + LONGEST_OUTAGE:
            raise refused(
                "outage-malformed",
                "停运结束（ends_at）须晚于停运开始（starts_at），且不超过 90 天",
                "the end (ends_at) comes after the start (starts_at), by 90 days at most",
            )
        return self


class OutageOut(BaseModel):
    """A declared outage."""

    id: UUID
    starts_at: datetime
    ends_at: datetime
    reason: str
    document_no: str
    recorded_at: datetime


class OutagesOut(BaseModel):
    """The declared outages, oldest first."""

    items: list[OutageOut]
    next: None = None


@router.get("/calendar")
async def show_calendar(
    actor: Annotated[Actor, Depends(may("calendar.read"))],
    policies: PoliciesNow,
    at: Now,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
) -> CalendarOut:
    """The working days of a year, make-up weekends 调休 included; provisional while no notice is known."""
    return CalendarOut.of(year or shanghai_year(at), policies)


@router.post(
    "/calendar",
    status_code=201,
    response_model=CalendarOut,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _described()},
                "text/csv": {"schema": {"type": "string", "examples": ["day,is_worked\n2027-02-06,0\n"]}},
            },
        }
    },
)
async def enter_calendar(
    request: Request,
    actor: Annotated[Actor, Depends(may("calendar.enter"))],
    once: OnceDep,
    at: Now,
    document_no: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Enter a notice's days, as JSON, or as CSV with the notice's number in the address; deadlines are counted anew."""
    body = await _read(request, document_no)
    year = body.days[0].day.year
    async with database(request).transaction() as connection:

        async def deed() -> CalendarOut:
            days = [(one.day, one.is_worked) for one in body.days]
            await deeds.enter_days(connection, days, document_no=body.document_no, at=at, actor=actor)
            return CalendarOut.of(year, Policies(history=await store.history(connection)))

        answer = await once(connection, actor, deed)
    await request.app.state.rulebook.wait_for_all()
    return answer


@router.get("/outages")
async def list_outages(connection: ReaderDep, actor: Annotated[Actor, Depends(may("outages.read"))]) -> OutagesOut:
    """The outages that were declared; each has put off the deadlines that it touched (R27)."""
    return OutagesOut(items=await outages(connection))


@router.post("/outages", status_code=201, response_model=OutageOut)
async def declare_outage(
    body: OutageIn,
    request: Request,
    actor: Annotated[Actor, Depends(may("outages.declare"))],
    once: OnceDep,
    at: Now,
) -> Response:
    """Declare that the platform was out: the deadlines that this touched are put off, and who filed by then is not late."""
    async with database(request).transaction() as connection:

        async def deed() -> OutageOut:
            outage_id = await deeds.declare_outage(connection, **body.model_dump(), at=at, actor=actor)
            return next(one for one in await outages(connection) if one.id == outage_id)

        answer = await once(connection, actor, deed)
    await request.app.state.rulebook.wait_for_all()
    return answer


async def outages(connection: Connection) -> list[OutageOut]:
    """The declared outages as clients see them."""
    return [OutageOut.model_validate(dict(row)) for row in await store.list_outages(connection)]


async def _read(request: Request, document_no: str) -> CalendarIn:
    raw = await request.body()
    try:
        if request.headers.get("content-type", "").startswith("text/csv"):
            days = list(rows_of(raw.decode("utf-8-sig", errors="replace")))
            return CalendarIn.model_validate({"days": days, "document_no": document_no})
        return CalendarIn.model_validate_json(raw)
    except ValidationError as error:
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()]) from error


def rows_of(text: str) -> Iterable[dict[str, object]]:
    """The rows of a table with a day and whether it is worked (1, 0, 班, 休); its head line may be missing."""
    for row in csv.reader(io.StringIO(text)):
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].lower() in ("day", "日期"):
            continue
        said = cells[1].lower() if len(cells) > 1 else ""
        yield {"day": cells[0].replace("/", "-"), "is_worked": said in WORKED if said in WORKED | FREE else said}
