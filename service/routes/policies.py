"""Policy values: what they are, what they were, and the province's decisions about them."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from service.actions import policies as deeds
from service.auth import may
from service.db import Connection, ReaderDep, database
from service.domain.permissions import Actor
from service.domain.policies import ABOUT, About, Changes, Counts, Policies, PolicyUnknown, Scope, written
from service.domain.units import shanghai_day
from service.routes.entries import Now
from service.routes.fields import Body, Day, DocumentNo, Name, Reason
from service.routes.idempotency import OnceDep
from service.store import policies

router = APIRouter(prefix="/v1/policies", tags=["policies"])

ReadsPolicies = Annotated[Actor, Depends(may("policies.read"))]


class PolicyIn(Body):
    """A decision: the value from a day on; `scope` is a jurisdiction's code or a class of bridges, or left out for all."""

    value: Any
    valid_from: Day
    document_no: DocumentNo
    reason: Reason
    scope: Name | None = None

    def change(self, name: str) -> Changes:
        """The decision as the rules see it."""
        return Changes(name=name, scope=self.scope or "", value=self.value, valid_from=self.valid_from)


class PolicyOut(BaseModel):
    """A policy with the value in force; `counts` says whether that of the event's day counts or that of the decision's."""

    name: str
    rule: str
    title: str
    title_en: str
    counts: Counts
    by: Scope
    value: Any
    default: Any

    @classmethod
    def of(cls, known: About, in_force: Policies) -> "PolicyOut":
        """A policy as clients see it."""
        return cls(
            name=known.name,
            rule=known.rule,
            title=known.zh,
            title_en=known.en,
            counts=known.counts,
            by=known.by,
            value=written(getattr(in_force, known.name)),
            default=written(known.default),
        )


class DecisionOut(BaseModel):
    """A decision about a policy; a null value ended that of its scope."""

    scope: str | None
    value: Any
    valid_from: date
    document_no: str
    reason: str
    person: str | None
    recorded_at: datetime


class PolicyHistoryOut(PolicyOut):
    """A policy with all that was decided about it, newest first."""

    decisions: list[DecisionOut]


class PoliciesOut(BaseModel):
    """All policies, in the order of the rules."""

    on: date
    items: list[PolicyOut]
    next: None = None


@router.get("")
async def list_policies(
    request: Request,
    actor: ReadsPolicies,
    at: Now,
    on: Annotated[date | None, Query()] = None,
    scope: Annotated[str, Query(max_length=100)] = "",
) -> PoliciesOut:
    """The values in force today, or on a day; for all, or for a pool or a class of bridges."""
    day = on or shanghai_day(at)
    in_force = (await request.app.state.rulebook.policies(at)).on(day).within(scope)
    return PoliciesOut(on=day, items=[PolicyOut.of(known, in_force) for known in ABOUT.values()])


@router.get("/{name}")
async def show_policy(
    name: str, request: Request, connection: ReaderDep, actor: ReadsPolicies, at: Now
) -> PolicyHistoryOut:
    """One policy with its history."""
    return await described(request, connection, name, at)


@router.post("/{name}", status_code=201, response_model=PolicyHistoryOut)
async def decide_policy(
    name: str,
    body: PolicyIn,
    request: Request,
    actor: Annotated[Actor, Depends(may("policies.decide"))],
    once: OnceDep,
    at: Now,
) -> Response:
    """Set a policy from a day on; confirmed once every process of the service goes by it."""
    async with database(request).transaction() as connection:

        async def deed() -> PolicyHistoryOut:
            await deeds.decide_policy(
                connection,
                body.change(name),
                document_no=body.document_no,
                reason=body.reason,
                at=at,
                actor=actor,
            )
            return await described(request, connection, name, at, Policies(history=await policies.history(connection)))

        answer = await once(connection, actor, deed)
    await request.app.state.rulebook.wait_for_all()
    return answer


async def described(
    request: Request, connection: Connection, name: str, at: datetime, decided: Policies | None = None
) -> PolicyHistoryOut:
    """A policy with its history; raises PolicyUnknown."""
    known = ABOUT.get(name)
    if known is None:
        raise PolicyUnknown(policy=name)
    in_force = (decided or await request.app.state.rulebook.policies(at)).on(shanghai_day(at))
    decisions = [
        DecisionOut.model_validate({**row, "scope": row["scope"] or None})
        for row in await policies.list_decisions(connection, name)
    ]
    return PolicyHistoryOut(decisions=decisions, **PolicyOut.of(known, in_force).model_dump())
