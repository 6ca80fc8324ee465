"""That contracts, slips and tickets are in the log of papers: each entry with its path to a signed root."""

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
from service.routes.log import HASH, CheckpointOut, checkpoint_of, hash_text, time_text
from service.store import contracts, papers, slips, tickets
from service.store.evidence import find_checkpoint, find_nodes

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
    """Proof that a ticket, what it became later, what was done to it and when it ran out is in the log of papers."""
    if not await tickets.list_tickets(connection, actor, ids=[ticket_id], limit=1):
        raise NotFound
    return await _proof(request, connection, ticket_id, actor)


async def _proof(request: Request, connection: Connection, subject_id: UUID, actor: Actor) -> PaperProofOut:
    newest = await find_checkpoint(connection, log=papers.LOG)
    sealed = await papers.find_sealed(connection, subject_id, reader=actor.enterprise_id or actor.station_id)
    if newest is None or not sealed:
        return PaperProofOut(checkpoint=None, entries=[])
    proofs = [partial(evidence.prove_inclusion, one.entry.seq - 1, newest.size) for one in sealed]
    needed = [node for prove in proofs for node in evidence.nodes_needed(prove)]
    nodes = await find_nodes(connection, needed, papers.LOG)
    return PaperProofOut(
        checkpoint=checkpoint_of(request, newest, papers.LOG),
        entries=[
            PaperEntryOut(
                index=one.entry.seq - 1,
                kind=one.entry.kind,
                subject_id=one.entry.subject_id,
                is_older=one.entry.is_older,
                entered_at=time_text(one.entry.entered_at),
                fact=one.entry.fact.hex(),
                text=one.text,
                leaf=hash_text(one.entry.leaf),
                path=[hash_text(step) for step in prove(nodes.__getitem__)],
            )
            for one, prove in zip(sealed, proofs, strict=True)
        ],
    )
