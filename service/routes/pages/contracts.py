"""Contracts: the list, and one with what each side filed."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.auth import may
from service.db import ReaderDep
from service.domain.filings import MUST_AGREE, ContractState
from service.domain.permissions import Actor
from service.routes import contracts as filed
from service.routes import provenance
from service.routes.pages.origins import STEPS_DRAWN, picture_of
from service.routes.pages.pages import show
from service.store import pages as reads
from service.store import tickets

router = APIRouter()

PAGE = 50
TICKETS_SHOWN = 20
ReadsContracts = Annotated[Actor, Depends(may("contracts.read"))]


@router.get("/contracts")
async def list_contracts(
    request: Request, connection: ReaderDep, actor: ReadsContracts, state: str = "", after: UUID | None = None
) -> Response:
    """Contracts, newest first."""
    chosen = ContractState(state) if state in set(ContractState) else None
    page = await filed.list_contracts(request, connection, actor, state=chosen, after=after, limit=PAGE)
    names = await reads.names_of(
        connection, {key for contract in page.items for key in (contract.seller_id, contract.buyer_id)}
    )
    return await show(
        request,
        connection,
        actor,
        "contracts.html",
        rows=page.items,
        names=names,
        state=chosen,
        states=list(ContractState),
        following=page.next,
    )


@router.get("/contracts/{contract_id}")
async def show_contract(contract_id: UUID, request: Request, connection: ReaderDep, actor: ReadsContracts) -> Response:
    """One contract: its clock, both sides next to each other, its tickets."""
    contract = await filed.get_contract(contract_id, request, connection, actor)
    said = [side.terms for side in contract.filings if side.terms]
    firms = {contract.seller_id, contract.buyer_id, contract.mine_id}
    firms |= {key for terms in said for key in (terms.seller_id, terms.buyer_id, terms.mine_id)}
    return await show(
        request,
        connection,
        actor,
        "contract.html",
        contract=contract,
        names=await reads.names_of(connection, firms),
        terms=[*MUST_AGREE, "valid_until"],
        tickets=await tickets.list_tickets(connection, actor, contract_id=contract_id, limit=TICKETS_SHOWN),
    )


@router.get("/contracts/{contract_id}/provenance")
async def contract_provenance(
    contract_id: UUID,
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("provenance.read"))],
) -> Response:
    """Where all that was received under a contract came from."""
    found = await provenance.contract_provenance(contract_id, connection, actor, limit=STEPS_DRAWN)
    contract = await filed.get_contract(contract_id, request, connection, actor)
    return await show(
        request,
        connection,
        actor,
        "contract_provenance.html",
        contract=contract,
        found=found,
        picture_data=picture_of(found, request),
    )
