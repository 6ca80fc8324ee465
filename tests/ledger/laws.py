"""The laws that a history of the ledger is held to, each by its name, against what the oracle says of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.db import Connection
from service.domain import evidence
from service.domain.provenance import Fragment, Interval, Trace
from service.store import ledger, provenance
from tests.ledger.books import KEY
from tests.ledger.deeds import BOUNDARIES, ORDINARY, QUOTAS, Change, ClawBack, History, Together, Told, tell
from tests.ledger.oracle import Line, Walks
from tests.ledger.rows import SEEN, Painted, Rows, cast, paint, play, read

PUBLIC = Ed25519PublicKey.from_public_bytes(KEY.private.public_key().public_bytes_raw())


@contextmanager
def law(name: str) -> Iterator[None]:
    """Whatever goes wrong inside breaks the law of this name."""
    try:
        yield
    except Exception as error:
        error.add_note(f"law: {name}")
        raise


def law_of(error: BaseException) -> str:
    """The name of the law that was broken."""
    notes = [note for note in getattr(error, "__notes__", []) if note.startswith("law: ")]
    return notes[0].removeprefix("law: ") if notes else "no law"


async def check(connection: Connection, history: History) -> Rows:
    """Post a history one by one and as its batches are cut, and hold the rows to every law; leaves nothing behind."""
    deeds = history.deeds
    with law("a void at once undoes all"):
        told = tell(deeds)
    accounts = await cast(connection)
    names = {number: name for name, number in accounts.items()}

    one_by_one = await _post(connection, accounts, history, told, [True] * len(deeds), is_walked=True)
    # The same rows need no second walk.
    in_batches = await _post(
        connection, accounts, history, told, history.cuts, history.minds, all_loose=history.all_loose
    )

    with law("the rows are the same however the stream is cut"):
        assert in_batches.legs == one_by_one.legs
        assert in_batches.holes == one_by_one.holes
        assert in_batches.overdraws == one_by_one.overdraws
    painted = check_acts(one_by_one, told, names, history.made)
    with law("accounts with open places are known"):
        check_loose(one_by_one, painted, accounts)
    with law("episodes are of acts"):
        check_episodes(one_by_one, told, names)
    _count(history, one_by_one, told)
    return one_by_one


def _count(history: History, rows: Rows, told: Told) -> None:
    conversions = {leg["movement"] for leg in rows.legs if leg["source_kg"] != leg["target_kg"]}
    refused = sum(answer in (None, False) for answer in told.answers)
    answered = [deed for deed, answer in zip(history.deeds, told.answers, strict=True) if answer not in (None, False)]
    clawed = Counter(deed.movement for deed in answered if isinstance(deed, ClawBack))
    kinds = (*Change.__args__, Together)
    SEEN.update(
        {
            "histories": 1,
            "acts": len(told.links),
            "refused": refused,
            **{kind.__name__.lower(): sum(isinstance(deed, kind) for deed in answered) for kind in kinds},
            "clawed back again": clawed.total() - len(clawed),
            "legs": len(rows.legs),
            "behind": sum(leg["source_behind"] or leg["target_behind"] for leg in rows.legs),
            "conversions": len(conversions),
            "cuts": sum(hole["kind"] == "cut" for hole in rows.holes),
            "jumps": sum(hole["kind"] == "jump" for hole in rows.holes),
            "over kg": sum(leg["over_kg"] for leg in rows.legs),
            "cover kg": sum(leg["cover_kg"] for leg in rows.legs),
            "debt kg of cuts": sum(hole["debt_kg"] for hole in rows.holes),
            "episodes": len(rows.overdraws),
        }
    )


async def _post(
    connection: Connection,
    accounts: dict[str, int],
    history: History,
    told: Told,
    cuts: Sequence[bool],
    minds: Sequence[str] | None = None,
    *,
    all_loose: bool = False,
    is_walked: bool = False,
) -> Rows:
    """Post a history in a transaction of its own that is rolled back, and check what needs the database."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        with law("what is posted can be posted"):
            answers = await play(connection, accounts, history.deeds, cuts, minds, all_loose=all_loose)
        with law("over and cover are the oracle's"):
            assert answers == told.answers
        rows = await read(connection)
        with law("leaves, roots and signatures bind the rows"):
            await check_evidence(connection, rows)
        for act, as_of in _moments(history, rows) if is_walked else ():
            with law("balances are the oracle's, now and as of then"):
                await check_balances(connection, told, accounts, act, as_of)
            with law("every kilogram's walk is the oracle's, now and as of then"):
                await check_walks(connection, history, told, accounts, act, as_of)
        return rows
    finally:
        await transaction.rollback()


def _moments(history: History, rows: Rows) -> set[tuple[int, int | None]]:
    """The last act, as of now, and one of the past, as of its last seq."""
    ends: dict[int, int] = {}
    for row in [*rows.legs, *rows.holes]:
        ends[row["act"]] = max(ends.get(row["act"], 0), row["seq"])
    then = 1 + history.looked_at * (len(ends) - 1) // 99
    return {(len(ends), None), (then, ends[then])} if ends else set()


