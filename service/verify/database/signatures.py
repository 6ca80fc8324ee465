"""What devices have signed, against their keys and against the weighings that it stands beside."""

import json
import unicodedata
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.verify.books import Books
from service.verify.findings import Findings

SIGNED = """
SELECT
    signature.jws, signature.device_id, device.public_key, device.station_id AS device_station, weighing.id, weighing.station_id,
    weighing.record_id, weighing.sequence, weighing.direction, weighing.plate, weighing.gross_kg, weighing.tare_kg, weighing.grade,
    weighing.manual, weighing.tare_source, weighing.weighed_at
FROM signature
LEFT JOIN device ON device.id = signature.device_id
LEFT JOIN weighing ON weighing.id = signature.weighing_id
"""
PLAIN = ("sequence", "direction", "gross_kg", "tare_kg")
ASSUMED = {"manual": False, "tare_source": "fresh"}


async def devices_have_signed_what_is_kept(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """Each signature is its device's, a device of the weighing's station, and says what the weighing says."""
    async for row in connection.cursor(SIGNED, prefetch=1_000):
        for fault in _faults(dict(row)):
            findings.add("signature", None, f"weighing {row['id']}: {fault}")


def _faults(row: Mapping[str, Any]) -> list[str]:
    if row["id"] is None:
        return ["a signature stands beside no weighing"]
    if row["public_key"] is None or row["device_station"] != row["station_id"]:
        return [f"device {row['device_id']} is none of its station"]
    head, payload, signature = row["jws"].split(".")
    try:
        key = Ed25519PublicKey.from_public_bytes(row["public_key"])
        key.verify(_decoded(signature), f"{head}.{payload}".encode())
    except InvalidSignature:
        return [f"the signature is not that of device {row['device_id']}"]
    said = json.loads(_decoded(payload))
    names = [name for name in PLAIN if said[name] != row[name]]
    names += [name for name, assumed in ASSUMED.items() if said.get(name, assumed) != row[name]]
    if said["id"].lower() != str(row["record_id"]):
        names.append("id")
    if datetime.fromisoformat(said["weighed_at"]) != row["weighed_at"]:
        names.append("weighed_at")
    if _letters(said["plate"]) != _letters(row["plate"]):
        names.append("plate")
    return [f"the device has signed another {name}" for name in names]


def _letters(plate: str) -> str:
    """A plate without what people put between its characters."""
    return "".join(one for one in unicodedata.normalize("NFKC", plate).upper() if one.isalnum())


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
