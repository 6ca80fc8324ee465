"""The quota tree, one mine's quota, and the public table of what was allotted."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from service.auth import may
from service.db import ReaderDep
from service.domain.allotments import HolderKind, Kind
from service.domain.permissions import Actor
from service.domain.policies import stated
from service.domain.quotas import Figures, Holding, Node, PoolEpisode, Window
from service.domain.units import shanghai_day, shanghai_year
from service.routes.entries import OF_THE_PAST, After, Limit, Now, PoliciesNow
from service.routes.fields import AsOf
from service.store import allotments, provenance, quotas

router = APIRouter(tags=["quota"])


async def quota_year(at: Now, year: Annotated[int | None, Query(ge=2000, le=2100)] = None) -> int:
    """The quota year that is asked about; this year when none is named."""
    return year or shanghai_year(at)


QuotaYear = Annotated[int, Depends(quota_year)]
ReaderActor = Annotated[Actor, Depends(may("quotas.read"))]


TREE_POLICIES = ("non_mine_pool", "carry_quarters", "carry_years", "carry_overdraw")
MINE_POLICIES = ("year_ceiling", "overcommit_base", "expired_licence", "overdraw", "carry_quarters", "carry_years")


class FiguresOut(BaseModel):
    """What was issued, has left, is held by open tickets, is promised by contracts, and may still leave.

    `pace_kg_per_day` is what left on a day of the last four weeks of the year, by the time of the event; `exhausted_on` the day on
    which what is available is used up at that pace: not after today where nothing is left, null where it lasts the year.
    """

    issued_kg: int
    out_kg: int
    held_kg: int
    contracted_kg: int
    available_kg: int
    overdrawn_kg: int
    pace_kg_per_day: int | None
    exhausted_on: date | None

    @staticmethod
    def figures(figures: Figures, overdrawn_kg: int, window: Window | None) -> dict[str, Any]:
        """Figures as clients see them."""
        return {
            "issued_kg": figures.issued_kg,
            "out_kg": figures.out_kg,
            "held_kg": figures.held_kg,
            "contracted_kg": figures.contracted_kg,
            "available_kg": figures.available_kg,
            "overdrawn_kg": overdrawn_kg,
            "pace_kg_per_day": figures.pace_kg(window),
            "exhausted_on": figures.exhausted_on(window),
        }


class HoldingOut(FiguresOut):
    """A holder in the tree."""

    kind: HolderKind
    id: UUID
    name: str

    @classmethod
    def of(cls, holding: Holding, window: Window | None) -> Self:
        """A holder as clients see it."""
        figures = cls.figures(holding.figures, holding.overdrawn_kg, window)
        return cls(kind=holding.kind, id=holding.id, name=holding.name, **figures)


class NodeOut(FiguresOut):
    """A jurisdiction in the tree: `issued_kg` is what it got, `allotted_kg` what it gave on, null where that is not for you."""

    code: str
    name: str
    name_en: str
    level: Literal["province", "city", "county"]
    allotted_kg: int | None
    overdraws: list["PoolOverdrawOut"]
    holders: list[HoldingOut]
    children: list["NodeOut"]

    @classmethod
    def of(cls, node: Node, window: Window | None) -> Self:
        """A node as clients see it."""
        return cls(
            code=node.place.code,
            name=node.place.name,
            name_en=node.place.name_en,
            level=node.place.level,
            allotted_kg=node.pool and node.pool.allotted_kg,
            overdraws=[PoolOverdrawOut.of(episode) for episode in node.episodes],
            holders=[HoldingOut.of(holding, window) for holding in node.holdings],
            children=[NodeOut.of(child, window) for child in node.children],
            **cls.figures(node.figures, node.overdrawn_kg, window),
        )


class PoolOverdrawOut(BaseModel):
    """An episode in which more went out below a jurisdiction than it got: opened by the load that broke the cap (or by what
    was taken back), `covered_by` the movement after which it held again."""

    opened_by: UUID
    opened_at: datetime
    occurred_at: datetime
    discovered_at: datetime
    cause: str
    over_kg: int
    peak_kg: int
    closed_at: datetime | None
    covered_by: UUID | None

    @classmethod
    def of(cls, episode: PoolEpisode) -> Self:
        """An episode as clients see it."""
        return cls(opened_at=episode.discovered_at, **asdict(episode))


class TreeOut(BaseModel):
    """The quota tree of a year."""

    year: int
    as_of: datetime | None
    province: NodeOut
    policies: dict[str, Any]


class AccountOut(FiguresOut):
    """One quota account of a mine: the general one, or that of an earmark (R25)."""

    earmark: str | None


class TrancheOut(BaseModel):
    """An allotment that a mine holds; `standing_kg` is what was not taken back, `spent_kg` what of it was weighed out.

    `exhausted_on` is the day on which the rest of it is used up at the mine's pace.
    """

    id: UUID
    kind: Kind
    quarter: int | None
    kg: int
    standing_kg: int
    spent_kg: int
    document_no: str
    reason: str | None
    earmark: str | None
    issued_on: date
    exhausted_on: date | None


class OverdrawOut(BaseModel):
    """An episode of debt; `covered_by` is the movement that ended it."""

    id: UUID
    opened_at: datetime
    occurred_at: datetime
    discovered_at: datetime
    cause: str
    peak_kg: int
    closed_at: datetime | None
    covered_by: UUID | None


class MineQuotaOut(FiguresOut):
    """A mine's quota of a year."""

    mine_id: UUID
    year: int
    as_of: datetime | None
    suspense_kg: int
    accounts: list[AccountOut]
    tranches: list[TrancheOut]
    overdraws: list[OverdrawOut]
    policies: dict[str, Any]


