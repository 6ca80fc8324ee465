"""A line of a station's book, as the API asks for it and as the agent on a station's PC holds it against that."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema

from service.domain.codes.plates import plate_as_seen
from service.domain.codes.texts import Malformed, clean_text
from service.domain.weighings import Direction, Record
from service.ids import quick
from service.routes.fields import FIRST_YEAR, LAST_YEAR, refused


def _clean(text: str, at_most: int) -> str:
    try:
        return clean_text(text, at_most=at_most)
    except Malformed as fault:
        raise refused(fault.code, fault.zh, fault.en) from fault


# The same trucks pass the same scales all day.
@lru_cache(16_384)
def _plate(text: str) -> str:
    return plate_as_seen(_clean(text, 32))


@lru_cache(1_024)
def _grade(text: str) -> str:
    return _clean(text, 20)


def _words(text: str) -> str:
    return _clean(text, 200)


Moment = Annotated[
    AwareDatetime, Field(ge=datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), lt=datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC))
]
_ScaleKilograms = Annotated[int, Field(ge=-1_000_000, le=1_000_000_000)]


class RecordIn(BaseModel):
    """A line of a station's book. Built of native checks, since thousands come at once; a number is never a text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: UUID
    sequence: Annotated[int, Field(ge=0, le=2**53)]
    ticket: Annotated[str, Field(max_length=2_000, pattern=r"^[^\x00]*$")] | None = None  # the database has no NUL
    direction: Annotated[Direction, WithJsonSchema({"type": "string", "enum": list(Direction)})]
    plate: Annotated[str, Field(max_length=64), AfterValidator(_plate)]
    gross_kg: _ScaleKilograms
    tare_kg: _ScaleKilograms
    grade: Annotated[str, AfterValidator(_grade)] | None = None
    weighed_at: Moment
    manual: bool = False
    manual_reason: Annotated[str, AfterValidator(_words)] | None = None
    second_person: Annotated[str, AfterValidator(_words)] | None = None
    tare_source: Literal["fresh", "stored"] = "fresh"
    axles: Annotated[int, Field(ge=2, le=20)] | None = None
    mgo_per_mille: Annotated[int, Field(ge=0, le=1_000)] | None = None
    reading: Annotated[int, Field(ge=0, le=2**53)] | None = None
    stable: bool | None = None
    moisture_per_mille: Annotated[int, Field(ge=0, le=999)] | None = None

    def record(self) -> Record:
        """The record as the rules take it."""
        return Record(
            quick(self.id),
            self.sequence,
            self.ticket,
            self.direction,
            self.plate,
            self.gross_kg,
            self.tare_kg,
            self.grade,
            self.weighed_at.astimezone(UTC),
            self.manual,
            self.manual_reason,
            self.second_person,
            self.tare_source,
            self.axles,
            self.mgo_per_mille,
            self.reading,
            self.stable,
            self.moisture_per_mille,
        )
