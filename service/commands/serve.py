"""`meisu serve | demo`."""

import socket
from pathlib import Path
from typing import Any

import typer

from service import demo as sample
from service.app import create_app
from service.commands import HERE, Data, Host, Port
from service.embedded import CannotRun
from service.listening import listening
from service.serving import answer, running, stop_on_sigterm
from service.settings import Settings
from service.streams import open_many_files

app = typer.Typer()


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8000, data: Data = HERE) -> None:
    """启动服务 / Run the service until Ctrl-C or SIGTERM."""
    if Settings().clock:
        raise CannotRun(
            "serve 只使用真实时间。请取消 MEISU_CLOCK, 或使用 meisu demo。",
            "serve keeps the wall's time. Unset MEISU_CLOCK, or use meisu demo.",
        )

    open_many_files()
    stop_on_sigterm()
    with listening(host, port) as taken:
        settings = _settings(data, taken)
        with running(settings) as endpoints:
            answer(create_app(settings, endpoints), taken, lambda: typer.echo(_address(taken)))


@app.command()
def demo(port: Port = 8000, data: Data = HERE) -> None:
    """启动示例省份 / Run the service with a sample province, for this machine alone."""
    open_many_files()
    stop_on_sigterm()
    with listening("127.0.0.1", port) as taken:
        settings = _settings(data, taken)
        with running(settings) as endpoints:
            sign_ins, links = sample.prepare(settings, endpoints)
            answer(create_app(settings, endpoints), taken, lambda: sample.announce(_address(taken), sign_ins, links))


def _settings(data: Path, taken: socket.socket) -> Settings:
    """The settings for a data folder; without MEISU_PUBLIC_URL the printed codes lead to the address itself."""
    settings = Settings()
    changes: dict[str, Any] = {"data": data}
    if "public_url" not in settings.model_fields_set:
        changes["public_url"] = _address(taken)
    return settings.model_copy(update=changes)


def _address(taken: socket.socket) -> str:
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
