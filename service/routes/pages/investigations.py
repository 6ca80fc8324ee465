"""Investigations for people: which contracts and lots an authority holds, opening one, and letting a paper go (E57)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import investigations as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep, Record
from service.domain.investigations import Held, Investigation
from service.domain.permissions import Actor, reach
from service.domain.sheets import CellKind, Column
from service.routes import contracts, lots
from service.routes.entries import Now
from service.routes.fields import Reason
from service.routes.investigations import InvestigationIn
from service.routes.pages.pages import show
from service.routes.pages.returned import back_to, stands_on
from service.routes.pages.typed import entry_of, fields_of, model_of, show_form
from service.store import investigations
from service.store import pages as reads

router = APIRouter()

PAGE = 50
PAPERS_SHOWN = 200
ReadsInvestigations = Annotated[Actor, Depends(may("investigations.read"))]
OpensInvestigations = Annotated[Actor, Depends(may("investigations.open"))]
COLUMNS: Final = (
    Column("subject_id", "调查对象", "what is held", is_required=True),
    Column("authority", "立案机关", "authority", is_required=True),
    Column("document_no", "立案文号", "number of the document", is_required=True),
    Column("ends_on", "截止日期", "until", CellKind.DAY, True),
    Column("reason", "立案事由", "reason", is_required=True),
)


@router.get("/investigations")
async def list_investigations(
    request: Request, connection: ReaderDep, actor: ReadsInvestigations, state: str = "", after: UUID | None = None
) -> Response:
    """The investigations of the office's area, or of the firm's own papers, newest first."""
    is_open = {"open": True, "ended": False}.get(state)
    rows = await investigations.list_investigations(connection, is_open=is_open, after=after, limit=PAGE, actor=actor)
    return await show(
        request,
        connection,
        actor,
        "investigations.html",
        rows=rows,
        subjects=await subjects_of(connection, rows),
        state="" if is_open is None else state,
        following=rows[-1]["id"] if len(rows) == PAGE else None,
        may_release=reach(actor, "investigations.release") is not None,
    )


@router.get("/investigations/new")
async def begin_investigation(
    request: Request,
    connection: ReaderDep,
    actor: OpensInvestigations,
    contract: UUID | None = None,
    lot: UUID | None = None,
    firm: UUID | None = None,
) -> Response:
    """An empty form for a contract, a lot, or one of a firm's."""
    return await show_form(
        request,
        connection,
        actor,
        "investigation_form.html",
        columns=COLUMNS,
        typed={},
        papers=await _papers(request, connection, actor, contract, lot, firm),
    )


@router.post("/investigations/new")
async def open_investigation(
    request: Request,
    connection: ConnectionDep,
    actor: OpensInvestigations,
    at: Now,
) -> Response:
    """Hold a contract or a lot until a day, and tell its parties."""
    sent = entry_of(COLUMNS, await fields_of(request))
    said = sent.entries[0].said
    if (chosen := said.get("subject_id")) is not None:
        said["subject_kind"], _, said["subject_id"] = chosen.partition(":")
    facts = model_of(sent, InvestigationIn).model_dump()
    wanted = Investigation(facts.pop("subject_kind"), **facts)
    await deeds.open_investigation(connection, wanted, at=at, actor=actor)
    return RedirectResponse("/investigations?state=open", 303)


@router.post("/investigations/{investigation_id}/release", dependencies=[stands_on("/investigations")])
async def release_investigation(
    investigation_id: UUID,
    request: Request,
    note: Annotated[Reason, Form()],
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("investigations.release"))],
    at: Now,
) -> Response:
    """Let a paper go before its day, with what was found."""
    await deeds.release_investigation(connection, investigation_id, note, at=at, actor=actor)
    return back_to(request, "/investigations")


async def subjects_of(connection: Connection, rows: Sequence[Record]) -> Mapping[UUID, str]:
    """What held papers are called, by their ids."""
    asked = {(row["subject_kind"], str(row["subject_id"])) for row in rows}
    return {UUID(key): row["name"] for (_, key), row in (await reads.describe_subjects(connection, asked)).items()}


async def _papers(
    request: Request, connection: Connection, actor: Actor, contract: UUID | None, lot: UUID | None, firm: UUID | None
) -> list[tuple[Held, UUID, str]]:
    """What may be chosen: the contract or lot that was asked for, or a firm's, the newest first."""
    papers: list[tuple[Held, UUID, str]] = []
    if contract is not None:
        one = await contracts.get_contract(contract, request, connection, actor)
        papers.append((Held.CONTRACT, one.id, one.number))
    if lot is not None:
        found = await lots.get_lot(lot, connection, actor)
        papers.append((Held.LOT, found.id, f"{found.document.number} · {found.grade} · {found.holder}"))
    if firm is not None:
        filed = await contracts.list_contracts(request, connection, actor, party=firm, limit=PAPERS_SHOWN)
        papers += [(Held.CONTRACT, one.id, one.number) for one in filed.items]
        held = await lots.list_lots(connection, actor, holder=firm, limit=PAPERS_SHOWN)
        papers += [(Held.LOT, one.id, f"{one.document.number} · {one.grade} · {one.year}") for one in held.items]
    return papers
