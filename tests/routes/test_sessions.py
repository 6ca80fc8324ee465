"""The pages' cookie: who holds it is signed in, and no other site can use it."""

from collections.abc import Callable
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Form, Request
from fastapi.responses import Response

from service.app import create_app
from service.auth import csrf_token, may
from service.domain.permissions import Actor
from service.embedded import Endpoints
from service.settings import Settings
from tests.cast import LI, PASSWORD, Person

By = Callable[[Person], httpx.AsyncClient]


def add_pages(app: FastAPI) -> None:
    """Pages as small as can be."""

    async def sign_in(request: Request, username: Annotated[str, Form()], password: Annotated[str, Form()]) -> Response:
        response = Response()
        await request.app.state.people.open_session(request, response, username, password)
        return response

    async def sign_out(request: Request) -> Response:
        response = Response()
        await request.app.state.people.close_session(request, response)
        return response

    async def page(request: Request, actor: Annotated[Actor, Depends(may("me.read"))]) -> str:
        return csrf_token(request)

    async def change(actor: Annotated[Actor, Depends(may("me.change"))], note: Annotated[str, Form()] = "") -> str:
        return note

    app.add_api_route("/pages/in", sign_in, methods=["POST"])
    app.add_api_route("/pages/out", sign_out, methods=["POST"])
    app.add_api_route("/pages/page", page)
    app.add_api_route("/pages/change", change, methods=["POST"])


async def sign_in(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    return await client.post("/pages/in", data={"username": LI.username, "password": PASSWORD}, headers=headers)


@pytest.fixture
async def browser(app: FastAPI, client: httpx.AsyncClient) -> httpx.AsyncClient:
    add_pages(app)
    return client


async def test_a_cookie_signs_in_and_scripts_cannot_read_it(browser: httpx.AsyncClient) -> None:
    cookie = (await sign_in(browser)).headers["Set-Cookie"]

    assert cookie.startswith("meisu=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert (await browser.get("/pages/page")).status_code == 200
    assert (await browser.get("/v1/me")).json()["username"] == LI.username


async def test_behind_tls_the_cookie_is_for_this_host_and_tls_alone(
    settings: Settings, stage_endpoints: Endpoints
) -> None:
    app = create_app(settings.model_copy(update={"public_url": "https://meisu.example"}), stage_endpoints)
    add_pages(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://meisu.example") as client,
    ):
        answer = await sign_in(client)

        assert answer.headers["Set-Cookie"].startswith("__Host-meisu=")
        assert "; Secure" in answer.headers["Set-Cookie"]
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        assert (await client.get("/pages/page")).status_code == 200


async def test_signing_out_ends_every_copy_of_the_cookie(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    copy = browser.cookies["meisu"]

    await browser.post("/pages/out")

    assert "meisu" not in browser.cookies
    browser.cookies.set("meisu", copy)
    assert (await browser.get("/pages/page")).status_code == 401


async def test_a_cookie_is_no_bearer_token_and_the_other_way_round(
    browser: httpx.AsyncClient, token_for: Callable[[Person], str]
) -> None:
    await sign_in(browser)
    bearer = {"Authorization": f"Bearer {browser.cookies['meisu']}"}
    assert (await browser.get("/v1/me", headers=bearer)).status_code == 401

    browser.cookies.set("meisu", token_for(LI))
    assert (await browser.get("/pages/page")).status_code == 401


async def test_a_change_by_cookie_needs_the_pages_token(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    token = (await browser.get("/pages/page")).json()

    assert (await browser.post("/pages/change", data={"note": "a", "csrf_token": token})).json() == "a"
    assert (await browser.post("/pages/change", data={"note": "a"}, headers={"X-CSRF-Token": token})).json() == "a"
    files = {"note": (None, "a"), "csrf_token": (None, token)}
    assert (await browser.post("/pages/change", files=files)).json() == "a"
    for form in ({"note": "a"}, {"note": "a", "csrf_token": "guess"}, {"note": "a", "csrf_token": ""}):
        refused = await browser.post("/pages/change", data=form)
        assert (refused.status_code, refused.json()["code"]) == (403, "form-outdated")
    refused = await browser.post("/v1/me/password", json={"old_password": PASSWORD, "new_password": "another-one-12"})
    assert refused.json()["code"] == "form-outdated"


async def test_one_persons_page_token_is_not_anothers(browser: httpx.AsyncClient, app: FastAPI) -> None:
    await sign_in(browser)
    theirs = (await browser.get("/pages/page")).json()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://meisu.test") as other:
        await sign_in(other)
        refused = await other.post("/pages/change", data={"csrf_token": theirs})

    assert refused.json()["code"] == "form-outdated"


async def test_a_bearer_token_needs_no_page_token(browser: httpx.AsyncClient, by: By) -> None:
    assert (await by(LI).post("/pages/change", data={"note": "a"})).json() == "a"


async def test_another_site_cannot_sign_a_browser_in(browser: httpx.AsyncClient) -> None:
    refused = await sign_in(browser, **{"Sec-Fetch-Site": "cross-site"})

    assert (refused.status_code, refused.json()["code"]) == (403, "form-outdated")
    assert "Set-Cookie" not in refused.headers


async def test_the_first_officer_of_the_province_gets_a_password_on_the_console(
    settings: Settings, endpoints: Endpoints, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    form = {"grant_type": "password", "username": "province"}
    for start in range(2):
        app = create_app(settings, endpoints)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://meisu.test") as client,
        ):
            lines = [line for line in capsys.readouterr().out.splitlines() if "province" in line]
            assert len(lines) == (1 if start == 0 else 0), "printed once"
            if start == 0:
                password = lines[0].split()[-1]
            answer = await client.post("/v1/token", data={**form, "password": password})
            assert answer.status_code == 200
    assert password not in caplog.text


async def test_the_first_password_may_be_given(settings: Settings, endpoints: Endpoints) -> None:
    app = create_app(settings.model_copy(update={"admin_password": "given-by-hand-1"}), endpoints)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://meisu.test") as client,
    ):
        form = {"grant_type": "password", "username": "province", "password": "given-by-hand-1"}
        assert (await client.post("/v1/token", data=form)).status_code == 200
