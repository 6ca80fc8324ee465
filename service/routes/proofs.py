"""That contracts, slips and tickets are in the log of papers: each entry with its path to a signed root."""

from base64 import b64encode
from datetime import UTC, datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from service.auth import may
from service.db import Connection, ReaderDep
from service.domain import evidence
from service.domain.papers import PaperKind
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.keys import KeyRing, Purpose
from service.routes.log import HASH, CheckpointOut
from service.store import contracts, papers, slips, tickets

router = APIRouter(prefix="/v1", tags=["log"])


class PaperEntryOut(BaseModel):
    """One entry: its leaf binds seq (`index` + 1), kind, subject, whether the row is older than the log, time and fact.

    `fact` is the SHA-256 of `text`, which is there where the reader may know it and the paper still says it.
    """

    index: int
    kind: PaperKind
    subject_id: UUID
    is_older: bool
    entered_at: str
    fact: str = Field(description="hexadecimal, 32 bytes")
    text: str | None
    leaf: str = HASH
    path: list[str]


class PaperProofOut(BaseModel):
    """That all entries of a paper are in the log of papers of this checkpoint; none yet in the second after it was filed."""

    checkpoint: CheckpointOut | None
    entries: list[PaperEntryOut]


@router.get("/contracts/{contract_id}/proof")
async def prove_contract(
    contract_id: UUID, request: Request, connection: ReaderDep, actor: Annotated[Actor, Depends(may("contracts.read"))]
) -> PaperProofOut:
    """Proof that a contract, and each filing and amendment of it, is in the log of papers."""
    if await contracts.find_contract(connection, contract_id, actor=actor) is None:
        raise NotFound
    return await _proof(request, connection, contract_id, actor)


@router.get("/slips/{slip_id}/proof")
async def prove_slip(
    slip_id: UUID, request: Request, connection: ReaderDep, actor: Annotated[Actor, Depends(may("slips.read"))]
) -> PaperProofOut:
    """Proof that a slip is in the log of papers."""
    if not await slips.list_slips(connection, ids=[slip_id], actor=actor):
        raise NotFound
    return await _proof(request, connection, slip_id, actor)


@router.get("/tickets/{ticket_id}/proof")
async def prove_ticket(
    ticket_id: UUID, request: Request, connection: ReaderDep, actor: Annotated[Actor, Depends(may("tickets.read"))]
) -> PaperProofOut:
    """Proof that a ticket, and what it became later, is in the log of papers."""
    if not await tickets.list_tickets(connection, actor, ids=[ticket_id], limit=1):
        raise NotFound
    return await _proof(request, connection, ticket_id, actor)


async def _proof(request: Request, connection: Connection, subject_id: UUID, actor: Actor) -> PaperProofOut:
    newest = await papers.last_checkpoint(connection)
    sealed = await papers.find_sealed(connection, subject_id, reader=actor.enterprise_id or actor.station_id)
    if newest is None or not sealed:
        return PaperProofOut(checkpoint=None, entries=[])
    proofs = [partial(evidence.prove_inclusion, one.entry.seq - 1, newest.size) for one in sealed]
    nodes = await papers.find_nodes(connection, [node for prove in proofs for node in evidence.nodes_needed(prove)])
    keys: KeyRing = request.app.state.keys
    key = keys.find(Purpose.LEDGER, newest.key_id)
    if key is None:
        raise NotFound
    body = evidence.checkpoint_body(newest.size, newest.root, newest.recorded_at, evidence.PAPERS)
    return PaperProofOut(
        checkpoint=CheckpointOut(
            size=newest.size,
            root=_text(newest.root),
            recorded_at=newest.recorded_at,
            key_id=newest.key_id,
            key=evidence.verifier_key(key.public, evidence.PAPERS),
            note=evidence.signed_note(body, key.public, newest.signature, evidence.PAPERS),
        ),
        entries=[
            PaperEntryOut(
                index=one.entry.seq - 1,
                kind=one.entry.kind,
                subject_id=one.entry.subject_id,
                is_older=one.entry.is_older,
                entered_at=_time(one.entry.entered_at),
                fact=one.entry.fact.hex(),
                text=one.text,
                leaf=_text(one.entry.leaf),
                path=[_text(step) for step in prove(nodes.__getitem__)],
            )
            for one, prove in zip(sealed, proofs, strict=True)
        ],
    )


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(hashed: bytes) -> str:
    return b64encode(hashed).decode()
