"""What quota there is, who holds it and what has become of it: now, or as it was known at a time."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain import quotas
from service.domain.allotments import PROVINCE, HolderKind
from service.domain.ledger import AccountKey, AccountKind
from service.domain.places import Places
from service.domain.policies import Policies
from service.domain.quotas import (
    Cap,
    CapChange,
    Excess,
    ExcessChange,
    Figures,
    Holding,
    Node,
    Overcommitment,
    Place,
    Pool,
    PoolEpisode,
    Window,
    below,
    chain,
    excesses,
    pool_episodes,
)
from service.domain.refusals import NotFound
from service.domain.units import Kilograms, shanghai_year, start_of
from service.store import ledger, provenance, tickets
from service.store.accounts import find_accounts
from service.store.provenance import Moment
from service.store.sentences import sentences

SQL = sentences("quotas")


@dataclass(frozen=True, slots=True)
class Account:
    """One quota account of a holder: what it got, what left it and what it owes; not opened yet where last year's tickets hold."""

    id: int | None
    earmark: str | None
    figures: Figures
    overdrawn_kg: int


@dataclass(frozen=True, slots=True)
class Tranche:
    """An allotment that a mine holds, with what of it has been weighed out, what still stands of it, and when it ends."""

    row: Record
    standing_kg: int
    spent_kg: int
    exhausted_on: date | None


@dataclass(frozen=True, slots=True)
class MineQuota:
    """All that is to be said of one mine's quota of a year."""

    figures: Figures
    overdrawn_kg: int
    suspense_kg: int
    accounts: Sequence[Account]
    tranches: Sequence[Tranche]
    overdraws: Sequence[Record]
    jurisdiction: str


async def places_of(connection: Connection, holders: Collection[UUID]) -> dict[UUID, str]:
    """The jurisdiction in which each of some mines, projects and declared stocks lies."""
    rows = await connection.fetch(SQL["holders"], None, None, list(holders), None)
    return {row["id"]: row["jurisdiction"] for row in rows}


async def tree(
    connection: Connection,
    year: int,
    window: Window | None,
    *,
    area: str | None,
    enterprise_id: UUID | None,
    past: Moment | None,
    at: datetime,
) -> Node:
    """The quota tree as an office of an area sees it, with the chain above it, or an enterprise: its own holders only."""
    rows = await connection.fetch(SQL["holders"], None, enterprise_id, None, past and past.at)
    accounts = await _accounts(connection, [row["id"] for row in rows], year, window, past, at=at)
    contracted = await _contracted(connection, [row["id"] for row in rows], year, past)
    places = {row["code"]: Place(**row) for row in await connection.fetch(SQL["places"])}
    holdings = [
        Holding(
            kind=HolderKind(row["kind"]),
            id=row["id"],
            name=row["name"],
            jurisdiction=row["jurisdiction"],
            figures=_sum(accounts[row["id"]], contracted.get(row["id"], 0)),
            overdrawn_kg=sum(account.overdrawn_kg for account in accounts[row["id"]]),
        )
        for row in rows
    ]
    pools = None if enterprise_id else await _pools(connection, places, year, rows, accounts, past)
    episodes = None if enterprise_id else await _episodes(connection, year, past)
    return quotas.tree(places, pools, holdings, area=area or "", episodes=episodes)


async def _pools(
    connection: Connection,
    codes: Collection[str],
    year: int,
    holders: Sequence[Record],
    accounts: Mapping[UUID, Sequence[Account]],
    past: Moment | None,
) -> dict[str, Pool]:
    """What jurisdictions got for a year and allotted of it; those that got nothing are left out (R06)."""
    act = AccountKey(AccountKind.ISSUE, jurisdiction=PROVINCE, year=year)
    keys = {code: AccountKey(AccountKind.POOL, jurisdiction=code, year=year) for code in codes}
    ids = await find_accounts(connection, [act, *keys.values()])
    balances = await ledger.balances(connection, ids.values(), as_of=_size(past))
    straight = await _straight(connection, holders, accounts, past)
    pools = {}
    for code, key in keys.items():
        balance = balances.get(ids.get(key, -1))
        got_kg, allotted_kg = (balance.in_kg, balance.out_kg) if balance else (0, 0)
        if code == PROVINCE and act in ids:
            # What the province issued to cities in one act never lay in its own pool.
            issued_kg = balances[ids[act]].out_kg
            got_kg, allotted_kg = issued_kg, allotted_kg + issued_kg - got_kg
        # Nor did what a holder got straight from above lie in the pools between.
        got_kg, allotted_kg = got_kg + straight[code], allotted_kg + straight[code]
        if got_kg:
            pools[code] = Pool(got_kg, allotted_kg)
    return pools


