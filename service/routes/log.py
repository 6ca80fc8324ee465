"""The logs of the ledger and of papers (RFC 6962): signed checkpoints, that an entry is in one, and that it only ever grew."""

from base64 import b64encode
from dataclasses import fields
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from service.auth import may
from service.db import Connection, ReaderDep
from service.domain import evidence
from service.domain.evidence import HoleEntry, LegEntry
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.keys import KeyRing, Purpose
from service.store import evidence as logs
from service.store import papers
from service.store.evidence import LEDGER, Checkpoint, Log

router = APIRouter(prefix="/v1/log", tags=["log"])

ReadsLog = Annotated[Actor, Depends(may("log.read"))]
Size = Annotated[int | None, Query(ge=1, le=2**62)]
From = Annotated[int, Query(alias="from", ge=1, le=2**62)]
To = Annotated[int | None, Query(alias="to", ge=1, le=2**62)]
HASH = Field(description="base64 of 32 bytes")


_Signs = Literal["checkpoints", "receipts", "papers"]
_SIGNED: tuple[tuple[_Signs, Purpose, str], ...] = (
    ("checkpoints", Purpose.LEDGER, evidence.ORIGIN),
    ("receipts", Purpose.RECEIPTS, evidence.RECEIPTS),
    ("papers", Purpose.LEDGER, evidence.PAPERS),
)


class CheckpointOut(BaseModel):
    """A signed root: `note` is the whole of it as text (C2SP tlog-checkpoint), `key` the verifier's key for its signature."""

    size: int
    root: str = HASH
    recorded_at: datetime
    key_id: int
    key: str
    note: str


class LogKeyOut(BaseModel):
    """A public key: `signs` says what, `key` is the verifier's key as tools for signed notes read it."""

    signs: _Signs
    key_id: int
    made_at: datetime
    key: str


class LogKeysOut(BaseModel):
    """Every key that has signed checkpoints of either log or receipts, those that sign now first."""

    items: list[LogKeyOut]


class EntryOut(BaseModel):
    """One entry: `fields` are all that its leaf binds, in the leaf's order; `path` leads from the leaf to the root."""

    index: int
    kind: str
    fields: dict[str, str | int | bool]
    leaf: str = HASH
    path: list[str]


class InclusionOut(BaseModel):
    """That all entries of a movement, also those that took it back, are in the log of this checkpoint."""

    checkpoint: CheckpointOut
    entries: list[EntryOut]


class ConsistencyOut(BaseModel):
    """That the log of `first` entries is the beginning of the log of `second`."""

    first: int
    second: int
    first_root: str = HASH
    second_root: str = HASH
    path: list[str]


@router.get("/checkpoint")
async def checkpoint(request: Request, connection: ReaderDep, _: ReadsLog, size: Size = None) -> CheckpointOut:
    """The newest signed root, or that of a size."""
    return checkpoint_of(request, await _found(connection, size, LEDGER), LEDGER)


@router.get("/papers/checkpoint")
async def papers_checkpoint(request: Request, connection: ReaderDep, _: ReadsLog, size: Size = None) -> CheckpointOut:
    """The newest signed root over the log of papers, or that of a size."""
    return checkpoint_of(request, await _found(connection, size, papers.LOG), papers.LOG)


@router.get("/keys")
async def list_keys(request: Request, _: ReadsLog) -> LogKeysOut:
    """The public keys of the log and of receipts; keep them, so that nobody can put others in their place."""
    ring: KeyRing = request.app.state.keys
    return LogKeysOut(
        items=[
            LogKeyOut(signs=signs, key_id=key.key_id, made_at=key.made_at, key=evidence.verifier_key(key.public, name))
            for signs, purpose, name in _SIGNED
            for key in ring.all(purpose)
        ]
    )


@router.get("/proof")
async def proof(request: Request, connection: ReaderDep, actor: ReadsLog, movement_id: UUID) -> InclusionOut:
    """Proof that a movement's entries are in the log."""
    entries = await logs.find_entries(connection, movement_id, actor=actor)
    if not entries:
        raise NotFound
    newest = await _found(connection, None, LEDGER)
    proofs = [partial(evidence.prove_inclusion, entry.seq - 1, newest.size) for entry in entries]
    nodes = await logs.find_nodes(connection, [node for prove in proofs for node in evidence.nodes_needed(prove)])
    return InclusionOut(
        checkpoint=checkpoint_of(request, newest, LEDGER),
        entries=[
            EntryOut(
                index=entry.seq - 1,
                kind="leg" if isinstance(entry, LegEntry) else "hole",
                fields=_fields(entry),
                leaf=hash_text(entry.leaf),
                path=[hash_text(step) for step in prove(nodes.__getitem__)],
            )
            for entry, prove in zip(entries, proofs, strict=True)
        ],
    )


@router.get("/consistency")
async def consistency(connection: ReaderDep, _: ReadsLog, first: From, second: To = None) -> ConsistencyOut:
    """Proof that the log has only grown between two sizes; `to` is the newest where it is not given."""
    return await _prove_growth(connection, LEDGER, first, second)


@router.get("/papers/consistency")
async def papers_consistency(connection: ReaderDep, _: ReadsLog, first: From, second: To = None) -> ConsistencyOut:
    """Proof that the log of papers has only grown between two sizes; `to` is the newest where it is not given."""
    return await _prove_growth(connection, papers.LOG, first, second)


async def _prove_growth(connection: Connection, log: Log, first: int, second: int | None) -> ConsistencyOut:
    newest = (await _found(connection, None, log)).size
    size = newest if second is None else second
    if not first <= size <= newest:
        raise NotFound
    prove = partial(evidence.prove_consistency, first, size)
    roots = [partial(evidence.root_of, each) for each in (first, size)]
    needed = evidence.nodes_needed(prove) + [node for root in roots for node in evidence.nodes_needed(root)]
    nodes = await logs.find_nodes(connection, needed, log)
    first_root, second_root = (hash_text(root(nodes.__getitem__)) for root in roots)
    return ConsistencyOut(
        first=first,
        second=size,
        first_root=first_root,
        second_root=second_root,
        path=[hash_text(step) for step in prove(nodes.__getitem__)],
    )


async def _found(connection: Connection, size: int | None, log: Log) -> Checkpoint:
    found = await logs.find_checkpoint(connection, size, log)
    if found is None:
        raise NotFound
    return found


def checkpoint_of(request: Request, found: Checkpoint, log: Log) -> CheckpointOut:
    """A log's checkpoint as it is handed out; NotFound where its key is not here."""
    keys: KeyRing = request.app.state.keys
    key = keys.find(Purpose.LEDGER, found.key_id)
    if key is None:
        raise NotFound
    body = evidence.checkpoint_body(found.size, found.root, found.recorded_at, log.origin)
    return CheckpointOut(
        size=found.size,
        root=hash_text(found.root),
        recorded_at=found.recorded_at,
        key_id=found.key_id,
        key=evidence.verifier_key(key.public, log.origin),
        note=evidence.signed_note(body, key.public, found.signature, log.origin),
    )


def _fields(entry: LegEntry | HoleEntry) -> dict[str, str | int | bool]:
    return {field.name: _plain(getattr(entry, field.name)) for field in fields(entry)}


def _plain(value: object) -> str | int | bool:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return time_text(value)
    return value if isinstance(value, str | int) else str(value)


def time_text(at: datetime) -> str:
    """A time as entries bind it, to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hash_text(hashed: bytes) -> str:
    """A hash as answers give it."""
    return b64encode(hashed).decode()
