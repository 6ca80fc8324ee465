"""A backup taken while the service works, and a new folder that it becomes: same book, same keys, same tokens."""

import os
import stat
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path

import _cffi_backend
import cryptography
import pytest

from load.province import PASSWORD, Json, Province, record
from load.serving import ROOT, environment, meisu, serving
from service.verifier import write_verifier

PAPER = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n"


def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(meisu(*words), cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


def test_a_restored_folder_is_the_one_that_was_backed_up(data: Path) -> None:
    archive, restored = data.parent / "monday.backup", data.parent / "restored"
    with serving(data, PASSWORD) as service:
        province = Province(service.address)
        province.found(mines=1, plants=1, traders=0, tranche_kg=100_000)
        [trade] = province.trades
        province.deliver(trade, 5)
        on_the_road, later = province.issue(trade, 2)
        papers = f"/v1/contracts/{trade.id}/attachments"
        mine = {"Authorization": f"Bearer {trade.seller.clerk}"}
        attached = province.http.post(papers, content=PAPER, headers=mine).raise_for_status().json()
        out = record(on_the_road, trade.seller, "out", 31_200)
        [told] = province.post("/v1/weighings", trade.seller.device, out)["results"]
        checkpoint = province.get("/v1/log/checkpoint", province.office)

        taken = run("backup", archive, "--data", data)
        assert taken.returncode == 0, taken.stderr
        province.deliver(trade, 3)
        province.http.close()
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert [path.name for path in data.parent.iterdir() if path.name.startswith("monday")] == ["monday.backup"]

    made = run("restore", archive, "--data", restored)
    assert made.returncode == 0, made.stderr
    assert made.stdout.rstrip().endswith("0 differences")
    audited = run("verify", "--data", restored)
    assert (audited.returncode, audited.stdout) == (0, made.stdout)

    with serving(restored, PASSWORD) as service:
        province.move(service.address)
        assert province.get("/v1/log/checkpoint", province.office) == checkpoint
        [again] = province.post("/v1/weighings", trade.seller.device, out)["results"]
        assert again == {**told, "status": "duplicate", "duplicate_of": out["id"]}
        assert province.http.get(f"{papers}/{attached['id']}", headers=mine).content == PAPER
        checked = [check(province, ticket) for ticket in (on_the_road, later)]
        assert [answer["valid"] for answer in checked] == [True, True]
        province.deliver(trade, 1)
        province.close()

    assert run("verify", "--data", restored).returncode == 0
    [file] = [path for path in (restored / "attachments").rglob("*") if path.is_file()]
    file.write_bytes(b"another paper")
    audited = run("verify", "--data", restored)
    assert audited.returncode == 1
    assert f"attachment: the file of {attached['sha256']} has other bytes" in audited.stdout


def test_an_export_is_audited_by_those_who_have_nothing_else(data: Path) -> None:
    running, ended, verifier = data.parent / "running", data.parent / "ended", data.parent / "verify.pyz"
    assert write_verifier(verifier) == sha256(verifier.read_bytes()).hexdigest()
    assert write_verifier(data.parent / "again.pyz") == write_verifier(data.parent / "once more.pyz")
    with serving(data, PASSWORD) as service:
        province = Province(service.address)
        province.found(mines=1, plants=1, traders=0, tranche_kg=100_000)
        province.deliver(province.trades[0], 3)
        taken = run("export", running, "--data", data)
        assert taken.returncode == 0, taken.stderr
        province.close()
    assert run("export", ended, "--texts", "--data", data).returncode == 0
    assert stat.S_IMODE(ended.stat().st_mode) == 0o700, "plates and prices are for whoever asked for them"
    again = run("export", ended, "--data", data)
    assert (again.returncode, "Traceback" in again.stderr) == (1, False)

    for folder, window in ((running, 2**15), (ended, 4)):
        audited = audit(verifier, folder, window)
        said = audited.stdout + audited.stderr
        assert (audited.returncode, audited.stdout.endswith(": 0 differences\n")) == (0, True), said
    entries = ended / "entries.bin"
    whole = bytearray(entries.read_bytes())
    whole[200] ^= 1
    entries.write_bytes(whole)
    audited = audit(verifier, ended)
    assert audited.returncode == 1
    assert "leaf at seq 2" in audited.stdout
    assert "Traceback" not in audited.stderr

    missed = audit(verifier, ended / "elsewhere")
    assert missed.returncode == 1
    assert "There is no" in missed.stderr
    assert f"python {verifier} FOLDER" in missed.stderr
    assert "Traceback" not in missed.stderr


def audit(verifier: Path, folder: Path, window: int = 2**15) -> "subprocess.CompletedProcess[str]":
    """What the verifier says where there is nothing but Python and `cryptography`; small windows go to other processes."""
    libraries = verifier.with_name("libraries")
    libraries.mkdir(exist_ok=True)
    for needed in (Path(cryptography.__file__).parent, Path(_cffi_backend.__file__)):
        if not (libraries / needed.name).exists():
            (libraries / needed.name).symlink_to(needed)
    alone = f"""
import runpy, sys
sys.path += [{str(verifier)!r}, {str(libraries)!r}]
import service.verify.files
service.verify.files.WINDOW = {window}
runpy.run_path({str(verifier)!r}, run_name="__main__")
"""
    words = [sys.executable, "-I", "-S", "-c", alone, folder]
    return subprocess.run(words, cwd=verifier.parent, capture_output=True, text=True, check=False)


def check(province: Province, ticket: Json) -> Json:
    [trade] = province.trades
    return province.post("/v1/tickets/check", trade.buyer.device, {"code": ticket["code"], "plate": ticket["plate"]})


def test_a_folder_that_holds_something_is_not_restored_into(data: Path) -> None:
    data.mkdir()
    (data / "note").write_text("mine")

    refused = run("restore", data.parent / "any.backup", "--data", data)

    assert refused.returncode == 1
    assert "holds something already" in refused.stderr
    assert [path.name for path in data.iterdir()] == ["note"]


@pytest.mark.parametrize("content", [None, b"", b"no archive at all", "tar without a book"])
def test_what_is_no_backup_leaves_no_folder_behind(data: Path, content: bytes | str | None) -> None:
    archive = data.parent / "any.backup"
    if isinstance(content, bytes):
        archive.write_bytes(content)
    elif content:
        with tarfile.open(archive, "w") as tar:
            tar.add(Path(__file__), "note")

    refused = run("restore", archive, "--data", data)

    assert refused.returncode == 1
    assert "any.backup" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not data.exists()


def test_a_damaged_book_leaves_no_folder_behind(data: Path) -> None:
    archive = data.parent / "any.backup"
    (data.parent / "keys").mkdir()
    (data.parent / "book").write_bytes(os.urandom(1_000))
    with tarfile.open(archive, "w") as tar:
        tar.add(data.parent / "book", "book.dump")
        tar.add(data.parent / "keys", "folder/keys")

    refused = run("restore", archive, "--data", data)

    assert refused.returncode == 1
    assert "pg_restore failed" in refused.stderr
    assert not data.exists()


def test_a_backup_needs_a_folder_with_keys(data: Path) -> None:
    refused = run("backup", data.parent / "any.backup", "--data", data)
    assert refused.returncode == 1
    assert "no data folder" in refused.stderr
    assert not data.exists()
