"""Refusals as RFC 9457 problems."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from service.domain import refusals

STATUSES: Mapping[type[refusals.Refusal], int] = {
    refusals.NotSignedIn: 401,
    refusals.NotAllowed: 403,
    refusals.NotFound: 404,
    refusals.TooLarge: 413,
    refusals.MalformedBody: 422,
    refusals.IdempotencyKeyReused: 422,
    refusals.VersionRequired: 428,
    refusals.VersionOutdated: 412,
    refusals.TooManyAttempts: 429,
    refusals.Busy: 503,
}
RETRY_AFTER_SECONDS = {refusals.Busy: 1, refusals.IdempotencyKeyRunning: 1, refusals.TooManyAttempts: 300}


def status_of(refusal: refusals.Refusal) -> int:
    """The HTTP status of a refusal; a broken rule is 409."""
    return STATUSES.get(type(refusal), 409)


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
    headers = {}
    if type(refusal) in RETRY_AFTER_SECONDS:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS[type(refusal)])
    if isinstance(refusal, refusals.NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(problem(refusal, request_id), default=str)
    return Response(body, status_of(refusal), headers, media_type="application/problem+json")


def pointer(location: Sequence[int | str]) -> str:
    """Where in the body an error lies, as a JSON pointer (RFC 6901); a parameter's name otherwise."""
    parts = location[1:] if location and location[0] in ("body", "query", "path", "header") else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def install(app: FastAPI) -> None:
    """Answer every refusal, malformed body and unknown path of an application with a problem."""

    @app.exception_handler(refusals.Refusal)
    async def refused(request: Request, refusal: refusals.Refusal) -> Response:
        return answer(refusal, request.state.request_id)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        errors = [
            {"pointer": pointer(item["loc"]), "code": item["type"], "detail": item["msg"]} for item in error.errors()
        ]
        return answer(refusals.MalformedBody(errors=errors), request.state.request_id)

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.NOT_FOUND:
            return answer(refusals.NotFound(), request.state.request_id)
        status = HTTPStatus(error.status_code)
        members = {
            "type": "about:blank",
            "title": status.phrase,
            "title_en": status.phrase,
            "status": status.value,
            "code": status.phrase.lower().replace(" ", "-"),
            "request_id": request.state.request_id,
        }
        return Response(orjson.dumps(members), status.value, error.headers, media_type="application/problem+json")
