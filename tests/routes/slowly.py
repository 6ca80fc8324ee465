"""A body that is on its way while others ask: whoever takes it in must hold no connection to the database meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
from fastapi import FastAPI


async def sent_slowly(
    app: FastAPI, begin: bytes, rest: bytes, send: Callable[[AsyncIterator[bytes]], Awaitable[httpx.Response]]
) -> httpx.Response:
    """The answer to a body whose rest is only sent when no connection is in use; TimeoutError where one stays in use."""
    has_begun, goes_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield begin
        has_begun.set()
        await goes_on.wait()
        yield rest

    sending = asyncio.ensure_future(send(body()))
    await has_begun.wait()
    try:
        async with asyncio.timeout(10):  # what the service does by itself takes one for a moment, too
            while app.state.database.connections()["requests"][1]:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
    finally:
        goes_on.set()
        answer = await sending
    return answer
