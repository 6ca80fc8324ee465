"""Oneself: who has signed in, and one's own password."""

from collections.abc import Callable

import httpx
import pytest

from tests.cast import LI, PASSWORD, PEOPLE, Person

By = Callable[[Person], httpx.AsyncClient]
NEW = "a-quite-new-one-9"


async def sign_in(client: httpx.AsyncClient, password: str) -> httpx.Response:
    form = {"grant_type": "password", "username": LI.username, "password": password}
    return await client.post("/v1/token", data=form)


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.username)
async def test_everybody_is_told_who_they_are(standing: By, person: Person) -> None:
    me = (await standing(person).get("/v1/me")).json()

    assert (me["id"], me["username"], me["role"]) == (str(person.id), person.username, person.role)


async def test_a_new_password_ends_all_that_was_before(client: httpx.AsyncClient, by: By) -> None:
    elsewhere = (await sign_in(client, PASSWORD)).json()

    answer = await by(LI).post("/v1/me/password", json={"old_password": PASSWORD, "new_password": NEW})

    assert answer.status_code == 204, answer.text
    assert (await by(LI).get("/v1/me")).status_code == 401
    bearer = {"Authorization": f"Bearer {elsewhere['access_token']}"}
    assert (await client.get("/v1/me", headers=bearer)).status_code == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": elsewhere["refresh_token"]}
    assert (await client.post("/v1/token", data=refresh)).status_code == 400
    assert (await sign_in(client, PASSWORD)).status_code == 400
    assert (await sign_in(client, NEW)).status_code == 200


async def test_the_old_password_must_be_known(client: httpx.AsyncClient, by: By) -> None:
    answer = await by(LI).post("/v1/me/password", json={"old_password": "guess", "new_password": NEW})

    assert (answer.status_code, answer.json()["code"]) == (409, "password-wrong")
    assert (await sign_in(client, PASSWORD)).status_code == 200


async def test_guessing_the_old_password_is_limited_like_signing_in(by: By) -> None:
    for _ in range(10):
        await by(LI).post("/v1/me/password", json={"old_password": "guess", "new_password": NEW})

    answer = await by(LI).post("/v1/me/password", json={"old_password": PASSWORD, "new_password": NEW})
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-attempts")


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("short", "password-too-short"),
        ("aaaaaaaaaaaaaa", "password-too-easy"),
        ("x-officer-li-x", "password-too-easy"),
        ("abcd" * 60, "password-too-long"),
    ],
)
async def test_a_password_that_is_easy_to_guess_is_refused(standing: By, new: str, code: str) -> None:
    answer = await standing(LI).post("/v1/me/password", json={"old_password": PASSWORD, "new_password": new})

    assert answer.status_code == 422
    assert [error["code"] for error in answer.json()["errors"]] == [code]
    assert answer.json()["errors"][0]["pointer"] == "/new_password"
    assert (await standing(LI).get("/v1/me")).status_code == 200
