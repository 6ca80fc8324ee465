"""W04: in any order of arrival the end is the same: tickets, totals of every account, open flags."""

import random
from bisect import bisect_right
from datetime import datetime, timedelta
from itertools import count, pairwise, permutations
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from service.actions.sweeps import sweep
from service.actions.tickets import Order, cancel_ticket, extend_ticket, issue_tickets, lose_ticket, refuse_part
from service.actions.weighings import Sent, weigh_all
from service.db import Connection
from service.domain.policies import DEFAULTS
from service.domain.units import Kilograms
from service.domain.weighings import Direction, Record
from service.keys import Purpose
from service.routes.tickets import TicketIn
from tests import cast, yard
from tests.ledger.arrivals import day, end_of, seen_of, told_anyhow
from tests.ledger.returns import Trade
from tests.ledger.stories import Teller, World, any_order, end_of_stories, stock_a_trader
from tests.ledger.test_hot_mine import prepare
from tests.sweeping import lead

pytestmark = pytest.mark.anyio

SCALES = [
    (person.station_id, person.id)
    for person in (cast.BRIDGE_7_DEVICE, cast.PLANT_TWO_DEVICE, cast.STRANGER_DEVICE)
    if person.station_id
]


class OneByOne(random.Random):
    """No record waits for the next one."""

    def random(self) -> float:
        return 1.0


async def lay_out(app: FastAPI) -> None:
    """Two of the stations an hour apart, so that a truck may be too fast; in different counties."""
    async with app.state.database.transaction() as connection:
        for east, (station_id, _) in enumerate(SCALES[:2]):
            await connection.execute(
                "UPDATE station SET latitude = 40.8, longitude = $2, jurisdiction = $3 WHERE id = $1",
                station_id,
                122.5 + east,
                ("210381", "210323")[east],
            )


async def be_strict(app: FastAPI) -> None:
    """A licence that ended yesterday, a quota and a contract that are soon used up."""
    async with app.state.database.transaction() as connection:
        await connection.execute("UPDATE mine SET licence_valid_until = $1", app.state.clock.now() - timedelta(days=1))
        await connection.execute("UPDATE contract SET kg = 200_000")


async def test_w04_a_few_records_in_every_order(app: FastAPI) -> None:
    tickets = await prepare(app, 10_000_000, 2)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    async with app.state.database.pool.acquire() as connection:
        for seed in range(3):
            told = day(random.Random(seed), tickets, SCALES[:2], 4, at=at)
            ends = [
                await end_of(connection, [[one] for one in order], at=at, sign=sign) for order in permutations(told)
            ]
            for end in ends:
                assert end == ends[0], seed


@pytest.mark.parametrize("seed", range(5))
async def test_w04_a_day_in_any_order_cut_anywhere_and_repeated(app: FastAPI, seed: int) -> None:
    """Every flag that a record may raise, with its office, its parties and its facts, and those of quotas, pools and contracts."""
    tickets = await prepare(app, 150_000, 12, "辽C{:05}".format if seed % 2 else lambda n: f"辽C{n // 2:05}")
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    await lay_out(app)
    if seed > 2:
        await be_strict(app)
    rng = random.Random(seed)
    told = day(rng, tickets, SCALES, 60, at=at)
    async with app.state.database.pool.acquire() as connection:
        first = await end_of(connection, told_anyhow(rng, told, repeats=0), at=at, sign=sign)
        for _ in range(3):
            other = await end_of(connection, told_anyhow(rng, told, repeats=20), at=at, sign=sign)
            for name, seen in other.items():
                assert seen == first[name], name


