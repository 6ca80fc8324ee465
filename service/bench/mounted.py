"""The service as the bench runs it: one process on one core, with a route beside that stores nothing."""

import os
import sys
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response

from service.app import create_app
from service.auth import may
from service.bench.clients import NOTHING
from service.domain.permissions import Actor
from service.embedded import Endpoints
from service.logs import log_to
from service.routes.idempotency import OnceDep
from service.routes.weighings import read_sent
from service.serving import answer, listening, stop_on_sigterm
from service.settings import Settings


async def store_nothing(
    request: Request, once: OnceDep, actor: Annotated[Actor, Depends(may("weighings.record"))]
) -> Response:
    """Authenticate and validate like a weighing, and keep none of it: the most that this stack can answer."""
    assert once.key is None
    await read_sent(request, actor)
    return Response(b'{"results":[]}', media_type="application/json")


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
    app.add_api_route(NOTHING, store_nothing, methods=["POST"], include_in_schema=False)
    # Routes are tried in turn: behind all others it would be slower than the weighing that it is held against.
    app.router.routes.insert(0, app.router.routes.pop())
    with listening("127.0.0.1", 0) as taken:
        answer(app, taken, lambda: print(taken.getsockname()[1], flush=True))


if __name__ == "__main__":
    main()
