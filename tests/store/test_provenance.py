"""Walks of the ledger against a book that is painted kilogram by kilogram from the same rows."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.db import STEADILY, Connection, Database
from service.domain.changes import Void
from service.domain.ledger import AccountKey, AccountKind
from service.domain.provenance import Ending, Fragment, Interval, PartsDoNotAddUpError, shares
from service.store import ledger, provenance
from service.store.accounts import keys_of, open_accounts
from tests.ledger.acts import CAST, COUNTY, GUANMENSHAN, ISSUE, LOTS, PAIZHAI, history
from tests.ledger.books import KEY, MORNING, account, movement
from tests.ledger.deeds import BOUNDARIES

pytestmark = pytest.mark.anyio

Cell = tuple[int, int]


@dataclass
class Painted:
    """The last word on every kilogram's place, painted row by row."""

    kinds: dict[int, AccountKind]
    came: dict[Cell, tuple[Cell, UUID] | None] = field(default_factory=dict)
    went: dict[Cell, tuple[Cell, UUID] | None] = field(default_factory=dict)

    @classmethod
    async def read(cls, connection: Connection, kinds: dict[int, AccountKind], as_of: int) -> "Painted":
        painted = cls(kinds)
        rows = [*await connection.fetch("SELECT * FROM leg"), *await connection.fetch("SELECT * FROM hole")]
        for row in sorted(rows, key=lambda row: row["seq"]):
            if row["seq"] > as_of:
                break
            if row.get("side"):
                for place in range(row["lo"], row["hi"]):
                    (painted.came if row["side"] == "in" else painted.went)[row["account"], place] = None
                continue
            for n in range(row["target_kg"]):
                source, target = (row["source"], row["source_lo"] + n), (row["target"], row["target_lo"] + n)
                painted.came[target] = source, row["movement"]
                painted.went[source] = target, row["movement"]
        return painted

    def origin(self, start: Cell, *, to_the_province: bool = False) -> tuple[Ending, Cell, UUID | None]:
        at = start
        while True:
            word = self.came.get(at)
            if word is None:
                return Ending.DEBT, at, None
            source, movement = word
            kind = self.kinds[source[0]]
            if kind in BOUNDARIES:
                return Ending(kind.value), source, movement
            if kind is AccountKind.POOL and self.kinds[at[0]] is AccountKind.QUOTA and not to_the_province:
                return Ending.TRANCHE, at, movement
            if source == start:
                return Ending.CIRCLE, source, movement
            at = source

    def rest(self, start: Cell) -> tuple[Ending, Cell, UUID | None]:
        at = start
        while (word := self.went.get(at)) is not None:
            at, movement = word
            if at == start:
                return Ending.CIRCLE, at, movement
        return Ending.REST, at, None

    def live(self, side: str, account: int) -> list[int]:
        painted = self.came if side == "in" else self.went
        return sorted(place for (at, place), word in painted.items() if at == account and word is not None)


def cells(fragments: list[Fragment]) -> list[tuple[int | None, tuple[Ending, Cell, UUID | None]]]:
    """Fragments, one kilogram at a time."""
    return [
        (
            fragment.start + n if fragment.start is not None else None,
            (fragment.ending, (fragment.place.account, fragment.place.lo + n), fragment.movement),
        )
        for fragment in fragments
        for n in range(fragment.kg)
    ]


@pytest.mark.parametrize("seed", range(25))
async def test_walks_find_what_the_painted_book_shows(connection: Connection, seed: int) -> None:
    rnd = random.Random(seed)
    by_key = await open_accounts(connection, CAST)
    ids = [by_key[key] for key in CAST]
    kinds = {by_key[key]: key.kind for key in CAST}
    sizes = await history(connection, rnd, ids, 45)

    for size in {sizes[-1], *rnd.sample(sizes, 4)}:
        painted = await Painted.read(connection, kinds, size)
        as_of = None if size == sizes[-1] else size
        inside = ids[1:]
        asked = [Interval(each, rnd.randint(0, 3), 60) for each in inside if kinds[each] not in BOUNDARIES]
        back = await provenance.trace_all_back(connection, asked, as_of)
        to_the_province = await provenance.trace_all_back(connection, asked, as_of, to_the_province=True)
        forward = await provenance.trace_all_forward(connection, asked, as_of)
        for interval, low, high, ahead in zip(asked, back, to_the_province, forward, strict=True):
            places = [(interval.account, place) for place in range(interval.lo, interval.hi)]
            assert cells(list(low.fragments)) == [(place[1], painted.origin(place)) for place in places]
            assert cells(list(high.fragments)) == [
                (place[1], painted.origin(place, to_the_province=True)) for place in places
            ]
            assert cells(list(ahead.fragments)) == [(place[1], painted.rest(place)) for place in places]
        come = await provenance.received(connection, inside, as_of)
        gone = await provenance.let_out(connection, inside, as_of)
        stock = await provenance.in_stock(connection, inside, as_of)
        for each in inside:
            live_in, live_out = painted.live("in", each), painted.live("out", each)
            assert [n for part in come[each] for n in range(part.lo, part.hi)] == live_in
            assert [n for part in gone[each] for n in range(part.lo, part.hi)] == live_out
            assert [n for part in stock[each] for n in range(part.lo, part.hi)] == sorted(set(live_in) - set(live_out))
        held = await provenance.holders(connection, ids[2:4], as_of)
        assert sum(share.kg for share in held) == sum(len(painted.live("out", each)) for each in ids[2:4])


