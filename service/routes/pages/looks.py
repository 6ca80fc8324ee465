"""From when a page tells: now, or a moment of the past, which its form, its links and its print keep (E53)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from service.domain.sheets import BadCell, CellKind, value_of
from service.domain.units import SHANGHAI
from service.routes.entries import Now, is_past
from service.routes.fields import Instant, refused

FIELD = "as_of"


@dataclass(frozen=True, slots=True)
class Look:
    """What a page's address asks for: `at` is None for now, and where what was `typed` is no moment of the past."""

    now: datetime
    typed: str
    at: datetime | None = None

    @property
    def field(self) -> str:
        """What stands in the field at first: what was typed, or the minute that it is."""
        return self.typed or _written(self.now.replace(second=0))

    @property
    def said(self) -> str:
        """The moment as people read it."""
        return self.typed.replace("T", " ")

    def tells(self, written_at: datetime) -> bool:
        """Whether what is written once and stays had been written then."""
        return self.at is None or written_at <= self.at

    def keeps(self, href: str) -> str:
        """The address of another page, looked at from the same moment."""
        return href if self.at is None else f"{href}{'&' if '?' in href else '?'}{FIELD}={self.typed}"


def _written(at: datetime) -> str:
    local = at.astimezone(SHANGHAI).replace(tzinfo=None)
    return local.isoformat(timespec="seconds" if local.second else "minutes")


def _as_told(typed: object) -> object:
    """What was typed into the field or written in an address, as the API takes a moment."""
    said = value_of(str(typed), CellKind.MOMENT)
    if isinstance(said, BadCell):
        raise refused(said.code, said.zh, said.en)
    return said


_MOMENT: TypeAdapter[datetime | None] = TypeAdapter(Annotated[Instant | None, BeforeValidator(_as_told)])


async def look(request: Request, now: Now, as_of: Annotated[str, Query(max_length=40)] = "") -> Look:
    """From when the page is to tell; raises MomentToCome, and for what is no moment what a malformed body raises.

    The frame finds it in the request, also where it is refused: what was typed stands in the field again.
    """
    request.state.look = Look(now, as_of)
    try:
        at = _MOMENT.validate_python(as_of)
    except ValidationError as error:
        raise RequestValidationError([{**item, "loc": ("query", FIELD)} for item in error.errors()]) from error
    await is_past(request, at)
    found = Look(now, "") if at is None else Look(now, _written(at), at.replace(microsecond=0))
    request.state.look = found
    return found


Looks = Annotated[Look, Depends(look)]
