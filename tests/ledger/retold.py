"""Histories of records played for real, batch by batch, and held to what the oracle says of them without their repeats."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from service.actions import weighings
from service.actions.tickets import Order, issue_tickets
from service.actions.weighings import Sent, Weighed
from service.db import Connection
from service.domain.alerts import Flag
from service.domain.changes import ClawBack
from service.domain.ledger import AccountKey, AccountKind, TooMuchTakenBack
from service.domain.units import Kilograms
from service.domain.weighings import (
    Direction,
    IdReused,
    NotCorrectable,
    NothingToCorrect,
    Record,
    Status,
    WeighingIsVoid,
)
from service.keys import KeyRing
from service.routes.tickets import TicketIn
from service.store import ledger
from service.store.accounts import open_accounts
from tests import cast, yard
from tests.ledger import deeds
from tests.ledger.books import KEY, movement
from tests.ledger.laws import SEEN, check_acts, check_episodes, check_evidence, check_loose, law
from tests.ledger.repeats import LOT, POOL, QUOTA, TICKETS, Book, Correct, Office, Step, TakeBack, Tell
from tests.ledger.rows import Rows, read

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
STATIONS = {
    Direction.OUT: cast.BRIDGE_7_DEVICE,
    Direction.IN: cast.PLANT_TWO_DEVICE,
    Direction.BACK: cast.BRIDGE_7_DEVICE,
}
NAMES = ["issue", POOL, QUOTA, LOT, *(f"load {ticket}" for ticket in range(TICKETS))]


@dataclass
class Yard:
    """Where the histories are played: a mine's tickets, and the accounts that quota goes through."""

    tickets: list[tuple[str, str]]
    accounts: dict[str, int]


async def lay_out(connection: Connection, folder: Path) -> Yard:
    """The cast, a contract and its tickets; nothing has moved yet."""
    await cast.enter(connection)
    contract_id = await yard.contract(connection, at=NOON)
    orders = [
        Order(
            cast.PAIZHAI_CLERK.actor,
            TicketIn.model_validate(yard.ticket_in(contract_id, NOON, plate=f"辽C{n:05}")).wish(),
        )
        for n in range(TICKETS)
    ]
    await issue_tickets(connection, orders, at=NOON, keys=KeyRing.open(folder, NOON))
    rows = await connection.fetch("SELECT number, plate, account FROM ticket ORDER BY id")
    keys = {
        "issue": AccountKey(AccountKind.ISSUE, jurisdiction="210000", year=2026),
        POOL: AccountKey(AccountKind.POOL, jurisdiction="210381", year=2026),
        QUOTA: AccountKey(AccountKind.QUOTA, owner_id=cast.PAIZHAI_MINE, year=2026),
        LOT: AccountKey(AccountKind.LOT, owner_id=cast.PLANT_TWO.id, document_id=contract_id, grade="LM46", year=2026),
    }
    opened = await open_accounts(connection, list(keys.values()))
    loads = {f"load {ticket}": row["account"] for ticket, row in enumerate(rows)}
    return Yard([(row["number"], row["plate"]) for row in rows], {name: opened[keys[name]] for name in keys} | loads)


