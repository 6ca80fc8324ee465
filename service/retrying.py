"""Transactions that PostgreSQL rolls back for another's sake, as in a deadlock, are tried again as a whole."""

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


class RolledBack(Exception):
    """PostgreSQL has rolled a transaction back at each try; nothing of it stays."""


async def retried(deed: Callable[[], Awaitable[Done]]) -> Done:
    """Do a deed that is one transaction, again where PostgreSQL rolls it back (SQLSTATE class 40).

    Raises RolledBack after the last try.
    """
    for _ in range(TRIES):
        try:
            return await deed()
        except (asyncpg.TransactionRollbackError, DBAPIError) as error:
            cause = error.orig and error.orig.__cause__ if isinstance(error, DBAPIError) else error
            if not isinstance(cause, asyncpg.TransactionRollbackError):
                raise
            log.warning(f"The database has ended a transaction for another: {type(cause).__name__}: {cause}")
    raise RolledBack


class Retrying:
    """Pure ASGI, around the routes: a request that changes something and was rolled back is tried again, with the same body.

    A request is one transaction, which is committed before its answer begins. What shares a transaction with other requests, or
    has more than one, retries its own part and raises Busy in the end: the whole request must not be repeated here, since some of
    it was committed.
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
            await retried(answer)
        except RolledBack:
            await problems.answer(Busy(), scope["state"]["request_id"])(scope, receive, send)