@pytest.mark.parametrize("seed", range(2))
async def test_w04_days_later_with_the_sweeper_between_records_the_end_is_the_same(app: FastAPI, seed: int) -> None:
    """W07, E39: tickets run out, and loads are missed, until their records come; both close themselves then."""
    tickets = await prepare(app, 2_000_000, 24, lambda n: f"辽C{n // 2:05}")
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    await lay_out(app)
    rng, later = random.Random(seed), at + timedelta(days=5)
    told = day(rng, tickets, SCALES, 40, at=at)
    async with app.state.database.pool.acquire() as connection:
        ends = [
            await end_of(connection, told_anyhow(rng, told, repeats=10), at=later, sign=sign, sweeps=rng)
            for _ in range(3)
        ]
    for end in ends[1:]:
        for name, seen in end.items():
            assert seen == ends[0][name], name
    assert "never-weighed" in {row[0] for row in ends[0]["flags"]}


async def test_w04_two_stations_and_one_ticket_in_every_order(app: FastAPI) -> None:
    """E8, E9, E11: both stations weigh the load out while offline, one of them twice; the load arrives, and a part comes back."""
    [(number, plate), *_] = await prepare(app, 10_000_000, 1)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)

    def told(scale: int, sequence: int, direction: Direction, net_kg: int, minute: int, second: int = 0) -> Sent:
        station_id, person_id = SCALES[scale]
        when = at - timedelta(minutes=50 - minute) + timedelta(seconds=second)
        record = Record(
            UUID(int=100 * scale + sequence), sequence, number, direction, plate, 15_000 + net_kg, 15_000, None, when, False, None,
            None, "fresh",
        )  # fmt: skip
        return Sent(station_id, person_id, timedelta(), record)

    story = [
        told(0, 1, Direction.OUT, 31_200, 10),
        told(0, 2, Direction.OUT, 31_210, 10, second=40),
        told(1, 1, Direction.OUT, 30_900, 5),
        told(1, 2, Direction.IN, 30_880, 40),
        told(0, 3, Direction.BACK, 30_850, 45),
    ]
    async with app.state.database.pool.acquire() as connection:
        first = await end_of(connection, [story], at=at, sign=sign)
        assert [row[:3] for row in first["tickets"]] == [(number, "delivered", 30_900)]
        for order in permutations(story):
            assert await end_of(connection, [[one] for one in order], at=at, sign=sign) == first


@pytest.mark.parametrize("seed", range(3))
async def test_w04_what_people_did_to_loads_stands_among_records_in_any_order(
    app: FastAPI, pytestconfig: pytest.Config, seed: int
) -> None:
    """W10, W11, E33, E35, E39: split, closed, refused in part, written off; records before and after, wherever that was lawful."""
    tickets = await prepare(app, 4_000_000, 12)
    at = app.state.clock.now()
    await lay_out(app)
    async with app.state.database.transaction() as connection:
        other = await yard.contract(
            connection, at=at, buyer_id=cast.STRANGER.id, kg=Kilograms(9_000), mine_id=cast.PAIZHAI_MINE
        )
        ids = {row["number"]: row["id"] for row in await connection.fetch("SELECT number, id FROM ticket")}
    orders = 40 if pytestconfig.getoption("--soak") else 4
    async with app.state.database.pool.acquire() as connection:
        named = {number: (ids[number], number, plate) for number, plate in tickets}
        world = World(connection, app.state.keys, at, named, other)
        rng = random.Random(seed)
        teller = Teller(rng, at)
        for number, _ in tickets:
            teller.story(number)
        first = await end_of_stories(world, any_order(rng, teller.steps), rng, is_audited=True)
        for _ in range(orders):
            end = await end_of_stories(world, any_order(rng, teller.steps), rng)
            for name, seen in end.items():
                assert seen == first[name], name


