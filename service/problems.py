"""Refusals as RFC 9457 problems."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import asyncpg
import orjson
import sqlalchemy.exc
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from service import metrics
from service.domain import refusals
from service.domain.plates import PlateHasAnotherOwner
from service.embedded.refusals import CannotRun
from service.faults import fault

log = structlog.get_logger("meisu.problems")

STATUSES: Mapping[type[refusals.Refusal], int] = {
    refusals.SignInFailed: 400,
    refusals.NotSignedIn: 401,
    refusals.NotAllowed: 403,
    refusals.FormOutdated: 403,
    refusals.OutsideYourArea: 403,
    refusals.NotFound: 404,
    refusals.MethodNotAllowed: 405,
    refusals.TooLarge: 413,
    refusals.MalformedBody: 422,
    refusals.IdempotencyKeyReused: 422,
    refusals.VersionRequired: 428,
    refusals.VersionOutdated: 412,
    refusals.TooManyAttempts: 429,
    refusals.Unexpected: 500,
    refusals.Busy: 503,
}
UNREADABLE = {"pointer": "", "code": "not-readable", "detail": "请求内容无法读取 / the body cannot be read"}
RETRY_AFTER_SECONDS = {refusals.Busy: 1, refusals.IdempotencyKeyRunning: 1, refusals.TooManyAttempts: 300}

# What PostgreSQL, or the way to it, says when nobody does better now, and the same request may a moment later.
AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    ConnectionError,
    TimeoutError,
)
TROUBLE = (*AWAY, asyncpg.TransactionRollbackError)


# What two requests at once may run into after both have checked; the constraint's name says which rule it keeps.
CONSTRAINTS: Mapping[str, type[refusals.Refusal]] = {
    "a_username_is_given_once": refusals.UsernameTaken,
    "a_plate_has_one_owner": PlateHasAnotherOwner,
}


def status_of(refusal: refusals.Refusal) -> int:
    """The HTTP status of a refusal, or of the wider one that it is a case of; a broken rule is 409."""
    return next((STATUSES[kind] for kind in type(refusal).__mro__ if kind in STATUSES), 409)


def malformed_body(error: ValidationError | RequestValidationError) -> refusals.MalformedBody:
    """What is wrong with each field of something sent, as a refusal."""
    return refusals.MalformedBody(errors=[fault(item["loc"], item["type"], item["msg"]) for item in error.errors()])


def problem(refusal: refusals.Refusal, request_id: str | None = None) -> dict[str, Any]:
    """A refusal as the members of application/problem+json."""
    members: dict[str, Any] = {
        "type": f"/problems/{refusal.code}",
        "title": refusal.title,
        "title_en": refusal.title_en,
        "status": status_of(refusal),
        "code": refusal.code,
    }
    if refusal.rule:
        members["rule"] = refusal.rule
    if request_id:
        members["request_id"] = request_id
    return {**members, **refusal.facts}


def answer(refusal: refusals.Refusal, request_id: str | None) -> Response:
    """A refusal as a response."""
    metrics.REFUSALS.labels(refusal.code).inc()
    headers = {}
    if type(refusal) in RETRY_AFTER_SECONDS:
        headers["Retry-After"] = str(refusal.facts.get("retry_after", RETRY_AFTER_SECONDS[type(refusal)]))
    if isinstance(refusal, refusals.NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(problem(refusal, request_id), default=str)
    return Response(body, status_of(refusal), headers, media_type="application/problem+json")


def codes() -> dict[str, type[refusals.Refusal]]:
    """Every class of refusal by its code: `/problems/<code>` has a page for each."""

    def below(parent: type[refusals.Refusal]) -> Iterator[type[refusals.Refusal]]:
        for child in parent.__subclasses__():
            yield child
            yield from below(child)

    return {refusal().code: refusal for refusal in below(refusals.Refusal)}


def _methods_of(request: Request) -> str:
    """What may be asked of an address: each of its methods is a route of its own, and what is read has a head (RFC 9110)."""
    methods = {
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        for route in request.app.router.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


async def _refused(request: Request, refusal: refusals.Refusal) -> Response:
    return answer(refusal, request.state.request_id)


async def _malformed(request: Request, error: RequestValidationError) -> Response:
    return answer(malformed_body(error), request.state.request_id)


async def _other(request: Request, error: HTTPException) -> Response:
    """What the framework itself refuses."""
    request_id = request.state.request_id
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return answer(refusals.NotFound(), request_id)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            told = answer(refusals.MethodNotAllowed(), request_id)
            told.headers["Allow"] = _methods_of(request)
            return told
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return answer(refusals.TooLarge(limit_bytes=request.state.limit_bytes), request_id)
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return answer(refusals.MalformedBody(errors=[error.detail]), request_id)
        case HTTPStatus.BAD_REQUEST:
            return answer(refusals.MalformedBody(errors=[UNREADABLE]), request_id)
    status = HTTPStatus(error.status_code)
    members = {
        "type": "about:blank",
        "title": status.phrase,
        "title_en": status.phrase,
        "status": status.value,
        "code": status.phrase.lower().replace(" ", "-"),
        "request_id": request_id,
    }
    return Response(orjson.dumps(members), status.value, error.headers, media_type="application/problem+json")


async def _constrained(request: Request, error: asyncpg.IntegrityConstraintViolationError) -> Response:
    refusal = CONSTRAINTS.get(error.constraint_name or "")
    if refusal is None:
        raise error
    return answer(refusal(), request.state.request_id)


async def _unable(request: Request, reason: CannotRun) -> Response:
    """As where a key cannot be read: once somebody has done what the log says, the same request is taken."""
    log.error(reason.english)
    return answer(refusals.Busy(), request.state.request_id)


async def _troubled(request: Request, error: Exception) -> Response:
    log.warning(f"The database could not take part: {type(error).__name__}: {str(error) or 'no answer in time'}")
    return answer(refusals.Busy(), request.state.request_id)


async def _wrapped(request: Request, error: sqlalchemy.exc.DBAPIError) -> Response:
    """What SQLAlchemy makes of the driver's errors."""
    cause = error.orig.__cause__ if error.orig else None
    if isinstance(cause, asyncpg.IntegrityConstraintViolationError):
        return await _constrained(request, cause)
    if error.connection_invalidated or isinstance(cause, AWAY):
        return await _troubled(request, error)
    raise error


_ANSWERS: Mapping[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
    refusals.Refusal: _refused,
    RequestValidationError: _malformed,
    HTTPException: _other,
    asyncpg.IntegrityConstraintViolationError: _constrained,
    CannotRun: _unable,
    **dict.fromkeys(AWAY, _troubled),
    sqlalchemy.exc.TimeoutError: _troubled,
    sqlalchemy.exc.DBAPIError: _wrapped,
}


def install(app: FastAPI) -> None:
    """Answer every refusal, malformed body and unknown path of an application with a problem."""
    for kind, answered in _ANSWERS.items():
        app.add_exception_handler(kind, answered)