async def check_evidence(connection: Connection, rows: Rows) -> None:
    """Every leaf binds its row, every root its leaves, every signature its root."""
    marks = {row["id"]: row["mark"] for row in await connection.fetch("SELECT id, mark FROM account")}
    leaves = {}
    for row in rows.legs:
        bound = {name: value for name, value in row.items() if name not in {"source", "target", "leaf"}}
        entry = evidence.LegEntry(source_mark=marks[row["source"]], target_mark=marks[row["target"]], **bound)
        assert row["leaf"] == entry.leaf
        leaves[row["seq"]] = entry.leaf
    for row in rows.holes:
        bound = {name: value for name, value in row.items() if name not in {"account", "leaf"}}
        hole = evidence.HoleEntry(account_mark=marks[row["account"]], **bound)
        assert row["leaf"] == hole.leaf
        leaves[row["seq"]] = hole.leaf
    frontier, size = b"", 0
    for checkpoint in await connection.fetch("SELECT * FROM checkpoint ORDER BY size"):
        new = [leaves[seq] for seq in range(size + 1, checkpoint["size"] + 1)]
        frontier, root = evidence.extend(frontier, size, new)
        size = checkpoint["size"]
        assert checkpoint["root"] == root
        PUBLIC.verify(checkpoint["signature"], evidence.checkpoint_body(size, root, checkpoint["recorded_at"]))
    assert size == len(leaves)


async def check_balances(
    connection: Connection, told: Told, accounts: dict[str, int], act: int, as_of: int | None
) -> None:
    """What accounts hold and owe, as of an act."""
    found = await ledger.balances(connection, accounts.values(), as_of=as_of)
    for name, number in accounts.items():
        stock, debt = told.places[act - 1][name]
        assert found[number] == ledger.Balance(*told.totals[act - 1][name], len(stock), len(debt)), name


async def check_walks(
    connection: Connection, history: History, told: Told, accounts: dict[str, int], act: int, as_of: int | None
) -> None:
    """Both walks of every line of every account, as of an act; of a product kilogram by kilogram, and there and back."""
    walks = Walks(told.links[act - 1], BOUNDARIES, QUOTAS, history.made)
    names = {number: name for name, number in accounts.items()}
    whole = {name: top for name in ORDINARY if (top := told.tops[act - 1][name])}
    asked = [
        Interval(accounts[name], 0, top) for name, top in whole.items() if not name.startswith(("product", "sold"))
    ]
    asked += [
        Interval(accounts[name], line, line + 1)
        for name, top in whole.items()
        if name.startswith(("product", "sold"))
        for line in range(top)
    ]
    back = await provenance.trace_all_back(connection, asked, as_of)
    ahead = await provenance.trace_all_forward(connection, asked, as_of)
    for interval, came, goes in zip(asked, back, ahead, strict=True):
        lines = [(names[interval.account], line) for line in range(interval.lo, interval.hi)]
        ends = [(line[1], end) for line in lines for end in walks.origins(line)]
        origins, found = [(number, *end) for number, (_, *end) in ends], _cells(came.fragments, names)
        if any(is_ore for _, (is_ore, *_) in ends):  # a line that is of several kilograms of ore
            found, origins = [(None, *end) for _, *end in found], [(None, *end) for _, *end in origins]
        SEEN["kg walked by the ledger"] += len(found)
        assert sorted(found, key=repr) == sorted(origins, key=repr), lines[0][0]
        check_rests(goes.fragments, lines, walks, names)
    await check_there_and_back(connection, dict(zip(asked, back, strict=True)), ahead, names, as_of)


def check_rests(fragments: Sequence[Fragment], lines: Sequence[Line], walks: Walks, names: dict[int, str]) -> None:
    """Each kilogram is in one fragment, and each line of the fragment's place is the end of some of its kilograms."""
    ends = {line[1]: walks.rest(line) for line in lines}
    walked = [range(each.start or 0, (each.start or 0) + each.kg) for each in fragments]
    assert [number for numbers in walked for number in numbers] == list(ends), lines[0][0]
    for each, numbers in zip(fragments, walked, strict=True):
        runs = tuple(names[run] for run in each.runs)
        of_it = [ends[number] for number in numbers]
        assert {(how, name, movement, passed) for how, (name, _), movement, passed in of_it} == {
            (each.ending.value, names[each.place.account], each.movement and each.movement.int, runs)
        }, lines[0][0]
        reached = [line for _, (_, line), *_ in of_it]
        assert reached == sorted(reached), lines[0][0]
        assert sorted(set(reached)) == list(range(each.place.lo, each.place.hi)), lines[0][0]
        assert runs or each.kg == each.place.kg, lines[0][0]
        SEEN["kg walked through runs"] += each.kg if runs else 0
        SEEN["kg walked through several runs"] += each.kg if len(runs) > 1 else 0


