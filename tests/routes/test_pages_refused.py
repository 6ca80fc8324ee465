"""What a form that is refused says, and that what was typed into it stands there still."""

import re
from html import escape, unescape

import pytest
from fastapi import FastAPI

from service.domain.allotments import State, Step
from service.domain.allotments.issuing import MineNotEligible
from service.domain.allotments.steps import StepOutOfOrder
from service.domain.amendments import AmendmentAnswered, AmendmentState
from service.domain.assessments.gate import SheetMissing
from service.domain.investigations import UnderInvestigation
from service.domain.refusals import Refusal
from service.domain.reports import FormIncomplete
from service.domain.sheets import SheetHeadUnknown
from service.domain.tickets import TicketHasEnded, TicketIsNotHeld, TicketState
from service.problems import problem
from service.routes.pages import allotments, stations
from service.routes.pages.rendering import sentence
from tests.cast import ANSHAN, BRIDGE_7, LI, PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, Person
from tests.routes.by import By
from tests.routes.filing import ON_DAY_1, contract
from tests.routes.quota import MINE, TENTH, base, fill_pools
from tests.routes.slowly import sent_slowly

pytestmark = pytest.mark.anyio
HTML = {"Accept": "text/html"}
DRAFT = {
    "year": "2026",
    "kind": "base",
    "quarter": "2",
    "source": "210381",
    "to": MINE["mine_id"],
    "tonnes": "9999999",
    "document_no": "海镁办〔2026〕77号",
    "issued_on": "2026-04-01",
    "reason": "二季度",
}


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


# Forms on the page of something else: who, where they are sent, what is typed, on which page they stand, and what is wrong.
ON_A_PAGE = (
    (
        PROVINCE,
        "/outages",
        {"starts_at": "2026-03-02T09:00", "ends_at": "2026-03-02T08:00", "reason": "断电", "document_no": "辽〔9〕"},
        ("期限", 422, "停运结束（ends_at）须晚于停运开始"),
    ),
    (PROVINCE, "/outages", {"starts_at": "昨天", "reason": "断电"}, ("期限", 422, "<strong>停运结束</strong>")),
    (
        PROVINCE,
        "/calendar",
        {"days": "2026-05-01,休\n2026-05-09,也许", "document_no": "国办发明电〔2026〕7号"},
        ("期限", 422, "<strong>录入放假通知，第 2 行</strong>：须为 true 或 false"),
    ),
    (
        LI,
        f"/stations/{BRIDGE_7}/pause",
        {"since": "2027-03-02T09:00", "until": "2027-03-02T08:00", "reason": "检定"},
        ("计量站", 409, "结束时间须晚于开始时间"),
    ),
    (PAIZHAI_CLERK, "/plates", {"plate": "拖拉机", "evidence": "行驶证 8"}, ("车牌", 422, "<strong>车牌</strong>")),
    (
        LI,
        "/statistics?county=210381&year=2025&quarter=3",
        {"document_no": "统" * 65},
        ("县级季度统计", 422, "<strong>文号</strong>"),
    ),
    (
        LI,
        "/assessments",
        {"mine_id": MINE["mine_id"], "year": "1999", "quarter": "3"},
        ("监管测评表", 422, "<strong>年度</strong>"),
    ),
    (
        PAIZHAI_CLERK,
        "/forms",
        {"mine_id": MINE["mine_id"], "year": "1999", "quarter": "3"},
        ("季度生产情况登记表", 422, "<strong>年度</strong>"),
    ),
)


@pytest.mark.parametrize(("person", "path", "typed", "expected"), ON_A_PAGE)
async def test_a_form_on_a_page_is_returned_there_with_what_was_typed(
    standing: By, person: Person, path: str, typed: dict[str, str], expected: tuple[str, int, str]
) -> None:
    page, status, why = expected
    answer = await standing(person).post(path, data=typed, headers=HTML)
    assert answer.status_code == status, answer.text
    heading, _, shown = answer.text.partition("</h1>")
    assert f"<h1>{page}" in heading
    assert why in answer.text
    assert f'action="{escape(path)}"' in shown
    for said in typed.values():
        assert f'value="{said}"' in shown or f">{said}</textarea>" in shown, said


async def test_a_form_is_returned_to_the_list_as_it_was_filtered(standing: By) -> None:
    """As often as it is refused: the second time the browser stands at the form's own address."""
    answer = await standing(LI).get("/stations?state=unwatched", headers=HTML)
    for _ in range(2):
        [action] = re.findall(f'action="(/stations/{BRIDGE_7}/pause[^"]*)"', answer.text)
        answer = await standing(LI).post(unescape(action), data={"since": "x"}, headers=HTML)
        assert answer.status_code == 422
        assert '<a href="?state=unwatched" aria-current="true">' in answer.text


