"""How the steps reach the database: as its owner, one process at a time, one transaction for each step."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from service.embedded.outside import check_database
from service.embedded.refusals import CannotRun
from service.settings import Settings

MIGRATING = 7_316_202_611  # any number, the same for ever: the advisory lock of those who migrate


def _owner_database_url() -> str:
    settings = Settings()
    url = context.config.attributes.get("owner_database_url") or settings.owner_database_url or settings.database_url
    if url is None:
        raise CannotRun(
            "没有指定数据库。请设置 MEISU_OWNER_DATABASE_URL。", "No database is named. Set MEISU_OWNER_DATABASE_URL."
        )
    return str(url)


async def _migrate(url: str) -> None:
    await check_database(url)
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool
    )
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATING})")
        await connection.commit()
        await connection.run_sync(_run_steps)
    await engine.dispose()


def _run_steps(connection: Connection) -> None:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


try:
    asyncio.run(_migrate(_owner_database_url()))
except asyncpg.LockNotAvailableError as error:
    raise CannotRun(
        "有其他连接正在使用要修改的表, 数据库结构没有改动。请停止它后重试。",
        "Another connection holds a table that has to change; nothing was changed. Stop it and try again.",
    ) from error
