"""What the ledger does for a batch of weighings, step by step."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from service.actions.overdraws import EVER, report_overdraws
from service.db import Connection
from service.domain import ledger
from service.domain.changes import Change, ClawBack, GiveBack, Replace, Void
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.units import Kilograms
from service.domain.values import dataclass
from service.domain.weighings import Leg
from service.store.accounts import open_accounts
from service.store.ledger import Memory, Posted, Revision, Signer, Writing, append, revise
from service.store.lots import open_lots


@dataclass(frozen=True, slots=True)
class Move:
    """A leg of a record or a deed, before its accounts are known."""

    movement_id: UUID
    act: UUID
    leg: Leg
    occurred_at: datetime
    fact: bytes
    in_place_of: UUID | None = None  # a movement whose places it takes (W09)


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Kilograms to be struck: a record, a correction or a deed has shown that they never moved, or came back."""

    act: UUID
    change: Void | GiveBack | ClawBack


Step = Move | TakeBack


@dataclass(frozen=True, slots=True)
class Done:
    """What the posting of steps has found: what lay beyond, by movement, and how often something had been sent back (W10)."""

    over_kg: Mapping[UUID, int]
    sent_back: int | None  # None: nothing was posted, or the head was locked before


async def post_steps(
    connection: Connection,
    steps: Sequence[Step],
    writing: Writing | None = None,
    *,
    at: datetime,
    sign: Signer,
    memory: Memory | None = None,
) -> Done:
    """Post the steps in order, and report the overdraws that they open and close; what else is to be written is before."""
    changes = await _changes_of(connection, steps, at)
    if not changes or not all(isinstance(change, Movement) for change in changes):
        memory = None  # it is for who posts once
        if writing is not None:
            await writing.write(connection)
            writing = None
    draws_since = min(_moments_of_quota(steps), default=None)
    over_kg: dict[UUID, Kilograms] = {}
    waiting: list[Movement] = []
    sent_back: int | None = None

    async def keep(posted: Posted) -> None:
        nonlocal sent_back
        sent_back = posted.sent_back
        over_kg.update(posted.over_kg)
        await report_overdraws(connection, posted, at=at, draws_since=draws_since)

    async def flush() -> None:
        if waiting:
            await keep(await append(connection, waiting, at=at, sign=sign, memory=memory, writing=writing))
            waiting.clear()

    for _, of_act in groupby(zip(steps, changes, strict=True), key=lambda pair: pair[0].act):
        act = [change for _, change in of_act]
        movements = [change for change in act if isinstance(change, Movement)]
        if len(movements) == len(act):
            waiting += movements
        else:
            await flush()
            await keep(await revise(connection, act, at=at, sign=sign))
    await flush()
    return Done(over_kg, sent_back)


async def take_steps(
    connection: Connection, steps: Sequence[Step], writing: Writing | None = None, *, act: Revision, at: datetime
) -> Done:
    """Take the steps as a part of an act that is under way; what else is to be written is before."""
    if writing is not None:
        await writing.write(connection)
    was_open = act.head is not None
    if steps:
        await act.make(connection, await _changes_of(connection, steps, at))
    over_kg: Counter[UUID] = Counter()
    for row in act.rows:
        if isinstance(row, ledger.Leg):
            over_kg[row.movement] += row.over_kg
    return Done(over_kg, None if was_open or act.head is None else act.head.sent_back)


async def end_act(connection: Connection, act: Revision, *, at: datetime) -> None:
    """End an act to which no more steps belong, and report the overdraws that it opens and closes."""
    posted = await act.seal(connection)
    if posted is not None:
        await report_overdraws(connection, posted, at=at, draws_since=EVER)


def _moments_of_quota(steps: Iterable[Step]) -> Iterator[datetime]:
    """The moments of loads that are drawn on a quota, or may be given back to one."""
    for step in steps:
        if isinstance(step, TakeBack):
            yield EVER
        elif step.leg.draws_on_quota:
            yield step.occurred_at


async def _changes_of(connection: Connection, steps: Iterable[Step], at: datetime) -> list[Change]:
    """The steps as changes of the ledger's, with their accounts opened."""
    keys = {account for step in steps if isinstance(step, Move) for account in (step.leg.source, step.leg.target)}
    wanted = {key for key in keys if isinstance(key, AccountKey)}
    lots = {key for key in wanted if key.kind is AccountKind.LOT}
    accounts = await open_accounts(connection, wanted - lots) if wanted - lots else {}
    if lots:
        accounts |= {key: account for key, (_, account) in (await open_lots(connection, lots, at)).items()}

    def change_of(step: Step) -> Change:
        if isinstance(step, TakeBack):
            return step.change
        source, target = (
            accounts[account] if isinstance(account, AccountKey) else account
            for account in (step.leg.source, step.leg.target)
        )
        movement = Movement(step.movement_id, step.act, source, target, step.leg.kg, step.occurred_at, step.fact)
        return movement if step.in_place_of is None else Replace(step.in_place_of, movement)

    return [change_of(step) for step in steps]
