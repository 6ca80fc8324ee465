"""W05: two open tickets of one plate are told for as long as that is so, in whatever order it is told."""

from datetime import datetime, timedelta
from itertools import count, permutations
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
from tests.ledger.arrivals import SCALES, end_of, seen_of
from tests.ledger.test_hot_mine import prepare
from tests.sweeping import lead

pytestmark = pytest.mark.anyio


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
