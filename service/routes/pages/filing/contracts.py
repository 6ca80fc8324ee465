"""Filing one's own side of a contract from a page: a new one, or the answer to what the other side has filed."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from service.actions.contracts import Order
from service.auth import may
from service.db import Connection, ReaderDep, database
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.sheets import COLUMNS
from service.routes import contracts, lots
from service.routes.bulk.reading import name_contracts
from service.routes.contracts import ContractIn, ContractOut, TermsOut
from service.routes.enterprises import EnterpriseKind
from service.routes.pages.typed import entry_of, fields_of, filed, in_tonnes, model_of, show_form
from service.store import bulk
from service.store import pages as reads

router = APIRouter()

LOTS_SHOWN = 100
FilesContracts = Annotated[Actor, Depends(may("contracts.file"))]


@router.get("/contracts/new")
async def begin_contract(request: Request, connection: ReaderDep, actor: FilesContracts) -> Response:
    """An empty form, with the firm's own code on the side that it is likely to be: who neither mines nor trades buys."""
    own = await _own_code(connection, actor)
    held = await lots.list_lots(connection, actor, holder=actor.enterprise_id, limit=1)
    viewer = await reads.find_viewer(connection, actor)
    trades = viewer is not None and EnterpriseKind.TRADER in viewer["kinds"]
    sells = await _sources(connection, actor) or (held.items and trades)
    typed = {"seller" if sells else "buyer": own}
    return await _form(request, connection, actor, typed)


@router.post("/contracts/new")
async def file_contract(request: Request, actor: FilesContracts) -> Response:
    """File the firm's own side."""
    return await _file(request, actor)


@router.get("/contracts/{contract_id}/file")
async def begin_own_side(contract_id: UUID, request: Request, connection: ReaderDep, actor: FilesContracts) -> Response:
    """The form with what the other side has filed, to be confirmed or corrected."""
    contract = await contracts.get_contract(contract_id, request, connection, actor)
    said = _said(contract, actor)
    if said is None:
        raise NotFound
    return await _form(request, connection, actor, await _typed(connection, contract.number, said), contract=contract)


@router.post("/contracts/{contract_id}/file")
async def file_own_side(contract_id: UUID, request: Request, actor: FilesContracts) -> Response:
    """File the firm's own side of a contract that the other side has begun."""
    async with database(request).transaction(readonly=True) as connection:
        await contracts.get_contract(contract_id, request, connection, actor)
    return await _file(request, actor)


async def _file(request: Request, actor: Actor) -> Response:
    typed = await fields_of(request)
    chosen = [f"{name[4:]}:{value}" for name, value in typed.items() if name.startswith("lot:") and value.strip()]
    if chosen:
        typed["proof"] = ";".join(chosen)
    sent = entry_of(COLUMNS["contracts"], typed)
    async with database(request).transaction(readonly=True) as connection:
        await name_contracts(connection, sent)
    body = model_of(sent, ContractIn)
    order = Order(actor, body.number, body.terms(), for_both=typed.get("for_both") == "1")
    return RedirectResponse(f"/contracts/{await filed(request.app.state.contracts, order)}", 303)


async def _form(
    request: Request,
    connection: Connection,
    actor: Actor,
    typed: Mapping[str, str],
    *,
    contract: ContractOut | None = None,
) -> Response:
    own_lots = (await lots.list_lots(connection, actor, holder=actor.enterprise_id, limit=LOTS_SHOWN)).items
    named = {contract.seller_id, contract.buyer_id} if contract else set()
    return await show_form(
        request,
        connection,
        actor,
        "contract_form.html",
        columns=COLUMNS["contracts"],
        typed=typed,
        contract=contract,
        names=await reads.names_of(connection, named),
        sources=await _sources(connection, actor),
        lots=[lot for lot in own_lots if lot.available_kg > 0],
        own_code=await _own_code(connection, actor),
    )


async def _own_code(connection: Connection, actor: Actor) -> str:
    assert actor.enterprise_id is not None, "only firms file"
    return (await bulk.words_of(connection, [actor.enterprise_id])).get(actor.enterprise_id, "")


async def _sources(connection: Connection, actor: Actor) -> list[tuple[str, str, str]]:
    assert actor.enterprise_id is not None, "only firms file"
    rows = await bulk.own_sources(connection, actor.enterprise_id)
    return [(row["kind"], row["word"], row["name"]) for row in rows]


def _said(contract: ContractOut, actor: Actor) -> TermsOut | None:
    """What the form begins with: what one has filed oneself, or else what the other side has."""
    sides = [side for side in contract.filings if side.terms]
    own = next((side.terms for side in sides if side.enterprise_id == actor.enterprise_id), None)
    return own or next((side.terms for side in sides), None)


async def _typed(connection: Connection, number: str, said: TermsOut) -> dict[str, str]:
    ids = (said.seller_id, said.buyer_id, said.mine_id, said.project_id, said.stock_id, said.framework_id)
    words = await bulk.words_of(connection, ids)

    def word(key: UUID | None) -> str:
        return words.get(key, "") if key else ""

    price = said.price_fen_per_t
    return {
        "number": number,
        "seller": word(said.seller_id),
        "buyer": word(said.buyer_id),
        "signed_on": said.signed_on.isoformat(),
        "kg": in_tonnes(said.kg),
        "grade": said.grade,
        "valid_until": said.valid_until.isoformat(),
        "mine": word(said.mine_id),
        "project": word(said.project_id),
        "stock": word(said.stock_id),
        "framework": word(said.framework_id),
        "is_framework": "1" if said.is_framework else "",
        "earmark": said.earmark or "",
        "price_fen_per_t": "" if price is None else f"{price // 100}.{price % 100:02}",
        "proof": "; ".join(f"{line.lot_id}:{in_tonnes(line.kg)}" for line in said.proof or ()),
    }
