"""A data folder that an earlier commit made is brought to the newest shape, audited, and still says what it said."""

import json
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from load.province import PASSWORD, Json, Province
from load.serving import ROOT, environment, meisu, serving
from service import backups
from service.__main__ import main
from tests.witness import includes, is_consistent

FOLDERS = Path(__file__).parent / "folders"
MENDED = {"contracted_kg"}
"""What a folder's own day told amiss: as of a time it counted a load that had come back as shipped, and now does not."""


def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(meisu(*words), cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


def still_says(now: Any, then: Any) -> bool:
    """Whether an answer has all that it had: the same lists, and of each object the same fields, and maybe more."""
    if isinstance(then, dict):
        return isinstance(now, dict) and all(
            name in now and (name in MENDED or still_says(now[name], then[name])) for name in then
        )
    if isinstance(then, list):
        return isinstance(now, list) and len(now) == len(then) and all(map(still_says, now, then))
    return bool(now == then)


@pytest.mark.parametrize("day", sorted(path.stem for path in FOLDERS.glob("*.tar")))
def test_a_folder_of_an_earlier_day_is_migrated_and_says_what_it_said(
    data: Path, day: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = json.loads((FOLDERS / f"{day}.json").read_text(encoding="utf-8"))

    made = run("restore", FOLDERS / f"{day}.tar", "--data", data.parent / "restored")
    assert (made.returncode, made.stdout.rstrip()[-13:]) == (0, "0 differences"), made.stdout + made.stderr

    with monkeypatch.context() as as_it_was:
        as_it_was.setattr("migrations.upgrade", lambda _: None)
        with backups.restored(FOLDERS / f"{day}.tar", data, None, None, None):
            for words in (["verify"], ["export", str(data.parent / "export")]):
                as_it_was.setattr("sys.argv", ["meisu", *words, "--data", str(data)])
                with pytest.raises(SystemExit, match="1"):
                    main()
                said = capsys.readouterr()
                assert (said.out, said.err.count("meisu migrate"), "Traceback" in said.err) == ("", 2, False)

    with serving(data, PASSWORD) as service:
        province = Province(service.address)
        for path, then in answers.items():
            assert still_says(province.get(path, province.office), then), path
        grow(province, answers["/v1/log/checkpoint"])
        check_proofs(answers)
        province.close()
    audited = run("verify", "--data", data)
    assert audited.returncode == 0, audited.stdout


def grow(province: Province, old: Json) -> None:
    """Something new is posted, and the old checkpoint is the beginning of the new one."""
    totals = {
        "year": province.today.year,
        "quarter": None,
        "kind": "total",
        "from": None,
        "to": {"jurisdiction": "210300"},
    }
    more = {"kg": 1_000, "document_no": "辽镁办后续号", "issued_on": str(province.today), "issue": True}
    province.post("/v1/allotments", province.office, {**totals, **more})
    new = province.get("/v1/log/checkpoint", province.office)
    grown = province.get(f"/v1/log/consistency?from={old['size']}", province.office)
    path = [b64decode(step) for step in grown["path"]]
    assert new["size"] > old["size"]
    assert is_consistent(old["size"], b64decode(old["root"]), new["size"], b64decode(new["root"]), path)


def check_proofs(answers: Json) -> None:
    """What was proved on that day is proved still, against the checkpoint of that day."""
    proofs = [answer for path, answer in answers.items() if path.startswith("/v1/log/proof")]
    assert proofs
    for proof in proofs:
        size, root = proof["checkpoint"]["size"], b64decode(proof["checkpoint"]["root"])
        for entry in proof["entries"]:
            path = [b64decode(step) for step in entry["path"]]
            assert includes(b64decode(entry["leaf"]), entry["index"], size, path, root)