class PublishedOut(BaseModel):
    """A published allotment."""

    id: UUID
    year: int
    quarter: int | None
    kind: Kind
    issuer: str | None
    holder_kind: HolderKind
    holder: str
    jurisdiction: str
    kg: int
    document_no: str
    issued_on: date
    published_on: date


class PublishedTableOut(BaseModel):
    """A page of the public table."""

    items: list[PublishedOut]
    next: UUID | None


@router.get("/v1/quotas", dependencies=OF_THE_PAST)
async def show_tree(
    connection: ReaderDep,
    actor: ReaderActor,
    policies: PoliciesNow,
    at: Now,
    year: QuotaYear,
    as_of: AsOf = None,
) -> TreeOut:
    """Province, cities, counties and holders: an office sees its area and the chain above it, an enterprise its own."""
    past = await provenance.moment(connection, as_of)
    window = Window.of(year, shanghai_day(as_of or at))
    found = await quotas.tree(
        connection, year, window, area=actor.area, enterprise_id=actor.enterprise_id, past=past, at=at
    )
    then = policies.on(shanghai_day(as_of or at))
    return TreeOut(year=year, as_of=as_of, province=NodeOut.of(found, window), policies=stated(then, *TREE_POLICIES))


@router.get("/v1/quotas/published")
async def show_published(
    connection: ReaderDep, year: QuotaYear, after: After = None, limit: Limit = 50
) -> PublishedTableOut:
    """What was allotted and published, for everybody (公示, R14)."""
    rows = await allotments.published(connection, year, after=after, limit=limit)
    items = [PublishedOut.model_validate(dict(row) | {"issuer": row["from_jurisdiction"]}) for row in rows]
    return PublishedTableOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/v1/mines/{mine_id}/quota", dependencies=OF_THE_PAST)
async def show_mine_quota(
    mine_id: UUID,
    connection: ReaderDep,
    actor: ReaderActor,
    policies: PoliciesNow,
    at: Now,
    year: QuotaYear,
    as_of: AsOf = None,
) -> MineQuotaOut:
    """One mine's quota: what it got, what left, and by which tranches."""
    past = await provenance.moment(connection, as_of)
    window = Window.of(year, shanghai_day(as_of or at))
    found = await quotas.mine_quota(
        connection, mine_id, year, window, area=actor.area, enterprise_id=actor.enterprise_id, past=past, at=at
    )
    return MineQuotaOut(
        mine_id=mine_id,
        year=year,
        as_of=as_of,
        suspense_kg=found.suspense_kg,
        accounts=[
            AccountOut(earmark=account.earmark, **FiguresOut.figures(account.figures, account.overdrawn_kg, window))
            for account in found.accounts
        ],
        tranches=[
            TrancheOut(
                **dict(tranche.row),
                standing_kg=tranche.standing_kg,
                spent_kg=tranche.spent_kg,
                exhausted_on=tranche.exhausted_on,
            )
            for tranche in found.tranches
        ],
        overdraws=[OverdrawOut(**dict(row)) for row in found.overdraws],
        policies=stated(policies.on(shanghai_day(as_of or at)).within(found.jurisdiction), *MINE_POLICIES),
        **FiguresOut.figures(found.figures, found.overdrawn_kg, window),
    )