async def test_what_is_refused_to_a_program_is_no_page(standing: By) -> None:
    answer = await standing(LI).post(f"/stations/{BRIDGE_7}/pause", data={"since": "x"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_an_allotment_that_is_refused_keeps_what_was_typed(by: By) -> None:
    """R10: the rule above the form, each field as it was, and nothing drafted."""
    await fill_pools(by)
    for person, said, status, words in (
        (ANSHAN, {**DRAFT, "tonnes": "一千"}, 422, "<strong>数量（吨）</strong>"),
        (LI, {**DRAFT, "kind": "reward", "quarter": "2", "reason": ""}, 409, 'role="alert"'),
    ):
        answer = await by(person).post("/allotments", data=said, headers=HTML)
        assert answer.status_code == status, answer.text
        assert words in answer.text
        assert f'value="{said["tonnes"]}"' in answer.text
        assert f'value="{DRAFT["document_no"]}"' in answer.text
        assert f'<option value="{DRAFT["to"]}" selected>' in answer.text
        assert '<option value="2" selected>' in answer.text
    assert DRAFT["document_no"] not in (await by(LI).get("/allotments?year=2026", headers=HTML)).text


async def test_a_step_that_is_refused_stands_open_with_its_day(by: By) -> None:
    """R14: that step alone, on the list as it was filtered, as often as it is refused."""
    await fill_pools(by)
    drafted = (await by(ANSHAN).post("/v1/allotments", json={**base(), "issue": False})).json()
    path = f"/allotments/{drafted['id']}/steps"
    shown = (await by(ANSHAN).get("/allotments?year=2026&state=draft", headers=HTML)).text
    action = unescape(re.findall(f'action="({path}[^"]*)"', shown)[0])
    wrong = {"step": "consult", "on": "2026-02-30"}
    answer = await by(ANSHAN).post(action, data=wrong, headers=HTML)
    assert answer.status_code == 422
    opened = re.findall(r'<details class="settle" open>(.*?)</details>', answer.text, re.DOTALL)
    assert [(f'value="{wrong["step"]}"' in one, f'value="{wrong["on"]}"' in one) for one in opened] == [(True, True)]
    assert 'href="?year=2026&amp;state=draft" aria-current="true"' in answer.text
    assert action in unescape(answer.text), "as often as it is refused"


async def test_an_application_that_is_refused_keeps_what_was_typed(by: By) -> None:
    said = {
        "mine_id": MINE["mine_id"],
        "year": "2026",
        "quarter": "3",
        "kind": "merit",
        "tonnes": "很多",
        "reason": "订单",
    }
    answer = await by(PAIZHAI_CLERK).post("/allotments/applications", data=said, headers=HTML)
    assert answer.status_code == 422
    assert 'value="很多"' in answer.text
    assert '<option value="merit" selected>' in answer.text
    assert '<option value="3" selected>' in answer.text


async def test_a_policy_that_is_refused_keeps_what_was_typed(by: By) -> None:
    said = {"value": "十五天", "valid_from": "2026-05-01", "document_no": "辽镁政〔2026〕9号", "reason": "试行"}
    answer = await by(PROVINCE).post("/policies/filing_days", data=said, headers=HTML)
    assert answer.status_code in (409, 422)
    assert 'role="alert"' in answer.text
    for typed in said.values():
        assert f'value="{typed}"' in answer.text


async def test_a_form_without_a_field_says_which(by: By) -> None:
    """In the reader's language alone, by the name that stands beside the field."""
    path = "/policies/filing_days"
    said = {"value": "20", "valid_from": "2026-05-01", "document_no": "辽镁政〔2026〕9号"}
    came_from = {"Referer": "http://meisu.test/policies/filing_days?lang=zh"}
    answer = await by(PROVINCE).post(path, data=said, headers={**HTML, **came_from})
    assert answer.status_code == 422
    assert "填写有误或有遗漏" in answer.text
    assert "errors" not in answer.text
    assert "<strong>原因</strong>：缺少此项</li>" in answer.text
    not_his = await by(LI).post(path, data=said, headers={**HTML, **came_from})
    assert 'href="/policies/filing_days?lang=zh">返回填写页面</a>' in not_his.text
    english = await by(PROVINCE).post(f"{path}?lang=en", data=said, headers=HTML)
    assert "<strong>Reason</strong>：Field required</li>" in english.text


async def test_lists_keep_what_was_asked_for_from_page_to_page(by: By, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stations, "PAGE", 1)
    shown = (await by(LI).get("/stations?state=unwatched", headers=HTML)).text
    assert "?state=unwatched&amp;after=" in shown
    assert 'href="/v1/tickets.xlsx?state=issued"' in (await by(LI).get("/tickets?state=issued", headers=HTML)).text


async def test_the_applications_of_mines_go_on_on_a_next_page(by: By, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allotments, "PAGE", 1)
    for kg in (1_000, 2_000):
        said = {"mine_id": MINE["mine_id"], "year": 2026, "quarter": 3, "kind": "base", "kg": kg, "reason": "订单"}
        assert (await by(PAIZHAI_CLERK).post("/v1/applications", json=said)).status_code == 201
    newest = (await by(LI).get("/allotments?year=2026", headers=HTML)).text
    [older] = re.findall(r'href="(\?year=2026&amp;applied_after=[^"#]+)#applications"', newest)
    path = f"/allotments{unescape(older)}"
    shown = (await by(LI).get(path, headers=HTML)).text
    [application] = re.findall(r'<option value="([^"]+)">\S+ 1.00 吨</option>', shown)
    assert application not in newest

    [action] = re.findall(r'action="(/allotments\?[^"]+)" class="rows"', shown)
    draft = {**DRAFT, "tonnes": "一千", "application_id": application}
    refused = await by(LI).post(unescape(action), data=draft, headers=HTML)
    assert f'<option value="{application}" selected>' in refused.text, "what was chosen there stays chosen"


async def test_a_contract_is_found_by_its_number(by: By) -> None:
    for number in ("HT-1", "HT-2"):
        await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number=number))
    shown = (await by(LI).get("/contracts?sought=+HT-2", headers=HTML)).text
    assert ("<bdi>HT-2</bdi>" in shown, "<bdi>HT-1</bdi>" in shown) == (True, False)
    assert "没有此编号的合同" in (await by(LI).get("/contracts?sought=HT-3", headers=HTML)).text


