"""Whether the service lives, whether it is ready, and its counts."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import asyncpg
import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError

from service import metrics
from service.cache import Cache
from service.db import Connection, Database
from service.domain.refusals import Busy
from service.embedded.folders import free_bytes
from service.store.health import find_figures, find_head_seq

log = structlog.get_logger("meisu.health")
router = APIRouter(tags=["health"])
SECONDS_TO_ANSWER = 2.0
Found = TypeVar("Found")


@router.get("/healthz")
async def is_alive() -> dict[str, str]:
    """The process answers."""
    return {"process": "up"}


@router.get("/readyz")
async def is_ready(request: Request) -> Response:
    """Whether the database, the ledger's head and Valkey are there, and the disk has room; 503 without one of the first two.

    Without Valkey all is answered, and with a full disk all that only reads.
    """
    database: Database = request.app.state.database
    seq, reached = await asyncio.gather(_answer_of(database, find_head_seq), _valkey(request.app.state.cache))
    parts = {
        "database": "down" if isinstance(seq, Exception) else "up",
        "head": "up" if isinstance(seq, int) else "down",
        "valkey": "up" if reached else "down",
        "disk": "up" if database.has_room() else "full",
    }
    return JSONResponse(parts, 200 if parts["head"] == "up" else 503)


@router.get("/metrics")
async def read_metrics(request: Request) -> Response:
    """This process's counts and the state of what it works with, as Prometheus reads them."""
    state = request.app.state
    found = await _answer_of(state.database, find_figures)
    if found and not isinstance(found, Exception):
        at = state.clock.now()
        metrics.LEDGER_ROWS.set(found.seq)
        metrics.LEDGER_SIGNED.set(found.signed_at.timestamp() if found.signed_at else 0)
        metrics.OUTBOX_SECONDS.set(_seconds_since(found.untold_since, at))
        metrics.PAPERS_SECONDS.set(_seconds_since(found.unsealed_since, at))
    for pool, (idle, busy) in state.database.connections().items():
        metrics.CONNECTIONS.labels(pool, "idle").set(idle)
        metrics.CONNECTIONS.labels(pool, "busy").set(busy)
    metrics.DISK_FREE.set(free_bytes(state.settings.data))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _seconds_since(moment: datetime | None, at: datetime) -> float:
    return max(0.0, (at - moment).total_seconds()) if moment else 0.0


async def _answer_of(database: Database, find: Callable[[Connection], Awaitable[Found]]) -> Found | Exception:
    async def ask() -> Found:
        async with database.transaction(readonly=True) as connection:
            return await find(connection)

    # Not within a timeout: a server that is mute does not hear that it is to stop either, for which that would wait.
    asking = asyncio.create_task(ask())
    asking.add_done_callback(lambda asked: asked.cancelled() or asked.exception())
    try:
        done, _ = await asyncio.wait({asking}, timeout=SECONDS_TO_ANSWER)
        if not done:
            raise TimeoutError(f"nothing was heard for {SECONDS_TO_ANSWER:.0f} s")
        return asking.result()
    except (OSError, Busy, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        log.warning(f"The database does not answer: {type(error).__name__}: {error}")
        return error
    finally:
        asking.cancel()


async def _valkey(cache: Cache) -> bool:
    try:
        async with asyncio.timeout(SECONDS_TO_ANSWER):
            return bool(await cache.commands.ping())
    except (OSError, RedisError) as error:
        log.warning(f"Valkey does not answer: {type(error).__name__}: {error}")
        return False
