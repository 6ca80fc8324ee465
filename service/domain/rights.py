"""What becomes of quota when a right passes on, a period ends, or special quota is misused (R16, R25, E26, E28)."""

from collections.abc import Sequence
from datetime import date

from service.domain.assessments import end_of
from service.domain.refusals import Refusal
from service.domain.units import Kilograms


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
