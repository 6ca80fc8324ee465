"""Policy values for people: what is in force, what was, and the province's form."""

import json
from datetime import date
from fractions import Fraction
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import policies as deeds
from service.auth import may
from service.db import ReaderDep, database
from service.domain.permissions import Actor, reach
from service.domain.policies import ABOUT, About, Changes, PolicyUnknown
from service.routes import policies
from service.routes.entries import Now
from service.routes.fields import Day, DocumentNo, Reason
from service.routes.pages.pages import show
from service.routes.policies import ReadsPolicies

router = APIRouter()

TEXT = (Fraction, str, date)


@router.get("/policies")
async def list_policies(request: Request, connection: ReaderDep, actor: ReadsPolicies, at: Now) -> Response:
    """All policies with the values in force."""
    listed = await policies.list_policies(request, actor, at)
    return await show(request, connection, actor, "policies.html", on=listed.on, rows=listed.items)


@router.get("/policies/{name}")
async def show_policy(name: str, request: Request, connection: ReaderDep, actor: ReadsPolicies, at: Now) -> Response:
    """One policy with its history and, for the province, the form that changes it."""
    return await show(
        request,
        connection,
        actor,
        "policy.html",
        policy=await policies.described(request, connection, name, at),
        may_decide=reach(actor, "policies.decide") is not None,
    )


@router.post("/policies/{name}")
async def decide_policy(
    name: str,
    value: Annotated[str, Form(max_length=500)],
    valid_from: Annotated[Day, Form()],
    document_no: Annotated[DocumentNo, Form()],
    reason: Annotated[Reason, Form()],
    request: Request,
    actor: Annotated[Actor, Depends(may("policies.decide"))],
    at: Now,
    scope: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Set a policy from a day on; an empty value ends that of a scope."""
    known = ABOUT.get(name)
    if known is None:
        raise PolicyUnknown(policy=name)
    change = Changes(name=name, scope=scope.strip(), value=_typed(known, value.strip()), valid_from=valid_from)
    async with database(request).transaction() as connection:
        await deeds.decide_policy(connection, change, document_no=document_no, reason=reason, at=at, actor=actor)
    await request.app.state.rulebook.wait_for_all()
    return RedirectResponse(f"/policies/{name}", 303)


def _typed(known: About, text: str) -> object:
    """What somebody typed, as JSON has it; shares, choices and days stay text."""
    if not text:
        return None
    if isinstance(known.default, TEXT):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
