"""The sample province: made once on an empty database, then served like any other."""

import asyncio
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.auth.passwords import HASHER
from service.clock import Clock
from service.db import Database
from service.demo.links import Link, worth_opening
from service.demo.play import Play
from service.demo.reports import reports_of
from service.domain.policies import Policies
from service.domain.units import shanghai_day
from service.embedded import CannotRun, Endpoints
from service.keys import KeyRing
from service.serving import quiet_collector
from service.settings import Settings
from service.store.sentences import sentences

SIGN_INS = "sign-ins.json"
SQL = sentences("demo")


@dataclass(frozen=True, slots=True)
class SignIns:
    """One random password for everybody of the sample province; kept beside the data, for its owner alone."""

    password: str

    @classmethod
    def find(cls, data: Path) -> "SignIns | None":
        """Those of a province that was made to its end."""
        file = data / SIGN_INS
        return cls(**json.loads(file.read_text())) if file.exists() else None

    def keep(self, data: Path) -> None:
        """Write them down, readable by the owner alone."""
        with open(data / SIGN_INS, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            json.dump(asdict(self), file)


def prepare(settings: Settings, endpoints: Endpoints) -> tuple[SignIns, list[Link]]:
    """Make the sample province where there is none yet; gives its sign-ins and what is worth opening.

    Raises CannotRun for a database that holds something else, or a province that was left half made.
    """
    quiet_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_prepare(settings, endpoints))


async def _prepare(settings: Settings, endpoints: Endpoints) -> tuple[SignIns, list[Link]]:
    async with Database.connect(endpoints.database_url, settings.pool_size) as database:
        sign_ins = SignIns.find(settings.data)
        if sign_ins is None:
            async with database.transaction(readonly=True) as connection:
                if await connection.fetchval(SQL["has_people"]):
                    raise CannotRun(
                        f"{settings.data} 中的数据库不是完整的示例省份。请用 --data 指定一个新的目录。",
                        f"The database in {settings.data} is no complete sample province. Name a new folder by --data.",
                    )
            sign_ins = SignIns(secrets.token_urlsafe(9))
            await _make(database, settings, sign_ins)
            sign_ins.keep(settings.data)
        async with database.transaction(readonly=True) as connection:
            return sign_ins, await worth_opening(connection)


async def _make(database: Database, settings: Settings, sign_ins: SignIns) -> None:
    now = Clock(settings.clock).now()
    keys = KeyRing.open(settings.data, now)
    play = Play(database, keys, Policies(), shanghai_day(now))
    columns = (
        TextColumn("示例省份 / sample province"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("天 / days"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=None)
        await play.perform(
            HASHER.hash(sign_ins.password),
            reports_of,
            lambda done, total: progress.update(task, completed=done, total=total),
        )


def announce(address: str, sign_ins: SignIns, links: list[Link]) -> None:
    """Print the address, who can sign in, and five links worth opening."""
    console = Console(highlight=False)
    console.print(f"\n[bold]{address}[/bold]   密码 / password: [bold]{sign_ins.password}[/bold]\n")
    for username, who in (
        ("province", "省镁办 / the province"),
        ("anshan", "鞍山市镁办 / the city"),
        ("haicheng", "海城市镁办 / a county"),
        ("auditor", "审计 / an auditor"),
        ("mine-01", "青榆岭菱镁矿业 / a mine; mine-01 … mine-23"),
        ("plant-24", "辰光镁业 / a plant; plant-24 … plant-35"),
        ("trader-36", "恒远贸易 / a trader; trader-36 … trader-41"),
        ("station-01", "计量站 / a weighing station; station-01 … station-41"),
    ):
        console.print(f"  {username:<12}{who}")
    console.print()
    for link in links:
        console.print(f"  {address}{link.path}\n      {link.words}", soft_wrap=True)
    console.print()
