"""What a plant does with its lots (P02)."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.weighings import end_act, reckon_sent_back
from service.db import Connection
from service.domain import runs
from service.domain.alerts import Alert, Flag
from service.domain.changes import Void
from service.domain.investigations import check_free
from service.domain.ledger import AccountKey, AccountKind
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import NotFound
from service.domain.registry import RUNNING
from service.domain.runs import Books, Line, Run
from service.domain.units import Kilograms, shanghai_day, start_of
from service.store import alerts, audits, contracts, investigations, ledger, lots, pledges
from service.store import runs as store
from service.store.accounts import open_accounts
from service.store.ledger import Signer


async def file_run(
    connection: Connection,
    run: Run,
    *,
    at: datetime,
    sign: Signer,
    policies: Policies = DEFAULTS,
    actor: Actor,
) -> tuple[UUID, bool]:
    """File what a line made of some lots; gives the run and whether it is new (P01, P02).

    1. The line says how the ore is shared out, whether it runs at all, and what yield is to be expected.
    2. The run is known by its firm and number: the same again says nothing new.
    3. Under the head's lock each lot must have what went in: nothing is made of ore that nobody has.
    4. The lots go into the run's account and the run's into its products, as one act.
    """
    if actor.enterprise_id is None or actor.enterprise_id != run.enterprise_id:
        raise NotFound
    if run.ran_on > shanghai_day(at):
        raise runs.RunInFuture(ran_on=run.ran_on)
    line = await store.share_line(connection, run.line_id, run.enterprise_id)
    if line is None:
        raise runs.UnknownRunLine(line_id=str(run.line_id))
    run = runs.settle(run, line)
    if (found := await store.find_by_number(connection, run.enterprise_id, run.number)) is not None:
        return _sent_again(found, run), False

    run_id, output_ids = uuid7(), [uuid7() for _ in run.outputs]
    named = [part.lot_id for part in run.inputs]
    check_free(named, await investigations.held(connection, named, shanghai_day(at)))
    books = await _open(connection, run, run_id, output_ids)
    fact = runs.fact_of_run(run, at)
    movements = runs.movements(run, run_id, books, iter(uuid7, None), fact, filed_at=at)
    flags = _flags(run, line, policies)
    is_new = await store.add_run(
        connection,
        run_id,
        run,
        line,
        books.run,
        flags=flags,
        movement_ids=[movement.id for movement in movements],
        fact=fact,
        person_id=actor.person_id,
        at=at,
    )
    if not is_new:
        standing = await store.find_by_number(connection, run.enterprise_id, run.number)
        assert standing is not None, "the number was taken by a run that is there"
        return _sent_again(standing, run), False
    await ledger.lock_head(connection, at=at)
    await _check_free(connection, run, books)

    await store.add_products(connection, run_id, run, output_ids, books, at=at)
    act = ledger.Revision(at=at, sign=sign)
    await act.make(connection, movements)
    stirred: dict[int | AccountKey, datetime] = dict.fromkeys(books.lots.values(), movements[0].occurred_at)
    await reckon_sent_back(connection, stirred, run_id, act=act, at=at, policies=policies)
    await end_act(connection, act, at=at)
    await _alert(connection, run_id, run, line, flags, at=at)
    await audits.note(connection, "runs.file", run_id, {"in_kg": run.in_kg}, at=at, actor=actor)
    return run_id, True


async def void_run(
    connection: Connection,
    run_id: UUID,
    reason: str,
    *,
    at: datetime,
    sign: Signer,
    policies: Policies,
    actor: Actor,
) -> None:
    """Take a run back as a whole: its lots have their ore again; products that were passed on lose their origin (W09)."""
    run = None if actor.enterprise_id is None else await store.lock_run(connection, run_id, actor.enterprise_id)
    if run is None:
        raise NotFound
    if run["voided_at"] is not None:
        raise runs.RunVoided

    fact = runs.fact_of_void(run_id, reason, at)
    act = ledger.Revision(at=at, sign=sign)
    await act.make(connection, [Void(run["movement_ids"], at, fact)])
    await store.void_run(connection, run_id, reason, at=at)
    stirred = dict.fromkeys(run["lots"], start_of(run["ran_on"]))
    await reckon_sent_back(connection, stirred, run_id, act=act, at=at, policies=policies)
    await end_act(connection, act, at=at)
    settled = [(flag, "run", str(run_id)) for flag in (Flag.YIELD_OUT_OF_BAND, Flag.STOPPED_PLANT)]
    await alerts.settle_alerts(connection, settled, at=at)
    await audits.note(connection, "runs.void", run_id, {"reason": reason}, at=at, actor=actor)


def _sent_again(found: tuple[UUID, Run], run: Run) -> UUID:
    run_id, standing = found
    if standing != run:
        raise runs.RunNumberTaken(run_id=str(run_id))
    return run_id


async def _open(connection: Connection, run: Run, run_id: UUID, output_ids: list[UUID]) -> Books:
    """The accounts of a run, opened before the head is locked; raises UnknownInput for a lot of somebody else's."""
    wanted = {part.lot_id for part in run.inputs}
    held = await lots.held_by(connection, wanted, run.enterprise_id)
    if unknown := sorted(str(lot_id) for lot_id in wanted - held.keys()):
        raise runs.UnknownInput(lots=unknown)
    firm, year = run.enterprise_id, run.ran_on.year
    own = AccountKey(AccountKind.RUN, owner_id=firm, document_id=run_id, year=year)
    lost = AccountKey(AccountKind.LOST, owner_id=firm, year=year)
    gained = AccountKey(AccountKind.GAINED, owner_id=firm, year=year)
    products = [
        AccountKey(AccountKind.PRODUCT, owner_id=firm, document_id=output_id, grade=output.name, year=year)
        for output_id, output in zip(output_ids, run.outputs, strict=True)
    ]
    opened = await open_accounts(connection, [own, lost, gained, *products])
    return Books(held, opened[own], [opened[product] for product in products], opened[lost], opened[gained])


