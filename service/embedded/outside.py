"""Servers that others run, named by DATABASE_URL and REDIS_URL: are they there, and are they fit?"""

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.embedded.postgres import MAJOR
from service.embedded.refusals import CannotStart

SERVICE_ROLE = "meisu_service"


async def check_database(url: str) -> None:
    """Refuse a database that cannot be reached, is of another version, or lacks the service's role."""
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CannotStart(f"无法连接数据库: {error}", f"The database cannot be reached: {error}") from error
    try:
        found = connection.get_server_version()
        if str(found.major) != MAJOR:
            raise CannotStart(
                f"数据库服务器是 PostgreSQL {found.major}, 本服务只支持 {MAJOR}。",
                f"The database server is PostgreSQL {found.major}; this service supports {MAJOR} only.",
            )
        if not await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", SERVICE_ROLE):
            raise CannotStart(
                f"数据库缺少角色 {SERVICE_ROLE}。请由管理员执行: CREATE ROLE {SERVICE_ROLE} LOGIN PASSWORD '…';",
                f"The database lacks the role {SERVICE_ROLE}. "
                f"Its administrator makes it by: CREATE ROLE {SERVICE_ROLE} LOGIN PASSWORD '…';",
            )
    finally:
        await connection.close()


async def check_cache(url: str) -> None:
    """Refuse a cache that cannot be reached."""
    try:
        async with Redis.from_url(url) as client:
            await client.ping()
    except (RedisError, OSError, ValueError) as error:
        raise CannotStart(f"无法连接 Valkey: {error}", f"Valkey cannot be reached: {error}") from error
