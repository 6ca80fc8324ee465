"""Hashes that stand for what was filed."""

import hashlib

import orjson


def hash_of(kind: str, content: list[object]) -> bytes:
    """The hash of a kind of filing and what it says."""
    # `default`: the driver's ids are a kind of UUID that orjson takes for something else.
    text = orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(f"meisu {kind} 1\n".encode() + text).digest()