async def test_a_seller_issues_tickets_from_the_page_of_its_contract(by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    link = f'href="/tickets/new?paper={filed["id"]}"'
    assert link in (await by(PAIZHAI_CLERK).get(f"/contracts/{filed['id']}", headers=HTML)).text
    assert link not in (await by(PLANT_CLERK).get(f"/contracts/{filed['id']}", headers=HTML)).text


async def test_what_a_refusal_says_is_said_with_its_figures(by: By) -> None:
    """R10: no name of a member of the API's answer, neither on the page of a form nor on a problem's own."""
    await fill_pools(by)
    for language, words in (("zh", "还可下达 211,000.00 吨"), ("en", "its period: 211,000.00 t is left.")):
        person = by(ANSHAN)
        drafted = await person.post("/v1/allotments", json={**base(), "kg": TENTH + 1_000, "issue": False})
        step = {"step": "issue", "on": "2026-03-03"}
        path = f"/allotments/{drafted.json()['id']}/steps?lang={language}"
        answer = await person.post(path, data=step, headers=HTML)
        assert answer.status_code == 409
        assert words in answer.text
        assert "possible_kg" not in answer.text


async def test_a_contract_shows_the_receipt_of_each_side_that_has_filed(by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    [receipt] = [side["receipt"] for side in filed["filings"] if side["receipt"]]
    for person in (PAIZHAI_CLERK, LI):
        shown = (await by(person).get(f"/contracts/{filed['id']}", headers=HTML)).text
        assert f'title="{receipt}">{receipt[:16]}…' in shown


@pytest.mark.parametrize(
    ("refusal", "zh", "en"),
    [
        (
            MineNotEligible(faults=["vetoed", "safety-papers-missing"]),
            "原因：一票否决、安全手续不全",
            "vetoed, safety papers",
        ),
        (SheetMissing(year=2025, quarter=4, missing=["2025Q4", "2026Q1"]), "2025Q4、2026Q1", "2025Q4, 2026Q1"),
        (FormIncomplete(missing=["mined_kg"]), "签报：本季开采量", "Mined in the quarter"),
        (StepOutOfOrder(state=State.PUBLISHED, step=Step.ISSUE), "目前状态：已公示", "stands at: Published"),
        (TicketHasEnded(state=TicketState.DELIVERED), "最终状态：已送达", "ended: Delivered"),
        (TicketIsNotHeld(state=TicketState.OUT), "目前状态：运输途中", "stands at: On the road"),
        (AmendmentAnswered(state=AmendmentState.DECLINED), "答复：对方已拒绝", "answered: Declined"),
        (UnderInvestigation(authority="海城市公安局"), "立案机关：海城市公安局", "by 海城市公安局"),
        (SheetHeadUnknown(missing=["合同编号"], unknown=[]), "必填列（合同编号）", "needed (合同编号)"),
    ],
    ids=lambda given: given.code if isinstance(given, Refusal) else None,
)
def test_a_sentence_says_codes_in_words(refusal: Refusal, zh: str, en: str) -> None:
    assert zh in sentence(problem(refusal), "zh")
    assert en in sentence(problem(refusal), "en")


def test_a_sentence_names_no_member_that_it_can_say() -> None:
    told = {
        "code": "x",
        "title": "止于 ends_on（most）",
        "title_en": "Until `ends_on`, `errors`, at `at`.",
        "most": 3,
        "errors": ["x"],
    }
    told |= {"ends_on": "2026-03-04", "at": "2026-03-04T01:02:03+00:00"}
    assert sentence(told, "zh") == "止于 2026-03-04（3）"
    assert sentence(told, "en") == "Until 2026-03-04, `errors`, at 2026-03-04 09:02."


async def test_a_form_on_its_way_holds_no_connection(app: FastAPI, by: By) -> None:
    """Sixteen clerks with slow lines would have kept everybody else out."""
    headers = {**HTML, "Content-Type": "application/x-www-form-urlencoded"}
    sender = by(PLANT_CLERK)
    answer = await sent_slowly(
        app, b"lot_id=", b"0", lambda body: sender.post("/stocktakes/new", headers=headers, content=body)
    )
    assert answer.status_code == 422
