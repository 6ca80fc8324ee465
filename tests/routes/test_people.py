"""People: who gives whom a sign-in, and takes it back."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from service.embedded import Endpoints
from service.routes.people import PersonOut
from tests.cast import (
    ANSHAN,
    AUDITOR,
    BRIDGE_7,
    BRIDGE_7_DEVICE,
    DASHIQIAO,
    LI,
    PAIZHAI,
    PAIZHAI_CLERK,
    PASSWORD,
    PEOPLE,
    PROVINCE,
    STRANGER,
    STRANGER_CLERK,
    STRANGER_GATE,
    YINGKOU,
    Person,
)

By = Callable[[Person], httpx.AsyncClient]


def wanted(**changes: Any) -> dict[str, Any]:
    person = {
        "username": "new-one",
        "password": "a-long-password-1",
        "name": "新人",
        "role": "county",
        "jurisdiction": "210381",
    }
    return {name: value for name, value in {**person, **changes}.items() if value is not None}


def clerk_of(enterprise_id: object, **changes: Any) -> dict[str, Any]:
    return wanted(role="enterprise", jurisdiction=None, enterprise_id=str(enterprise_id), **changes)


def device_of(station_id: object) -> dict[str, Any]:
    return wanted(role="station", jurisdiction=None, station_id=str(station_id))


async def sign_in(client: httpx.AsyncClient, username: str, password: str) -> httpx.Response:
    form = {"grant_type": "password", "username": username, "password": password}
    return await client.post("/v1/token", data=form)


@pytest.mark.parametrize(
    ("actor", "body"),
    [
        (PROVINCE, wanted(role="province", jurisdiction="210000")),
        (PROVINCE, wanted(role="auditor", jurisdiction="210000")),
        (PROVINCE, wanted()),
        (ANSHAN, wanted(role="city", jurisdiction="210300")),
        (ANSHAN, wanted(jurisdiction="210323")),
        (LI, wanted()),
        (LI, clerk_of(PAIZHAI.id)),
        (LI, device_of(BRIDGE_7)),
        (PAIZHAI_CLERK, clerk_of(PAIZHAI.id)),
    ],
)
async def test_a_sign_in_is_given_and_is_good(
    client: httpx.AsyncClient, by: By, actor: Person, body: dict[str, Any]
) -> None:
    answer = await by(actor).post("/v1/people", json=body)

    assert answer.status_code == 201, answer.text
    person = answer.json()
    assert person.keys() == PersonOut.model_fields.keys(), "and nothing of the password"
    assert (await by(actor).get(f"/v1/people/{person['id']}")).json() == person
    token = await sign_in(client, "new-one", "a-long-password-1")
    me = await client.get("/v1/me", headers={"Authorization": f"Bearer {token.json()['access_token']}"})
    assert me.json() == person


@pytest.mark.parametrize(
    ("actor", "body", "status", "code"),
    [
        (LI, wanted(role="city", jurisdiction="210300"), 403, "outside-your-area"),
        (LI, wanted(jurisdiction="210323"), 403, "outside-your-area"),
        (ANSHAN, wanted(role="province", jurisdiction="210000"), 403, "outside-your-area"),
        (ANSHAN, wanted(role="auditor", jurisdiction="210000"), 403, "outside-your-area"),
        (ANSHAN, wanted(jurisdiction="210882"), 403, "outside-your-area"),
        (ANSHAN, wanted(role="city"), 409, "role-does-not-fit-place"),
        (PROVINCE, wanted(role="auditor"), 409, "role-does-not-fit-place"),
        (PROVINCE, wanted(jurisdiction="210300"), 409, "role-does-not-fit-place"),
        (PROVINCE, wanted(jurisdiction="990000"), 404, "not-found"),
        (LI, clerk_of(STRANGER.id), 404, "not-found"),
        (LI, clerk_of(uuid4()), 404, "not-found"),
        (LI, device_of(STRANGER_GATE), 404, "not-found"),
        (PAIZHAI_CLERK, clerk_of(STRANGER.id), 404, "not-found"),
        (PAIZHAI_CLERK, wanted(), 403, "not-allowed"),
        (PAIZHAI_CLERK, device_of(BRIDGE_7), 403, "not-allowed"),
        (AUDITOR, wanted(), 403, "not-allowed"),
        (BRIDGE_7_DEVICE, wanted(), 404, "not-found"),
        (LI, wanted(username="paizhai"), 409, "username-taken"),
    ],
)
async def test_nobody_gives_what_is_not_theirs_to_give(
    standing: By, actor: Person, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await standing(actor).post("/v1/people", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    after = await standing(PROVINCE).get("/v1/people?limit=500")
    assert len(after.json()["items"]) == len(PEOPLE)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (wanted(username="li"), "/username", "username-malformed"),
        (wanted(username="../etc"), "/username", "username-malformed"),
        (wanted(username="name with space"), "/username", "username-malformed"),
        (wanted(username="аdmin"), "/username", "username-malformed"),  # a Cyrillic а
        (wanted(username="a\u200bdmin"), "/username", "username-malformed"),
        (wanted(username="x" * 33), "/username", "username-malformed"),
        (wanted(username=7), "/username", "username-malformed"),
        (wanted(password="short-1"), "/password", "password-too-short"),
        (wanted(password="x" * 201 + "abc"), "/password", "password-too-long"),
        (wanted(password="aaaaaaaaaaaa"), "/password", "password-too-easy"),
        (wanted(password="my-new-one-1"), "/password", "password-too-easy"),
        (wanted(role="emperor"), "/role", "enum"),
        (wanted(jurisdiction=None), "", "place-does-not-fit-role"),
        (wanted(enterprise_id=str(PAIZHAI.id)), "", "place-does-not-fit-role"),
        (wanted(name=None), "/name", "missing"),
        (wanted(admin=True), "/admin", "extra-forbidden"),
    ],
)
async def test_a_malformed_person_is_refused(standing: By, body: dict[str, Any], pointer: str, code: str) -> None:
    answer = await standing(LI).post("/v1/people", json=body)

    assert answer.status_code == 422
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in answer.json()["errors"]]
    assert body.get("password", "-") not in answer.text


async def test_a_person_asked_for_twice_is_made_once(by: By) -> None:
    asked = {"json": wanted(), "headers": {"Idempotency-Key": "one"}}

    first = await by(LI).post("/v1/people", **asked)
    again = await by(LI).post("/v1/people", **asked)

    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await by(LI).post("/v1/people", json=wanted(name="别人"), headers={"Idempotency-Key": "one"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_two_that_want_one_name_at_once_do_not_both_get_it(by: By) -> None:
    answers = await asyncio.gather(*(by(LI).post("/v1/people", json=wanted(name=f"新人{n}")) for n in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"username-taken"}


@pytest.mark.parametrize(
    ("actor", "seen"),
    [
        (PROVINCE, {person.username for person in PEOPLE}),
        (AUDITOR, {person.username for person in PEOPLE}),
        (DASHIQIAO, {"dashiqiao", "stranger", "stranger-gate"}),
        (YINGKOU, {"yingkou", "dashiqiao", "stranger", "stranger-gate"}),
        (LI, {"officer-li", "paizhai", "plant-two", "trader", "bridge-7", "plant-two-gate"}),
        (PAIZHAI_CLERK, {"paizhai"}),
    ],
)
async def test_everybody_sees_their_own(standing: By, actor: Person, seen: set[str]) -> None:
    items = (await standing(actor).get("/v1/people")).json()["items"]

    assert {person["username"] for person in items} == seen
    for person in PEOPLE:
        found = await standing(actor).get(f"/v1/people/{person.id}")
        assert found.status_code == (200 if person.username in seen else 404)


async def test_the_list_goes_on_where_it_ended(standing: By) -> None:
    seen: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        after = f"&after={page['next']}" if page["next"] else ""
        page = (await standing(PROVINCE).get(f"/v1/people?limit=4{after}")).json()
        seen += [person["username"] for person in page["items"]]

    assert seen == [person.username for person in sorted(PEOPLE, key=lambda person: person.id, reverse=True)]


async def test_disabling_ends_everything_at_once_and_enabling_brings_back_the_sign_in_only(
    client: httpx.AsyncClient, by: By
) -> None:
    token = (await sign_in(client, PAIZHAI_CLERK.username, PASSWORD)).json()
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    refresh = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    assert (await client.get("/v1/me", headers=bearer)).status_code == 200

    answer = await by(LI).patch(f"/v1/people/{PAIZHAI_CLERK.id}", json={"disabled": True})

    assert answer.status_code == 200
    assert answer.json()["disabled"] is True
    assert (await client.get("/v1/me", headers=bearer)).status_code == 401
    assert (await by(PAIZHAI_CLERK).get("/v1/me")).status_code == 401
    assert (await client.post("/v1/token", data=refresh)).status_code == 400
    assert (await sign_in(client, PAIZHAI_CLERK.username, PASSWORD)).status_code == 400

    answer = await by(LI).patch(f"/v1/people/{PAIZHAI_CLERK.id}", json={"disabled": False})

    assert answer.json()["disabled"] is False
    assert (await client.get("/v1/me", headers=bearer)).status_code == 401
    assert (await client.post("/v1/token", data=refresh)).status_code == 400
    token = (await sign_in(client, PAIZHAI_CLERK.username, PASSWORD)).json()
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert (await client.get("/v1/me", headers=bearer)).status_code == 200


@pytest.mark.parametrize(
    ("actor", "person", "status"),
    [
        (LI, STRANGER_CLERK, 404),
        (LI, ANSHAN, 404),
        (DASHIQIAO, PAIZHAI_CLERK, 404),
        (STRANGER_CLERK, PAIZHAI_CLERK, 404),
        (PAIZHAI_CLERK, BRIDGE_7_DEVICE, 404),
        (AUDITOR, LI, 403),
        (BRIDGE_7_DEVICE, LI, 404),
    ],
)
async def test_nobody_disables_those_who_are_not_theirs(
    standing: By, actor: Person, person: Person, status: int
) -> None:
    assert (await standing(actor).patch(f"/v1/people/{person.id}", json={"disabled": True})).status_code == status
    assert (await standing(person).get("/v1/me")).json()["disabled"] is False


async def test_the_last_officer_of_the_province_stays(by: By) -> None:
    answer = await by(PROVINCE).patch(f"/v1/people/{PROVINCE.id}", json={"disabled": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "last-province-officer")

    made = await by(PROVINCE).post("/v1/people", json=wanted(role="province", jurisdiction="210000"))
    first, second = str(PROVINCE.id), made.json()["id"]
    answers = await asyncio.gather(
        *(by(PROVINCE).patch(f"/v1/people/{person}", json={"disabled": True}) for person in (first, second))
    )

    assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 401])


@pytest.mark.parametrize("body", [{}, {"disabled": "yes"}, {"disabled": None}, {"disabled": True, "role": "province"}])
async def test_only_disabled_is_changed(standing: By, body: dict[str, Any]) -> None:
    assert (await standing(LI).patch(f"/v1/people/{PAIZHAI_CLERK.id}", json=body)).status_code == 422


async def test_each_deed_leaves_a_note(by: By, stage_endpoints: Endpoints) -> None:
    person = (await by(LI).post("/v1/people", json=wanted(), headers={"X-Request-ID": "note-1"})).json()
    await by(LI).patch(f"/v1/people/{person['id']}", json={"disabled": True})

    connection = await asyncpg.connect(stage_endpoints.database_url)
    notes = await connection.fetch(
        "SELECT deed, person_id, request_id FROM audit WHERE subject_id = $1 ORDER BY id", person["id"]
    )
    await connection.close()
    assert [note["deed"] for note in notes] == ["people.create", "people.change"]
    assert {note["person_id"] for note in notes} == {LI.id}
    assert notes[0]["request_id"] == "note-1"
