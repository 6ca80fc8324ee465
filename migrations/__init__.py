"""The database's shape, step by step: each step is a sentence file and the three lines that run it."""

from collections.abc import Callable
from pathlib import Path

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
        raise CannotRun(
            "数据库由较新版本的程序建立, 本程序不认识它。请使用较新版本的程序。",
            "A newer version of this program has shaped the database. Use that version.",
        ) from error


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
