"""The `meisu` command."""

import asyncio
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

import migrations
from service import backups
from service import bench as bench_
from service import demo as sample
from service import doctor as doctor_
from service.agent.commands import app as station
from service.app import create_app
from service.clock import Clock
from service.embedded import CannotRun, owner_database
from service.embedded.outside import check_database
from service.keys import KeyRing, NoMoreKeysError, Purpose
from service.serving import answer, listening, running, stop_on_sigterm
from service.settings import Settings
from service.verifier import write_verifier
from service.verify import database as book

app = typer.Typer(
    name="meisu",
    help="镁溯 Meisu: every kilogram of magnesite back to its quota.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(station)

Data = Annotated[Path, typer.Option("--data", envvar="MEISU_DATA", readable=False, help="数据目录 / the data folder")]
Host = Annotated[str, typer.Option(help="监听地址 / the address to listen on")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="监听端口 / the port to listen on")]
Archive = Annotated[Path, typer.Argument(help="备份文件 / the file of the backup", show_default=False)]

HERE = Path(".meisu")


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8000, data: Data = HERE) -> None:
    """启动服务 / Run the service until Ctrl-C or SIGTERM."""
    if Settings().clock:
        raise CannotRun(
            "serve 只使用真实时间。请取消 MEISU_CLOCK, 或使用 meisu demo。",
            "serve keeps the wall's time. Unset MEISU_CLOCK, or use meisu demo.",
        )

    stop_on_sigterm()
    with listening(host, port) as taken:
        settings = _settings(data, taken)
        with running(settings) as endpoints:
            answer(create_app(settings, endpoints), taken, lambda: typer.echo(_address(taken)))


@app.command()
def demo(port: Port = 8000, data: Data = HERE) -> None:
    """启动示例省份 / Run the service with a sample province, for this machine alone."""
    stop_on_sigterm()
    with listening("127.0.0.1", port) as taken:
        settings = _settings(data, taken)
        with running(settings) as endpoints:
            sign_ins, links = sample.prepare(settings, endpoints)
            answer(create_app(settings, endpoints), taken, lambda: sample.announce(_address(taken), sign_ins, links))


@app.command()
def migrate(data: Data = HERE) -> None:
    """升级数据库结构 / Bring the database to the newest shape."""
    settings = Settings()
    outside = settings.owner_database_url or settings.database_url
    if outside:
        migrations.upgrade(outside)
    else:
        with owner_database(data) as url:
            migrations.upgrade(url)


@app.command()
def doctor(host: Host = "127.0.0.1", port: Port = 8000, data: Data = HERE) -> None:
    """检查运行环境 / Check what the service needs, and say what to do."""
    findings = doctor_.examine(Settings().model_copy(update={"data": data}), host, port)
    doctor_.show(findings)
    if any(finding.state is doctor_.State.FAILS for finding in findings):
        raise typer.Exit(1)


@app.command()
def verify(data: Data = HERE) -> None:
    """核验账本 / Recompute every balance, origin and hash from the entries; exit 1 where something differs."""
    with ExitStack() as stack:
        url = _database(data, stack)
        stack.enter_context(migrations.of_the_newest_shape(url))
        _verify(url, data)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="新文件夹 / a new folder for the files", show_default=False)],
    data: Data = HERE,
    texts: Annotated[
        bool,
        typer.Option("--texts", help="含单据内容（车牌、编号、价格） / with what papers say: plates, numbers, prices"),
    ] = False,
) -> None:
    """导出账本供外部核验 / Write the book for those who audit it elsewhere, without the service and without its keys."""
    if folder.exists():
        raise CannotRun(f"{folder} 已存在。请另取一个名称。", f"There is {folder} already. Give another name.")
    try:
        with ExitStack() as stack:
            url = _database(data, stack)
            stack.enter_context(migrations.of_the_newest_shape(url))
            book.write(url, _public_keys(data), folder, with_texts=texts)
    except OSError as error:
        raise CannotRun(f"无法写入 {folder}: {error}", f"The export {folder} could not be written: {error}") from error
    typer.echo(f"meisu verifier verify.pyz; python verify.pyz {folder}")


