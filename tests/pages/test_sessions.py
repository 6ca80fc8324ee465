"""Signing in and out by the form, and what happens to those who have not."""

import pytest
from playwright.async_api import expect

from service.routes.pages.sessions import local
from tests import cast
from tests.pages.conftest import Visit
from tests.pages.site import Site
from tests.pages.story import Story


async def test_a_person_signs_in_goes_where_they_wanted_and_signs_out(story: Story, visit: Visit) -> None:
    page = await visit()
    await page.goto("/alerts?state=settled")
    await page.get_by_label("用户名").fill(cast.LI.username)
    await page.get_by_label("密码").fill(cast.PASSWORD)
    await page.get_by_role("button", name="登录").click()
    await expect(page).to_have_url("/alerts?state=settled")
    await expect(page.get_by_text(cast.LI.name)).to_be_visible()
    await page.get_by_role("button", name="退出").click()
    await expect(page).to_have_url("/sign-in")
    await page.goto("/contracts")
    await expect(page.get_by_role("heading", name="登录")).to_be_visible()


async def test_a_wrong_password_is_said_above_the_form_and_the_name_is_kept(site: Site, visit: Visit) -> None:
    page = await visit()
    await page.goto("/sign-in?lang=en")
    await page.get_by_label("Username").fill("officer-lee")
    await page.get_by_label("Password").fill("not the password")
    await page.get_by_label("Password").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("is not right")
    await expect(page.get_by_label("Username")).to_have_value("officer-lee")
    await expect(page.get_by_label("Password")).to_have_value("")


async def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(site: Site, visit: Visit) -> None:
    page = await visit()
    await page.goto("/sign-in")
    await page.get_by_label("用户名").fill(cast.PLANT_CLERK.username)
    await page.get_by_label("密码").fill(cast.PASSWORD)
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_text(cast.PLANT_CLERK.name)).to_be_visible()
    (cookie,) = [one for one in await page.context.cookies() if one["name"] == "meisu"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"


async def test_a_form_without_its_token_changes_nothing(site: Site, visit: Visit) -> None:
    page = await visit(cast.LI)
    answer = await page.request.post("/sign-out", form={}, headers={"Accept": "text/html"})
    assert answer.status == 403
    assert "表单已过期" in await answer.text()
    await page.goto("/alerts")
    await expect(page.get_by_text(cast.LI.name)).to_be_visible()


@pytest.mark.parametrize(
    ("asked", "going"),
    [
        ("/lots?after=1", "/lots?after=1"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\t/evil.example", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_nobody_is_sent_to_another_site(asked: str, going: str) -> None:
    assert local(asked) == going


async def test_the_language_is_remembered(site: Site, visit: Visit) -> None:
    page = await visit(cast.LI)
    await page.goto("/tickets")
    await page.get_by_role("link", name="English").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Tickets")
    await page.goto("/lots")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Lots")
    await page.get_by_role("link", name="中文").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("矿石批")