async def check_there_and_back(
    connection: Connection,
    back: dict[Interval, Trace],
    ahead: Sequence[Trace],
    names: dict[int, str],
    as_of: int | None,
) -> None:
    """From where the ore of a product kilogram began every walk leads to where that kilogram is now."""
    now = {each.asked: each.fragments[0].place for each in ahead if names[each.asked.account].startswith("product")}
    began = [(part.place, place) for asked, place in now.items() for part in back[asked].fragments]
    found = await provenance.trace_all_forward(connection, [start for start, _ in began], as_of)
    for (_, place), goes in zip(began, found, strict=True):
        assert any(
            each.place.account == place.account and each.place.lo <= place.lo < each.place.hi for each in goes.fragments
        )


def _cells(fragments: Sequence[Fragment], names: dict[int, str]) -> list[tuple[int | None, str, Line, int | None]]:
    """Fragments, one kilogram at a time."""
    return [
        (
            None if each.start is None else each.start + number,
            each.ending.value,
            (names[each.place.account], each.place.lo + number),
            each.movement and each.movement.int,
        )
        for each in fragments
        for number in range(each.kg)
    ]


def check_acts(rows: Rows, told: Told, names: dict[int, str], made: set[int]) -> Painted:
    """Each act leaves what the oracle says; the picture after the last one."""
    ordinary = [name for name in names.values() if name not in BOUNDARIES]
    painted = Painted()
    circles: set[Line] = set()
    acts = paint(rows, names)
    for links, places in zip(told.links, told.places, strict=True):
        with law("every line up to the end is written once, struck or jumped over"):
            painted = next(acts)
            for name in ordinary:
                for side, column in (("in", painted.come), ("out", painted.out)):
                    assert all((name, line) in column for line in range(painted.ends[name, side])), name
        with law("every line is the oracle's after every act"):
            assert painted.links == links
            assert {line for line, came in painted.come.items() if came} == {reached for _, reached in links.values()}
        with law("debt = over - cover + made - ended by cuts"):
            assert {name: painted.debts[name] for name in ordinary} == {name: len(places[name][1]) for name in ordinary}
        walks = Walks(links, BOUNDARIES, QUOTAS, made)
        lines = {reached for _, reached in links.values()}
        closed = {line for line in lines if any(how == "circle" for _, how, *_ in walks.origins(line))}
        with law("only a leg that pays a debt closes a circle"):
            assert closed <= circles or painted.covered
        SEEN["circular kg"] += len(closed - circles)
        circles = closed
        with law("stock is never circular, and no origin lies in stock twice"):
            stock = [(name, line) for name in ordinary for line in places[name][0]]
            ends = [end for line in stock for end in walks.origins(line)]
            SEEN["kg in stock traced after an act"] += len(ends)
            assert not [end for end in ends if end[1] == "circle"]
            origins = [end for _, *end in ends if end[0] != "debt"]
            assert len({tuple(end) for end in origins}) == len(origins)
    assert next(acts, None) is None, "no act but the oracle's"
    return painted


def check_loose(rows: Rows, painted: Painted, accounts: dict[str, int]) -> None:
    """Those accounts are loose for which the ends of their columns are not enough."""
    for name in accounts.keys() - BOUNDARIES:
        ins, outs = painted.ends[name, "in"], painted.ends[name, "out"]
        came = {line for (owner, line), link in painted.come.items() if link and owner == name}
        went = {line for (owner, line), link in painted.out.items() if link and owner == name}
        is_plain = came - went == set(range(outs, ins)) and went - came == set(range(ins, outs))
        assert (accounts[name] in rows.loose) == (not is_plain), name
    assert not rows.loose & {accounts[name] for name in accounts.keys() & BOUNDARIES}


def check_episodes(rows: Rows, told: Told, names: dict[int, str]) -> None:
    """Each quota's episodes, from the act that opened them to the act that closed them."""
    found = [
        {name: row[name] for name in ("cause", "opened_act", "debt_kg", "peak_kg", "closed_act")}
        | {name: row[name] and row[name].int for name in ("opened_by", "covered_by")}
        | {"account": names[row["account"]]}
        for row in rows.overdraws
    ]
    expected = [asdict(episode) for episode in told.episodes]
    assert sorted(found, key=_order) == sorted(expected, key=_order)
    entries = {row["seq"]: row for row in [*rows.legs, *rows.holes]}
    for row in rows.overdraws:
        entry = entries[row["opened_seq"]]
        said = (row["opened_act"], row["opened_by"], row["occurred_at"])
        assert said == (entry["act"], entry["movement"], entry["occurred_at"])


def _order(episode: dict[str, object]) -> tuple[str, int]:
    account, act = episode["account"], episode["opened_act"]
    assert isinstance(account, str)
    assert isinstance(act, int)
    return account, act
