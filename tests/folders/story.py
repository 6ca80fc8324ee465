"""How a folder of this place was made: a small province played through the API of its day, then `meisu backup`.

Run at the commit that the folder is named for, from its checkout, into an empty place:
`python tests/folders/story.py NEW-FOLDER ARCHIVE ANSWERS`. What the service of that day said goes into ANSWERS; what
came later must still say it. The keys in the archive are those of a folder that nobody uses.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[2]))

from load.province import GRADE, PASSWORD, Json, Party, Province, chain, record
from load.serving import ROOT, environment, meisu, serving


def main(data: Path, archive: Path, answers: Path) -> None:
    with serving(data, PASSWORD) as service:
        province = Province(service.address)
        asked = play(province)
        answers.write_text(json.dumps(ask(province, asked), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        subprocess.run(meisu("backup", archive, "--data", data), cwd=ROOT, env=environment(), check=True)
        province.close()


def play(province: Province) -> list[str]:
    """A handful of everything that the service knew; gives what to ask about it."""
    day, year = str(province.today), province.today.year
    office = province.office
    province.found(mines=4, plants=2, traders=2, tranche_kg=100_000)
    one, two, three, four = province.mines
    to_plant, clawed, withdrawn, returning = province.trades
    plant, other_plant = province.plants
    trader, deep_trader = province.traders
    for username, role, code in (
        ("anshan", "city", "210300"),
        ("haicheng", "county", "210381"),
        ("auditor", "auditor", "210000"),
    ):
        person = {"username": username, "password": PASSWORD, "name": username, "role": role, "jurisdiction": code}
        province.post("/v1/people", office, person)
    line = {"enterprise_id": plant.id, "name": "一号线", "kind": "light_burnt", "kiln": "shaft", "status": "running"}
    province.post("/v1/lines", office, {**line, "ore_per_product": 2.2})

    def allot(kind: str, kg: int, mine: Party, **more: Any) -> Json:
        to = {"mine_id": mine.mine_id}
        body = {"year": year, "quarter": 1, "kind": kind, "from": "210381", "to": to, "kg": kg, "issued_on": day}
        document = {"document_no": f"海镁办〔{year}〕{kind}号", "reason": "市场需求", "issue": True}
        return province.post("/v1/allotments", office, {**body, **document, **more})

    # Quota of every sort: a project, a declared stock, a draft under way, an earmark.
    project = {"name": "滑坡治理", "jurisdiction": "210381", "operator_id": one.id, "approved_kg": 90_000}
    project |= {"valid_from": f"{year}-01-01", "valid_until": f"{year}-12-31", "document_no": "海应急1号"}
    project_id = province.post("/v1/projects", office, project)["id"]
    stock = {"enterprise_id": plant.id, "grade": GRADE, "kg": 50_000, "surveyed_on": day, "document_no": "海存1号"}
    stock_id = province.post("/v1/stocks", office, stock)["id"]
    for kg, to in ((90_000, {"project_id": project_id}), (50_000, {"stock_id": stock_id})):
        allot("approved", kg, one, to=to, quarter=None)
    draft = allot("merit", 70_000, two, issue=False)
    province.post(f"/v1/allotments/{draft['id']}/steps", office, {"step": "consult", "on": day})
    allot("special", 40_000, one, earmark="镁建材", quarter=None)

    # The first mine sells past its quota, to a plant and to a trader, and a later tranche covers it.
    province.deliver(to_plant, 2)
    chain(province, [one, trader, deep_trader, other_plant], 3)
    allot("reward", 80_000, one, quarter=None)
    earmarked = {**province.contract(one, plant), "earmark": "镁建材"}
    province.post("/v1/contracts", one.clerk, earmarked)
    province.post("/v1/contracts", plant.clerk, earmarked)
    slip = {
        "number": "JJ-000001",
        "enterprise_id": one.id,
        "mine_id": one.mine_id,
        "handed_on": day,
        "kg": 12_000,
        "grade": GRADE,
    }
    slip_id = province.post("/v1/slips", one.clerk, slip)["id"]

    # The second is clawed back below what it has spent, and stays in debt; the third's second tranche is withdrawn.
    province.deliver(clawed, 2)
    allot("adjustment", -60_000, two, quarter=None)
    province.deliver(withdrawn, 1)
    merit = allot("reward", 30_000, three, quarter=None)
    province.post(f"/v1/allotments/{merit['id']}/steps", office, {"step": "withdraw", "on": day})

    # The fourth gets a load back from the gate; then loads without a ticket, too heavy, twice, and one that is lost sight of.
    tickets = province.issue(returning, 4)
    out, back, heavy = tickets[:3]
    gone = record(out, four, "out", 31_200)
    province.post("/v1/weighings", four.device, gone)
    province.post("/v1/weighings", four.device, gone)
    province.post("/v1/weighings", four.device, record(back, four, "out", 30_000))
    province.post("/v1/weighings", four.device, record(back, four, "back", 29_980))
    province.post("/v1/weighings", four.device, record(heavy, four, "out", 52_000))
    province.post(
        "/v1/weighings", four.device, {**record(heavy, four, "out", 31_000), "ticket": None, "plate": "辽C00001"}
    )
    province.post(f"/v1/tickets/{tickets[3]['id']}/cancel", four.clerk, {"reason": "车辆故障"})
    province.issue(returning, 1)

    # Papers that are not right, an alert that is settled.
    lone, differs = province.contract(three, plant), province.contract(three, other_plant)
    province.post("/v1/contracts", three.clerk, lone)
    province.post("/v1/contracts", three.clerk, differs)
    province.post("/v1/contracts", other_plant.clerk, {**differs, "kg": 5_000})
    unproven = province.agree(trader, plant)
    province.deliver(unproven, 1)
    alert = province.get("/v1/alerts?state=open&code=overweight", office)["items"][0]
    settle = f"/v1/alerts/{alert['id']}/settle"
    province.http.post(
        settle, json={"note": "已称重复核"}, headers={"Authorization": f"Bearer {office}"}
    ).raise_for_status()

    lots = [lot["id"] for party in (plant, other_plant, trader, deep_trader) for lot in province.lots(party)]
    at = quote(
        province.post("/v1/tickets", four.clerk, province.tickets(returning, 1))["results"][0]["ticket"]["issued_at"]
    )
    return [
        "/v1/log/checkpoint",
        f"/v1/log/proof?movement_id={gone_movement(province, four, gone)}",
        f"/v1/log/proof?movement_id={merit['id']}",
        f"/v1/quotas?year={year}&as_of={at}",
        *(f"/v1/mines/{mine.mine_id}/quota?year={year}&as_of={at}" for mine in province.mines),
        *(f"/v1/provenance/lots/{lot}" for lot in lots),
        f"/v1/provenance/tickets/{out['id']}",
        *(f"/v1/provenance/mines/{mine.mine_id}?year={year}" for mine in province.mines),
        f"/v1/slips/{slip_id}",
        f"/v1/tickets/{back['id']}",
        f"/v1/allotments/{draft['id']}",
        *(f"/v1/lots?holder={party.id}" for party in (plant, other_plant, trader, deep_trader)),
    ]


def gone_movement(province: Province, party: Party, sent: Json) -> str:
    [told] = province.post("/v1/weighings", party.device, sent)["results"]
    return str(told["movement_ids"][0])


def ask(province: Province, paths: list[str]) -> Json:
    """What the service says; a ticket's code begins with the address that it is served at, and is left out."""
    answers = {path: province.get(path, province.office) for path in paths}
    return {path: {name: said for name, said in answer.items() if name != "code"} for path, answer in answers.items()}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
