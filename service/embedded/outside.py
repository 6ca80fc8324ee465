"""Servers that others run, named by DATABASE_URL and REDIS_URL: are they there, and are they fit?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from service.embedded.postgres import MAJOR
from service.embedded.refusals import CacheAway, CannotRun

SERVICE_ROLE = "meisu_service"
ANSWERS_WITHIN_S = 5.0
_NO_ANSWER = f"{ANSWERS_WITHIN_S:g} 秒内没有应答 / no answer within {ANSWERS_WITHIN_S:g} s"
_WRONG = (AuthenticationError, ResponseError, ValueError)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(url, timeout=ANSWERS_WITHIN_S, command_timeout=ANSWERS_WITHIN_S)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error) or _NO_ANSWER
        raise CannotRun(
            f"无法连接数据库: {reason}。请确认它在运行, 并检查 DATABASE_URL 和 MEISU_OWNER_DATABASE_URL。",
            f"The database cannot be reached: {reason}. "
            "See that it runs, and that DATABASE_URL and MEISU_OWNER_DATABASE_URL name it.",
        ) from error
    try:
        yield connection
    finally:
        await connection.close()


async def check_database(url: str) -> None:
    """Refuse a database that cannot be reached, is of another version, or lacks the service's role."""
    async with _connected(url) as connection:
        found = connection.get_server_version()
        if str(found.major) != MAJOR:
            raise CannotRun(
                f"数据库服务器是 PostgreSQL {found.major}, 本服务只支持 {MAJOR}。",
                f"The database server is PostgreSQL {found.major}; this service supports {MAJOR} only.",
            )
        if not await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", SERVICE_ROLE):
            raise CannotRun(
                f"数据库缺少角色 {SERVICE_ROLE}。请由管理员执行: CREATE ROLE {SERVICE_ROLE} LOGIN PASSWORD '…';",
                f"The database lacks the role {SERVICE_ROLE}. "
                f"Its administrator makes it by: CREATE ROLE {SERVICE_ROLE} LOGIN PASSWORD '…';",
            )


async def check_book_is_closed(url: str) -> None:
    """Refuse a service's role that could change what the book says."""
    async with _connected(url) as connection:
        if await connection.fetchval("SELECT has_table_privilege('leg', 'UPDATE, DELETE, TRUNCATE')"):
            raise CannotRun(
                f"DATABASE_URL 的角色可以改写账本。请改用角色 {SERVICE_ROLE}, 所有者写入 MEISU_OWNER_DATABASE_URL。",
                f"The role in DATABASE_URL could rewrite the book. Name {SERVICE_ROLE} there, "
                "and the owner in MEISU_OWNER_DATABASE_URL.",
            )


async def check_cache(url: str) -> None:
    """Refuse a cache that cannot be reached; raises CacheAway where it may only be away."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S), Redis.from_url(url) as client:
            await client.ping()
    except (RedisError, OSError, ValueError) as error:
        # By a socket the library tells of a wrong password as of a connection that failed for it.
        is_wrong = any(isinstance(one, _WRONG) for one in (error, error.__cause__))
        reason = str(error) or _NO_ANSWER
        raise (CannotRun if is_wrong else CacheAway)(
            f"无法连接 Valkey: {reason}。请确认它在运行, 并检查 REDIS_URL。",
            f"Valkey cannot be reached: {reason}. See that it runs, and that REDIS_URL names it.",
        ) from error
