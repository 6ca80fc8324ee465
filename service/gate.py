"""What every request passes: it gets a name and a limit, its JSON is read strictly, its answer safe headers and a log line."""

import asyncio
import json
import math
import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import orjson
import structlog
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars
from uuid_utils.compat import uuid7

from service import logs, metrics, problems
from service.domain import refusals
from service.threads import LARGE_BYTES, PIECE, give_way, in_thread, note_short_request

log = structlog.get_logger(__name__)

CLIENT_GONE = 499  # nobody is there to read an answer: what logs and figures show for one who hung up
SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=()"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        b"frame-ancestors 'none'",
    ),
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UPLOADS = re.compile(r"/attachments$|/bulk/[a-z]+$")
NOT_STORED = (b"cache-control", b"no-store")
NO_BODY = {"type": "http.response.body"}
DEEPEST = 64  # what reads it goes down as often, and each language has its own end
# No text of ours holds one, and the database takes none: it would have to be refused wherever an address says something.
_NUL = {
    "pointer": "",
    "code": "nul-in-address",
    "detail": "地址中不能含有空字符（%00） / an address holds no NUL (%00)",
}


class Gate:
    """Pure ASGI, since it is on the way of every request."""

    def __init__(self, app: ASGIApp, body_limit_bytes: int, upload_limit_bytes: int, secure: bool) -> None:
        self._app = app
        self._limit = body_limit_bytes
        self._upload_limit = upload_limit_bytes
        self._headers = SAFE_HEADERS + (((b"strict-transport-security", b"max-age=31536000"),) if secure else ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        started = time.perf_counter()
        method = scope["method"]
        if method == "HEAD":
            scope = {**scope, "method": "GET"}  # answered alike; the server leaves the body out
            send = _ending_streams(send)
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if SANE_REQUEST_ID.fullmatch(given) else str(uuid7())
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        bind_contextvars(request_id=request_id)
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name.lower() for name, _ in message["headers"]}
                defaults = (*self._headers, NOT_STORED) if scope["path"].startswith("/v1/") else self._headers
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *(header for header in defaults if header[0] not in own),
                ]
            await send(message)

        try:
            limit = self._upload_limit if UPLOADS.search(scope["path"]) else self._limit
            state["limit_bytes"] = limit
            declared = headers.get(b"content-length", b"")
            size = int(declared) if declared.isdigit() else 0
            if size < LARGE_BYTES:
                note_short_request()
            if size > limit:
                await problems.answer(refusals.TooLarge(limit_bytes=limit), request_id)(scope, receive, answer)
            elif "\0" in scope["path"] or b"%00" in scope["query_string"]:
                await problems.answer(refusals.MalformedBody(errors=[_NUL]), request_id)(scope, receive, answer)
            else:
                await self._app(scope, Body(scope, receive, headers, limit).receive, answer)
        except ClientDisconnect:
            status = CLIENT_GONE
        except asyncio.CancelledError:
            await _break_off(scope, receive, answer, has_begun=status > 0)
        except Exception:
            log.exception(f"{method} {scope['path']} failed", **{"http.path": scope["path"]}, person_id=_person(state))
            if status:
                raise
            await problems.answer(refusals.Unexpected(), request_id)(scope, receive, answer)
        finally:
            _tell(scope, method, state, status, time.perf_counter() - started)


async def _break_off(scope: Scope, receive: Receive, send: Send, *, has_begun: bool) -> None:
    """The service ends before a request is done with: whoever asks again hears what has become of it."""
    if has_begun:  # the server closes the connection, so that nobody takes it for the whole
        log.warning(f"{scope['method']} {scope['path']} is broken off: the service ends")
    else:
        await problems.answer(refusals.Busy(), scope["state"]["request_id"])(scope, receive, send)


def _ending_streams(send: Send) -> Send:
    """A `send` for HEAD: an answer without a length ends after its head, since a stream would have no end of its own."""
    is_over = False

    async def pass_on(message: Message) -> None:
        nonlocal is_over
        if is_over:
            return
        await send(message)
        if message["type"] == "http.response.start":
            is_over = b"content-length" not in {name.lower() for name, _ in message["headers"]}
            if is_over:
                await send(NO_BODY)

    return pass_on


