"""Who can hold quota and from where it comes: pools, mines with a right, projects and declared stocks (R01–R03)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from service.domain.permissions import area_of
from service.domain.policies import Policies, PoolLevel
from service.domain.refusals import Refusal
from service.domain.units import Kilograms

PROVINCE = "210000"


class Kind(StrEnum):
    """What an allotment is."""

    TOTAL = "total"
    BASE = "base"
    MERIT = "merit"
    REWARD = "reward"
    SPECIAL = "special"
    APPROVED = "approved"
    ADJUSTMENT = "adjustment"


TRANCHES = frozenset({Kind.BASE, Kind.MERIT, Kind.REWARD, Kind.SPECIAL})
"""What only mines hold (R02)."""


class HolderKind(StrEnum):
    """Who can hold kilograms of quota: a pool, or one of the three sources of ore (R01)."""

    JURISDICTION = "jurisdiction"
    MINE = "mine"
    PROJECT = "project"
    STOCK = "stock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is allotted to, and where it lies; a pool has no id but its code."""

    kind: HolderKind
    jurisdiction: str
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Right:
    """A mine's right to mine, as far as it decides about quota."""

    scale_kg: Kilograms
    valid_from: date
    valid_until: date
    is_consolidated: bool
    environment_is_ok: bool
    safety_is_ok: bool
    operates_lawfully: bool
    owner_is_a_mining_firm: bool

    def faults(self, days: Collection[date]) -> list[str]:
        """Why no quota may be given to this mine; the licence must be valid on each of the days (R02, R07)."""
        checks = {
            "licence-not-valid": all(self.valid_from <= day <= self.valid_until for day in days),
            "not-consolidated": self.is_consolidated,
            "environment-papers-missing": self.environment_is_ok,
            "safety-papers-missing": self.safety_is_ok,
            "operation-suspended": self.operates_lawfully,
        }
        return [fault for fault, is_good in checks.items() if not is_good]


@dataclass(frozen=True, slots=True)
class Found:
    """A holder with what the registry says of it."""

    holder: Holder
    right: Right | None = None
    declared_kg: Kilograms | None = None
    enterprise_id: UUID | None = None


class HolderNotAMine(Refusal):
    """Annual quota goes to mines only: a trader, a plant or an office cannot hold a tranche."""

    title = "年度指标只分配给矿山：商贸企业、加工企业和主管部门不能持有"
    rule = "R02"


class AllotmentSkipsALevel(Refusal):
    """An allotment goes down by one level: from the office directly above its holder, named in `expected`."""

    title = "指标须逐级下达：应由持有人的直接上级（expected）下达"
    rule = "R06"


def check_holder(kind: Kind, source: str | None, holder: Holder, right: Right | None, policies: Policies) -> None:
    """Refuse a holder that cannot have this kind of allotment from there (R02, R06)."""
    if holder.kind is HolderKind.MINE:
        assert right is not None, "a mine has a right"
        if not right.owner_is_a_mining_firm:
            raise HolderNotAMine
    elif kind in TRANCHES:
        raise HolderNotAMine
    expected = givers(holder, policies)
    if source not in expected:
        raise AllotmentSkipsALevel(expected=expected)


def givers(holder: Holder, policies: Policies) -> list[str | None]:
    """Where kilograms for a holder come from: the pool one level up; None is the province's own act.

    Projects and declared stocks draw on the pool of the level that policy `non_mine_pool` names (R03).
    """
    if holder.kind is HolderKind.MINE:
        return [holder.jurisdiction]
    if holder.kind is not HolderKind.JURISDICTION:
        city = f"{holder.jurisdiction[:4]}00"
        pools = {PoolLevel.COUNTY: holder.jurisdiction, PoolLevel.CITY: city, PoolLevel.PROVINCE: PROVINCE}
        return [pools[policies.non_mine_pool]]
    area = area_of(holder.jurisdiction)
    if len(area) == 2:
        return [None]
    # The province may issue to a city in one act or by way of its own pool.
    return [PROVINCE, None] if len(area) == 4 else [f"{area[:4]}00"]
