"""Whether the service lives, whether it is ready, and its counts."""

import asyncio

import asyncpg
import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError

from service import metrics
from service.cache import Cache
from service.db import Database
from service.domain.refusals import Busy
from service.store.health import find_head_seq

log = structlog.get_logger("meisu.health")
router = APIRouter(tags=["health"])
SECONDS_TO_ANSWER = 2.0


@router.get("/healthz")
async def is_alive() -> dict[str, str]:
    """The process answers."""
    return {"process": "up"}


@router.get("/readyz")
async def is_ready(request: Request) -> Response:
    """Whether the database, Valkey and the ledger's head are there; 503 names what is not."""
    seq, reached = await asyncio.gather(_head(request.app.state.database), _valkey(request.app.state.cache))
    parts = {
        "database": "down" if isinstance(seq, Exception) else "up",
        "head": "up" if isinstance(seq, int) else "down",
        "valkey": "up" if reached else "down",
    }
    return JSONResponse(parts, 503 if "down" in parts.values() else 200)


@router.get("/metrics")
async def read_metrics(request: Request) -> Response:
    """This process's counts, as Prometheus reads them."""
    database: Database = request.app.state.database
    seq = await _head(database)
    if isinstance(seq, int):
        metrics.LEDGER_ROWS.set(seq)
    pools = (database.pool, database.steady)
    idle = sum(pool.get_idle_size() for pool in pools)
    metrics.CONNECTIONS.labels("idle").set(idle)
    metrics.CONNECTIONS.labels("busy").set(sum(pool.get_size() for pool in pools) - idle)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _head(database: Database) -> int | Exception | None:
    try:
        async with asyncio.timeout(SECONDS_TO_ANSWER), database.transaction(readonly=True) as connection:
            return await find_head_seq(connection)
    except (OSError, Busy, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        log.warning(f"The database does not answer: {type(error).__name__}: {error}")
        return error


async def _valkey(cache: Cache) -> bool:
    try:
        async with asyncio.timeout(SECONDS_TO_ANSWER):
            return bool(await cache.commands.ping())
    except (OSError, RedisError) as error:
        log.warning(f"Valkey does not answer: {type(error).__name__}: {error}")
        return False
