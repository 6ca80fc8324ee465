"""Amendments: one side of a filed contract proposes, the other confirms or declines."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel

from service.actions import amendments as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep
from service.domain.amendments import Amendment, AmendmentState
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.routes import fields
from service.routes.contracts import ProofLine, TermsOut, each_lot_once, named_lots, terms_out
from service.routes.fields import Body, Day, FenPerTonne, Grade, KilogramsIn, Name, Reason, UuidText
from service.routes.idempotency import OnceDep
from service.store import amendments, contracts

router = APIRouter(prefix="/v1/contracts/{contract_id}/amendments", tags=["contracts"])

FilesContracts = Annotated[Actor, Depends(may("contracts.file"))]


class AmendmentIn(Body):
    """What is to be different, and since when both have signed it; what is not named stays."""

    agreed_on: Day
    reason: Reason
    for_both: fields.Flag = False
    kg: KilogramsIn | None = None
    grade: Grade | None = None
    valid_until: Day | None = None
    mine_id: UuidText | None = None
    project_id: UuidText | None = None
    stock_id: UuidText | None = None
    proof: Annotated[list[ProofLine], AfterValidator(each_lot_once)] | None = None
    earmark: Name | None = None
    price_fen_per_t: FenPerTonne | None = None
    framework_id: UuidText | None = None

    def changes(self) -> dict[str, Any]:
        """The terms that are named, also those that are to have no value any more."""
        named = self.model_dump(exclude={"agreed_on", "reason", "for_both", "proof"}, exclude_unset=True)
        kept = {
            name: value for name, value in named.items() if value is not None or name in ("earmark", "framework_id")
        }
        return kept | ({"proof": named_lots(self.proof)} if self.proof else {})


class AnswerIn(Body):
    """Why an amendment is declined or withdrawn."""

    reason: Reason


class AmendmentOut(BaseModel):
    """An amendment; `terms` are all terms as they would be, `days_late` of each side by the amendment's own clock."""

    id: UUID
    contract_id: UUID
    number: int
    state: AmendmentState
    proposed_by: UUID
    changes: list[str]
    terms: TermsOut
    reason: str
    agreed_on: date
    due_on: date
    proposed_at: datetime
    days_late: int
    is_overdue: bool
    answered_at: datetime | None
    answer_days_late: int | None
    answer: str | None


class AmendmentsOut(BaseModel):
    """All amendments of a contract, first to last."""

    items: list[AmendmentOut]
    next: None = None


@router.post("", status_code=201, response_model=AmendmentOut)
async def propose_amendment(
    contract_id: UUID,
    body: AmendmentIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: FilesContracts,
) -> Response:
    """Propose what is to be different; the terms in force change when the other side confirms."""
    at = request.app.state.clock.now()

    async def deed() -> AmendmentOut:
        amendment_id = await deeds.propose_amendment(
            connection,
            contract_id,
            body.changes(),
            agreed_on=body.agreed_on,
            reason=body.reason,
            for_both=body.for_both,
            at=at,
            policies=await request.app.state.rulebook.policies(at),
            actor=actor,
        )
        return await _one(connection, contract_id, amendment_id, at=at, actor=actor)

    return await once(connection, actor, deed)


@router.get("")
async def list_amendments(
    contract_id: UUID,
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("contracts.read"))],
) -> AmendmentsOut:
    """What was changed about a contract, and what was not."""
    return AmendmentsOut(
        items=_shown(await _known(connection, contract_id, actor=actor), request.app.state.clock.now(), actor=actor)
    )


@router.post("/{amendment_id}/confirm", status_code=200, response_model=AmendmentOut)
async def confirm_amendment(
    contract_id: UUID,
    amendment_id: UUID,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: FilesContracts,
) -> Response:
    """Say yes to what the other side proposes: from now on it counts."""
    return await _answer(contract_id, amendment_id, AmendmentState.AGREED, None, request, connection, once, actor)


@router.post("/{amendment_id}/decline", status_code=200, response_model=AmendmentOut)
async def decline_amendment(
    contract_id: UUID,
    amendment_id: UUID,
    body: AnswerIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: FilesContracts,
) -> Response:
    """Say no to what the other side proposes: the contract stays as it is."""
    state = AmendmentState.DECLINED
    return await _answer(contract_id, amendment_id, state, body.reason, request, connection, once, actor)


@router.post("/{amendment_id}/withdraw", status_code=200, response_model=AmendmentOut)
async def withdraw_amendment(
    contract_id: UUID,
    amendment_id: UUID,
    body: AnswerIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: FilesContracts,
) -> Response:
    """Take back what one has proposed, before it is answered."""
    state = AmendmentState.WITHDRAWN
    return await _answer(contract_id, amendment_id, state, body.reason, request, connection, once, actor)


async def _answer(
    contract_id: UUID,
    amendment_id: UUID,
    state: AmendmentState,
    answer: str | None,
    request: Request,
    connection: Connection,
    once: OnceDep,
    actor: Actor,
) -> Response:
    at = request.app.state.clock.now()

    async def deed() -> AmendmentOut:
        await deeds.answer_amendment(
            connection,
            contract_id,
            amendment_id,
            state,
            answer=answer,
            at=at,
            policies=await request.app.state.rulebook.policies(at),
            actor=actor,
        )
        return await _one(connection, contract_id, amendment_id, at=at, actor=actor)

    return await once(connection, actor, deed, status=200)


async def _known(connection: Connection, contract_id: UUID, *, actor: Actor) -> list[Amendment]:
    found = await contracts.find_contract(connection, contract_id, actor=actor)
    if found is None or actor.enterprise_id not in (None, found.seller_id, found.buyer_id):
        raise NotFound
    return (await amendments.amendments_of(connection, [contract_id]))[contract_id]


async def _one(
    connection: Connection, contract_id: UUID, amendment_id: UUID, *, at: datetime, actor: Actor
) -> AmendmentOut:
    known = await _known(connection, contract_id, actor=actor)
    return _shown([one for one in known if one.id == amendment_id], at, actor=actor)[0]


def _shown(known: Sequence[Amendment], at: datetime, *, actor: Actor) -> list[AmendmentOut]:
    return [
        AmendmentOut(
            id=one.id,
            contract_id=one.contract_id,
            number=one.number,
            state=one.state,
            proposed_by=one.enterprise_id,
            changes=list(one.changes),
            terms=terms_out(one.terms, actor=actor),
            reason=one.reason,
            agreed_on=one.agreed_on,
            due_on=one.due_on,
            proposed_at=one.proposed_at,
            days_late=one.days_late,
            is_overdue=one.is_overdue(at),
            answered_at=one.answered_at,
            answer_days_late=one.answer_days_late,
            answer=one.answer,
        )
        for one in known
    ]
