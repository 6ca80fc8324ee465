"""The log of papers by itself: entries without a gap, leaves, tree and signed roots."""

import struct
from base64 import b64encode
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import asyncpg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.verify.findings import Findings
from service.verify.leaves import KEPT_LEVELS, fold, join

ENTRY = struct.Struct(">3s qB16sBq32s")
KINDS = {"contract": 1, "filing": 2, "amendment": 3, "slip": 4, "ticket": 5}
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

ENTRIES = "SELECT seq, kind, subject_id, is_older, entered_at, fact, leaf FROM paper ORDER BY seq"
CHECKPOINTS = "SELECT size, recorded_at, root, key_id, signature FROM paper_checkpoint ORDER BY size"
NODES = "SELECT level, index, hash FROM paper_node ORDER BY level, index"


async def papers_are_sealed(
    connection: asyncpg.Connection, public_keys: Mapping[int, bytes], findings: Findings
) -> str:
    """Every entry lies where its number says under roots that the service has signed; gives what was read, in one line."""
    checkpoints = {row["size"]: row for row in await connection.fetch(CHECKPOINTS)}
    edge: list[bytes] = []
    kept: dict[int, bytearray] = defaultdict(bytearray)
    size = older = signed = 0
    async for row in connection.cursor(ENTRIES, prefetch=5_000):
        if row["seq"] != size + 1:
            findings.add("paper", None, f"entry {size + 1} is missing")
        size = row["seq"]
        older += row["is_older"]
        leaf = _leaf(row)
        if leaf != row["leaf"]:
            findings.add(
                "paper", None, f"entry {size}, of {row['kind']} {row['subject_id']}, is not what its leaf says"
            )
        _grow(edge, kept, size - 1, row["leaf"])
        if checkpoint := checkpoints.get(size):
            signed = size
            if checkpoint["root"] != fold(edge):
                findings.add("paper", None, f"the root over {size} entries is not that of their leaves")
    for checkpoint in checkpoints.values():
        if not _is_signed(checkpoint, public_keys):
            findings.add(
                "paper", None, f"key {checkpoint['key_id']} did not sign the root over {checkpoint['size']} entries"
            )
    if max(checkpoints, default=0) != signed or signed != size:
        findings.add(
            "paper", None, f"{size} entries are sealed, and roots are signed over {max(checkpoints, default=0)}"
        )
    head = await connection.fetchrow("SELECT seq, frontier FROM paper_head")
    if head is None or (head["seq"], head["frontier"]) != (size, b"".join(edge)):
        findings.add("paper", None, "the head is not that of the entries")
    found: dict[int, bytes] = defaultdict(bytes)
    for row in await connection.fetch(NODES):
        found[row["level"]] += row["hash"]
    for level in sorted(
        {level for level, nodes in found.items() if nodes != kept[level]} | (kept.keys() - found.keys())
    ):
        if found[level] != kept[level]:
            findings.add("paper", None, f"the nodes of level {level} are not those of the tree")
    due = await connection.fetchval("SELECT count(*) FROM paper_due")
    return f"{size} papers sealed, {older} of them older than their log, and {due} waiting"


def _leaf(row: asyncpg.Record) -> bytes:
    at = (row["entered_at"] - EPOCH) // MICROSECOND
    subject = row["subject_id"].bytes
    return sha256(
        ENTRY.pack(b"\0\1P", row["seq"], KINDS[row["kind"]], subject, row["is_older"], at, row["fact"])
    ).digest()


def _grow(edge: list[bytes], kept: dict[int, bytearray], index: int, node: bytes) -> None:
    level = 0
    while index & 1 and edge:
        node = join(edge.pop(), node)
        index >>= 1
        level += 1
        if level % KEPT_LEVELS == 0:
            kept[level] += node
    edge.append(node)


def _is_signed(checkpoint: asyncpg.Record, public_keys: Mapping[int, bytes]) -> bool:
    at = checkpoint["recorded_at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    body = f"meisu/papers\n{checkpoint['size']}\n{b64encode(checkpoint['root']).decode()}\n{at}\n".encode()
    try:
        Ed25519PublicKey.from_public_bytes(public_keys[checkpoint["key_id"]]).verify(checkpoint["signature"], body)
    except (InvalidSignature, KeyError):
        return False
    return True
