"""Histories of trade alone, nothing taken back: drawn, told to both oracles, posted for real, and seen alike by all three."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, count, pairwise
from uuid import UUID

from hypothesis import strategies as st

from service.db import Connection
from service.domain.provenance import Fragment, Interval
from service.store import ledger, provenance
from tests.ledger.deeds import BOUNDARIES, MINDS, QUOTAS, TARGETS, Deed, History, Move, kilograms, pairs
from tests.ledger.laws import law
from tests.ledger.oracle import Answer, Line, Oracle, Walks
from tests.ledger.queues import CIRCLE, Kilogram, Origin, Queues
from tests.ledger.rows import SEEN, cast, play, read

ACCOUNTS = sorted(set(TARGETS))
Way = tuple[tuple[str, str], int]

grants = st.tuples(st.sampled_from([("issue", "pool"), ("pool", "quota 1"), ("pool", "quota 2")]), st.integers(1, 40))
sales = st.tuples(pairs, kilograms)


@st.composite
def circles(draw: st.DrawFn) -> list[Way]:
    """One sells what he may not have, and buys as much from the last of those who hand it on."""
    hands = draw(st.lists(st.sampled_from(ACCOUNTS), min_size=2, max_size=4, unique=True))
    kg = draw(kilograms)
    return [(way, kg) for way in pairwise([*hands, hands[0]])]


acts = st.one_of(grants.map(lambda way: [way]), *[st.lists(sales, min_size=1, max_size=3)] * 3, circles())


@st.composite
def trades(draw: st.DrawFn, size: int = 30) -> History:
    """Acts of a few movements between any accounts."""
    numbers, length = count(1), draw(st.integers(1, size))
    deeds: list[Deed] = [Move([(next(numbers), *way, kg, None) for way, kg in draw(acts)]) for _ in range(length)]
    cuts = draw(st.lists(st.booleans(), min_size=length, max_size=length))
    minds = draw(st.lists(st.sampled_from(MINDS), min_size=length, max_size=length))
    return History(deeds, cuts, minds, draw(st.booleans()), draw(st.integers(0, 99)))


@dataclass
class Seen:
    """What acts have met and left: over and cover of each movement, stock and debt of each account, and of each kilogram that
    lies in one, the next to go first, and that a movement has carried, where it is from."""

    answers: list[Answer]
    held: dict[str, tuple[int, int]]
    lying: dict[str, list[Origin]]
    carried: dict[int, list[Origin]]


def acts_of(history: History, upto: int) -> list[Move]:
    """The first acts of a history."""
    return [deed for deed in history.deeds[:upto] if isinstance(deed, Move)]


def moments(history: History) -> list[int]:
    """After how many acts it is looked at: in between, and at the end."""
    return sorted({1 + history.looked_at * (len(history.deeds) - 1) // 99, len(history.deeds)})


def seen_in_queues(history: History, upto: int, *, to_the_province: bool = False) -> Seen:
    """As the older oracle has it."""
    queues = Queues(BOUNDARIES, {"pool"}, QUOTAS)
    drawn = chain.from_iterable(act.movements for act in acts_of(history, upto))
    answers = [Answer(*queues.move(number, source, target, kg)) for number, source, target, kg, _ in drawn]

    def origins(heap: Iterable[Kilogram]) -> list[Origin]:
        return [kilogram.origin(to_the_province=to_the_province) for kilogram in heap]

    return Seen(
        answers,
        {name: (len(queues.heaps[name]), len(queues.promised[name])) for name in ACCOUNTS},
        {name: origins(queues.heaps[name]) for name in ACCOUNTS},
        {number: origins(carried) for number, carried in queues.carried.items()},
    )


def seen_in_books(history: History, upto: int) -> Seen:
    """As the oracle of lines has it."""
    oracle = Oracle(BOUNDARIES, QUOTAS)
    answers = [answer for act in acts_of(history, upto) for answer in oracle.move(act.movements)]
    walks = Walks(oracle.links(), BOUNDARIES, QUOTAS, set())
    came: dict[int, list[Origin]] = {}
    for kilogram in sorted(oracle.reached):
        came.setdefault(kilogram.movement, []).append(_end(walks, oracle.reached[kilogram]))
    books = {name: oracle.books[name] for name in ACCOUNTS}
    return Seen(
        answers,
        {name: (len(book.stock()), len(book.debt())) for name, book in books.items()},
        {name: [_end(walks, (name, line)) for line in book.stock()] for name, book in books.items()},
        came,
    )


def _end(walks: Walks, line: Line) -> Origin:
    [(_, how, (owner, _), movement)] = walks.origins(line)
    return CIRCLE if how == "circle" else (how, owner if movement is None else movement)


async def seen_in_rows(
    connection: Connection,
    accounts: Mapping[str, int],
    answers: list[Answer],
    as_of: int,
    *,
    to_the_province: bool = False,
) -> Seen:
    """As the ledger has it, as of a seq."""
    names = {accounts[name]: name for name in ACCOUNTS}
    numbers = range(1, len(answers) + 1)
    balances = await ledger.balances(connection, names, as_of=as_of)
    stock = await provenance.in_stock(connection, names, as_of)
    came = await provenance.deliveries(connection, [UUID(int=number) for number in numbers], as_of)
    asked = list(dict.fromkeys(chain(*stock.values(), *came.values())))
    traces = await provenance.trace_all_back(connection, asked, as_of, to_the_province=to_the_province)
    walked = {trace.asked: [end for part in trace.fragments for end in _ends(part, names)] for trace in traces}

    def origins(places: Iterable[Interval]) -> list[Origin]:
        return [end for place in places for end in walked[place]]

    return Seen(
        answers,
        {name: (balances[number].stock_kg, balances[number].debt_kg) for number, name in names.items()},
        {name: origins(stock[number]) for number, name in names.items()},
        {number: origins(came[UUID(int=number)]) for number in numbers},
    )


def _ends(part: Fragment, names: Mapping[int, str]) -> list[Origin]:
    who = names[part.place.account] if part.movement is None else part.movement.int
    return [CIRCLE if part.ending == "circle" else (part.ending.value, who)] * part.kg


def check_books(history: History) -> None:
    """Hold the oracle of lines to the older one."""
    for upto in moments(history):
        alike(seen_in_books(history, upto), seen_in_queues(history, upto))


async def check_trade(connection: Connection, history: History) -> None:
    """Hold both the oracle of lines and the ledger to the older one; leaves nothing behind."""
    check_books(history)
    accounts = await cast(connection)
    transaction = connection.transaction()
    await transaction.start()
    try:
        with law("what is posted can be posted"):
            posted = await play(
                connection, accounts, history.deeds, history.cuts, history.minds, all_loose=history.all_loose
            )
        ends = {leg["act"]: leg["seq"] for leg in (await read(connection)).legs}
        for upto in moments(history):
            answers = [*chain.from_iterable(posted[:upto])]
            for to_the_province in (False, True):
                found = await seen_in_rows(connection, accounts, answers, ends[upto], to_the_province=to_the_province)
                alike(found, seen_in_queues(history, upto, to_the_province=to_the_province))
    finally:
        await transaction.rollback()
    lying = Counter(how for origins in found.lying.values() for how, _ in origins)
    with law("as much lies there without an origin as is owed"):
        assert lying["debt"] == sum(debt for _, debt in found.held.values())
    carried = Counter(how for origins in found.carried.values() for how, _ in origins)
    SEEN.update({"trades": 1, "kg traded": carried.total()})
    SEEN.update({f"kg of {how} traded": carried[how] for how in ("debt", "circle")})


def alike(found: Seen, told: Seen) -> None:
    """Hold what was found to what an oracle tells."""
    with law("over and cover are the older oracle's"):
        assert found.answers == told.answers
    with law("stock and debt are the older oracle's"):
        assert found.held == told.held
    with law("what lies there is from where the older oracle has it"):
        assert found.lying == told.lying
    with law("what a movement carried is from where the older oracle has it"):
        assert found.carried == told.carried
