"""The service as the bench runs it: one process on one core, with a route beside that stores nothing, and one that stores a row."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response

from service.app import create_app
from service.auth import may
from service.batcher import Batcher
from service.bench.clients import NOTHING, ONE_ROW
from service.db import Database
from service.domain.permissions import Actor
from service.embedded import Endpoints
from service.listening import listening
from service.logs import log_to
from service.routes.idempotency import OnceDep
from service.routes.weighings import read_sent
from service.serving import answer, stop_on_sigterm
from service.settings import Settings


async def store_nothing(
    request: Request, once: OnceDep, actor: Annotated[Actor, Depends(may("weighings.record"))]
) -> Response:
    """Authenticate and validate like a weighing, and keep none of it: the most that this stack can answer."""
    assert once.key is None
    await read_sent(request, actor)
    return Response(b'{"results":[]}', media_type="application/json")


async def store_one_row(
    request: Request, once: OnceDep, actor: Annotated[Actor, Depends(may("weighings.record"))]
) -> Response:
    """As `store_nothing`, and keep one row of it, durably: the least that is ever waited for where an answer holds."""
    answer = await store_nothing(request, once, actor)
    await request.app.state.bench_rows.submit([await request.body()])
    return answer


def _rows(database: Database) -> Batcher[bytes, None]:
    """All that waits goes in one sentence, which is a transaction of its own: one way there and back."""

    async def keep(rows: list[bytes]) -> list[None]:
        async with database.pool.acquire() as connection:
            await connection.execute("INSERT INTO bench_row SELECT unnest($1::bytea[])", rows)
        return [None] * len(rows)

    return Batcher("bench rows", keep)


def mount(app: FastAPI) -> None:
    """Add the bench's own routes, before all others: routes are tried in turn, and they would be slower than the weighing."""
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def with_rows(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app), _rows(app.state.database).running() as app.state.bench_rows:
            yield

    app.router.lifespan_context = with_rows
    for path, route in ((NOTHING, store_nothing), (ONE_ROW, store_one_row)):
        app.add_api_route(path, route, methods=["POST"], include_in_schema=False)
        app.router.routes.insert(0, app.router.routes.pop())


def main() -> None:
    """Serve on a port of the system's choice, which is printed, until SIGTERM; the environment says for whom."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    stop_on_sigterm()
    settings = Settings()
    assert settings.database_url
    assert settings.redis_url
    endpoints = Endpoints(settings.database_url, settings.owner_database_url or "", settings.redis_url)
    log_to(settings.data / "log")
    app = create_app(settings, endpoints)
    mount(app)
    with listening("127.0.0.1", 0) as taken:
        answer(app, taken, lambda: print(taken.getsockname()[1], flush=True))


if __name__ == "__main__":
    main()