@pytest.mark.parametrize("seed", range(2))
async def test_w04_shared_weighings_and_corrections_stand_in_any_order(
    app: FastAPI, pytestconfig: pytest.Config, seed: int
) -> None:
    """E1, E36, W09: loads of one truck that share a weighing, refused in part, corrected and taken back since."""
    starts = (0, 2, 5, 7)
    tickets = await prepare(app, 4_000_000, 9, lambda n: f"辽E{bisect_right(starts, n):05}")
    at = app.state.clock.now()
    trucks = [[number for number, _ in tickets[start:end]] for start, end in pairwise((*starts, 9))]
    async with app.state.database.transaction() as connection:
        other = await yard.contract(
            connection, at=at, buyer_id=cast.STRANGER.id, kg=Kilograms(9_000), mine_id=cast.PAIZHAI_MINE
        )
        rows = await connection.fetch("SELECT id, number, plate FROM ticket")
    async with app.state.database.pool.acquire() as connection:
        named = {row["number"]: (row["id"], row["number"], row["plate"]) for row in rows}
        world = World(connection, app.state.keys, at, named, other)
        rng = random.Random(seed)
        teller = Teller(rng, at)
        for names in trucks:
            teller.sharing(names)
        first = await end_of_stories(world, any_order(rng, teller.steps), rng, is_audited=True)
        for n in range(40 if pytestconfig.getoption("--soak") else 4):
            end = await end_of_stories(world, any_order(rng, teller.steps), rng, is_audited=n % 10 == 0)
            for name, seen in end.items():
                assert seen == first[name], name


@pytest.mark.parametrize("seed", range(2))
async def test_w04_a_traders_loads_draw_the_same_lots_in_any_order(
    app: FastAPI, pytestconfig: pytest.Config, seed: int
) -> None:
    """R23: under two pledges and beyond them; some come back, are refused, split or lost, or are told by a second scale."""
    await prepare(app, 4_000_000, 1)
    named = await stock_a_trader(app, 6)
    at = app.state.clock.now()
    async with app.state.database.pool.acquire() as connection:
        world = World(connection, app.state.keys, at, named, uuid4())
        rng = random.Random(seed)
        teller = Teller(rng, at)
        for number in named:
            teller.story(number, source=2)
        first = await end_of_stories(world, any_order(rng, teller.steps), rng, is_audited=True)
        for _ in range(40 if pytestconfig.getoption("--soak") else 5):
            end = await end_of_stories(world, any_order(rng, teller.steps), rng)
            for name, seen in end.items():
                assert seen == first[name], name


@pytest.mark.parametrize("seed", range(3))
async def test_w10_what_a_lot_had_when_some_of_it_was_sent_back_is_the_same_in_any_order(
    app: FastAPI, pytestconfig: pytest.Config, seed: int
) -> None:
    """W04, R23: sales out of the lot are told before and after refusals of what came into it, and are refused themselves."""
    await prepare(app, 4_000_000, 1)
    named = await stock_a_trader(app, 5, coming=3)
    at = app.state.clock.now()
    async with app.state.database.pool.acquire() as connection:
        world = World(connection, app.state.keys, at, named, uuid4())
        rng = random.Random(seed)
        trade = Trade(rng, at)
        trade.trade(list(named))
        first = await end_of_stories(world, any_order(rng, trade.steps), rng, is_audited=True)
        assert any(row[:2] == ("lot", cast.PAIZHAI.id) for row in first["totals"]), "some lay there no longer"
        for n in range(40 if pytestconfig.getoption("--soak") else 4):
            end = await end_of_stories(world, any_order(rng, trade.steps), rng, is_audited=n % 10 == 0)
            for name, seen in end.items():
                assert seen == first[name], name


