"""Where a year stands: the quota tree of the reader's area, and what needs attention."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.auth import may
from service.db import ReaderDep
from service.domain.permissions import Actor, Role
from service.domain.quotas import Figures, Node
from service.domain.units import shanghai_year
from service.routes.pages.alerts import newest
from service.routes.pages.pages import show
from service.store import pages as reads
from service.store import quotas

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the tree as it is read: a place or a holder, and its figures."""

    depth: int
    level: str
    name: str
    name_en: str
    href: str | None
    figures: Figures
    overdrawn_kg: int
    to_allot_kg: int | None = None


def lines_of(node: Node, depth: int = 0) -> Iterator[Line]:
    """A node, its holders and all that is below it, in reading order."""
    to_allot_kg = node.pool and node.pool.got_kg - node.pool.allotted_kg
    place = node.place
    yield Line(depth, place.level, place.name, place.name_en, None, node.figures, node.overdrawn_kg, to_allot_kg)
    for child in node.children:
        yield from lines_of(child, depth + 1)
    for holding in node.holdings:
        href = f"/mines/{holding.id}" if holding.kind == "mine" else None
        yield Line(
            depth + 1, holding.kind, holding.name, holding.name, href, holding.figures, holding.overdrawn_kg
        )
