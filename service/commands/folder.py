"""What is done with a data folder and its book: `meisu migrate | verify | export | verifier | backup | restore | rotate-keys`."""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

import migrations
from service import backups
from service.clock import Clock
from service.commands import HERE, Data
from service.embedded import CannotRun, owner_database
from service.embedded.outside import check_database
from service.keys import KeyRing, NoMoreKeysError, Purpose
from service.settings import Settings
from service.verifier import write_verifier
from service.verify import database as book

app = typer.Typer()

Archive = Annotated[Path, typer.Argument(help="备份文件 / the file of the backup", show_default=False)]


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
