"""What the bench says: figures beside their yardsticks, each with its goal and a verdict, as a table or as JSON."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median

import orjson
from rich.console import Console
from rich.table import Table

Measure = Callable[[], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Row:
    """A figure, the yardstick of the same run, their ratio, and what the ratio has to be."""

    name: str
    value: float
    unit: str
    reference: float
    ratio: float
    goal: float
    ok: bool


def at_least(name: str, value: float, unit: str, reference: float, goal: float) -> Row:
    """A rate: the more, the better."""
    ratio = value / reference
    return Row(name, value, unit, reference, ratio, goal, ratio >= goal)


def at_most(name: str, value: float, unit: str, reference: float, goal: float = 1.0) -> Row:
    """A time or a size: the less, the better; without a yardstick the reference is the limit itself."""
    ratio = value / reference
    return Row(name, value, unit, reference, ratio, goal, ratio <= goal)


def void(name: str) -> Row:
    """In place of rows that say nothing: no goal is reached by a run that was none."""
    return Row(name, 0, "", 0, 0, 0, ok=False)


def as_json(rows: Sequence[Row]) -> str:
    """What programs read."""
    return orjson.dumps({"rows": rows}, option=orjson.OPT_INDENT_2).decode()


def show(rows: Sequence[Row]) -> None:
    """What people read."""
    console = Console(width=150)
    table = Table("what", "value", "unit", "yardstick", "ratio", "goal", "", box=None, pad_edge=False)
    for column in table.columns[1:6]:
        column.justify = "right"
    table.columns[2].justify = "left"
    for row in rows:
        verdict = "[green]ok[/]" if row.ok else "[red]short[/]"
        figures = (short(row.value), row.unit, short(row.reference), short(row.ratio), short(row.goal))
        table.add_row(row.name, *figures, verdict)
    console.print(table)


def short(number: float) -> str:
    """Three digits that matter, and thousands apart."""
    if number == 0 or not math.isfinite(number):
        return str(number)
    digits = max(0, 2 - math.floor(math.log10(abs(number))))
    return f"{number:,.{digits}f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def alternate(rounds: int, *measures: Measure) -> list[float]:
    """The median of each measure, all measured in turn, so that what disturbs the machine disturbs them all.

    Each round begins with another one: none always comes after the one that leaves the most behind.
    """
    found: list[list[float]] = [[] for _ in measures]
    for first in range(rounds):
        for place in range(first, first + len(measures)):
            found[place % len(measures)].append(await measures[place % len(measures)]())
    return [median(values) for values in found]
