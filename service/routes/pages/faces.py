"""Problems with a face: what a program reads as application/problem+json, a browser shows as a page; a form is shown again."""

from typing import Any
from urllib.parse import quote, urlsplit

import orjson
from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.routes.pages.rendering import render
from service.routes.pages.returned import is_form, returning

PROBLEM = b"application/problem+json"
KEPT = frozenset({b"allow", b"retry-after", b"x-request-id", b"strict-transport-security"})


class Faces:
    """Pure ASGI, before everything else: also what fails before a route is found, or outside of one, gets its page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_for_people(scope):
            await self._app(scope, receive, send)
            return

        asked, body = dict(scope), bytearray()

        async def hear() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        found = await self._answered(scope, hear if is_form(scope) else receive, send)
        if found is None:
            return
        start, problem = found
        again = returning(asked, getattr(Request(scope).state, "form_page", asked["path"]), problem, bytes(body))
        if again is not None and await self._answered(again, receive, send) is None:
            return
        page = _page(Request(scope), start["status"], problem)
        page.raw_headers.extend(header for header in start["headers"] if header[0] in KEPT)
        await page(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> tuple[Message, dict[str, Any]] | None:
        """Let the application answer; a problem is kept back and given, with the start of its answer."""
        start: Message | None = None
        parts: list[bytes] = []

        async def answer(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                if headers.get(b"content-type", b"").startswith(PROBLEM):
                    start = message
                    return
            elif start is not None:
                parts.append(message.get("body", b""))
                return
            await send(message)

        await self._app(scope, receive, answer)
        return None if start is None else (start, orjson.loads(b"".join(parts)))


def _is_for_people(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return b"text/html" in headers.get(b"accept", b"") and not scope["path"].startswith("/v1/")


def _page(request: Request, status: int, problem: dict[str, object]) -> Response:
    if problem["code"] == "not-signed-in" and request.method in ("GET", "HEAD"):
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(asked, safe='')}", 303)
    return render(
        request,
        "problem.html",
        status=status,
        problem=problem,
        actor=getattr(request.state, "actor", None),
        came_from=_form_of(request),
    )


def _form_of(request: Request) -> str | None:
    """The page whose form was sent, where the browser says so; a form of others is refused before."""
    came_from = urlsplit(request.headers.get("referer", ""))
    if request.method != "POST" or not came_from.path or came_from.path.startswith("//"):
        return None
    return f"{came_from.path}?{came_from.query}" if came_from.query else came_from.path
