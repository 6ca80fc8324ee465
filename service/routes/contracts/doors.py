"""Contracts: each side files its own, and sees what both say."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from service.actions import contracts as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.filings import ContractState
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.routes.contracts.bodies import ContractIn, ContractOut, ContractsOut, VersionsOut
from service.routes.contracts.shown import one, shown, side_of, stamped
from service.routes.entries import PoliciesNow
from service.routes.idempotency import Answer, OnceDep
from service.store import contracts

router = APIRouter(prefix="/v1/contracts", tags=["contracts"])


@router.post("", status_code=201, response_model=ContractOut)
async def file_contract(
    body: ContractIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("contracts.file"))],
    policies: PoliciesNow,
) -> Response:
    """File the caller's own side of a contract: 201 when it begins the contract, 200 otherwise.

    `for_both` files the other side too where both firms are registered as one group.
    """
    state = request.app.state
    at = state.clock.now()

    async def deed() -> Answer:
        contract_id, is_new = await deeds.file_contract(
            connection,
            body.number,
            body.terms(),
            for_both=body.for_both,
            at=at,
            policies=policies,
            actor=actor,
        )
        contract = await one(connection, contract_id, policies, at=at, actor=actor)
        return Answer(await stamped(request, connection, contract), 201 if is_new else 200)

    return await once(connection, actor, deed)


@router.get("")
async def list_contracts(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("contracts.read"))],
    state: ContractState | None = None,
    party: UUID | None = None,
    number: str | None = None,
    framework: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ContractsOut:
    """The contracts of the office's area or of the enterprise, newest first."""
    found = await contracts.list_contracts(
        connection,
        state=state,
        party=party,
        number=number,
        framework=framework,
        after=after,
        limit=limit,
        actor=actor,
    )
    at = request.app.state.clock.now()
    items = await shown(connection, found, await request.app.state.rulebook.policies(at), at=at, actor=actor)
    return ContractsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{contract_id}")
async def get_contract(
    contract_id: UUID, request: Request, connection: ReaderDep, actor: Annotated[Actor, Depends(may("contracts.read"))]
) -> ContractOut:
    """One contract with both its sides, and a receipt for each that the actor may see."""
    at = request.app.state.clock.now()
    contract = await one(connection, contract_id, await request.app.state.rulebook.policies(at), at=at, actor=actor)
    return await stamped(request, connection, contract)


@router.get("/{contract_id}/versions")
async def list_versions(
    contract_id: UUID, connection: ReaderDep, actor: Annotated[Actor, Depends(may("contracts.read"))]
) -> VersionsOut:
    """All that was ever filed of a contract: a firm sees its own versions and those that name it."""
    found = await contracts.list_contracts(connection, ids=[contract_id], actor=actor)
    if not found:
        raise NotFound
    filed = await contracts.versions(connection, contract_id)
    seen = [
        filing
        for filing in filed
        if actor.enterprise_id in (None, filing.enterprise_id, filing.terms.seller_id, filing.terms.buyer_id)
        and (actor.enterprise_id in (None, found[0].seller_id, found[0].buyer_id, filing.enterprise_id))
    ]
    return VersionsOut(items=[side_of(found[0], filing.party, filing, 0, actor=actor) for filing in seen])


@router.post("/{contract_id}/close", status_code=200, response_model=ContractOut)
async def close_contract(
    contract_id: UUID,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("contracts.close"))],
    policies: PoliciesNow,
) -> Response:
    """End a contract with what was shipped; what was not is free again."""
    at = request.app.state.clock.now()

    async def deed() -> ContractOut:
        await deeds.close_contract(connection, contract_id, policies, at=at, actor=actor)
        return await one(connection, contract_id, policies, at=at, actor=actor)

    return await once(connection, actor, deed, status=200)
