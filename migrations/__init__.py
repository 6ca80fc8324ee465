"""The database's shape, step by step: each step is a sentence file and the three lines that run it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
from alembic import command, op
from alembic.config import Config
from alembic.script.revision import ResolutionError
from alembic.util import CommandError

from service.embedded.refusals import CannotRun

HERE = Path(__file__).parent
WAIT_FOR_A_TABLE = "5s"


def upgrade(owner_database_url: str) -> None:
    """Bring the database to the newest shape, as its owner; raises CannotRun. Not for use inside an event loop."""
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["owner_database_url"] = owner_database_url
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        if not isinstance(error.__cause__, ResolutionError):
            raise
        raise _newer() from error


def check(database_url: str) -> None:
    """Refuse a database that has another shape than the newest; raises CannotRun. Not for use inside an event loop.

    The service's role may not read which shape it has, and is believed.
    """
    newest = max(path.stem for path in (HERE / "versions").glob("*.sql"))[:4]
    found = asyncio.run(_shape(database_url))
    if found is not None and found > newest:
        raise _newer()
    if found is not None and found < newest:
        raise CannotRun(
            "数据库还是旧版本的结构。请先启动一次服务 (meisu serve), 或运行 meisu migrate。",
            "The database has the shape of an older version. Start the service once (meisu serve), or run meisu migrate.",
        )


async def _shape(database_url: str) -> str | None:
    connection = await asyncpg.connect(database_url)
    try:
        found: str = await connection.fetchval("SELECT version_num FROM alembic_version") or ""
        return found
    except asyncpg.UndefinedTableError:
        return ""
    except asyncpg.InsufficientPrivilegeError:
        return None
    finally:
        await connection.close()


def _newer() -> CannotRun:
    return CannotRun(
        "数据库由较新版本的程序建立, 本程序不认识它。请使用较新版本的程序。",
        "A newer version of this program has shaped the database. Use that version.",
    )


def sentences_beside(file: str) -> Callable[[], None]:
    """The step that runs the `.sql` file beside a version file, in that step's own transaction."""

    def run() -> None:
        # This also begins the transaction: the driver's own `execute` below would not.
        op.execute(f"SET LOCAL lock_timeout = '{WAIT_FOR_A_TABLE}'")
        script = Path(file).with_suffix(".sql").read_text(encoding="utf-8")
        connection = op.get_bind().connection.dbapi_connection
        assert connection is not None
        connection.run_async(lambda driver: driver.execute(script))

    return run