async def test_w10_what_was_sent_back_of_a_lot_while_a_sale_was_away_is_the_same_in_every_order(app: FastAPI) -> None:
    """W04: both come back without a word, told one by one or all at once."""
    await prepare(app, 4_000_000, 1)
    named = await stock_a_trader(app, 1, coming=1)
    at, rng = app.state.clock.now(), random.Random(0)
    stocked, bought, *_, sold = named
    async with app.state.database.pool.acquire() as connection:
        world = World(connection, app.state.keys, at, named, uuid4())
        trade = Trade(rng, at)
        trade.tell(sold, 2, Direction.OUT, 30_720, 257)
        trade.tell(sold, 1, Direction.IN, 30_555, 237)
        trade.tell(stocked, 0, Direction.BACK, 28_990, 225)
        trade.tell(sold, 2, Direction.BACK, 26_951, 162)
        first = await end_of_stories(world, trade.steps, rng, is_audited=True)
        [lot] = [row for row in first["totals"] if row[:3] == ("lot", cast.TRADER.id, "LM46")]
        # All of it was on the road: nothing is cut; 3 769 of the sale stayed away, and 28 990 are a movement of their own.
        assert [int(kg) for kg in lot[-2:]] == [30_000, 3_769 + 28_990]
        for order in permutations(trade.steps):
            end = await end_of_stories(world, order, rng)
            for name, seen in end.items():
                assert seen == first[name], name

        # Of two loads that come back the one did so earlier, says a second scale: less lay there of the other.
        trade = Trade(rng, at)
        told = [
            trade.tell(bought, 0, Direction.OUT, 31_000, 300),
            trade.tell(bought, 2, Direction.IN, 31_000, 290),
            trade.tell(sold, 2, Direction.OUT, 25_000, 280),
            trade.tell(sold, 2, Direction.BACK, 25_000, 120),
            trade.tell(stocked, 0, Direction.BACK, 20_000, 100),
            trade.tell(bought, 0, Direction.BACK, 31_000, 150),
            trade.tell(stocked, 1, Direction.BACK, 20_000, 200),
        ]
        first = await end_of_stories(world, told, OneByOne())
        [lot] = [row for row in first["totals"] if row[:3] == ("lot", cast.TRADER.id, "LM46")]
        assert [int(kg) for kg in lot[-2:]] == [61_000 - 20_000 - 16_000, 15_000], "16 000 of 31 000 lay there"
        for order in ((0, 1, 2, 3, 4, 6, 5), (6, 5, 4, 3, 2, 1, 0), (0, 1, 2, 3, 6, 5, 4)):
            end = await end_of_stories(world, [told[place] for place in order], OneByOne())
            for name, seen in end.items():
                assert seen == first[name], name


async def test_w05_a_lost_load_that_turns_up_was_on_the_road_all_the_time(app: FastAPI) -> None:
    """E39: those that left with its plate meanwhile are flagged, in whatever order the scales tell of it."""
    tickets = await prepare(app, 10_000_000, 3)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    plate, sequences = tickets[0][1], {station: count(1) for station, _ in SCALES}
    async with app.state.database.transaction() as connection:
        await connection.execute("UPDATE ticket SET plate = $1", plate)
        lost_id = await connection.fetchval("SELECT id FROM ticket WHERE number = $1", tickets[0][0])

    def told(place: int, scale: int, direction: Direction, hours: float) -> Sent:
        station_id, person_id = SCALES[scale]
        when = at + timedelta(hours=hours)
        record = Record(
            uuid4(), next(sequences[station_id]), tickets[place][0], direction, plate, 45_000 + place, 15_000, None, when,
            False, None, None, "fresh",
        )  # fmt: skip
        return Sent(station_id, person_id, timedelta(), record)

    left = told(0, 0, Direction.OUT, -1)
    story = [
        told(1, 0, Direction.OUT, 1),
        told(1, 1, Direction.IN, 1.5),
        told(2, 0, Direction.OUT, 2),
        told(0, 1, Direction.IN, 3),
    ]
    ends = []
    async with app.state.database.pool.acquire() as connection:
        for order in permutations(story):
            transaction = connection.transaction()
            await transaction.start()
            await weigh_all(connection, [left], at=at, sign=sign)
            await lose_ticket(connection, lost_id, "途中倾覆", at=at, sign=sign, actor=cast.LI.actor)
            for one in order:
                await weigh_all(connection, [one], at=at + timedelta(hours=4), sign=sign)
            ends.append(await seen_of(connection))
            await transaction.rollback()
    assert [end for end in ends if end != ends[0]] == []
    flagged = [subject for code, _, subject, *_ in ends[0]["flags"] if code == "two-open-tickets"]
    assert flagged == sorted(number for number, _ in tickets[1:])


