"""Loads on which people have acted by hand, told in any order in which they could have done so (W04, W10, W11)."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI

from service.actions.lots import watch_refused_lots
from service.actions.tickets import (
    Order,
    Truck,
    apportion_weighing,
    close_ticket,
    issue_tickets,
    lose_ticket,
    redirect_ticket,
    refuse_part,
    split_ticket,
)
from service.actions.tickets.diverting import Diversion
from service.actions.weighings import Sent, correct_weighing, void_weighing, weigh_all
from service.db import Connection
from service.domain.policies import DEFAULTS
from service.domain.proofs import Named
from service.domain.tickets import Wish
from service.domain.units import Kilograms
from service.domain.weighings import Direction, Record
from service.keys import KeyRing, Purpose
from service.routes.tickets import TicketIn
from service.verify.database import verify
from tests import cast, yard
from tests.ledger.arrivals import acts_of, seen_of

YARD = UUID(int=77)  # the trader's
SCALES = [
    *((person.station_id, person.id) for person in (cast.BRIDGE_7_DEVICE, cast.PLANT_TWO_DEVICE) if person.station_id),
    (YARD, UUID(int=78)),
]
WHY = "途中处置"
CLOCKS = timedelta(minutes=2)
"""A load may be refused so much earlier than the scale says that it came."""


@dataclass(slots=True)
class World:
    """Where a history is played: the tickets so far, by the names that the stories give them."""

    connection: Connection
    keys: KeyRing
    at: datetime
    tickets: dict[str, tuple[UUID, str, str]]  # id, number, plate
    other_contract_id: UUID
    now: datetime = datetime.max.replace(tzinfo=UTC)  # when what happens next is written down


@dataclass(slots=True, eq=False)
class Step:
    """What happens once: a record that a scale tells, or a deed; after one of some steps, and before all of others."""

    ticket: str
    do: Callable[[World], Sent | Awaitable[None]]
    at: datetime | None = None  # None: at any time
    is_deed: bool = False
    after: list[list["Step"]] = field(default_factory=list)  # one of each
    before: list["Step"] = field(default_factory=list)


class Teller:
    """Makes stories: each station counts its own records, each record has its name for ever."""

    def __init__(self, rng: random.Random, at: datetime) -> None:
        self.rng, self.at = rng, at
        self._numbers = dict.fromkeys((station for station, _ in SCALES), 0)
        self.steps: list[Step] = []
        self.of_a_mine: set[str] = set()  # what comes out of stock is redirected whole only

    def tell(self, ticket: str, scale: int, direction: Direction, net_kg: int, minutes: int) -> Step:
        """A record, so many minutes ago."""
        station, person = SCALES[scale]
        self._numbers[station] += 1
        number, id_ = self._numbers[station], UUID(int=self.rng.getrandbits(128))
        when = self.at - timedelta(minutes=minutes)

        def sent(world: World) -> Sent:
            _, named, plate = world.tickets[ticket]
            record = Record(
                id_, number, named, direction, plate, 15_000 + net_kg, 15_000, None, when, False, None, None, "fresh",
            )  # fmt: skip
            return Sent(station, person, timedelta(), record)

        return self._keep(Step(ticket, sent, when))

    def deed(
        self,
        ticket: str,
        do: Callable[[World], Awaitable[None]],
        after: list[list[Step]],
        before: list[Step],
        at: datetime | None = None,
    ) -> Step:
        """What somebody does to a ticket, when it is lawful; at a time, else when all of this is over."""
        return self._keep(Step(ticket, do, at or self.at, True, after, before))

    def _keep(self, step: Step) -> Step:
        self.steps.append(step)
        return step

    def story(self, name: str, source: int = 0) -> None:
        """One load: weighed out by one scale or by two, then something is done to it, then it goes on."""
        rng = self.rng
        out_kg = rng.randrange(28_000, 33_000)
        if not source:
            self.of_a_mine.add(name)
        outs = [self.tell(name, source, Direction.OUT, out_kg, rng.randrange(300, 310))]
        if rng.random() < 0.8:
            outs.append(self.tell(name, 1, Direction.OUT, out_kg + rng.randrange(-900, 900), rng.randrange(299, 312)))
        kind = rng.choice(["split", "split", "close", "split-all", "lost", "refused", "refused", "refused-all", ""])
        ins = []
        if kind not in ("split-all",) and (kind.startswith("refused") or rng.random() < 0.7):
            ins = [
                self.tell(name, 1, Direction.IN, out_kg - rng.randrange(0, 300), rng.randrange(200, 240))
                for _ in range(rng.choice([1, 1, 2]))
            ]
        backs = self._back(name, source) if rng.random() < 0.4 else []
        if kind.startswith("refused"):
            self.refused(name, outs, ins, backs, 27_000 if kind == "refused-all" else rng.randrange(3_000, 9_000))
        elif kind == "lost":
            self.deed(name, _lose(name), [outs], [*ins, *backs])
        elif kind:
            self._split(name, kind, out_kg, outs, [*ins, *backs])

    def sharing(self, names: Sequence[str]) -> None:
        """Several loads on one truck, weighed in together under the first one's ticket, which is then shared (E36)."""
        rng = self.rng
        named, *others = names
        outs = {}
        for name in names:
            out_kg = rng.randrange(8_000, 12_000)
            outs[name] = [self.tell(name, 0, Direction.OUT, out_kg, rng.randrange(300, 310))]
            if rng.random() < 0.5:
                outs[name].append(self.tell(name, 1, Direction.OUT, out_kg - 500, rng.randrange(299, 312)))
        whole_kg = 10_000 * len(names) + rng.randrange(-3_000, 3_000)
        ins = [
            self.tell(
                named, 1, Direction.IN, whole_kg - 400 * n, rng.randrange(200, 240) if rng.random() < 0.8 else 330
            )
            for n in range(rng.choice([1, 2, 3]))
        ]
        backs = {name: self._back(name, 0) if rng.random() < 0.4 else [] for name in names}
        late = {
            name: [self.tell(name, 1, Direction.IN, 9_000 + 100 * n, rng.randrange(200, 330))]
            if rng.random() < 0.4
            else []
            for n, name in enumerate(others)
        }

        async def share(world: World) -> None:
            sign, ids = world.keys.current(Purpose.LEDGER), [world.tickets[name][0] for name in names]
            await apportion_weighing(
                world.connection, ids[0], ids[1:], WHY, at=world.at, sign=sign, policies=DEFAULTS,
                actor=cast.PLANT_CLERK.actor,
            )  # fmt: skip

        later = [step for name in names for step in [*backs[name], *late.get(name, [])]]
        shared = self.deed(named, share, [*outs.values(), ins], later)
        for name in names:
            if rng.random() < 0.4:
                self.refused(name, [shared], [shared], backs[name], rng.randrange(2_000, 5_000))
        self._correct(outs[rng.choice(names)][0], rng.randrange(7_000, 13_000))
        self._correct(ins[0], whole_kg + 200 + 400 * rng.randrange(-4, 4))  # like no other record's
        for told in [*outs.values(), ins]:
            if len(told) > 1 and rng.random() < 0.4:
                self._void(told[1], told)

    def _back(self, name: str, source: int) -> list[Step]:
        return [self.tell(name, source, Direction.BACK, 5_000, self.rng.randrange(100, 120))]

    def _correct(self, told: Step, net_kg: int) -> None:
        """Somebody says later what a scale should have said."""

        async def correct(world: World) -> None:
            sign, id_ = world.keys.current(Purpose.LEDGER), await _weighing(world, told)
            await correct_weighing(
                world.connection, id_, 15_000 + net_kg, 15_000, WHY, at=world.now, sign=sign, actor=cast.LI.actor
            )

        self._keep(Step(told.ticket, correct, None, True, [[told]]))

    def _void(self, wrong: Step, told: Sequence[Step]) -> None:
        """Somebody takes a record back of which there is another."""

        async def void(world: World) -> None:
            sign, id_ = world.keys.current(Purpose.LEDGER), await _weighing(world, wrong)
            await void_weighing(world.connection, id_, WHY, at=world.now, sign=sign, actor=cast.LI.actor)

        self._keep(Step(wrong.ticket, void, None, True, [[one] for one in told]))

    def refused(
        self, name: str, outs: list[Step], ins: list[Step], backs: list[Step], kg: int, then: str | None = None
    ) -> None:
        """So much of a load is refused; what becomes of that?"""

        async def refuse(world: World) -> None:
            sign, actor = world.keys.current(Purpose.LEDGER), cast.PLANT_CLERK.actor
            ticket_id = world.tickets[name][0]
            await refuse_part(
                world.connection, ticket_id, Kilograms(kg), WHY, at=world.at, sign=sign, policies=DEFAULTS, actor=actor
            )

        refused = self.deed(name, refuse, [outs, ins], backs)
        if then is None:
            then = self.rng.choice(["", "", "lost", "redirected" if name in self.of_a_mine else ""])
        if then == "lost":
            self.deed(name, _lose(name), [[refused]], backs)
        elif then == "redirected":
            self.deed(name, _redirect(name), [[refused]], backs)
            self._child(f"{name}/other", [step for step in self.steps if step.ticket == name][-1])

    def _split(self, name: str, kind: str, out_kg: int, outs: list[Step], later: list[Step]) -> None:
        whole = out_kg - 900 if kind == "split-all" else self.rng.randrange(8_000, 20_000)
        parts = [whole // 3, whole - whole // 3]
        names = [f"{name}/{place}" for place in range(2)]

        async def split(world: World) -> None:
            trucks = [
                Truck(f"辽D{world.tickets[name][2][-4:]}{place}", Kilograms(kg)) for place, kg in enumerate(parts)
            ]
            ids = await split_ticket(
                world.connection, world.tickets[name][0], trucks, WHY, at=world.at, keys=world.keys, actor=cast.LI.actor
            )
            for child, id_, truck in zip(names, ids, trucks, strict=True):
                number = await world.connection.fetchval("SELECT number FROM ticket WHERE id = $1", id_)
                world.tickets[child] = (id_, number, truck.plate)

        split_step = self.deed(name, split, [outs], later)
        for child in names:
            self._child(child, split_step)
        if kind == "close":
            self.deed(name, _close(name), [[split_step]], later)

    def _child(self, child: str, after: Step) -> None:
        rng = self.rng
        ins = [
            self.tell(child, 1, Direction.IN, rng.randrange(2_000, 9_000), rng.randrange(150, 190))
            for _ in range(rng.choice([0, 1, 1, 2]))
        ]
        if not ins and rng.random() < 0.4:
            self.tell(child, 0, Direction.BACK, 2_500, rng.randrange(90, 200))
        for step in self.steps:
            if step.ticket == child:
                step.after = [[after]]
        if not ins and rng.random() < 0.5:
            self.deed(child, _lose(child), [[after]], [step for step in self.steps if step.ticket == child])


async def _weighing(world: World, told: Step) -> UUID:
    sent = told.do(world)
    assert isinstance(sent, Sent), "a scale told it"
    id_: UUID = await world.connection.fetchval(
        "SELECT id FROM weighing WHERE station_id = $1 AND record_id = $2", sent.station_id, sent.record.id
    )
    return id_


def _lose(name: str) -> Callable[[World], Awaitable[None]]:
    async def lose(world: World) -> None:
        sign = world.keys.current(Purpose.LEDGER)
        await lose_ticket(world.connection, world.tickets[name][0], WHY, at=world.at, sign=sign, actor=cast.LI.actor)

    return lose


def _close(name: str) -> Callable[[World], Awaitable[None]]:
    async def close(world: World) -> None:
        sign = world.keys.current(Purpose.LEDGER)
        await close_ticket(
            world.connection,
            world.tickets[name][0],
            WHY,
            at=world.at,
            sign=sign,
            policies=DEFAULTS,
            actor=cast.LI.actor,
        )

    return close


def _redirect(name: str) -> Callable[[World], Awaitable[None]]:
    async def redirect(world: World) -> None:
        going = Diversion(world.other_contract_id, cast.STRANGER_GATE, WHY)
        child_id = await redirect_ticket(
            world.connection, world.tickets[name][0], going, at=world.at, keys=world.keys, policies=DEFAULTS,
            actor=cast.PAIZHAI_CLERK.actor,
        )  # fmt: skip
        number = await world.connection.fetchval("SELECT number FROM ticket WHERE id = $1", child_id)
        world.tickets[f"{name}/other"] = (child_id, number, world.tickets[name][2])

    return redirect


def any_order(rng: random.Random, steps: Sequence[Step]) -> list[Step]:
    """An order in which each deed is lawful when it is done, and nothing is told before it happens, but for scales' clocks."""
    waiting, done = list(steps), []
    rng.shuffle(waiting)
    while waiting:
        step = next(
            one
            for one in waiting
            if all(any(first in done for first in firsts) for firsts in one.after)
            and not any(one in later.before or _is_over(later, one) for later in waiting)
        )
        waiting.remove(step)
        done.append(step)
        if rng.random() < 0.5:
            rng.shuffle(waiting)
    return done


def _is_over(deed: Step, step: Step) -> bool:
    """Whether a deed was done when a step happened."""
    if not deed.is_deed or deed.at is None or step.at is None:
        return False
    return deed.at < (step.at if step.is_deed else step.at - CLOCKS)


async def end_of_stories(
    world: World, order: Sequence[Step], rng: random.Random, *, is_audited: bool = False
) -> dict[str, Any]:
    """What there is to see when all has happened; nothing of it stays."""
    transaction = world.connection.transaction(isolation="repeatable_read")  # as the audit asks
    await transaction.start()
    named = dict(world.tickets)
    try:
        await play(world, order, rng)
        if is_audited:
            found = await verify(world.connection, world.keys.public_keys(Purpose.LEDGER), lambda _: None)
            assert found == [], found
        return await seen_of(world.connection)
    finally:
        world.tickets = named
        await transaction.rollback()


async def play(world: World, order: Sequence[Step], rng: random.Random) -> None:
    """Have all happen in this order, cut anywhere."""
    sign, batch = world.keys.current(Purpose.LEDGER), list[Sent]()
    for place, step in enumerate([*order, None]):
        later = (one.at for one in order[place:] if one.is_deed and one.at is not None)
        world.now = next(later, world.at)
        found = step.do(world) if step is not None else None
        if isinstance(found, Sent):
            batch.append(found)
            if rng.random() < 0.6:
                continue
        if batch:
            async with acts_of(world.connection, len(batch)):
                await weigh_all(world.connection, batch, at=world.now, sign=sign)
            batch = []
        if found is not None and not isinstance(found, Sent):
            async with acts_of(world.connection, 1):
                await found
    await watch_refused_lots(world.connection, at=world.at)  # as the sweeper does


async def stock_a_trader(app: FastAPI, count: int, coming: int = 0) -> dict[str, tuple[UUID, str, str]]:
    """A trader with 30 t of each of two grades, pledged in turn under one contract; its tickets by their numbers.

    More loads may be coming into these lots: then the tickets of all that came or comes there, too, grade by grade.
    """
    named: dict[str, tuple[UUID, str, str]] = {}
    at, keys = app.state.clock.now(), app.state.keys
    sign = keys.current(Purpose.LEDGER)
    async with app.state.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO station (id, name, jurisdiction, enterprise_id, created_at) VALUES ($1, '贸易场磅', '210381', $2, $3)",
            YARD,
            cast.TRADER.id,
            at,
        )
        for number, grade in enumerate(("LM46", "LM45")):
            bought = await yard.contract(
                connection, at=at, buyer_id=cast.TRADER.id, grade=grade, mine_id=cast.PAIZHAI_MINE
            )
            wish = yard.ticket_in(bought, at, grade=grade, plate=f"辽E0000{number}", destination_station_id=str(YARD))
            await issue_tickets(connection, [Order(cast.PAIZHAI_CLERK.actor, _wish(wish))], at=at, keys=keys)
            first = await connection.fetchval("SELECT number FROM ticket ORDER BY id DESC LIMIT 1")
            for (station, person), direction in ((SCALES[0], Direction.OUT), (SCALES[2], Direction.IN)):
                record = Record(
                    uuid4(), 1_000_000 + number, first, direction, wish["plate"], 45_000, 15_000, None,
                    at - timedelta(hours=6), False, None, None, "fresh",
                )  # fmt: skip
                sent = Sent(station, person, timedelta(), record)
                await weigh_all(connection, [sent], at=record.weighed_at, sign=sign)
            for n in range(coming):
                wish = yard.ticket_in(
                    bought, at, grade=grade, plate=f"辽G{number}{n:04}", destination_station_id=str(YARD)
                )
                await issue_tickets(connection, [Order(cast.PAIZHAI_CLERK.actor, _wish(wish))], at=at, keys=keys)
            rows = await connection.fetch(
                "SELECT id, number, plate FROM ticket WHERE contract_id = $1 ORDER BY id", bought
            )
            named |= {row["number"]: (row["id"], row["number"], row["plate"]) for row in rows[not coming :]}
        lots = [
            row["id"]
            for row in await connection.fetch("SELECT id FROM lot WHERE holder_id = $1 ORDER BY id", cast.TRADER.id)
        ]
        proof = tuple(Named(lot, Kilograms(30_000)) for lot in lots)
        sold = await yard.contract(connection, at=at, seller_id=cast.TRADER.id, mine_id=None, proof=proof)
        wishes = [
            _wish(yard.ticket_in(sold, at, plate=f"辽F{n:05}", source_station_id=str(YARD))) for n in range(count)
        ]
        await issue_tickets(connection, [Order(cast.TRADER_CLERK.actor, wish) for wish in wishes], at=at, keys=keys)
        rows = await connection.fetch("SELECT id, number, plate FROM ticket WHERE contract_id = $1 ORDER BY id", sold)
        return named | {row["number"]: (row["id"], row["number"], row["plate"]) for row in rows}


def _wish(body: dict[str, Any]) -> Wish:
    return TicketIn.model_validate(body).wish()
