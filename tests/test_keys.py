"""Keys: made once, kept closed, never shown, and known for ever."""

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from structlog.testing import capture_logs

from service import keys
from service.embedded import CannotRun
from service.keys import KeyRing, KeysLieOpenError, NoMoreKeysError, Purpose

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_keys_are_made_at_the_first_start_and_outlive_it(tmp_path: Path) -> None:
    first = KeyRing.open(tmp_path, AT)
    again = KeyRing.open(tmp_path, datetime(2027, 1, 1, tzinfo=UTC))
    for purpose in Purpose:
        assert first.current(purpose) == again.current(purpose)
        assert first.current(purpose).key_id == 1
        assert again.current(purpose).made_at == AT
    assert len({first.current(purpose).public for purpose in Purpose}) == len(Purpose)


def test_only_the_owner_reads_the_keys(tmp_path: Path) -> None:
    KeyRing.open(tmp_path / "data", AT)
    folder = tmp_path / "data" / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == len(Purpose)

    (folder / "ledger-1.json").chmod(0o640)
    with pytest.raises(KeysLieOpenError):
        KeyRing.open(tmp_path / "data", AT)
    (folder / "ledger-1.json").chmod(0o600)
    folder.chmod(0o755)
    with pytest.raises(KeysLieOpenError):
        KeyRing.open(tmp_path / "data", AT)


def test_a_key_that_is_made_beside_others_is_told(tmp_path: Path) -> None:
    with capture_logs() as logs:
        KeyRing.open(tmp_path, AT)
    assert logs == [], "a new folder has none yet"
    (tmp_path / "keys" / "tickets-1.json").unlink()

    with capture_logs() as logs:
        KeyRing.open(tmp_path, AT)
    [told] = logs
    assert "tickets-1 was made" in told["event"]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"purpose": "ledger", "private": "short"}', b"\xff", b"[]"])
def test_a_damaged_key_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    KeyRing.open(tmp_path, AT)
    damaged = tmp_path / "keys" / "ledger-1.json"
    damaged.write_bytes(content)

    with pytest.raises(CannotRun, match=f"{damaged} is damaged") as refusal:
        KeyRing.open(tmp_path, AT)
    assert "备份" in refusal.value.chinese


def test_a_new_key_signs_and_the_old_one_still_verifies(tmp_path: Path) -> None:
    ring, other = KeyRing.open(tmp_path, AT), KeyRing.open(tmp_path, AT)
    old = ring.current(Purpose.LEDGER)
    signed = old.sign(b"checkpoint")

    new = ring.rotate(Purpose.LEDGER, AT)

    assert (new.key_id, ring.current(Purpose.LEDGER)) == (2, new)
    assert list(ring.public_keys(Purpose.LEDGER)) == [1, 2]
    Ed25519PublicKey.from_public_bytes(ring.public_keys(Purpose.LEDGER)[1]).verify(signed, b"checkpoint")
    assert other.current(Purpose.LEDGER) == new
    assert other.find(Purpose.LEDGER, 2) == new
    assert other.find(Purpose.LEDGER, 3) is None
    assert other.rotate(Purpose.LEDGER, AT).key_id == 3


def test_a_folder_that_has_not_changed_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "FOLDER_TICKS_NS", 0)
    KeyRing.open(tmp_path, AT)
    os.utime(tmp_path / "keys", (1, 1))
    ring = KeyRing.open(tmp_path, AT)
    known = [key for purpose in Purpose for key in ring.all(purpose)]

    assert [key for purpose in Purpose for key in ring.all(purpose)] == known
    assert all(ring.current(key.purpose) is key for key in known), "the very same objects"
    KeyRing.open(tmp_path, AT).rotate(Purpose.TICKETS, AT)
    assert [key.key_id for key in ring.all(Purpose.TICKETS)] == [2, 1]


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_key_is_known_whatever_clock_it_was_made_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """The clock is set, back or forth, after one process has read the keys and before another makes one."""
    monkeypatch.setattr(keys, "FOLDER_TICKS_NS", 0)
    ring = KeyRing.open(tmp_path, AT)
    ring.current(Purpose.TOKENS)
    made = KeyRing.open(tmp_path, AT).rotate(Purpose.TOKENS, AT)
    at = (tmp_path / "keys").stat().st_mtime_ns + minutes * 60 * 10**9
    os.utime(tmp_path / "keys", ns=(at, at))

    assert ring.current(Purpose.TOKENS) == made


def test_a_key_of_the_same_moment_is_known(tmp_path: Path) -> None:
    """A file system may tell the time in whole seconds."""
    ring = KeyRing.open(tmp_path, AT)
    before = (tmp_path / "keys").stat().st_mtime_ns
    made = KeyRing.open(tmp_path, AT).rotate(Purpose.TOKENS, AT)
    os.utime(tmp_path / "keys", ns=(before, before))

    assert ring.current(Purpose.TOKENS) == made


def test_keys_that_lay_open_for_a_while_serve_again_once_they_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "FOLDER_TICKS_NS", 0)
    ring = KeyRing.open(tmp_path, AT)
    path = tmp_path / "keys" / "ledger-1.json"
    path.chmod(0o640)
    os.utime(tmp_path / "keys", (1, 1))
    for _ in range(2):
        with pytest.raises(KeysLieOpenError):
            ring.current(Purpose.LEDGER)
    path.chmod(0o600)
    assert ring.current(Purpose.LEDGER).key_id == 1


def test_tokens_verify_by_the_published_keys(tmp_path: Path) -> None:
    ring = KeyRing.open(tmp_path, AT)
    ring.rotate(Purpose.TOKENS, AT)
    key = ring.current(Purpose.TOKENS)
    token = jwt.encode({"sub": "li"}, key.private, algorithm="EdDSA", headers={"kid": key.kid})

    published = jwt.PyJWKSet.from_dict(ring.jwks())

    assert [each.key_id for each in published.keys] == ["tokens-2", "tokens-1"]
    assert jwt.decode(token, published[key.kid], algorithms=["EdDSA"]) == {"sub": "li"}


def test_a_key_shows_nothing_of_its_private_half(tmp_path: Path) -> None:
    key = KeyRing.open(tmp_path, AT).current(Purpose.TOKENS)
    assert "private" not in repr(key)
    assert key.private.private_bytes_raw() not in repr(key).encode("latin-1")


def test_a_ticket_code_has_room_for_255_keys(tmp_path: Path) -> None:
    KeyRing.open(tmp_path, AT)
    first, late = (tmp_path / "keys" / f"tickets-{key_id}.json" for key_id in (1, 254))
    late.touch(0o600)
    late.write_text(json.dumps({**json.loads(first.read_text()), "key_id": 254}))
    ring = KeyRing.open(tmp_path, AT)
    assert ring.rotate(Purpose.TICKETS, AT).key_id == 255
    with pytest.raises(NoMoreKeysError):
        ring.rotate(Purpose.TICKETS, AT)
