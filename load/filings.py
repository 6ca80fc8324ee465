"""`python -m load.filings`: how many papers a second a service takes, one a request, from 64 connections and from one."""

import argparse
import asyncio
import subprocess
import time
from collections.abc import Iterator
from itertools import count, cycle, product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from uuid import uuid4

import orjson

from load.province import GRADE, PASSWORD, Json, Party, Province
from load.serving import ROOT, environment, meisu, serving

FIRMS = 8
KG = 100
Wish = tuple[str, str, Json]
"""A path, whose token, and what is filed."""


def contracts(province: Province, mines: list[Party]) -> Iterator[Wish]:
    """Contracts of each mine in turn: the seller's side, and the next time round the buyer's."""
    for buyer in cycle(province.plants):
        begun = [(mine, province.contract(mine, buyer)) for mine in mines]
        yield from (("/v1/contracts", mine.clerk, {**body, "kg": KG}) for mine, body in begun)
        yield from (("/v1/contracts", buyer.clerk, {**body, "kg": KG}) for _, body in begun)


def slips(province: Province, mines: list[Party]) -> Iterator[Wish]:
    """Slips without tickets: each hands its kilograms over when it is filed."""
    for number, mine in zip(count(1), cycle(mines), strict=False):
        body = {"number": f"JJ-{number}", "enterprise_id": mine.id, "mine_id": mine.mine_id, "kg": KG}
        yield "/v1/slips", mine.clerk, {**body, "handed_on": str(province.today), "grade": GRADE}


def tickets(province: Province) -> Iterator[Wish]:
    """Tickets under a contract of each mine in turn, each for a truck of its own."""
    for trade in cycle(province.trades[:FIRMS]):
        (ticket,) = province.tickets(trade, 1)
        yield "/v1/tickets", trade.seller.clerk, ticket


async def rate(address: str, wishes: Iterator[Wish], callers: int, seconds: float, *, keyed: bool) -> list[float]:
    """The seconds of each filing's answer, all of them good, while so many callers file without a pause."""
    url = urlsplit(address)
    until = time.perf_counter() + seconds
    waits: list[float] = []

    async def file() -> None:
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        while time.perf_counter() < until:
            path, token, body = next(wishes)
            said = orjson.dumps(body)
            key = f"Idempotency-Key: {uuid4()}\r\n" if keyed else ""
            head = f"POST {path} HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer {token}\r\n{key}"
            began = time.perf_counter()
            writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n".encode() + said)
            answer = await reader.readuntil(b"\r\n\r\n")
            (length,) = (line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            told = await reader.readexactly(int(length.split(b":")[1]))
            assert answer[9:12] in (b"200", b"201"), told
            waits.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(file() for _ in range(callers)))
    return waits


def main() -> int:
    """File each kind of paper, and issue tickets, from 64 connections and from one."""
    parser = argparse.ArgumentParser(prog="python -m load.filings", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6)
    seconds = parser.parse_args().seconds
    with TemporaryDirectory(prefix="meisu-load-") as folder:
        Path(folder).chmod(0o711)  # as root, the servers' own account passes through it
        data = Path(folder) / "data"
        with serving(data, PASSWORD) as service:
            province = Province(service.address)
            province.found(FIRMS + 1, FIRMS, 0)
            mines = province.mines[:FIRMS]  # the last overdraws
            # Slips first: each filing looks at all contracts of its mine.
            kinds = {
                "slips": slips(province, mines),
                "contracts": contracts(province, mines),
                "tickets": tickets(province),
            }
            for (callers, keyed), (kind, wishes) in product(((1, False), (64, False), (64, True)), kinds.items()):
                waits = sorted(asyncio.run(rate(service.address, wishes, callers, seconds, keyed=keyed)))
                print(
                    f"{kind}, {callers} connections{', Idempotency-Key' if keyed else ''}: "
                    f"{len(waits) / seconds:,.0f} a second, median {1e3 * median(waits):.1f} ms, "
                    f"p99 {1e3 * waits[int(0.99 * len(waits))]:.1f} ms",
                    flush=True,
                )
            province.close()
        return subprocess.run(meisu("verify", "--data", data), cwd=ROOT, env=environment(), check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
