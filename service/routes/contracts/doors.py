"""Contracts: each side files its own, and sees what both say."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from starlette.datastructures import State

from service.actions import contracts as deeds
from service.actions.contracts import Order
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep
from service.domain.filings import ContractState
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import NotFound, Refusal
from service.routes.contracts.bodies import ContractIn, ContractOut, ContractsOut, VersionsOut
from service.routes.contracts.shown import one, one_then, shown, side_of, stamped
from service.routes.entries import OF_THE_PAST, PoliciesNow
from service.routes.fields import AsOf
from service.routes.filings import Filings, file_one, filing_batcher
from service.routes.idempotency import Answer, OnceDep
from service.store import contracts, provenance

router = APIRouter(prefix="/v1/contracts", tags=["contracts"])


def contract_batcher(state: State) -> AbstractAsyncContextManager[Filings[Order]]:
    """The batcher of this process: sides of different contracts are filed in one transaction."""

    async def file(
        connection: Connection, orders: Sequence[Order], policies: Policies, at: datetime
    ) -> list[Answer | Refusal]:
        filed = await deeds.file_contracts(connection, orders, at=at, policies=policies)
        ids = [one.contract_id for one in filed if not isinstance(one, Refusal)]
        known = await contracts.contracts_of(connection, ids)
        seen = [
            (known[one.contract_id], order.actor)
            for order, one in zip(orders, filed, strict=True)
            if not isinstance(one, Refusal)
        ]
        answers = iter(await stamped(state, connection, await shown(connection, seen, policies, at=at)))
        return [
            one if isinstance(one, Refusal) else Answer(next(answers), 201 if one.has_begun else 200) for one in filed
        ]

    return filing_batcher(state, "contracts", file)


@router.post("", status_code=201, response_model=ContractOut)
async def file_contract(
    body: ContractIn,
    request: Request,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("contracts.file"))],
) -> Response:
    """File the caller's own side of a contract: 201 when it begins the contract, 200 otherwise.

    `for_both` files the other side too where both firms are registered as one group.
    """
    order = Order(actor, body.number, body.terms(), body.for_both)
    return await file_one(request.app.state.contracts, once, order)


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
    policies = await request.app.state.rulebook.policies(at)
    items = await shown(connection, [(contract, actor) for contract in found], policies, at=at)
    return ContractsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{contract_id}", dependencies=OF_THE_PAST)
async def get_contract(
    contract_id: UUID,
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("contracts.read"))],
    as_of: AsOf = None,
) -> ContractOut:
    """One contract with both its sides, and a receipt for each that the actor may see; now or as it stood then."""
    past = await provenance.moment(connection, as_of)
    at = past.at if past else request.app.state.clock.now()
    policies = await request.app.state.rulebook.policies(at)
    if past:
        contract = await one_then(connection, contract_id, policies, past, actor=actor)
    else:
        contract = await one(connection, contract_id, policies, at=at, actor=actor)
    return (await stamped(request.app.state, connection, [contract]))[0]


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
