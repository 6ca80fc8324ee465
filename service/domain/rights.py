"""What becomes of quota when a right passes on, a period ends, or special quota is misused (R16, R25, E26, E28)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from service.domain.assessments import end_of
from service.domain.policies import Policies
from service.domain.refusals import Refusal
from service.domain.units import Kilograms


class Fate(StrEnum):
    """What becomes of a rest when a period closes, by the names of a closing's figures."""

    LAPSED = "lapsed_kg"
    WITHDRAWN = "withdrawn_kg"
    CARRIED = "carried_kg"
    CHARGED = "charged_kg"


@dataclass(frozen=True, slots=True)
class Standing:
    """A mine's quota account of a year: what lies in it that no ticket holds, and what it owes."""

    mine_id: UUID
    jurisdiction: str
    earmark: str | None
    stock_kg: Kilograms
    free_kg: Kilograms
    debt_kg: Kilograms
    issued_kg: Kilograms


class PredecessorOwes(Refusal):
    """This mine has let out more than it was issued: cover `overdrawn_kg` first, then its right can pass on."""

    title = "该矿山超指标 overdrawn_kg，须先补足，方可由他矿承继"
    rule = "O02"


class SucceededAlready(Refusal):
    """This mine's right has passed to another already."""

    title = "该矿山的采矿权已由他矿承继"
    rule = "R05"


class SuccessorIsPredecessor(Refusal):
    """A mine cannot succeed itself; name the mines that end and those that go on."""

    title = "承继矿山与被承继矿山不能相同"
    rule = "R05"


class PeriodNotOver(Refusal):
    """This period has not ended yet; close it from the day after `ends_on`."""

    title = "该期间尚未结束（止于 ends_on），结束后方可结转"
    rule = "R16"


class PeriodClosedAlready(Refusal):
    """This period was closed already."""

    title = "该期间已结转"
    rule = "R16"


class CutAlready(Refusal):
    """This mine's year is cut already."""

    title = "该矿山该年度指标已核减"
    rule = "R25"


def shared(kg: Kilograms, parts: Sequence[int]) -> list[Kilograms]:
    """Kilograms shared out by parts: floored, and what is left goes one by one to the largest parts first (E52)."""
    whole = sum(parts)
    shares = [kg * part // whole for part in parts]
    order = sorted(range(len(parts)), key=lambda place: (-parts[place], place))
    for place in order[: kg - sum(shares)]:
        shares[place] += 1
    return [Kilograms(share) for share in shares]


def check_is_over(year: int, quarter: int | None, today: date) -> None:
    """Refuse to close a period that still runs."""
    ends_on = end_of((year, quarter or 4))
    if today <= ends_on:
        raise PeriodNotOver(ends_on=ends_on)


def fate_of(standing: Standing, quarter: int | None, then: Policies, *, misused_kg: int) -> tuple[Fate, Kilograms]:
    """What becomes of how much of a quota when a quarter, or its year, closes, by the policies of the last day.

    A quarter's unspent tonnes lapse unless policy `carry_quarters` lets them go on (R16). At a year's end special quota
    that was not spent, or was misused, is withdrawn (R25). Of the rest what is left lapses, or goes on under policy
    `carry_years`; what was let out beyond it is charged to the next year under policy `carry_overdraw` (E28).
    """
    if quarter is not None:
        lapses = standing.earmark is None and not then.carry_quarters
        return Fate.LAPSED, standing.free_kg if lapses else Kilograms(0)
    if standing.earmark is not None:
        return Fate.WITHDRAWN, Kilograms(min(standing.issued_kg, standing.stock_kg + misused_kg))
    if standing.debt_kg and then.carry_overdraw:
        return Fate.CHARGED, standing.debt_kg
    return Fate.CARRIED if then.carry_years else Fate.LAPSED, standing.stock_kg
