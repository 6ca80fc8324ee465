"""What all doors of the registry share: versions as ETags, edits as merge patches (RFC 7396), pages and histories."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Body as BodyParam
from fastapi import Depends, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from service.auth import may
from service.db import SessionDoor
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import MomentToCome, VersionOutdated, VersionRequired
from service.routes.fields import AsOf, Body
from service.routes.idempotency import Once
from service.store.tables import Entry, RevisionRow

In = TypeVar("In", bound=Body)

ReaderActor = Annotated[Actor, Depends(may("registry.read"))]
WriterActor = Annotated[Actor, Depends(may("registry.write"))]
After = UUID | None
Limit = Annotated[int, Query(ge=1, le=500)]
Patch = Annotated[dict[str, Any], BodyParam(description="RFC 7396: what is named is changed, all else stays")]


class EntryOut(BaseModel):
    """What clients see of every entry."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    version: int
    created_at: datetime


class RevisionOut(BaseModel):
    """What an entry says from one version on."""

    version: int
    entry: dict[str, Any]
    person_id: UUID
    recorded_at: datetime


class HistoryOut(BaseModel):
    """All that an entry has said, oldest first."""

    items: list[RevisionOut]
    next: None = None

    @classmethod
    def of(cls, rows: Sequence[RevisionRow]) -> "HistoryOut":
        """Rows of the history as clients see them."""
        return cls(items=[RevisionOut.model_validate(row, from_attributes=True) for row in rows])


async def now(request: Request) -> datetime:
    """The service's time."""
    at: datetime = request.app.state.clock.now()
    return at


async def policies_now(request: Request) -> Policies:
    """The policy values in force."""
    state = request.app.state
    found: Policies = await state.rulebook.policies(state.clock.now())
    return found


async def version(if_match: Annotated[str | None, Header()] = None) -> int:
    """The version that the client has read, from If-Match; raises VersionRequired without, VersionOutdated for what is none."""
    if if_match is None:
        raise VersionRequired
    text = if_match.removeprefix("W/").strip('"')
    if not text.isdecimal() or not text.isascii() or len(text) > 9:
        raise VersionOutdated
    return int(text)


async def is_past(request: Request, as_of: AsOf = None) -> None:
    """Refuse to tell what will be known: the same question has the same answer for ever (E53). Raises MomentToCome."""
    if as_of is not None and as_of > await now(request):
        raise MomentToCome(as_of=as_of)


Now = Annotated[datetime, Depends(now)]
PoliciesNow = Annotated[Policies, Depends(policies_now)]
Version = Annotated[int, Depends(version)]
OF_THE_PAST = [Depends(is_past)]
"""What each route with `as_of` depends on."""


def tag(response: Response, entry: Entry) -> None:
    """Name the entry's version in its answer."""
    response.headers["ETag"] = f'"{entry.version}"'


async def created(
    once: Once, session: AsyncSession, actor: Actor, deed: Callable[[], Awaitable[BaseModel]]
) -> Response:
    """The answer to an entry's registration, once for each Idempotency-Key."""
    response = await once(SessionDoor(session), actor, deed)
    response.headers["ETag"] = '"1"'
    return response


def patched(kind: type[In], current: EntryOut, patch: Mapping[str, Any]) -> In:
    """An entry as it is after a patch, checked as a whole; raises what a malformed body raises."""
    merged = _merge(current.model_dump(mode="json", include=set(kind.model_fields)), patch)
    try:
        return kind.model_validate(merged)
    except ValidationError as error:
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()]) from error


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    start = target if isinstance(target, Mapping) else {}
    # A null stays: what has no value says so, it is not left out.
    return {**start, **{name: _merge(start.get(name), value) for name, value in patch.items()}}
