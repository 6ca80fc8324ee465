"""A database that others run: whose keys serve it, new keys while it is served, and the book carried to another and out of all."""

import asyncio
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from load.province import PASSWORD, Party, Province
from load.serving import ROOT, Serving, environment, meisu, serving
from service.domain import evidence
from service.embedded import Endpoints

TRANCHE_KG = 1_000_000


@dataclass(frozen=True)
class Outside:
    """A database that others run, as the service's variables name it."""

    variables: dict[str, str]

    @classmethod
    def of(cls, endpoints: Endpoints) -> "Outside":
        return cls(
            {
                "DATABASE_URL": endpoints.database_url,
                "MEISU_OWNER_DATABASE_URL": endpoints.owner_database_url,
                "REDIS_URL": endpoints.redis_url,
            }
        )

    def run(self, *words: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            meisu(*words), cwd=ROOT, env=environment(**self.variables), capture_output=True, text=True, check=False
        )

    def serving(self, data: Path) -> AbstractContextManager[Serving]:
        return serving(data, PASSWORD, **self.variables)


@pytest.fixture
def empty(servers: Endpoints) -> Iterator[Endpoints]:
    """A database in which there is nothing."""
    name = f"empty_{uuid4().hex}"
    owner = servers.owner_database_url

    async def tell(sentence: str) -> None:
        connection = await asyncpg.connect(owner.replace("/meisu?", "/postgres?"))
        await connection.execute(sentence)
        await connection.close()

    asyncio.run(tell(f"CREATE DATABASE {name}"))
    yield Endpoints(
        servers.database_url.replace("/meisu?", f"/{name}?"), owner.replace("/meisu?", f"/{name}?"), servers.redis_url
    )
    asyncio.run(tell(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.mark.usefixtures("anyio_backend")
def test_keys_of_another_folder_do_not_serve_a_book(data: Path, endpoints: Endpoints) -> None:
    outside = Outside.of(endpoints)
    with outside.serving(data) as service:
        province = Province(service.address)
        province.found(mines=1, plants=1, traders=0)
        province.close()

    refused = outside.run("serve", "--port", "0", "--data", data.parent / "other")

    assert refused.returncode == 1
    assert "did not sign this book" in refused.stderr
    assert "不是此账本的密钥" in refused.stderr


@pytest.mark.usefixtures("anyio_backend")
def test_an_outside_book_is_carried_to_another_database(data: Path, endpoints: Endpoints, empty: Endpoints) -> None:
    here, there = Outside.of(endpoints), Outside.of(empty)
    archive, moved = data.parent / "monday.backup", data.parent / "moved"
    with here.serving(data) as service:
        province = Province(service.address)
        province.found(mines=1, plants=1, traders=0, tranche_kg=TRANCHE_KG)
        [trade] = province.trades
        province.deliver(trade, 3)
        checkpoint = province.get("/v1/log/checkpoint", province.office)
        taken = here.run("backup", archive, "--data", data)
        assert taken.returncode == 0, taken.stderr
        province.http.close()

    refused = here.run("restore", archive, "--data", moved)
    assert (refused.returncode, moved.exists()) == (1, False)
    assert "not empty" in refused.stderr
    made = there.run("restore", archive, "--data", moved)
    assert made.returncode == 0, made.stderr
    assert made.stdout.rstrip().endswith("0 differences")

    with there.serving(moved) as service:
        province.move(service.address)
        assert province.get("/v1/log/checkpoint", province.office) == checkpoint
        province.deliver(trade, 1)
        province.close()
    assert there.run("verify", "--data", moved).returncode == 0
    assert here.run("verify", "--data", data).returncode == 0


def test_new_keys_sign_while_the_service_runs_and_the_old_stay_good(data: Path) -> None:
    here = Outside({})
    with serving(data, PASSWORD) as service:
        province = Province(service.address)
        province.found(mines=1, plants=1, traders=0, tranche_kg=TRANCHE_KG)
        [trade] = province.trades
        [before] = province.issue(trade, 1)
        old = province.get("/v1/log/checkpoint", province.office)
        receipt = receipt_of(province, trade.id, trade.seller)

        rotated = here.run("rotate-keys", "--data", data)
        assert rotated.stdout.split() == ["tokens-2", "ledger-2", "tickets-2", "receipts-2"], rotated.stderr
        assert here.run("rotate-keys", "ledger", "--data", data).stdout.split() == ["ledger-3"]

        # The tokens of before are believed, the ticket of before is good, and what comes now is signed by the new keys.
        [after] = province.issue(trade, 1)
        for ticket in (before, after):
            asked = {"code": ticket["code"], "plate": ticket["plate"]}
            assert province.post("/v1/tickets/check", trade.buyer.device, asked)["valid"]
        assert [key["key_id"] for key in province.get("/v1/tickets/keys", trade.buyer.device)["keys"]] == [1, 2]
        province.deliver(trade, 2)
        province.sign_in_again()
        new = province.get("/v1/log/checkpoint", province.office)
        assert (old["key_id"], new["key_id"]) == (1, 3)
        keys = province.get("/v1/log/keys", province.office)["items"]
        assert [(key["signs"], key["key_id"]) for key in keys] == [
            ("checkpoints", 3), ("checkpoints", 2), ("checkpoints", 1), ("receipts", 2), ("receipts", 1),
            ("papers", 3), ("papers", 2), ("papers", 1),
        ]  # fmt: skip
        for note in (old["note"], new["note"], receipt, receipt_of(province, trade.id, trade.seller)):
            check_note(note, [key["key"] for key in keys])
        assert province.get(f"/v1/log/checkpoint?size={old['size']}", province.office) == old
        assert here.run("verify", "--data", data).returncode == 0

        exported = data.parent / "export"
        written = here.run("export", exported, "--data", data)
        assert written.returncode == 0, written.stderr
        assert here.run("export", exported, "--data", data).returncode == 1, "nothing is written over"
        province.close()
    alone = data.parent / "verify.pyz"
    assert here.run("verifier", alone).returncode == 0
    assert written.stdout.rstrip().endswith(f"python verify.pyz {exported}")
    audited = subprocess.run([sys.executable, alone, exported], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (audited.returncode, audited.stdout.rstrip()[-13:]) == (0, "0 differences"), audited.stdout


def receipt_of(province: Province, contract_id: str, filer: Party) -> str:
    filings = province.get(f"/v1/contracts/{contract_id}", filer.clerk)["filings"]
    [own] = [side for side in filings if side["party"] == "seller"]
    assert own["receipt"] in own["receipt_note"]
    return str(own["receipt_note"])


def check_note(note: str, keys: list[str]) -> None:
    """As any tool for signed notes would: by the name and the hash of the key."""
    body, line = note.split("\n\n")
    name, signature = line.removeprefix("— ").rstrip("\n").split(" ")
    raw = b64decode(signature)
    [key] = [key for key in keys if key.startswith(f"{name}+{raw[:4].hex()}+")]
    public = b64decode(key.split("+", 2)[2])[1:]
    assert evidence.key_hash(public, name) == raw[:4]
    Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], f"{body}\n".encode())
