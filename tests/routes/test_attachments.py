"""Papers: told by their bytes, kept by their hash, fetched by those whose they are."""

from collections.abc import Callable
from hashlib import sha256
from io import BytesIO

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image
from structlog.testing import capture_logs

from service.domain.attachments import MOST_OF_ONE
from service.keys import Purpose
from service.settings import Settings
from service.verify.database import verify
from tests import cast
from tests.cast import AUDITOR, LI, PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, STRANGER_CLERK, TRADER_CLERK, YINGKOU
from tests.routes.filing import ON_DAY_1, contract, issue, refused, slip
from tests.routes.slowly import sent_slowly

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n"


def picture(kind: str) -> bytes:
    made = BytesIO()
    Image.new("RGB", (8, 8)).save(made, kind)
    return made.getvalue()


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI) -> None:
    await issue(app, 1_000_000)


@pytest.fixture
async def papers(by: By) -> str:
    """Where the papers of a contract between Paizhai and Plant Two are."""
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    return f"/v1/contracts/{filed['id']}/attachments"


async def test_a_paper_is_kept_by_its_hash_and_fetched_byte_for_byte(by: By, papers: str) -> None:
    sent = await by(PAIZHAI_CLERK).post(papers, params={"name": "合同.pdf"}, content=PDF)
    again = await by(PLANT_CLERK).post(papers, files={"file": ("另一名称.pdf", PDF, "application/pdf")})
    listed = (await by(PLANT_CLERK).get(papers)).json()["items"]
    fetched = await by(PLANT_CLERK).get(f"{papers}/{sent.json()['id']}")

    assert (sent.status_code, again.status_code) == (201, 200)
    assert again.json() == sent.json()
    assert [(one["name"], one["sha256"], one["size"]) for one in listed] == [
        ("合同.pdf", sha256(PDF).hexdigest(), len(PDF))
    ]
    assert (fetched.status_code, fetched.content, fetched.headers["content-type"]) == (200, PDF, "application/pdf")
    assert fetched.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert "sandbox" in fetched.headers["content-security-policy"]


async def test_a_file_on_its_way_holds_no_connection(app: FastAPI, by: By, papers: str) -> None:
    """Sixteen clerks with slow lines would have kept everybody else out."""
    sender = by(PAIZHAI_CLERK)
    answer = await sent_slowly(app, PDF[:9], PDF[9:], lambda body: sender.post(papers, content=body))
    assert answer.status_code == 201