async def test_w05_a_load_that_arrived_before_it_left_by_the_clocks_was_one_of_two(app: FastAPI) -> None:
    """E13, E40: its plate had another ticket on the road when it left, whichever scale tells last."""
    tickets = await prepare(app, 10_000_000, 2)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    plate, sequences = tickets[0][1], {station: count(1) for station, _ in SCALES}
    async with app.state.database.transaction() as connection:
        await connection.execute("UPDATE ticket SET plate = $1", plate)

    def told(place: int, scale: int, direction: Direction, minutes: int) -> Sent:
        station_id, person_id = SCALES[scale]
        record = Record(
            uuid4(), next(sequences[station_id]), tickets[place][0], direction, plate, 45_000 + place, 15_000, None,
            at - timedelta(minutes=minutes), False, None, None, "fresh",
        )  # fmt: skip
        return Sent(station_id, person_id, timedelta(), record)

    story = [told(0, 0, Direction.OUT, 295), told(0, 1, Direction.IN, 330), told(1, 0, Direction.OUT, 300)]
    async with app.state.database.pool.acquire() as connection:
        ends = [await end_of(connection, [[one] for one in order], at=at, sign=sign) for order in permutations(story)]
    flagged = [[subject for code, _, subject, *_ in end["flags"] if code == "two-open-tickets"] for end in ends]
    assert flagged == [[tickets[0][0]]] * len(ends)

    # What was refused of it is written off, and turns up: its paper is looked for again, where the other has long arrived.
    story = [told(1, 0, Direction.OUT, 300), told(0, 0, Direction.OUT, 295), told(1, 1, Direction.IN, 210)]
    async with app.state.database.transaction() as connection:
        ticket_id = await connection.fetchval("SELECT id FROM ticket WHERE number = $1", tickets[0][0])
        await weigh_all(connection, [*story, told(0, 1, Direction.IN, 200)], at=at, sign=sign)
        await refuse_part(
            connection,
            ticket_id,
            Kilograms(5_000),
            "品位不符",
            at=at,
            sign=sign,
            policies=DEFAULTS,
            actor=cast.LI.actor,
        )
        await lose_ticket(connection, ticket_id, "途中倾覆", at=at, sign=sign, actor=cast.LI.actor)
        await weigh_all(connection, [told(0, 0, Direction.BACK, 100)], at=at, sign=sign)
        flags = (await seen_of(connection))["flags"]
    assert [subject for code, _, subject, *_ in flags if code == "two-open-tickets"] == [tickets[0][0]]


