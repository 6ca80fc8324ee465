"""The database's shape, step by step: each step is a sentence file and the three lines that run it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def of_the_newest_shape(database_url: str) -> Iterator[None]:
    """Work with a database, refused where it has another shape than the newest; raises CannotRun. Not for use inside an event loop.

    The service's role may not read which shape it has: the work then finds out whether something is missing.
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
    try:
        yield
    except (asyncpg.UndefinedColumnError, asyncpg.UndefinedTableError) as error:
        if found is not None:
            raise
        raise CannotRun(
            f"数据库不是本版本 ({newest}) 的结构: {error}。服务角色不能读取其版本; "
            "请以 MEISU_OWNER_DATABASE_URL 指定所有者并运行 meisu migrate, 然后重试。",
            f"The database does not have the shape of this version ({newest}): {error}. The service's role may not read which "
            "it has; name the owner in MEISU_OWNER_DATABASE_URL, run meisu migrate, and try again.",
        ) from error


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