@pytest.mark.parametrize(("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
async def test_pictures_are_papers_too(by: By, papers: str, kind: str, media_type: str) -> None:
    sent = await by(PAIZHAI_CLERK).post(papers, params={"name": "磅单.pdf"}, content=picture(kind))

    assert (sent.status_code, sent.json()["media_type"]) == (201, media_type)


NOT_PAPERS = {
    "a PDF by its name only": b"MZ\x90\0 not a paper",
    "half a PDF": PDF[:-20],
    "a page": b"<!doctype html><script>alert(1)</script>",
    "half a picture": picture("PNG")[:-10],
    "an archive": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("what", NOT_PAPERS)
async def test_what_is_no_paper_is_refused_whatever_its_name(by: By, papers: str, what: str) -> None:
    answer = await by(PAIZHAI_CLERK).post(papers, params={"name": "合同.pdf"}, content=NOT_PAPERS[what])

    assert refused(answer, 422, "attachment-not-readable")
    assert (await by(PAIZHAI_CLERK).get(papers)).json()["items"] == []


async def test_no_file_and_too_large_a_file(app: FastAPI, by: By, papers: str) -> None:
    nothing = await by(PAIZHAI_CLERK).post(papers)
    field = await by(PAIZHAI_CLERK).post(papers, files={"paper": ("a.pdf", PDF)})
    most = app.state.settings.upload_limit_bytes
    large = await by(PAIZHAI_CLERK).post(papers, content=PDF + bytes(most))
    fits = await by(PAIZHAI_CLERK).post(papers, content=PDF[:-6] + bytes(5 * 1024 * 1024) + b"\n%%EOF")

    assert refused(nothing, 422, "attachment-empty")
    assert refused(field, 422, "attachment-empty")
    assert refused(large, 413, "too-large")
    assert large.json()["limit_bytes"] == most
    assert fits.status_code == 201, "a scan is larger than other bodies may be"


async def test_a_name_is_only_a_name(app: FastAPI, by: By, papers: str) -> None:
    for turn, name in enumerate(("../../etc/passwd", "C:\\合同\\一.pdf", "\u202egnp.pdf", "a" * 200)):
        body = PDF.replace(b"1 0 obj", b"%d 0 obj" % (turn + 2))
        answer = await by(PAIZHAI_CLERK).post(papers, params={"name": name}, content=body)
        assert answer.status_code == 201, answer.text
    names = [one["name"] for one in (await by(PAIZHAI_CLERK).get(papers)).json()["items"]]

    assert names == ["passwd", "一.pdf", "附件", "a" * 100]


async def test_a_disk_that_does_not_take_a_paper_is_trouble_of_ours_for_a_while(
    settings: Settings, by: By, papers: str
) -> None:
    (settings.data / "attachments").touch()  # a file, so that nothing can lie in it
    with capture_logs() as logs:
        sent = await by(PAIZHAI_CLERK).post(papers, content=PDF)
    assert refused(sent, 503, "busy")
    assert sent.headers["Retry-After"] == "1"
    [told] = [log["event"] for log in logs if log["log_level"] == "error"]
    assert "meisu doctor" in told

    (settings.data / "attachments").unlink()
    assert (await by(PAIZHAI_CLERK).post(papers, content=PDF)).status_code == 201


async def test_there_is_an_end_to_papers(app: FastAPI, by: By, papers: str) -> None:
    subject = papers.split("/")[3]
    await app.state.database.pool.execute(
        "INSERT INTO attachment SELECT gen_random_uuid(), 'contract', $1::uuid, NULL, 'x', 'application/pdf', 1,"
        " sha256(n::text::bytea), gen_random_uuid(), now() FROM generate_series(1, $2::integer) AS n",
        subject,
        MOST_OF_ONE,
    )

    assert refused(await by(PAIZHAI_CLERK).post(papers, content=PDF), 409, "too-many-attachments")


async def test_whose_papers_they_are(by: By, papers: str) -> None:
    sent = (await by(PAIZHAI_CLERK).post(papers, content=PDF)).json()
    for person in (PAIZHAI_CLERK, PLANT_CLERK, LI, PROVINCE, AUDITOR):
        assert (await by(person).get(f"{papers}/{sent['id']}")).status_code == 200
    for person in (STRANGER_CLERK, TRADER_CLERK, YINGKOU):
        assert refused(await by(person).get(papers), 404, "not-found")
        assert refused(await by(person).get(f"{papers}/{sent['id']}"), 404, "not-found")
        assert refused(await by(person).post(papers, content=PDF), 404, "not-found")
    assert refused(await by(AUDITOR).post(papers, content=PDF), 403, "not-allowed")


async def test_r01b_a_declared_stock_a_project_and_a_slip_have_evidence_too(by: By) -> None:
    stock = {
        "enterprise_id": str(cast.TRADER.id),
        "grade": "一级",
        "kg": 1,
        "surveyed_on": "2026-01-01",
        "document_no": "1",
    }
    project = {"name": "修复", "jurisdiction": "210381", "operator_id": str(cast.TRADER.id), "approved_kg": 1}
    project |= {"valid_from": "2026-01-01", "valid_until": "2026-12-31", "document_no": "1"}
    for path, body, by_whom in (
        ("/v1/stocks", stock, (LI, TRADER_CLERK)),
        ("/v1/projects", project, (LI, TRADER_CLERK)),
        ("/v1/slips", slip(), (PAIZHAI_CLERK, LI)),
    ):
        made = (await by(by_whom[0]).post(path, json=body)).json()
        papers = f"{path}/{made['id']}/attachments"
        for person in by_whom:
            assert (await by(person).post(papers, content=PDF)).status_code in (200, 201)
        assert len((await by(by_whom[1]).get(papers)).json()["items"]) == 1
        assert refused(await by(STRANGER_CLERK).get(papers), 404, "not-found")


async def test_the_audit_reads_every_file(app: FastAPI, settings: Settings, by: By, papers: str) -> None:
    sent = (await by(PAIZHAI_CLERK).post(papers, content=PDF)).json()
    folder, keys = settings.data / "attachments", app.state.keys.public_keys(Purpose.LEDGER)
    file = folder / sent["sha256"][:2] / sent["sha256"]

    async def found() -> list[str]:
        async with app.state.database.pool.acquire() as connection:
            return [
                one.message
                for one in await verify(connection, keys, lambda _: None, folder)
                if one.check == "attachment"
            ]

    assert await found() == []
    file.write_bytes(PDF + b" ")
    assert await found() == [f"the file of {sent['sha256']} has other bytes than were attached"]
    file.unlink()
    assert await found() == [f"the file of {sent['sha256']} cannot be read"]
