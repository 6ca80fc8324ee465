"""Does the oracle see it when a rule of posting is broken? Each mutant breaks one, and random histories must catch it.

`python -m tests.ledger.mutants` (`make mutants`) prints which law caught which; exit 1 when a mutant survives.
"""

import asyncio
import inspect
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TypeVar

import asyncpg
from hypothesis import Phase, given, settings
from hypothesis.strategies import SearchStrategy

import migrations
from service.db import Connection, prepare_connection
from service.embedded import services
from service.store.sentences import sentences
from tests.ledger.conftest import QUIET
from tests.ledger.deeds import histories
from tests.ledger.laws import check, law_of
from tests.ledger.repeats import books
from tests.ledger.retold import check_told, lay_out
from tests.ledger.trades import check_trade, trades

HISTORIES = 250
HISTORIES_OF_REPEATS = 60
HISTORIES_OF_TRADE = 20

H = TypeVar("H")


class DoesNotFit(Exception):
    """The text that the mutant changes is not there once: the code went on, and the mutant must follow."""


@dataclass(frozen=True)
class Mutant:
    """A rule that is broken, and by which change of which function, or of which sentence of SQL."""

    broken: str
    place: str
    old: str
    new: str


BOOKS, CHANGES = "service.domain.books", "service.domain.changes"

MUTANTS = [
    Mutant("out takes the newest stock first", f"{BOOKS}:_use", "waiting.first", "list(waiting)[-1]"),
    Mutant("in does not pay debts", f"{BOOKS}:Book.take", "_use(self.debt, kg)", "([], kg)"),
    Mutant("a shortage leaves no trace", f"{BOOKS}:Book.give", "[(kg - short_kg, kg)]", "[]"),
    Mutant("a shortage owes nothing", f"{BOOKS}:Book.give", "self.debt.add(lo, lo + short_kg)", "pass"),
    Mutant(
        "over_kg is the whole debt",
        f"{BOOKS}:lay",
        "min(kg, gone - source.ins)",
        "gone - source.ins",
    ),
    Mutant("cover_kg is forgotten", f"{BOOKS}:lay", "min(target_kg, target.outs - target_lo)", "0"),
    Mutant(
        "an inflow starts behind what is owed",
        f"{BOOKS}:lay",
        "source.outs, target.ins",
        "source.outs, max(target.ins, target.outs)",
    ),
    Mutant("a struck kilogram that went on is not owed", f"{BOOKS}:Book.strike_in", "self.debt.add(*span)", "pass"),
    Mutant("what a cut gives back is not stock", f"{BOOKS}:Book._meet", "self.stock.add(*span)", "pass"),
    Mutant(
        "a cut strikes the target alone", f"{BOOKS}:cut", "(part.source, Side.OUT, part.source_lo, part.source_kg),", ""
    ),
    Mutant("dead lines are jumped over without a word", f"{BOOKS}:_pieces", "end if ahead > end else None", "None"),
    Mutant(
        "a return takes the first kilograms",
        f"{BOOKS}:last",
        "max(part.target_lo, hi - kg), hi",
        "part.target_lo, min(part.target_lo + kg, hi)",
    ),
    Mutant(
        "a return takes what has gone on",
        f"{CHANGES}:Act.make",
        "_last(books.in_stock(found, live), kg)",
        "_last(live, kg)",
    ),
    Mutant(
        "a claw-back takes the spent kilograms first",
        f"{CHANGES}:Act.make",
        "*books.in_stock(found, live), *books.passed_on(found, live)",
        "*books.passed_on(found, live), *books.in_stock(found, live)",
    ),
    Mutant(
        "a replacement fills no struck places",
        f"{CHANGES}:Act.make",
        "books.replacement(found, live,",
        "books.replacement(found, [],",
    ),
    Mutant(
        "a fill ignores what is owed in its places",
        f"{BOOKS}:Book.fill",
        "marked.add(start + owed_lo - lo, start + owed_hi - lo)",
        "pass",
    ),
    Mutant(
        "a void is told as a claw-back",
        f"{CHANGES}:Act.make",
        "self._cut(live, occurred_at, fact, Cause.VOID)",
        "self._cut(live, occurred_at, fact, Cause.CLAW_BACK)",
    ),
    Mutant(
        "an episode is of rows, not of acts",
        "service.domain.overdraws:episodes",
        "groupby(of_account, key=_act)",
        "groupby(of_account, key=lambda change: change.seq)",
    ),
    Mutant(
        "what is struck twice in an act is struck again",
        f"{CHANGES}:Act._cut",
        "books.without(self._live[movement], struck)",
        "self._live[movement]",
    ),
    Mutant("an act does not know what it has posted itself", f"{CHANGES}:Act._write", "isinstance(row, Leg)", "False"),
    Mutant(
        "a debt is said to be covered by who paid first",
        "service.domain.overdraws:episodes",
        "if change.debt_kg < 0][-1]",
        "if change.debt_kg < 0][0]",
    ),
    Mutant(
        "an episode is said to be opened by who owed last",
        "service.domain.overdraws:episodes",
        "next(change for change in act if change.debt_kg > 0)",
        "[change for change in act if change.debt_kg > 0][-1]",
    ),
    Mutant(
        "an episode occurs when it is told",
        "service.domain.overdraws:_opened",
        "occurred_at=change.occurred_at",
        "occurred_at=recorded_at",
    ),
    Mutant("the peak is forgotten", "service.domain.overdraws:episodes", "max(episode.peak_kg, debt_kg)", "debt_kg"),
    Mutant(
        "every book is taken for plain", f"{BOOKS}:Book.is_plain", "return self.is_boundary or (", "return True or ("
    ),
    Mutant("a cut that was made good strikes again", "ledger.sql:live_parts", "AND hole.seq > leg.seq", ""),
    Mutant(
        "a cut is known only where it reached the end",
        "ledger.sql:live_parts",
        "AND hi > leg.target_lo",
        "AND hi >= leg.target_lo + leg.target_kg",
    ),
    Mutant(
        "balances of the past know later cuts",
        "ledger.sql:books",
        "WHERE $2::bigint IS NULL OR seq <= $2\n    GROUP",
        "GROUP",
    ),
    Mutant("leaves do not bind what is behind at the target", "ledger.sql:write", "2 * target_behind::int", "0"),
    Mutant(
        "honest resale is called a circle",
        "provenance.sql:trace_back",
        "AND piece.source_lo = walk.start + piece.lo - walk.source_lo",
        "",
    ),
    Mutant(
        "a product is rounded outward",
        "provenance.sql:trace_back",
        "(live.hi - live.target_lo) * live.source_kg / live.target_kg",
        "((live.hi - live.target_lo) * live.source_kg + live.target_kg - 1) / live.target_kg",
    ),
    Mutant(
        "the first kilogram of ore goes into the product before its own",
        "provenance.sql:trace_forward",
        "live.target_lo - 1\n                        + ((live.lo - live.source_lo + 1) * live.target_kg + live.source_kg - 1)",
        "live.target_lo + (live.lo - live.source_lo) * live.target_kg",
    ),
    Mutant(
        "the product of the last kilogram of ore is rounded inward",
        "provenance.sql:trace_forward",
        "+ ((live.hi - live.source_lo) * live.target_kg + live.source_kg - 1)",
        "+ (live.hi - live.source_lo) * live.target_kg",
    ),
    Mutant(
        "ore is shared among products by rounding up",
        "service.domain.provenance:Passage.before",
        "made * self.ore_kg // self.product_kg",
        "(made * self.ore_kg + self.product_kg - 1) // self.product_kg",
    ),
    Mutant(
        "a walk forwards forgets the run before the last",
        "service.domain.provenance:Fragment.at_rest",
        "reversed(passages)",
        "passages[-1:]",
    ),
    Mutant(
        "a walk of the past sees later cuts",
        "provenance.sql:trace_back",
        "AND hole.seq + 0 > spoken.seq AND hole.seq + 0 <= $4",
        "AND hole.seq + 0 > spoken.seq",
    ),
]

