"""Evidence: what a leaf binds, how the tree grows, and what its proofs prove."""

import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from service.domain import evidence
from service.domain.evidence import HoleEntry, LegEntry, Node
from tests.witness import includes, is_consistent, read_note

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "leaves.json").read_text(encoding="utf-8"))

LEAVES = [hashlib.sha256(b"\x00" + bytes([n])).digest() for n in range(80)]


def entry(vector: dict[str, Any]) -> LegEntry | HoleEntry:
    """The row that a golden vector describes."""
    facts = {name: value for name, value in vector.items() if name not in ("kind_of_row", "leaf")}
    for name, value in facts.items():
        if name.endswith("_mark") or name == "fact":
            facts[name] = bytes.fromhex(value)
    facts["movement"] = UUID(facts["movement"])
    facts["occurred_at"] = datetime.fromisoformat(facts["occurred_at"])
    return LegEntry(**facts) if vector["kind_of_row"] == "leg" else HoleEntry(**facts)


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962's own recursive definition of the root."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def node(at: Node) -> bytes:
    level, index = at
    return evidence.perfect_root(LEAVES[index << level : (index + 1) << level])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['kind_of_row']}-{vector['seq']}")
def test_leaves_are_those_of_the_golden_vectors(vector: dict[str, Any]) -> None:
    assert entry(vector).leaf.hex() == vector["leaf"]


def test_a_leaf_is_the_hash_of_its_fields_in_the_written_order() -> None:
    at = datetime(2026, 3, 1, 8, 30, tzinfo=timezone(timedelta(hours=8)))
    movement = UUID(int=7)
    leg = LegEntry(1, 2, movement, b"s" * 16, 3, 4, b"t" * 16, 5, 6, 7, 8, True, True, at, b"f" * 32)
    micros = int(at.timestamp()) * 1_000_000
    numbers = (struct.pack(">q", n) for n in (3, 4, 5, 6, 7, 8))
    slo, skg, tlo, tkg, over, cover = numbers
    written = b"\x00\x01L" + struct.pack(">qq", 1, 2) + movement.bytes + b"s" * 16 + slo + skg + b"t" * 16 + tlo + tkg
    written += over + cover + b"\x03" + struct.pack(">q", micros) + b"f" * 32
    assert leg.leaf == hashlib.sha256(written).digest()

    hole = HoleEntry(1, 2, movement, b"a" * 16, "out", 3, 4, "jump", 5, at, b"f" * 32)
    written = b"\x00\x01H" + struct.pack(">qq", 1, 2) + movement.bytes + b"a" * 16 + b"\x01" + slo + skg + b"\x01"
    written += struct.pack(">qq", 5, micros) + b"f" * 32
    assert hole.leaf == hashlib.sha256(written).digest()


@given(st.lists(st.integers(1, 30), max_size=8))
def test_the_root_does_not_know_how_the_leaves_were_cut_into_batches(cuts: list[int]) -> None:
    leaves = [hashlib.sha256(struct.pack(">q", n)).digest() for n in range(sum(cuts))]
    frontier, size, root = b"", 0, evidence.root_of(0, node)
    for cut in cuts:
        frontier, root = evidence.extend(frontier, size, leaves[size : size + cut])
        size += cut
    assert root == mth(leaves)
    assert len(frontier) == 32 * size.bit_count()


def test_every_eighth_level_is_kept_once() -> None:
    leaves = [struct.pack(">32xq", n)[-32:] for n in range(1000)]
    at_once = evidence.grow(b"", 0, leaves).kept
    frontier, one_by_one = b"", {}
    for size, leaf in enumerate(leaves):
        growth = evidence.grow(frontier, size, [leaf])
        frontier = growth.frontier
        one_by_one |= growth.kept
    assert at_once == one_by_one
    assert at_once == {(8, n): mth(leaves[256 * n : 256 * n + 256]) for n in range(3)}


def test_inclusion_is_proven_and_nothing_else_is() -> None:
    for size in range(1, 40):
        root = mth(LEAVES[:size])
        for index in range(size):
            path = evidence.prove_inclusion(index, size, node)
            assert len(path) <= (size - 1).bit_length()
            assert includes(LEAVES[index], index, size, path, root)
            assert not includes(LEAVES[index + 1], index, size, path, root)
            assert not includes(LEAVES[index], index + 1, size, path, root)
            assert not includes(LEAVES[index], index, size, [*path, root], root)
            if path:
                assert not includes(LEAVES[index], index, size, path[:-1], root)


def test_consistency_is_proven_and_a_rewritten_log_is_not() -> None:
    for new in range(1, 40):
        root = mth(LEAVES[:new])
        for old in range(1, new + 1):
            path = evidence.prove_consistency(old, new, node)
            assert is_consistent(old, mth(LEAVES[:old]), new, root, path)
            rewritten = mth([*LEAVES[: old - 1], LEAVES[-1]])
            assert not is_consistent(old, rewritten, new, root, path)
            for at in range(len(path)):
                bent = [*path[:at], bytes(32), *path[at + 1 :]]
                assert not is_consistent(old, mth(LEAVES[:old]), new, root, bent)


def test_a_proof_asks_for_few_nodes() -> None:
    needed = evidence.nodes_needed(lambda fetch: [fetch(each) for each in [(0, 1)]])
    assert needed == [(0, 1)]
    assert evidence.prove_inclusion(0, 1, node) == []


def test_a_checkpoint_reads_back_and_its_signature_holds() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = key.public_key().public_bytes_raw()
    at = datetime(2026, 11, 21, 3, 30, 0, 5, tzinfo=timezone(timedelta(hours=8)))
    body = evidence.checkpoint_body(5, mth(LEAVES[:5]), at)
    assert body.decode().splitlines()[3] == "2026-11-20T19:30:00.000005Z"

    note = read_note(evidence.signed_note(body, public, key.sign(body)))

    assert (note.size, note.root, note.recorded_at, note.body) == (5, mth(LEAVES[:5]), at, body)
    assert note.key_hash == evidence.key_hash(public)
    key.public_key().verify(note.signature, note.body)
    assert evidence.verifier_key(public).startswith(f"meisu/ledger+{note.key_hash.hex()}+")


@pytest.mark.parametrize(
    "bend",
    [
        lambda text: text.replace("meisu/ledger\n", "other/ledger\n"),
        lambda text: text.replace("\n5\n", "\n05\n"),
        lambda text: text.replace("\n5\n", "\nfive\n"),
        lambda text: text.replace("000005Z", "000005+00:00"),
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text[:-10],
        lambda text: "",
    ],
)
def test_what_is_not_a_checkpoint_is_not_read(bend: Any) -> None:
    text = evidence.signed_note(
        evidence.checkpoint_body(5, bytes(32), datetime.fromtimestamp(0, UTC)), bytes(32), bytes(64)
    )
    text = text.replace("000000Z", "000005Z")
    read_note(text)
    with pytest.raises(ValueError, match=r".+"):
        read_note(bend(text))