class Body:
    """A request's body as it arrives: never more than the limit, and JSON only as RFC 8259 and I-JSON have it."""

    def __init__(self, scope: Scope, receive: Receive, headers: dict[bytes, bytes], limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._is_json = b"json" in headers.get(b"content-type", b"").lower()
        self._size = 0
        self._parts: list[bytes] = []

    async def receive(self) -> Message:
        """The next part; raises HTTPException, the one exception that FastAPI lets through while it reads a body."""
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        part: bytes = message.get("body", b"")
        self._size += len(part)
        if self._size > self._limit:
            raise HTTPException(413)
        if self._is_json:
            self._parts.append(part)
            if not message.get("more_body", False) and self._size:
                body = b"".join(self._parts)
                # A day's book takes long to read, and those who only ask something short must not wait for it.
                is_large = len(body) >= LARGE_BYTES
                fault = (
                    await in_thread(lambda: json_fault(body, _strict(_Unhurried()))) if is_large else json_fault(body)
                )
                if fault:
                    raise HTTPException(422, detail=fault)  # type: ignore[arg-type]
        return message


class _Fault(ValueError):
    """A number or name that JSON's grammar lets through and a reader would take for another."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.fault = {"pointer": "", "code": code, "detail": detail}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Fault("name-given-twice", f"同一对象中名称重复：{twice} / a name is given twice: {twice}")
    return members


def _no_constant(text: str) -> float:
    raise _Fault("number-not-finite", f"不是有限数：{text} / not a finite number: {text}")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_constant(text[:32])


class _Unhurried:
    """As `_unique`, with a rest after each piece."""

    def __init__(self) -> None:
        self._objects = 0

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._objects += 1
        if self._objects % PIECE == 0:
            give_way()
        return _unique(pairs)


def _strict(members: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=members, parse_constant=_no_constant, parse_float=_finite)


_SHORT = _strict(_unique)  # made once: that takes as long as reading one record


def json_fault(body: bytes, decoder: json.JSONDecoder = _SHORT) -> dict[str, str] | None:
    """What is wrong with a JSON body: NaN, a name given twice, a number or depth beyond reason, no text."""
    try:
        read = decoder.decode(body.decode())
        if body.count(b"{") + body.count(b"[") > DEEPEST and _is_too_deep(read):
            raise RecursionError
        if b"\\u" in body:
            orjson.loads(body)  # refuses halves of surrogate pairs, which PostgreSQL would refuse later
    except _Fault as error:
        return error.fault
    except UnicodeDecodeError as error:
        return {
            "pointer": "",
            "code": "not-utf-8",
            "detail": f"第 {error.start} 字节不是 UTF-8 / not UTF-8 at byte {error.start}",
        }
    except RecursionError:
        return {"pointer": "", "code": "too-deep", "detail": "嵌套过深 / nested too deeply"}
    except json.JSONDecodeError as error:
        return {
            "pointer": "",
            "code": "not-json",
            "detail": f"第 {error.pos} 字符处不是 JSON / no JSON at character {error.pos}",
        }
    except ValueError:
        return {"pointer": "", "code": "not-json", "detail": "数字或文本无法读取 / a number or a text cannot be read"}
    return None


def _is_too_deep(read: Any) -> bool:
    level = [read]
    for _ in range(DEEPEST):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _within(one)]
    return any(isinstance(one, dict | list) for one in level)


def _within(one: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return one.values() if isinstance(one, dict) else one


def _person(state: dict[str, Any]) -> str | None:
    actor = state.get("actor")
    return str(actor.person_id) if actor else None


@lru_cache(1_024)
def _counts(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return metrics.REQUESTS.labels(method, route, status), metrics.REQUEST_SECONDS.labels(method, route)


def _tell(scope: Scope, method: str, state: dict[str, Any], status: int, seconds: float) -> None:
    path = scope["path"]
    route = template(scope)
    count, time_taken = _counts(method if method in METHODS else "other", route, status)
    count.inc()
    time_taken.observe(seconds)
    milliseconds = round(seconds * 1000, 2)
    logs.requests.info(
        f"{method} {path} answered {status} in {milliseconds} ms",
        **{"http.path": path, "http.status": status},
        duration_ms=milliseconds,
        person_id=_person(state),
    )


def template(scope: Scope) -> str:
    """The path of the route that took the request, with its parameters' names; paths that lead nowhere are one."""
    return getattr(scope.get("route"), "path", "nowhere")