JUDGE, SENT = "service.actions.weighings.judging:judge", "service.actions.weighings.sent"

MUTANTS_OF_REPEATS = [
    Mutant("a repeat is a record of its own", JUDGE, "desk.told.get(sent.key)", "None"),
    Mutant("what the same batch has told before is not known", JUDGE, "desk.told[sent.key] = told", "pass"),
    Mutant("another weight under the same id is a repeat", JUDGE, "known.body_hash != body_hash", "False"),
    Mutant("a repeat is accepted like its record", f"{SENT}:answer_again", "status=Status.DUPLICATE, ", ""),
    Mutant(
        "a repeat of what was refused is told no reason", f"{SENT}:answer_again", "told.problem is not None", "False"
    ),
    Mutant(
        "what was taken back may be told again",
        "service.store.weighings.reading:_READ",
        "AND w.record_id = sent.record_id",
        "AND w.record_id = sent.record_id"
        " AND NOT EXISTS (SELECT FROM weighing_version WHERE weighing_id = w.id AND status = 'void')",
    ),
    Mutant(
        "a repeat hears what was said since",
        "service.store.weighings.reading:_READ",
        "f.record_id = w.duplicate_of",
        "f.record_id = coalesce(w.duplicate_of, w.record_id)",
    ),
    Mutant(
        "a correction is made as often as it is said",
        "service.actions.weighings.correcting:correct_weighing",
        "record == line.record",
        "False",
    ),
]

LINES = "tests.ledger.oracle:Oracle._move"