async def _straight(
    connection: Connection,
    holders: Sequence[Record],
    accounts: Mapping[UUID, Sequence[Account]],
    past: Moment | None,
) -> Counter[str]:
    """What projects and declared stocks got of pools above their own, by the jurisdictions that were passed over (R03)."""
    places = {
        account.id: holder["jurisdiction"]
        for holder in holders
        if holder["kind"] != HolderKind.MINE
        for account in accounts[holder["id"]]
        if account.id is not None
    }
    kg: Counter[str] = Counter()
    for row in await connection.fetch(SQL["came_from_pools"], list(places), _size(past)) if places else ():
        for code in below(row["giver"], places[row["account"]]):
            kg[code] += row["kg"]
    return kg


async def pool_kg(connection: Connection, jurisdiction: str, year: int) -> Kilograms:
    """What a pool has left to give; under the head's lock nobody else takes it (R06)."""
    ids = await find_accounts(connection, [AccountKey(AccountKind.POOL, jurisdiction=jurisdiction, year=year)])
    balances = await ledger.balances(connection, ids.values())
    return Kilograms(sum(balance.stock_kg - balance.debt_kg for balance in balances.values()))


async def keep_excesses(connection: Connection, since: int, *, at: datetime) -> list[ExcessChange]:
    """Write by how much caps are exceeded, for each change that the log's entries after the first `since` made to it (R06, O02).

    Call it under the head's lock, once for these entries; gives the changes.
    """
    changes: defaultdict[int, defaultdict[str, list[CapChange]]] = defaultdict(lambda: defaultdict(list))
    for row in await connection.fetch(SQL["cap_changes"], since, PROVINCE):
        facts = (row["seq"], row["act"], row["movement"], row["cause"], row["occurred_at"])
        place, kg, codes = row["jurisdiction"], row["kg"], [row["jurisdiction"]]
        is_use = row["is_quota"] and row["giver"] is None
        if row["is_quota"]:
            codes = chain(place) if is_use else below(row["giver"], place)
        change = CapChange(*facts, out_kg=kg) if is_use else CapChange(*facts, got_kg=kg)
        for code in codes:
            changes[row["year"]][code].append(change)
    told = []
    for year, by_place in sorted(changes.items()):
        caps = await _caps(connection, by_place, year)
        rows = await connection.fetch(SQL["last_excess"], sorted(by_place), year)
        of_year = [one for code, last_kg in rows for one in excesses(caps[code], last_kg, by_place[code])]
        columns = zip(*(_columns_of(one) for one in of_year), strict=True)
        if of_year:
            await connection.execute(SQL["keep_excesses"], year, at, *columns)
        told += of_year
    return told


def _columns_of(told: ExcessChange) -> tuple[object, ...]:
    by = told.by
    return told.cap.jurisdiction, told.seq, told.cap.over_kg, by.movement, by.cause, by.occurred_at


async def _caps(connection: Connection, codes: Collection[str], year: int) -> dict[str, Cap]:
    rows = await connection.fetch(SQL["holders"], None, None, None, None)
    accounts = await _balances(connection, [row["id"] for row in rows], year, None)
    out_kg: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        gone_kg = sum(account.figures.out_kg for account in accounts[row["id"]])
        for code in chain(row["jurisdiction"]):
            out_kg[code] += gone_kg
    pools = await _pools(connection, codes, year, rows, accounts, None)
    return {code: Cap(code, year, pools.get(code, Pool()).got_kg, out_kg[code]) for code in codes}


async def some_were_charged(connection: Connection, since: int) -> bool:
    """Whether what quotas owed of a year, from this one on, was charged to the year after (E28)."""
    was: bool = await connection.fetchval(SQL["some_were_charged"], since)
    return was


async def hold_promises(connection: Connection, holders: Collection[UUID]) -> None:
    """Let nobody else look at what these mines, projects and declared stocks promise before this transaction ends (O01)."""
    await connection.fetch(SQL["hold_promises"], list(holders))


