"""Signing in by the API: OAuth 2.0 tokens (RFC 6749), their end (RFC 7009) and the keys that verify them (RFC 7517)."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel

from service.auth import People
from service.domain.refusals import MalformedBody

router = APIRouter(tags=["token"])

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

GrantType = Annotated[Literal["password", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"], Form()]
Text = Annotated[str | None, Form(max_length=4096)]


class TokenOut(BaseModel):
    """An access token, and the refresh token for the next one; a device has none, it signs for the next."""

    access_token: str
    refresh_token: str | None = None
    token_type: Literal["Bearer"]
    expires_in: int


@router.post("/v1/token", response_model_exclude_none=True)
async def give_token(
    request: Request,
    grant_type: GrantType,
    username: Text = None,
    password: Text = None,
    refresh_token: Text = None,
    assertion: Text = None,
) -> TokenOut:
    """Sign in with a password or a device's assertion (RFC 7523), or trade a refresh token, good for one use, for the next."""
    people: People = request.app.state.people
    if grant_type == "password":
        signed_in = await people.sign_in(request, _given("username", username), _given("password", password))
    elif grant_type == JWT_BEARER:
        signed_in = await people.sign_in_device(request, _given("assertion", assertion))
    else:
        signed_in = await people.refresh(_given("refresh_token", refresh_token))
    access_token, expires_in = people.access_token(signed_in)
    return TokenOut(
        access_token=access_token,
        refresh_token=signed_in.refresh_token,
        token_type="Bearer",  # noqa: S106 — the name of a scheme
        expires_in=expires_in,
    )


@router.post("/v1/token/revoke")
async def revoke_token(request: Request, token: Annotated[str, Form(max_length=4096)]) -> dict[str, bool]:
    """End a token, and with it all that came from the same sign-in; the answer does not tell whether it was one."""
    people: People = request.app.state.people
    await people.revoke(token)
    return {"revoked": True}


@router.get("/.well-known/jwks.json")
async def list_token_keys(request: Request) -> dict[str, Any]:
    """The public keys that access tokens are verified with, newest first."""
    keys: dict[str, Any] = request.app.state.keys.jwks()
    return keys


def _given(name: str, value: str | None) -> str:
    if value is None:
        fault = {"pointer": f"/{name}", "code": "missing", "detail": f"缺少 {name} / {name} is missing"}
        raise MalformedBody(errors=[fault])
    return value
