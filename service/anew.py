"""What PostgreSQL has ended so that another could go on, as where two wait for each other, is done anew as a whole."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems
from service.domain.refusals import Busy

TRIES = 3

log = structlog.get_logger(__name__)
Done = TypeVar("Done")


class Ended(Exception):
    """PostgreSQL has ended a transaction each time that it was tried; nothing of it stays."""


async def anew(deed: Callable[[], Awaitable[Done]]) -> Done:
    """Do a deed that is one transaction, anew where PostgreSQL ends that; raises Ended when it has done so too often."""
    for _ in range(TRIES):
        try:
            return await deed()
        except (asyncpg.TransactionRollbackError, DBAPIError) as error:
            cause = error.orig and error.orig.__cause__ if isinstance(error, DBAPIError) else error
            if not isinstance(cause, asyncpg.TransactionRollbackError):
                raise
            log.warning(f"The database has ended a transaction for another: {type(cause).__name__}: {cause}")
    raise Ended


class Anew:
    """Pure ASGI, around the routes: what changes something and was ended is done anew, with the body that was heard.

    A request is one transaction, which is committed before its answer begins. What shares one with other requests, or has
    more than one, tries its own part anew and says Busy in the end: what was committed must not be asked for again here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
            return
        heard: list[Message] = []

        async def answer() -> None:
            place = 0

            async def hear() -> Message:
                nonlocal place
                if place == len(heard):
                    heard.append(await receive())
                place += 1
                return heard[place - 1]

            await self._app(scope, hear, send)

        try:
            await anew(answer)
        except Ended:
            await problems.answer(Busy(), scope["state"]["request_id"])(scope, receive, send)
