"""Signing in and out by the API."""

import httpx

from tests.cast import LI, PASSWORD


async def _sign_in(client: httpx.AsyncClient, username: str = LI.username, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/v1/token", data={"grant_type": "password", "username": username, "password": password})


async def test_a_password_gives_a_token_that_knows_who_asks(client: httpx.AsyncClient) -> None:
    answer = await _sign_in(client)

    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    token = answer.json()
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 900
    me = await client.get("/v1/me", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert me.status_code == 200
    assert me.json()["username"] == LI.username