async def commitments(
    connection: Connection, holders: Collection[UUID], year: int, policies: Policies
) -> list[Overcommitment]:
    """What mines, projects and declared stocks have let out and promised against all that they can still get (O01)."""
    rows = await connection.fetch(SQL["ceilings"], list(holders), year)
    accounts = await _balances(connection, holders, year, None)
    contracted = await _contracted(connection, holders, year, None)
    return [
        Overcommitment(
            kind=HolderKind(row["kind"]),
            id=row["id"],
            enterprise_id=row["enterprise_id"],
            jurisdiction=row["jurisdiction"],
            year=year,
            figures=_sum(accounts[row["id"]], contracted.get(row["id"], 0)),
            room_kg=quotas.room_kg(row["most_kg"], row["given_kg"], policies),
        )
        for row in rows
    ]


async def mine_quota(
    connection: Connection,
    mine_id: UUID,
    year: int,
    window: Window | None,
    *,
    area: str | None,
    enterprise_id: UUID | None,
    past: Moment | None,
    at: datetime,
) -> MineQuota:
    """A mine's quota of a year, if it lies in the area or belongs to the enterprise; raises NotFound (O01, O04)."""
    rows = await connection.fetch(SQL["holders"], area, enterprise_id, [mine_id], past and past.at)
    if [row["kind"] for row in rows] != [HolderKind.MINE]:
        raise NotFound
    accounts = (await _accounts(connection, [mine_id], year, window, past, at=at))[mine_id]
    contracted = await _contracted(connection, [mine_id], year, past)
    ids = [account.id for account in accounts if account.id is not None]
    return MineQuota(
        jurisdiction=rows[0]["jurisdiction"],
        figures=_sum(accounts, contracted.get(mine_id, 0)),
        overdrawn_kg=sum(account.overdrawn_kg for account in accounts),
        suspense_kg=await _suspense(connection, mine_id, year, past),
        accounts=[account for account in accounts if account.figures != Figures()],
        tranches=await _tranches(connection, mine_id, year, accounts, window, past),
        overdraws=await (
            connection.fetch(SQL["overdraws_at"], ids, past.at, past.size)
            if past
            else connection.fetch(SQL["overdraws"], ids)
        ),
    )


async def drawn(
    connection: Connection, holders: Collection[UUID], year: int, past: Moment
) -> dict[UUID, tuple[Figures, int]]:
    """What holders got for a year and let out of it, and what they owe; without what is held, or promised, of it."""
    accounts = await _balances(connection, holders, year, past)
    return {holder: (_sum(own, 0), sum(account.overdrawn_kg for account in own)) for holder, own in accounts.items()}


async def _episodes(connection: Connection, year: int, past: Moment | None) -> dict[str, list[PoolEpisode]]:
    changes: defaultdict[str, list[Excess]] = defaultdict(list)
    for row in await connection.fetch(SQL["excesses"], year, past and past.at):
        facts = (row["over_kg"], row["movement"], row["cause"], row["occurred_at"], row["recorded_at"])
        changes[row["jurisdiction"]].append(Excess(*facts))
    return {code: pool_episodes(of_code) for code, of_code in changes.items()}


async def _balances(
    connection: Connection, owners: Collection[UUID], year: int, past: Moment | None
) -> dict[UUID, list[Account]]:
    rows = await connection.fetch(SQL["quota_accounts"], list(owners), year)
    ids = [row["id"] for row in rows]
    balances = await ledger.balances(connection, ids, as_of=_size(past))
    # What its buyer had in stock comes back as a movement of its own (W10): it has not left, and nobody issued it.
    back = {row["account"]: row["kg"] for row in await connection.fetch(SQL["came_back"], ids, _size(past))}
    accounts: dict[UUID, list[Account]] = {owner: [] for owner in owners}
    for row in rows:
        balance, back_kg = balances[row["id"]], back.get(row["id"], 0)
        figures = Figures(issued_kg=balance.in_kg - back_kg, out_kg=balance.out_kg - back_kg)
        accounts[row["owner_id"]].append(Account(row["id"], row["earmark"], figures, balance.debt_kg))
    return accounts