@app.command()
def verifier(
    file: Annotated[Path, typer.Argument(help="新文件 / a new file")] = Path("verify.pyz"),
) -> None:
    """写出独立核验程序 / Write the program that audits an export with nothing but Python and its package cryptography."""
    try:
        digest = write_verifier(file)
    except OSError as error:
        raise CannotRun(f"无法写入 {file}: {error}", f"The verifier {file} could not be written: {error}") from error
    typer.echo(f"{digest}  {file}")


@app.command()
def backup(archive: Archive, data: Data = HERE) -> None:
    """备份 / Write the book and the keys into one file, whether the service runs or not."""
    with ExitStack() as stack:
        backups.backup(_database(data, stack), data, archive)
    typer.echo(archive)


@app.command()
def restore(archive: Archive, data: Data = HERE) -> None:
    """恢复 / Make a new data folder of a backup, and verify its book; exit 1 where something differs."""
    settings = Settings()
    with backups.restored(archive, data, settings.database_url, settings.owner_database_url, settings.redis_url) as url:
        _verify(url, data)


@app.command("rotate-keys")
def rotate_keys(
    purposes: Annotated[
        list[Purpose] | None,
        typer.Argument(help="用途, 默认全部 / what the keys sign; all without", show_default=False),
    ] = None,
    data: Data = HERE,
) -> None:
    """轮换密钥 / Sign by new keys from now on, also in a service that runs; what older keys signed stays good."""
    if not (data / "keys").is_dir():
        raise _no_folder(data)
    at = Clock().now()
    ring = KeyRing.open(data, at)
    try:
        for purpose in dict.fromkeys(purposes or Purpose):
            typer.echo(ring.rotate(purpose, at).kid)
    except NoMoreKeysError as error:
        raise CannotRun(
            "运单密钥编号已用完 (255)。", "A ticket's code has room for 255 keys, and all are given."
        ) from error


@app.command()
def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="较小的账本, 三分钟内 / smaller books, within 3 minutes")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
) -> None:
    """测量性能 / Measure the service beside its yardsticks; exit 1 where a goal is missed."""
    rows = bench_.run(quick=quick, say=lambda line: typer.echo(line, err=True))
    typer.echo(bench_.as_json(rows)) if as_json else bench_.show(rows)
    if not all(row.ok for row in rows):
        raise typer.Exit(1)


def _database(data: Path, stack: ExitStack) -> str:
    """The owner's address of the database that belongs to a data folder with keys; raises CannotRun."""
    settings = Settings()
    if not (data / "keys").is_dir():
        raise _no_folder(data)
    outside = settings.owner_database_url or settings.database_url
    if outside is None:
        return stack.enter_context(owner_database(data))
    asyncio.run(check_database(outside))
    return outside


def _no_folder(data: Path) -> CannotRun:
    return CannotRun(
        f"{data} 不是本服务的数据目录。请用 --data 指定它。",
        f"{data} is no data folder of this service. Name it by --data.",
    )


def _public_keys(data: Path) -> Mapping[int, bytes]:
    return KeyRing.open(data, Clock().now()).public_keys(Purpose.LEDGER)


def _verify(url: str, data: Path) -> None:
    findings = book.run(url, _public_keys(data), typer.echo, data / "attachments")
    for finding in findings:
        typer.echo(finding)
    if findings:
        raise typer.Exit(1)


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


def main() -> None:
    """Run the command; whatever keeps it from running is said in words."""
    try:
        app()
    except CannotRun as refusal:
        _refuse(refusal)
    except PermissionError as error:
        _refuse(
            CannotRun(
                f"当前用户无权使用 {error.filename}。请以其所有者的身份运行, 或另选一个目录。",
                f"This account may not use {error.filename}. Run as its owner, or name another folder.",
            )
        )
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        wrong = ", ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        _refuse(
            CannotRun(
                f"环境变量有误, 请对照 docs/operations.md 改正: {wrong}",
                f"A variable of the environment is wrong; docs/operations.md says what it means: {wrong}",
            )
        )


def _refuse(refusal: CannotRun) -> NoReturn:
    typer.echo(refusal.chinese, err=True)
    typer.echo(refusal.english, err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
