"""Contracts: the list, and one with what each side filed."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from service.auth import may
from service.db import Connection, ReaderDep, WalkerDep
from service.domain.attachments import AttachmentKind
from service.domain.filings import MUST_AGREE, ContractState
from service.domain.permissions import Actor, reach
from service.domain.units import shanghai_day
from service.routes import contracts as filed
from service.routes import provenance
from service.routes.amendments import list_amendments
from service.routes.contracts import TermsOut
from service.routes.origins import show_origins
from service.routes.pages.leads import leads_of, mines_to_open
from service.routes.pages.looks import Look, Looks
from service.routes.pages.origins import STEPS_DRAWN, picture_of
from service.routes.pages.pages import show
from service.routes.tickets.bodies import TicketOut
from service.routes.tickets.shown import those_then
from service.store import attachments, bulk, investigations, lots, tickets
from service.store import pages as reads
from service.store.provenance import moment

router = APIRouter()

PAGE = 50
TICKETS_SHOWN = 20
SELDOM = frozenset({"project_id", "stock_id", "earmark", "is_framework", "framework_id", "price_fen_per_t"})
ReadsContracts = Annotated[Actor, Depends(may("contracts.read"))]


@router.get("/contracts")
async def list_contracts(
    request: Request,
    connection: ReaderDep,
    actor: ReadsContracts,
    state: str = "",
    party: UUID | None = None,
    sought: Annotated[str, Query(max_length=64)] = "",
    after: UUID | None = None,
) -> Response:
    """Contracts, newest first; all of them, those of one party, or those of a number."""
    chosen = ContractState(state) if state in set(ContractState) else None
    number = sought.strip() or None
    page = await filed.list_contracts(
        request, connection, actor, state=chosen, party=party, number=number, after=after, limit=PAGE
    )
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
        party=party,
        sought=sought,
        states=list(ContractState),
        following=page.next,
    )


@router.get("/contracts/{contract_id}")
async def show_contract(
    contract_id: UUID, request: Request, connection: ReaderDep, actor: ReadsContracts, look: Looks
) -> Response:
    """One contract: its clock, both sides next to each other, its tickets; now or as it stood then."""
    contract = await filed.get_contract(contract_id, request, connection, actor, look.at)
    is_now = look.at is None
    said = [side.terms for side in contract.filings if side.terms]
    is_party = actor.enterprise_id in (None, contract.seller_id, contract.buyer_id)
    changed = (await list_amendments(contract_id, request, connection, actor)).items if is_party and is_now else []
    firms = {contract.seller_id, contract.buyer_id, contract.mine_id}
    every = [*said, *(one.terms for one in changed)]
    firms |= {key for terms in every for key in (terms.seller_id, terms.buyer_id, terms.mine_id)}
    papers = {key for terms in every for key in (terms.project_id, terms.stock_id, terms.framework_id)}
    attached = await attachments.attachments_of(connection, AttachmentKind.CONTRACT, contract_id) if is_party else None
    held = await investigations.held(connection, [contract_id], shanghai_day(look.now)) if is_party and is_now else {}
    pledged = [pledge.lot_id for pledge in contract.proof]
    may_open = await lots.list_lots(connection, ids=pledged, limit=len(pledged), actor=actor)
    is_open = contract.state in (ContractState.INCOMPLETE, ContractState.MISMATCH)
    files = is_now and reach(actor, "contracts.file") is not None
    return await show(
        request,
        connection,
        actor,
        "contract.html",
        contract=contract,
        held=held.get(contract_id),
        names=await reads.names_of(connection, firms),
        terms=_terms_shown(every),
        words=await bulk.words_of(connection, papers),
        lots=await reads.describe_subjects(connection, {("lot", str(lot_id)) for lot_id in pledged}),
        opens={lot["id"] for lot in may_open},
        amendments=changed,
        papers=attached and [paper for paper in attached if look.tells(paper.attached_at)],
        origins=await show_origins(contract_id, connection, actor, look.at) if is_party else None,
        has_filed=any(side.enterprise_id == actor.enterprise_id for side in contract.filings),
        may_issue=is_now
        and actor.enterprise_id == contract.seller_id
        and reach(actor, "tickets.issue") is not None
        and contract.state is not ContractState.CLOSED
        and not contract.is_framework,
        may_file=files and is_open,
        may_amend=files and is_party and contract.state is ContractState.FILED and contract.amending is None,
        tickets=await _newest_tickets(contract_id, request, connection, look, actor=actor),
    )


async def _newest_tickets(
    contract_id: UUID, request: Request, connection: Connection, look: Look, *, actor: Actor
) -> Sequence[Mapping[str, Any] | TicketOut]:
    past = await moment(connection, look.at)
    if past is None:
        return await tickets.list_tickets(connection, actor, contract_id=contract_id, limit=TICKETS_SHOWN)
    known = await tickets.newest_at(connection, contract_id, past, TICKETS_SHOWN)
    return await those_then(connection, request, actor, known, past.at)


def _terms_shown(said: Sequence[TermsOut]) -> list[str]:
    """The terms that a page lists; those that few contracts have only where one side says something of them."""
    names = [*MUST_AGREE, "valid_until", "price_fen_per_t"]
    return [name for name in names if name not in SELDOM or any(getattr(terms, name) for terms in said)]


@router.get("/contracts/{contract_id}/provenance")
async def contract_provenance(
    contract_id: UUID,
    request: Request,
    connection: WalkerDep,
    actor: Annotated[Actor, Depends(may("provenance.read"))],
    look: Looks,
) -> Response:
    """Where all came from that was received under a contract, now or by then."""
    found = await provenance.contract_provenance(contract_id, connection, actor, look.at, limit=STEPS_DRAWN)
    contract = await filed.get_contract(contract_id, request, connection, actor, look.at)
    return await show(
        request,
        connection,
        actor,
        "contract_provenance.html",
        contract=contract,
        found=found,
        leads=await leads_of(connection, found.steps, actor=actor),
        mines=await mines_to_open(connection, actor=actor),
        picture_data=await picture_of(found, request),
    )