async def cast(connection: Connection, *keys: AccountKey) -> list[int]:
    found = await open_accounts(connection, keys)
    return [found[key] for key in keys]


async def test_a_delivery_is_traced_to_tranches_and_up_to_the_provinces_act(connection: Connection) -> None:
    province, load = AccountKey(AccountKind.POOL, jurisdiction="210000", year=2026), account(AccountKind.LOAD, 1)
    issue, top, county, paizhai, load_1, lot, lost = await cast(
        connection, ISSUE, province, COUNTY, PAIZHAI, load, LOTS[0], account(AccountKind.LOST, 1)
    )
    await ledger.append(
        connection,
        [
            movement(1, issue, top, 900_000_000),
            movement(2, top, county, 500_000_000),
            movement(3, county, paizhai, 20_000),
            movement(4, county, paizhai, 191_000_000),
            movement(5, paizhai, load_1, 31_200),
            movement(6, load_1, lot, 31_140),
            movement(7, load_1, lost, 60),
        ],
        at=MORNING,
        sign=KEY,
    )

    (delivered,) = (await provenance.deliveries(connection, [UUID(int=6)]))[UUID(int=6)]
    fragments = await provenance.trace_back(connection, delivered.account, delivered.lo, delivered.hi)

    assert [(each.kg, each.ending, each.movement, each.place.account, each.beyond) for each in fragments] == [
        (20_000, Ending.TRANCHE, UUID(int=3), paizhai, county),
        (11_140, Ending.TRANCHE, UUID(int=4), paizhai, county),
    ]
    above = await provenance.trace_back(connection, delivered.account, delivered.lo, delivered.hi, to_the_province=True)
    assert [(each.kg, each.ending, each.place.account) for each in above] == [(31_140, Ending.ISSUE, issue)]
    lineage = await provenance.lineage(connection, [[delivered]], most=9)
    assert lineage.parts == [shares(fragments)]
    assert [(flow.movement.int, flow.target_kg) for flow in lineage.flows] == [
        (1, 31_140), (2, 31_140), (3, 20_000), (4, 11_140), (5, 31_140), (6, 31_140),
    ]  # fmt: skip
    known = await keys_of(connection, [paizhai, issue])
    assert known == {paizhai: PAIZHAI, issue: ISSUE}
    rests = await provenance.holders(connection, [paizhai])
    assert [(share.account, share.kg) for share in rests] == [(lot, 31_140), (lost, 60)]


async def test_no_walk_reads_all_holes_of_an_account(connection: Connection) -> None:
    """Two thousand loads were taken back; what a walk reads grows with what it finds, not with those."""
    a, b, c = await cast(connection, *LOTS[:3])
    came = [movement(number, a, b, 10) for number in range(1, 4_001)]
    went = [movement(5_000 + number, b, c, 10) for number in range(1, 4_001)]
    await ledger.append(connection, [*came, *went], at=MORNING, sign=KEY)
    for batch in (came, went):
        odd = [each.id for each in batch[::2]]
        await ledger.revise(connection, [Void(odd, MORNING, bytes(32))], at=MORNING, sign=KEY)
    await ledger.append(connection, [movement(9_001, a, b, 5_000)], at=MORNING, sign=KEY)

    for sentence, walked, more in (("trace_back", b, "false, false"), ("trace_forward", b, f"false, {2**31 - 1}")):
        asked = f"'{{{walked}}}', '{{39000}}', '{{39040}}', {2**63 - 1}, {more}".split(", ")
        text = provenance.SQL[sentence]
        for number, value in reversed(list(enumerate(asked, 1))):
            text = text.replace(f"${number}", value)
        await connection.execute(STEADILY)
        (plan,) = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}")
        assert removed(plan["Plan"]) < 200, sentence


def removed(plan: dict[str, Any]) -> float:
    """How many rows a plan read and did not need."""
    here = plan.get("Rows Removed by Filter", 0) * plan["Actual Loops"]
    return here + sum(removed(below) for below in plan.get("Plans", []))


async def test_what_was_known_then_is_found_by_time(connection: Connection) -> None:
    issue, county = await cast(connection, ISSUE, COUNTY)
    for number in range(3):
        at = MORNING + timedelta(hours=number)
        await ledger.append(connection, [movement(number + 1, issue, county, 10)], at=at, sign=KEY)

    assert await provenance.size_at(connection, MORNING - timedelta(seconds=1)) == 0
    assert await provenance.size_at(connection, MORNING + timedelta(hours=1, seconds=1)) == 2