@dataclass
class Play:
    """One history on its way: what each record heard first, and which movement of the book is which of the oracle's."""

    connection: Connection
    yard: Yard
    over: dict[int, bool] = field(default_factory=dict)  # the oracle's: whether a movement goes beyond the quota
    first: dict[int, Weighed] = field(default_factory=dict)
    numbers: dict[UUID, int] = field(default_factory=dict)

    async def act(self, book: Book) -> None:
        """Send the records in batches; everything else ends a batch."""
        for batch in _batches(book):
            if isinstance(batch[0].do, Tell):
                await self._tell(batch)
            else:
                await self._do(batch[0])

    async def _tell(self, batch: list[Step]) -> None:
        sent = [self._sent(step.do) for step in batch if isinstance(step.do, Tell)]
        answers = await weighings.weigh_all(self.connection, sent, at=NOON, sign=KEY)
        for step, answer in zip(batch, answers, strict=True):
            assert isinstance(step.do, Tell)
            if step.refusal is not None:
                assert (answer.status, type(answer.refusal)) == (Status.REFUSED, step.refusal)
                assert not answer.movement_ids
                continue
            first = self.first.setdefault(step.do.number, answer)
            if step.is_again:
                assert (answer.status, answer.duplicate_of) == (Status.DUPLICATE, first.id)
                assert list(answer.movement_ids) == list(first.movement_ids)
                assert list(answer.flags) == list(first.flags)
                continue
            assert (answer.status, answer.duplicate_of) == (Status.ACCEPTED, None)
            [movement_id] = answer.movement_ids
            if isinstance(step.deed, deeds.Move):
                [(number, *_)] = step.deed.movements
                self.numbers[movement_id] = number
                if step.do.direction is Direction.OUT:
                    assert (Flag.QUOTA_OVERDRAWN in answer.flags) == self.over[number]

    async def _do(self, step: Step) -> None:
        why: dict[str, Any] = {"at": NOON, "sign": KEY}
        try:
            match step.do:
                case Correct(number, kg):
                    id_ = await self._weighing(number)
                    await weighings.correct_weighing(
                        self.connection, id_, 15_000 + kg, 15_000, "读错一位", actor=cast.LI.actor, **why
                    )
                case TakeBack(number):
                    await weighings.void_weighing(
                        self.connection, await self._weighing(number), "误录", actor=cast.LI.actor, **why
                    )
                case Office(deeds.Move(movements)):
                    accounts = self.yard.accounts
                    posted = [
                        movement(number, accounts[source], accounts[target], kg, act=movements[0][0])
                        for number, source, target, kg, _ in movements
                    ]
                    self.numbers |= {each.id: each.id.int for each in posted}
                    await ledger.append(self.connection, posted, **why)
                case Office(deeds.ClawBack(number, kg)):
                    claw = ClawBack(UUID(int=number), Kilograms(kg), NOON, bytes(32))
                    await ledger.revise(self.connection, [claw], **why)
        except TooMuchTakenBack:  # of which the oracle knows, too
            return
        except (WeighingIsVoid, NothingToCorrect, NotCorrectable) as refusal:
            assert type(refusal) is step.refusal  # noqa: PT017 - what is done otherwise is not refused, and is asserted below
            return
        assert step.refusal is None
        if isinstance(step.do, Correct) and isinstance(step.deed, deeds.Replace):
            [movement_id] = await self.connection.fetchval(
                "SELECT movement_ids FROM weighing_version WHERE weighing_id = $1 ORDER BY version DESC LIMIT 1",
                await self._weighing(step.do.number),
            )
            self.numbers[movement_id] = step.deed.new[0]

    def _sent(self, told: Tell) -> Sent:
        station = STATIONS[told.direction]
        number, plate = self.yard.tickets[told.ticket]
        assert station.station_id is not None
        record = Record(
            UUID(int=told.number), told.number, number, told.direction, plate, 15_000 + told.kg, 15_000, None,
            NOON - timedelta(minutes=300 - 2 * told.minute), False, None, None, "fresh",
        )  # fmt: skip
        return Sent(station.station_id, station.id, timedelta(), record)

    async def _weighing(self, number: int) -> UUID:
        id_: UUID = await self.connection.fetchval("SELECT id FROM weighing WHERE record_id = $1", UUID(int=number))
        return id_


def _batches(book: Book) -> Iterator[list[Step]]:
    batch: list[Step] = []
    for step, is_cut in zip(book.steps, book.cuts, strict=True):
        if not isinstance(step.do, Tell):
            if batch:
                yield batch
            yield [step]
            batch = []
            continue
        batch.append(step)
        if is_cut:
            yield batch
            batch = []
    if batch:
        yield batch


async def check_told(connection: Connection, yard: Yard, book: Book) -> None:
    """Play a history with its repeats, and hold the rows to what the oracle says of it without them; leaves nothing behind."""
    meant = [step.deed for step in book.steps if step.deed is not None]
    told = deeds.tell(meant, NAMES)
    play = Play(connection, yard)
    for deed, answers in zip(meant, told.answers, strict=True):
        if isinstance(deed, deeds.Move):
            play.over |= {
                number: answer.over_kg > 0 for (number, *_), answer in zip(deed.movements, answers, strict=True)
            }
    names = {account: name for name, account in yard.accounts.items()}
    transaction = connection.transaction()
    await transaction.start()
    try:
        with law("a repeat hears what its record heard first"):
            await play.act(book)
        rows = await read(connection)
        with law("leaves, roots and signatures bind the rows"):
            await check_evidence(connection, rows)
        with law("a record is kept once, and what was refused is kept"):
            kept = [step.do for step in book.steps if isinstance(step.do, Tell)]
            refused = {step.do for step in book.steps if step.refusal is IdReused}
            assert await connection.fetchval("SELECT count(*) FROM weighing") == len({each.number for each in kept})
            assert await connection.fetchval("SELECT count(*) FROM weighing_refusal") == len(refused)
    finally:
        await transaction.rollback()
    rows = _in_the_oracles_words(rows, play.numbers)
    painted = check_acts(rows, told, names, set())
    with law("accounts with open places are known"):
        check_loose(rows, painted, yard.accounts)
    with law("episodes are of acts"):
        check_episodes(rows, told, names)
    SEEN.update(_count(book))


def _in_the_oracles_words(rows: Rows, numbers: dict[UUID, int]) -> Rows:
    """Movements by the numbers that the oracle knows them by."""

    def named(row: dict[str, Any]) -> dict[str, Any]:
        ids = {name: row[name] for name in ("movement", "opened_by", "covered_by") if row.get(name)}
        return row | {name: UUID(int=numbers[id_]) for name, id_ in ids.items()}

    return replace(
        rows, **{name: [named(row) for row in getattr(rows, name)] for name in ("legs", "holes", "overdraws")}
    )


def _count(book: Book) -> Counter[str]:
    again = [step for step in book.steps if step.is_again]
    return Counter(
        {
            "histories of records": 1,
            "records": sum(isinstance(step.do, Tell) and not step.is_again for step in book.steps),
            "repeats": sum(step.refusal is not IdReused for step in again),
            "ids reused": sum(step.refusal is IdReused for step in again),
        }
    )