MUTANTS_OF_TRADE = [
    Mutant(
        "what came last goes first, and the last debt is paid",
        f"{BOOKS}:_use",
        "hi = min(hi, lo + kg)",
        "lo = max(lo, hi - kg)",
    ),
    Mutant(
        "a walk to the province ends at the tranche",
        "provenance.sql:trace_back",
        "AND NOT $5 THEN",
        "AND $5::boolean IS NOT NULL THEN",
    ),
    Mutant("the oracle of lines gives what came last", LINES, "stock[0]", "stock[-1]"),
    Mutant("the oracle of lines pays the last debt", LINES, "debt[0]", "debt[-1]"),
]


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    """The rule is broken until the block ends; raises DoesNotFit."""
    place, _, name = mutant.place.partition(":")
    undo = list(_break_sentence(mutant, name) if place.endswith(".sql") else _break_function(mutant, place, name))
    try:
        yield
    finally:
        for owner, key, original in undo:
            owner.__setitem__(key, original) if isinstance(owner, dict) else setattr(owner, key, original)


def _break_sentence(mutant: Mutant, name: str) -> Iterator[tuple[dict[str, str], str, str]]:
    capability = mutant.place.partition(".sql")[0]
    original = sentences(capability)[name]
    for module in _service():
        found = vars(module).get("SQL")
        if isinstance(found, dict) and found.get(name) == original:
            found[name] = _changed(mutant, original)
            yield found, name, original


def _break_function(mutant: Mutant, place: str, name: str) -> Iterator[tuple[object, str, object]]:
    module = import_module(place)
    owner: object = module
    *path, last = name.split(".")
    for step in path:
        owner = getattr(owner, step)
    original = vars(owner)[last]
    if isinstance(original, str):  # a sentence that is made of several
        setattr(owner, last, _changed(mutant, original))
        yield owner, last, original
        return
    source = inspect.getsource(original.fget if isinstance(original, property) else original)
    scope: dict[str, object] = {}
    exec(_changed(mutant, textwrap.dedent(source)), vars(module), scope)
    holders = [owner] if path else [each for each in _service() if vars(each).get(last) is original]
    for holder in holders:
        setattr(holder, last, scope[last])
        yield holder, last, original


def _service() -> list[ModuleType]:
    return [module for name, module in list(sys.modules.items()) if name.startswith("service")]


def _changed(mutant: Mutant, text: str) -> str:
    if text.count(mutant.old) != 1:
        raise DoesNotFit(mutant)
    return text.replace(mutant.old, mutant.new)


@cache
def drawn(strategy: Callable[[], SearchStrategy[H]], count: int) -> Sequence[H]:
    """The same random histories for every mutant."""
    found: list[H] = []

    @settings(max_examples=count, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=QUIET)
    @given(history=strategy())
    def draw(history: H) -> None:
        found.append(history)

    draw()
    return found


async def catch(connection: Connection, mutant: Mutant) -> tuple[str, int] | None:
    """The law that caught the mutant, and after how many histories; none where it survived."""
    return await _catch(mutant, drawn(histories, HISTORIES), partial(check, connection))


async def catch_of_repeats(connection: Connection, folder: Path, mutant: Mutant) -> tuple[str, int] | None:
    """The same of a mutant that answers repeats otherwise."""
    return await _catch(
        mutant, drawn(books, HISTORIES_OF_REPEATS), partial(check_told, connection, await lay_out(connection, folder))
    )


async def catch_of_trade(connection: Connection, mutant: Mutant) -> tuple[str, int] | None:
    """The same of a mutant that the older oracle catches."""
    return await _catch(mutant, drawn(trades, HISTORIES_OF_TRADE), partial(check_trade, connection))


async def _catch(
    mutant: Mutant, played: Sequence[H], holds: Callable[[H], Awaitable[object]]
) -> tuple[str, int] | None:
    with broken(mutant):
        for number, history in enumerate(played, 1):
            try:
                await holds(history)
            except Exception as error:
                return law_of(error), number
    return None


async def _hunt(database_url: str, folder: Path) -> bool:
    connection = await asyncpg.connect(database_url)
    await prepare_connection(connection)
    survived = 0
    hunts = [partial(catch, connection, mutant) for mutant in MUTANTS]
    hunts += [partial(catch_of_repeats, connection, folder, mutant) for mutant in MUTANTS_OF_REPEATS]
    hunts += [partial(catch_of_trade, connection, mutant) for mutant in MUTANTS_OF_TRADE]
    everyone = [*MUTANTS, *MUTANTS_OF_REPEATS, *MUTANTS_OF_TRADE]
    try:
        for mutant, hunt in zip(everyone, hunts, strict=True):
            transaction = connection.transaction()
            await transaction.start()
            caught = await hunt()
            await transaction.rollback()
            survived += caught is None
            law, number = caught or ("SURVIVED", 0)
            print(f"{mutant.broken:<52} {number:>4}  {law}", flush=True)
    finally:
        await connection.close()
    print(f"{len(everyone) - survived} of {len(everyone)} mutants were caught")
    return survived == 0


def main() -> None:
    """Hunt all mutants on servers of our own."""
    with TemporaryDirectory(prefix="meisu-") as folder:
        Path(folder).chmod(0o711)
        with services(Path(folder) / "data", durable=False) as endpoints:
            migrations.upgrade(endpoints.owner_database_url)
            is_caught = asyncio.run(_hunt(endpoints.database_url, Path(folder)))
    sys.exit(not is_caught)


if __name__ == "__main__":
    main()
