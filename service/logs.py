"""The service's own logs: events on the console and as JSON lines in a file, requests in another; both files rotate."""

import logging
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

import orjson
import structlog

FILE_BYTES = 20 * 2**20
FILES = 10
LINES_BETWEEN_LOOKS = 64
SECONDS_BETWEEN_COMPLAINTS = 60

# One line for each request: rendered at once and kept off the console, where it would cost more than many a request.
requests = structlog.wrap_logger(
    logging.getLogger("meisu.requests"),
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(lambda event, **_: orjson.dumps(event, default=str).decode()),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    cache_logger_on_first_use=True,
)


class File(RotatingFileHandler):
    """A file that grows to its size and begins anew; where it cannot be written that is told in a line, now and then.

    By itself the library tells it with a traceback for each line, and fills what is left of a full disk.
    """

    _told_at = float("-inf")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name of the library
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif time.monotonic() - self._told_at > SECONDS_BETWEEN_COMPLAINTS:
            self._told_at = time.monotonic()
            print(f"无法写入日志 / no log can be written: {self.baseFilename}: {error}", file=sys.stderr)


class _Lines(File):
    """A file of many lines: whether it is full is looked up now and then, since that asks the system four times."""

    _written = 0

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - the name of the library
        self._written += 1
        return self._written % LINES_BETWEEN_LOOKS == 0 and bool(super().shouldRollover(record))


def log_to(folder: Path) -> None:
    """Send every logger of this process to the console and `meisu.log` in a folder of our own, requests to `requests.log`."""
    folder.mkdir(mode=0o700, exist_ok=True)
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # The default would print local variables with a traceback, and with them passwords and keys.
    readable = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(_formatter(shared, readable))
    file = File(folder / "meisu.log", maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8")
    file.setFormatter(
        _formatter(shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False))
    )
    logging.basicConfig(level=logging.INFO, handlers=[console, file], force=True)
    lines = _Lines(folder / "requests.log", maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8")
    of_requests = logging.getLogger("meisu.requests")
    of_requests.handlers = [lines]
    of_requests.propagate = False
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # of a server that is away we tell in a line
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _formatter(
    shared: list[structlog.types.Processor], *last: structlog.types.Processor
) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