async def _check_free(connection: Connection, run: Run, books: Books) -> None:
    taken: dict[UUID, int] = {}
    for part in run.inputs:
        taken[part.lot_id] = taken.get(part.lot_id, 0) + part.kg
    balances = await ledger.balances(connection, [books.lots[lot_id] for lot_id in taken])
    pledged = await pledges.pledged_of(connection, list(taken))
    for lot_id, kg in taken.items():
        free_kg = balances[books.lots[lot_id]].stock_kg - pledged[lot_id]
        if kg > free_kg:
            raise runs.LotHasLess(lot_id=str(lot_id), kg=Kilograms(kg), free_kg=max(0, free_kg))


def _flags(run: Run, line: Line, policies: Policies) -> list[Flag]:
    found = (
        (Flag.STOPPED_PLANT, line.status != RUNNING),
        (Flag.YIELD_OUT_OF_BAND, runs.is_out_of_band(run, line, policies)),
    )
    return [flag for flag, is_found in found if is_found]


async def _alert(
    connection: Connection, run_id: UUID, run: Run, line: Line, flags: list[Flag], *, at: datetime
) -> None:
    if not flags:
        return
    firms = await contracts.find_firms(connection, [run.enterprise_id])
    facts = {
        "number": run.number,
        "line_id": line.id,
        "status": line.status,
        "in_kg": run.in_kg,
        "product_kg": run.product_kg,
        "ore_per_product": line.ore_per_product,
    }
    await alerts.open_alerts(
        connection,
        [
            Alert(
                flag,
                "run",
                str(run_id),
                firms[run.enterprise_id].jurisdiction,
                (run.enterprise_id,),
                start_of(run.ran_on),
                facts,
            )
            for flag in flags
        ],
        at=at,
    )