async def test_w04_forty_one_stations_tell_two_thousand_records_in_any_order(
    app: FastAPI, pytestconfig: pytest.Config
) -> None:
    """The whole day of a province, with clocks up to an hour wrong; a fifth of it without --soak."""
    size = 2_000 if pytestconfig.getoption("--soak") else 400
    tickets = await prepare(app, 20_000_000, size // 4)
    await lay_out(app)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    scales = [*SCALES, *[(uuid4(), uuid4()) for _ in range(41 - len(SCALES))]]
    async with app.state.database.transaction() as connection:
        await connection.executemany(
            "INSERT INTO station (id, name, jurisdiction, enterprise_id, created_at) VALUES ($1, $2, '210381', $3, $4)",
            [(station_id, f"磅{n}", cast.PLANT_TWO.id, at) for n, (station_id, _) in enumerate(scales[len(SCALES) :])],
        )
    rng = random.Random(41)
    told = day(rng, tickets, scales, size, at=at)
    async with app.state.database.pool.acquire() as connection:
        first = await end_of(connection, told_anyhow(rng, told, repeats=size // 4), at=at, sign=sign)
        other = await end_of(connection, told_anyhow(rng, told, repeats=size // 4), at=at, sign=sign)
    for name, seen in other.items():
        assert seen == first[name], name
    assert {row[1] for row in first["tickets"]} >= {"delivered", "returned", "out"}


async def test_w05_two_open_tickets_follow_the_papers_and_the_road(app: FastAPI) -> None:
    """W04, E40: two tickets of one plate, told when they were issued, are two no longer when the first has arrived."""
    tickets = await prepare(app, 10_000_000, 2, lambda n: yard.PLATE)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)

    def told(place: int, scale: int, direction: Direction, minutes: int) -> Sent:
        station_id, person_id = SCALES[scale]
        record = Record(
            UUID(int=minutes), 300 - minutes, tickets[place][0], direction, yard.PLATE, 45_000 + place, 15_000, None,
            at - timedelta(minutes=minutes), False, None, None, "fresh",
        )  # fmt: skip
        return Sent(station_id, person_id, timedelta(), record)

    first, second = [told(0, 0, Direction.OUT, 200), told(0, 1, Direction.IN, 150)], told(1, 0, Direction.OUT, 100)
    flagged = dict[str, list[list[str]]]()
    async with app.state.database.pool.acquire() as connection:
        for name, story in {
            "none": [],
            "left": [first[0]],
            "arrived": first,
            "one by one": [*first, second],
            "both left": [first[0], second],
            "the second alone": [second],
            "at once": [*first, told(1, 1, Direction.OUT, 170)],
        }.items():
            flagged[name] = []
            for order in permutations(story):
                end = await end_of(connection, [[one] for one in order], at=at, sign=sign)
                flagged[name].append([subject for code, _, subject, *_ in end["flags"] if code == "two-open-tickets"])
    second_of_two, nobody = [tickets[1][0]], list[str]()
    for name, end in {
        "none": second_of_two,
        "left": second_of_two,
        "arrived": nobody,
        "one by one": nobody,
        "both left": second_of_two,
        "the second alone": second_of_two,
        "at once": second_of_two,
    }.items():
        assert [seen for seen in flagged[name] if seen != end] == [], name


async def test_w05_what_people_do_to_tickets_puts_two_open_ones_right(app: FastAPI) -> None:
    """E4, E37, E38, E39: cancelled, lost, extended, run out; of two that are good one after the other none is told."""
    at, keys = app.state.clock.now(), app.state.keys
    sign, day_long = keys.current(Purpose.LEDGER), timedelta(days=1)

    async def flagged(connection: Connection) -> list[str]:
        flags = (await seen_of(connection))["flags"]
        return [subject for code, _, subject, *_ in flags if code == "two-open-tickets"]

    await prepare(app, 10_000_000, 1)
    async with app.state.database.transaction() as connection:
        await lead(connection)
        contract_id = await connection.fetchval("SELECT contract_id FROM ticket")

        async def issue(starts: datetime) -> tuple[UUID, str]:
            body = yard.ticket_in(contract_id, starts, valid_until=(starts + timedelta(hours=8)).isoformat())
            order = Order(cast.PAIZHAI_CLERK.actor, TicketIn.model_validate(body).wish())
            [id_] = await issue_tickets(connection, [order], at=at, keys=keys)
            assert isinstance(id_, UUID)
            return id_, await connection.fetchval("SELECT number FROM ticket WHERE id = $1", id_)

        (first, _), (second, number) = await issue(at), await issue(at)
        assert await flagged(connection) == [number]
        await cancel_ticket(connection, first, "改日再运", at=at, actor=cast.LI.actor)
        assert await flagged(connection) == []

        third, third_number = await issue(at)
        assert await flagged(connection) == [third_number]
        await lose_ticket(connection, second, "途中遗失", at=at, sign=sign, actor=cast.LI.actor)
        assert await flagged(connection) == []

        _, later = await issue(at + day_long)
        assert await flagged(connection) == []
        await extend_ticket(
            connection, third, at + 2 * day_long, "道路封闭", at=at, keys=keys, policies=DEFAULTS, actor=cast.LI.actor
        )
        assert await flagged(connection) == [later]
        assert await sweep(connection, DEFAULTS, at=at + 4 * day_long)
        assert await flagged(connection) == []