async def _accounts(
    connection: Connection,
    owners: Collection[UUID],
    year: int,
    window: Window | None,
    past: Moment | None,
    *,
    at: datetime,
) -> dict[UUID, list[Account]]:
    """The quota accounts of holders, with what open tickets hold of each, and what left each lately."""
    accounts = await _balances(connection, owners, year, past)
    ids = [account.id for own in accounts.values() for account in own if account.id is not None]
    this_year = shanghai_year(past.at if past else at)
    rows = await (
        connection.fetch(SQL["held_at"], list(owners), year, this_year, past.at)
        if past
        else connection.fetch(SQL["held"], list(owners), year, this_year)
    )
    held = {(row["owner_id"], row["earmark"]): row["kg"] for row in rows}
    lately = await _lately(connection, ids, window, past)
    found = {
        owner: [
            replace(
                account,
                figures=account.figures
                + Figures(held_kg=held.pop((owner, account.earmark), 0), lately_kg=lately.get(account.id or 0, 0)),
            )
            for account in own
        ]
        for owner, own in accounts.items()
    }
    for (owner, earmark), kg in held.items():
        found[owner].append(Account(None, earmark, Figures(held_kg=kg), 0))
    return found


async def _lately(
    connection: Connection, accounts: Collection[int], window: Window | None, past: Moment | None
) -> Mapping[int, int]:
    if window is None:
        return {}
    since = start_of(window.first)
    size = provenance.NOW if past is None else past.size
    rows = await connection.fetch(
        SQL["lately"], list(accounts), since, await provenance.size_at(connection, since), size
    )
    return {row["account"]: row["kg"] for row in rows}


async def _contracted(
    connection: Connection, holders: Collection[UUID], year: int, past: Moment | None
) -> Mapping[UUID, int]:
    if past is None:
        rows = await connection.fetch(SQL["contracted"], list(holders), year)
        return {row["source_id"]: row["kg"] for row in rows}
    promises = await connection.fetch(SQL["contracted_at"], list(holders), year, past.at)
    shipped = await tickets.shipped_at(connection, [promise["id"] for promise in promises], past)
    kg: defaultdict[UUID, int] = defaultdict(int)
    for promise in promises:
        kg[promise["source_id"]] += max(0, promise["kg"] - shipped.get(promise["id"], 0))
    return kg


async def _suspense(connection: Connection, owner_id: UUID, year: int, past: Moment | None) -> int:
    ids = await find_accounts(connection, [AccountKey(AccountKind.SUSPENSE, owner_id=owner_id, year=year)])
    balances = await ledger.balances(connection, ids.values(), as_of=_size(past))
    return sum(balance.out_kg - balance.in_kg for balance in balances.values())


async def _tranches(
    connection: Connection,
    mine_id: UUID,
    year: int,
    accounts: Sequence[Account],
    window: Window | None,
    past: Moment | None,
) -> list[Tranche]:
    rows = await connection.fetch(SQL["tranches"], mine_id, year, past and past.at)
    size = _size(past)
    ids = [account.id for account in accounts if account.id is not None]
    came = await provenance.deliveries(connection, [row["id"] for row in rows], size)
    lies = await provenance.in_stock(connection, ids, size)
    stock = {account: Places((span.lo, span.hi) for span in spans) for account, spans in lies.items()}
    standing = [sum(part.kg for part in came[row["id"]]) for row in rows]
    spent = [
        sum(quotas.spent_kg([(part.lo, part.hi)], stock.get(part.account, Places())) for part in came[row["id"]])
        for row in rows
    ]
    ends: dict[UUID, date | None] = {}
    for account in accounts:
        own = [number for number, row in enumerate(rows) if row["earmark"] == account.earmark]
        unspent = [standing[number] - spent[number] for number in own]
        days = quotas.ends_of(unspent, account.figures, window)
        ends |= {rows[number]["id"]: day for number, day in zip(own, days, strict=True)}
    return [
        Tranche(row, standing_kg, spent_kg, ends.get(row["id"]))
        for row, standing_kg, spent_kg in zip(rows, standing, spent, strict=True)
    ]


def _size(past: Moment | None) -> int | None:
    return None if past is None else past.size


def _sum(accounts: Sequence[Account], contracted_kg: int) -> Figures:
    return sum((account.figures for account in accounts), Figures(contracted_kg=contracted_kg))
