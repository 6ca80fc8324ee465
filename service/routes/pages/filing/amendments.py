"""Amending a contract from a page, and answering what the other side proposes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import amendments as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep
from service.domain.amendments import AmendmentState
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.sheets import CellKind, Column
from service.routes import contracts as filed
from service.routes.amendments import AmendmentIn
from service.routes.contracts import ContractOut
from service.routes.pages.returned import stands_on
from service.routes.pages.typed import entry_of, fields_of, in_tonnes, model_of, show_form

router = APIRouter()

FilesContracts = Annotated[Actor, Depends(may("contracts.file"))]
COLUMNS = (
    Column("agreed_on", "变更签订日期", "signed on", CellKind.DAY, True),
    Column("kg", "数量（吨）", "tonnes", CellKind.TONNES),
    Column("grade", "品级", "grade"),
    Column("valid_until", "有效期至", "valid until", CellKind.DAY),
    Column("price_fen_per_t", "单价（元/吨）", "yuan per tonne", CellKind.YUAN),
    Column("earmark", "专项用途", "earmark"),
    Column("reason", "变更理由", "reason", CellKind.TEXT, True),
)


@router.get("/contracts/{contract_id}/amend")
async def begin_amendment(
    contract_id: UUID, request: Request, connection: ReaderDep, actor: FilesContracts
) -> Response:
    """The form with the terms in force."""
    contract = await _own(contract_id, request, connection, actor)
    typed = {
        "agreed_on": "",
        "kg": in_tonnes(contract.kg),
        "grade": contract.grade,
        "valid_until": contract.valid_until.isoformat(),
        "earmark": contract.earmark or "",
    }
    return await show_form(
        request, connection, actor, "amendment_form.html", columns=COLUMNS, typed=typed, contract=contract
    )


@router.post("/contracts/{contract_id}/amend")
async def propose_amendment(
    contract_id: UUID, request: Request, connection: ConnectionDep, actor: FilesContracts
) -> Response:
    """Propose what is to be different."""
    await _own(contract_id, request, connection, actor)
    body = model_of(entry_of(COLUMNS, await fields_of(request)), AmendmentIn)
    state = request.app.state
    at = state.clock.now()
    await deeds.propose_amendment(
        connection,
        contract_id,
        body.changes(),
        agreed_on=body.agreed_on,
        reason=body.reason,
        at=at,
        policies=await state.rulebook.policies(at),
        actor=actor,
    )
    return RedirectResponse(f"/contracts/{contract_id}#amendments", 303)


@router.post(
    "/contracts/{contract_id}/amendments/{amendment_id}/{answer}", dependencies=[stands_on("/contracts/{contract_id}")]
)
async def answer_amendment(
    contract_id: UUID,
    amendment_id: UUID,
    answer: str,
    request: Request,
    connection: ConnectionDep,
    actor: FilesContracts,
) -> Response:
    """Confirm, decline or withdraw an amendment."""
    states = {
        "confirm": AmendmentState.AGREED,
        "decline": AmendmentState.DECLINED,
        "withdraw": AmendmentState.WITHDRAWN,
    }
    if answer not in states:
        raise NotFound
    at = request.app.state.clock.now()
    reason = (await fields_of(request)).get("reason", "").strip()[:500] or None
    await deeds.answer_amendment(
        connection,
        contract_id,
        amendment_id,
        states[answer],
        answer=reason,
        at=at,
        policies=await request.app.state.rulebook.policies(at),
        actor=actor,
    )
    return RedirectResponse(f"/contracts/{contract_id}#amendments", 303)


async def _own(contract_id: UUID, request: Request, connection: Connection, actor: Actor) -> ContractOut:
    contract = await filed.get_contract(contract_id, request, connection, actor)
    if actor.enterprise_id not in (contract.seller_id, contract.buyer_id):
        raise NotFound
    return contract