async def test_a_circle_has_no_origin_and_an_honest_resale_has(connection: Connection) -> None:
    county, paizhai, a, b, c = await cast(connection, COUNTY, PAIZHAI, *LOTS[:3])
    await ledger.append(
        connection,
        [
            movement(1, a, b, 5),
            movement(2, b, a, 5),
            movement(3, county, paizhai, 7),
            movement(4, paizhai, b, 7),
            movement(5, b, c, 7),
            movement(6, c, b, 7),
        ],
        at=MORNING,
        sign=KEY,
    )

    circular = await provenance.trace_back(connection, a, 0, 5)
    assert [(each.kg, each.ending) for each in circular] == [(5, Ending.CIRCLE)]
    (resold,) = (await provenance.lineage(connection, [(await provenance.in_stock(connection, [b]))[b]])).parts
    assert [(each.kg, each.ending, each.movement) for each in resold] == [(7, Ending.TRANCHE, UUID(int=3))]


async def test_a_product_is_made_of_all_its_ore_and_no_more(connection: Connection) -> None:
    county, paizhai, guanmenshan, lot, run, product = await cast(
        connection, COUNTY, PAIZHAI, GUANMENSHAN, LOTS[0], account(AccountKind.RUN), account(AccountKind.PRODUCT)
    )
    await ledger.append(
        connection,
        [
            movement(1, county, paizhai, 3),
            movement(2, paizhai, lot, 3),
            movement(3, county, guanmenshan, 7),
            movement(4, guanmenshan, lot, 7),
            movement(5, lot, run, 10),
        ],
        at=MORNING,
        sign=KEY,
    )
    await connection.execute(
        """INSERT INTO leg VALUES
        (6, 6, gen_random_uuid(), $1, 0, 10, $2, 0, 4, 0, 0, FALSE, FALSE, now(), sha256('1'), sha256('2'))""",
        run,
        product,
    )

    parts = [await provenance.trace_back(connection, product, n, n + 1) for n in range(4)]
    assert [[(each.kg, each.place.account) for each in fragments] for fragments in parts] == [
        [(2, paizhai)],
        [(1, paizhai), (2, guanmenshan)],
        [(2, guanmenshan)],
        [(3, guanmenshan)],
    ]
    (whole,) = await provenance.trace_all_back(connection, [Interval(product, 0, 4)])
    assert (whole.ore_kg, whole.proven_kg, whole.unproven_kg) == (10, 10, 0)
    made = await provenance.trace_forward(connection, lot, 2, 4)
    assert [(each.start, each.kg, each.ending, each.place, each.runs) for each in made] == [
        (2, 2, Ending.REST, Interval(product, 1, 2), (run,))
    ]


async def test_no_answer_is_given_from_a_broken_book(connection: Connection) -> None:
    county, paizhai, lot = await cast(connection, COUNTY, PAIZHAI, LOTS[0])
    await ledger.append(
        connection, [movement(1, county, paizhai, 9), movement(2, paizhai, lot, 9)], at=MORNING, sign=KEY
    )
    await connection.execute(
        """INSERT INTO leg VALUES
        (3, 3, gen_random_uuid(), $1, 20, 3, $2, 5, 3, 0, 0, FALSE, FALSE, now(), sha256('1'), sha256('2'))""",
        paizhai,
        lot,
    )

    with pytest.raises(PartsDoNotAddUpError):
        await provenance.trace_back(connection, lot, 0, 9)
    with pytest.raises(PartsDoNotAddUpError):
        await provenance.lineage(connection, [[Interval(lot, 0, 9)]])
    with pytest.raises(PartsDoNotAddUpError):
        await provenance.holders(connection, [paizhai])


async def test_of_nothing_there_is_no_lineage(connection: Connection) -> None:
    assert (await provenance.lineage(connection, [[]])).parts == [[]]


@pytest.mark.parametrize("name", ["trace_back", "trace_forward"])
async def test_a_walk_that_was_planned_on_an_empty_book_goes_by_index(committed: Database, name: str) -> None:
    """In a database of its own: one in which others have rolled back is vacuumed at some time, and no longer as new."""
    kind, value = ("boolean", "FALSE") if name == "trace_back" else ("integer", "9")
    async with committed.transaction() as connection:
        await connection.execute(STEADILY)
        await connection.execute(
            f"PREPARE walk (bigint[], bigint[], bigint[], bigint, boolean, {kind}) AS {provenance.SQL[name]}"
        )

        plan = await connection.fetch(f"EXPLAIN EXECUTE walk ('{{1}}', '{{0}}', '{{9}}', 5, FALSE, {value})")

    lines = [row[0] for row in plan]
    assert any("Index" in line and "on leg" in line for line in lines)
    assert sum("hole_by_length" in line for line in lines) == 1
    assert sum("hole_by_place" in line for line in lines) == 2
    assert not [line for line in lines if "Seq Scan" in line or "Hash Join" in line or "Merge Join" in line]
