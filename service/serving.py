"""From nothing to a service that answers, and back: what `serve` and `demo` have in common."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import asyncpg
import uvicorn
from cryptography.exceptions import InvalidSignature
from fastapi import FastAPI

import migrations
from service.clock import Clock
from service.domain import evidence
from service.embedded import CannotRun, Endpoints, services
from service.embedded.outside import check_book_is_closed
from service.keys import KeyRing, Purpose
from service.logs import log_to
from service.routes.weighings import rehearse
from service.settings import Settings
from service.store.evidence import find_checkpoint
from service.threads import SWITCH_SECONDS

LAST_ANSWERS_WITHIN_S = 5


@contextmanager
def running(settings: Settings) -> Iterator[Endpoints]:
    """PostgreSQL, with the newest shape, and Valkey: our own, or those that the settings name; raises CannotRun."""
    with services(
        settings.data,
        durable=True,
        database_url=settings.database_url,
        owner_database_url=settings.owner_database_url,
        redis_url=settings.redis_url,
    ) as endpoints:
        log_to(settings.data / "log")
        migrations.upgrade(endpoints.owner_database_url)
        asyncio.run(check_book_is_closed(endpoints.database_url))
        asyncio.run(_check_keys_are_the_books(endpoints.database_url, settings))
        yield endpoints


async def _check_keys_are_the_books(url: str, settings: Settings) -> None:
    """Refuse keys that did not sign the newest checkpoint: another process on this database has others."""
    connection = await asyncpg.connect(url)
    try:
        newest = await find_checkpoint(connection)
    finally:
        await connection.close()
    if newest is None:
        return
    key = KeyRing.open(settings.data, Clock(settings.clock).now()).find(Purpose.LEDGER, newest.key_id)
    body = evidence.checkpoint_body(newest.size, newest.root, newest.recorded_at)
    try:
        if key is None:
            raise InvalidSignature
        key.private.public_key().verify(newest.signature, body)
    except InvalidSignature as error:
        raise CannotRun(
            f"{settings.data / 'keys'} 中的密钥不是此账本的密钥。请使用签署该账本的数据目录的 keys。",
            f"The keys in {settings.data / 'keys'} did not sign this book. Use those of the data folder that did.",
        ) from error


def answer(app: FastAPI, taken: socket.socket, announce: Callable[[], None]) -> None:
    """Answer requests until Ctrl-C or SIGTERM; then the last answers are finished. `announce` is told of the first moment."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_ANSWERS_WITHIN_S,
    )
    server = _Server(app, config, announce)
    quiet_collector()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        server.run(sockets=[taken])
    except KeyboardInterrupt:
        pass
    finally:
        # The servers are stopped next; a second Ctrl-C must not leave that half done.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not server.started:
        raise CannotRun("服务未能启动, 原因见上。", "The service did not start; the reason is above.")


def quiet_collector() -> None:
    """Have the garbage collector never look again at what the start has made: those objects stay."""
    gc.collect()
    gc.freeze()


class _Server(uvicorn.Server):
    def __init__(self, app: FastAPI, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await rehearse(self._app.state)
            self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.cache.alerts.end()  # they have no end of their own, for which all would wait
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # A second signal would skip the application's own shutdown.
        if not self.should_exit:
            super().handle_exit(sig, frame)


def stop_on_sigterm() -> None:
    """Let SIGTERM unwind this process like Ctrl-C: uvicorn raises the signal once more when it is done."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
