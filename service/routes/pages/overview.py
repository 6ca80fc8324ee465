"""Where a year stands: the quota tree of the reader's area, and what needs attention."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.auth import may
from service.db import ReaderDep
from service.domain.allotments import HolderKind
from service.domain.permissions import Actor, Role, area_of, reach
from service.domain.units import shanghai_year
from service.routes import contracts, deadlines, lots, quotas
from service.routes.entries import PoliciesNow
from service.routes.pages.alerts import newest
from service.routes.pages.looks import Looks
from service.routes.pages.pages import show
from service.routes.quotas import FiguresOut, NodeOut
from service.store import pages as reads

router = APIRouter()

BRIEFLY = 8
YEARS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the tree as it is read: a place or a holder, with its figures."""

    depth: int
    level: str
    name: str
    name_en: str
    href: str | None
    figures: FiguresOut
    to_allot_kg: int | None = None


@router.get("/")
async def overview(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("me.read"))],
    policies: PoliciesNow,
    look: Looks,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
) -> Response:
    """The tree of a year beside the open alerts; a firm sees what it owes, its mines, contracts and lots; a station its tickets."""
    if reach(actor, "quotas.read") is None:
        return RedirectResponse("/tickets", 303)
    present = shanghai_year(look.at or look.now)
    asked = year or present
    tree = await quotas.show_tree(connection, actor, policies, look.now, asked, look.at)
    own = own_node(tree.province, actor)
    firm: dict[str, Any] = {}
    if actor.role is Role.ENTERPRISE:
        page = None if look.at else await contracts.list_contracts(request, connection, actor, limit=BRIEFLY)
        recent = page.items if page else []
        firms = {key for contract in recent for key in (contract.seller_id, contract.buyer_id)}
        firm = {
            "contracts": recent,
            "names": await reads.names_of(connection, firms),
            "due": [] if look.at else await deadlines.due(connection, policies, at=look.now, actor=actor),
            "lots": (await lots.list_lots(connection, actor, as_of=look.at, limit=BRIEFLY)).items,
        }
    return await show(
        request,
        connection,
        actor,
        "firm.html" if firm else "overview.html",
        year=asked,
        years=sorted({present, asked, *(await reads.quota_years(connection))}, reverse=True)[:YEARS_SHOWN],
        own=own,
        lines=[line for line in lines_of(tree.province) if line.href] if firm else list(lines_of(tree.province)),
        **firm,
        **await newest(connection, actor=actor),
    )


def own_node(node: NodeOut, actor: Actor) -> NodeOut:
    """The office's own place in the tree; for everybody else its root."""
    for child in node.children:
        if (actor.area or "").startswith(area_of(child.code)):
            return own_node(child, actor)
    return node


def lines_of(node: NodeOut, depth: int = 0) -> Iterator[Line]:
    """A node, all that is below it and its own holders, in reading order."""
    to_allot_kg = None if node.allotted_kg is None else node.issued_kg - node.allotted_kg
    yield Line(depth, node.level, node.name, node.name_en, None, node, to_allot_kg)
    for child in node.children:
        yield from lines_of(child, depth + 1)
    for holder in node.holders:
        href = f"/mines/{holder.id}" if holder.kind is HolderKind.MINE else None
        yield Line(depth + 1, holder.kind, holder.name, holder.name, href, holder)
