"""The `meisu` command."""

import errno
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn

import typer
from pydantic import ValidationError

from service.embedded.refusals import CannotRun
from service.settings import Settings

PARTS: Mapping[str, str] = {
    "station": "service.agent.commands",
    "serve": "service.commands.serve",
    "demo": "service.commands.serve",
    "migrate": "service.commands.folder",
    "verify": "service.commands.folder",
    "export": "service.commands.folder",
    "verifier": "service.commands.folder",
    "backup": "service.commands.folder",
    "restore": "service.commands.folder",
    "rotate-keys": "service.commands.folder",
    "doctor": "service.commands.doctor",
    "bench": "service.commands.bench",
}

# What a disk says that cannot take a file, or a path that leads to none.
UNUSABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOTDIR, errno.EIO}


def command(words: Sequence[str]) -> typer.Typer:
    """The command with the part that its first word asks for, and with all of them where it asks for none.

    All that the service is takes seconds to import; a station's PC or an audit need little of it.
    """
    app = typer.Typer(
        name="meisu",
        help="镁溯 Meisu: every kilogram of magnesite back to its quota.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    asked = [PARTS[word] for word in words[:1] if word in PARTS]
    for part in dict.fromkeys(asked or PARTS.values()):
        app.add_typer(import_module(part).app)
    return app


def main() -> None:
    """Run the command; whatever keeps it from running is said in words."""
    try:
        command(sys.argv[1:])()
    except CannotRun as refusal:
        _refuse(refusal)
    except PermissionError as error:
        _refuse(
            CannotRun(
                f"当前用户无权使用 {error.filename}。请以其所有者的身份运行, 或另选一个目录。",
                f"This account may not use {error.filename}. Run as its owner, or name another folder.",
            )
        )
    except OSError as error:
        if error.errno not in UNUSABLE:
            raise
        _refuse(
            CannotRun(
                f"无法使用 {error.filename or '数据目录'}: {error.strerror}。请检查磁盘 (meisu doctor), 或另选一个目录。",
                f"{error.filename or 'The data folder'} cannot be used: {error.strerror}. "
                "Look at its disk (meisu doctor), or name another folder.",
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
