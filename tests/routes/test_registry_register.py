"""Registering who there is."""

from typing import Any

from stdnum.cn import uscc

from tests.cast import ANSHAN, AUDITOR, DASHIQIAO, LI, PAIZHAI, PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, STRANGER_CLERK
from tests.routes.by import By
from tests.routes.registry_entries import ENTERPRISES, LINES, MINES, PROJECTS, SLICES, STATIONS, STOCKS, Slice


async def test_the_county_registers_each_kind_of_entry(by: By) -> None:
    for slice_ in SLICES:
        answer = await by(LI).post(slice_.path, json=slice_.body)

        assert answer.status_code == 201, answer.text
        assert answer.headers["ETag"] == '"1"'
        entry = answer.json()
        assert entry["version"] == 1
        assert slice_.body.items() <= entry.items()
        assert (await by(LI).get(f"{slice_.path}/{entry['id']}")).json() == entry


async def test_r04_every_actor_of_the_regime_can_be_registered(by: By) -> None:
    """R04: mining, dressing, processing, transport, sale and purchase; one firm may be several of them."""
    kinds = ["carrier", "dresser", "mine", "processor", "trader"]
    codes = [f"91210381MAREGA{number:03d}" for number in range(6)]
    for stem, own in zip(codes, [*([kind] for kind in kinds), kinds], strict=True):
        body = {**ENTERPRISES.body, "credit_code": stem + uscc.calc_check_digit(stem + "0"), "kinds": own}
        answer = await by(LI).post("/v1/enterprises", json=body)
        assert (answer.status_code, answer.json()["kinds"]) == (201, own), answer.text
    unknown = await by(LI).post("/v1/enterprises", json={**ENTERPRISES.body, "kinds": ["bank"]})
    assert unknown.json()["errors"][0]["pointer"] == "/kinds/0"


async def test_the_same_key_registers_once(by: By) -> None:
    first = await by(LI).post("/v1/enterprises", json=ENTERPRISES.body, headers={"Idempotency-Key": "k1"})
    again = await by(LI).post("/v1/enterprises", json=ENTERPRISES.body, headers={"Idempotency-Key": "k1"})
    other = await by(LI).post(
        "/v1/enterprises", json={**ENTERPRISES.body, "name": "别的"}, headers={"Idempotency-Key": "k1"}
    )

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert other.json()["code"] == "idempotency-key-reused"


async def test_a_credit_code_is_registered_once(by: By) -> None:
    answer = await by(LI).post("/v1/enterprises", json={**ENTERPRISES.body, "credit_code": PAIZHAI.credit_code})

    assert answer.status_code == 409
    assert answer.json()["code"] == "credit-code-registered"


async def test_a_licence_is_registered_once(by: By) -> None:
    await by(LI).post("/v1/mines", json=MINES.body)
    answer = await by(LI).post("/v1/mines", json={**MINES.body, "name": "南山矿"})

    assert (answer.status_code, answer.json()["code"]) == (409, "licence-registered")


async def test_a_jurisdiction_must_be_one(by: By) -> None:
    answer = await by(PROVINCE).post("/v1/enterprises", json={**ENTERPRISES.body, "jurisdiction": "219999"})

    assert (answer.status_code, answer.json()["code"]) == (409, "jurisdiction-unknown")


async def test_nobody_registers_outside_their_area(by: By) -> None:
    for slice_ in SLICES:
        answer = await by(DASHIQIAO).post(slice_.path, json=slice_.body)

        assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed"), slice_.name


async def test_only_offices_register(by: By) -> None:
    for person in (PAIZHAI_CLERK, STRANGER_CLERK, AUDITOR):
        assert (await by(person).post("/v1/enterprises", json=ENTERPRISES.body)).status_code == 403


async def test_an_office_may_do_what_one_below_it_may(by: By) -> None:
    assert (await by(ANSHAN).post("/v1/enterprises", json=ENTERPRISES.body)).status_code == 201


MALFORMED: list[tuple[Slice, dict[str, Any], str]] = [
    (ENTERPRISES, {"credit_code": "91210381MA00000003"}, "/credit_code"),
    (ENTERPRISES, {"credit_code": 91210381}, "/credit_code"),
    (ENTERPRISES, {"kinds": []}, "/kinds"),
    (ENTERPRISES, {"kinds": ["bank"]}, "/kinds/0"),
    (ENTERPRISES, {"name": "\u202e海城"}, "/name"),
    (ENTERPRISES, {"boss": "王"}, "/boss"),
    (MINES, {"licence": {**MINES.body["licence"], "valid_until": "2019-12-31"}}, "/licence"),
    (MINES, {"licence": {**MINES.body["licence"], "scale_kg": 2.11e9}}, "/licence/scale_kg"),
    (MINES, {"safety_ok": "yes"}, "/safety_ok"),
    (STATIONS, {"mine_id": None}, ""),
    (STATIONS, {"enterprise_id": str(PAIZHAI.id)}, ""),
    (LINES, {"ore_per_product": 0.5}, "/ore_per_product"),
    (LINES, {"kiln": "microwave"}, "/kiln"),
    (PROJECTS, {"valid_until": "2025-12-31"}, ""),
    (PROJECTS, {"approved_kg": 0}, "/approved_kg"),
    (STOCKS, {"surveyed_on": "2025-02-29"}, "/surveyed_on"),
]


async def test_a_malformed_entry_is_refused_where_it_is_wrong(by: By) -> None:
    for slice_, change, pointer in MALFORMED:
        answer = await by(LI).post(slice_.path, json={**slice_.body, **change})

        assert answer.status_code == 422, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], change


async def test_what_an_entry_names_must_be_registered(by: By) -> None:
    nobody = "019b0000-0000-7000-8000-000000009999"
    for slice_, name in [
        (MINES, "enterprise_id"),
        (STATIONS, "mine_id"),
        (LINES, "enterprise_id"),
        (PROJECTS, "operator_id"),
        (STOCKS, "enterprise_id"),
    ]:
        answer = await by(LI).post(slice_.path, json={**slice_.body, name: nobody})
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), slice_.name


async def test_a_number_is_not_read_as_a_float(by: By) -> None:
    body = (
        '{"credit_code": "91210381MA0000009X", "name": "甲", "kinds": ["trader"], "jurisdiction": "210381", "x": NaN}'
    )
    answer = await by(LI).post("/v1/enterprises", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422


async def test_a_stranger_finds_nothing(by: By) -> None:
    project = (await by(LI).post("/v1/projects", json=PROJECTS.body)).json()

    assert (await by(PLANT_CLERK).get(f"/v1/projects/{project['id']}")).status_code == 404
    assert (await by(PAIZHAI_CLERK).get(f"/v1/projects/{project['id']}")).json() == project
