"""Signing in and out of the pages."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from service import problems
from service.auth import People, csrf_token, may
from service.domain.permissions import Actor
from service.domain.refusals import Busy, FormOutdated, SignInFailed, TooManyAttempts
from service.routes.pages.languages import language_of
from service.routes.pages.rendering import render

router = APIRouter()


@router.get("/sign-in")
async def sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002 the address's own word
    """The form; who has signed in goes on."""
    people: People = request.app.state.people
    if await people.actor_of(request) is not None and "lang" not in request.query_params:
        return RedirectResponse(local(next), 303)
    return _form(request, next)


@router.post("/sign-in")
async def open_session(
    request: Request,
    username: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 the form's own word
) -> Response:
    """Sign in and go on to the page that was asked for; a refusal is said above the form, which keeps the name."""
    people: People = request.app.state.people
    answer = RedirectResponse(local(next), 303)
    try:
        await people.open_session(request, answer, username, password)
    except (SignInFailed, TooManyAttempts, FormOutdated, Busy) as refusal:
        return _form(request, next, username, refusal)
    return answer


@router.post("/sign-out")
async def close_session(request: Request, actor: Annotated[Actor, Depends(may("me.read"))]) -> Response:
    """Sign out; every copy of the cookie ends."""
    people: People = request.app.state.people
    answer = RedirectResponse("/sign-in", 303)
    await people.close_session(request, answer)
    return answer


def local(address: str) -> str:
    """An address of our own, whatever a link claims to be one."""
    is_local = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_local else "/"


def _form(
    request: Request,
    going_to: str,
    username: str = "",
    refusal: SignInFailed | TooManyAttempts | FormOutdated | Busy | None = None,
) -> Response:
    status = problems.status_of(refusal) if refusal else 200
    sentence = refusal and (refusal.title if language_of(request) == "zh" else refusal.title_en)
    return render(
        request,
        "sign_in.html",
        status=status,
        problem=sentence,
        code=refusal.code if refusal else None,
        next=local(going_to),
        username=username,
        csrf=csrf_token(request),
    )
