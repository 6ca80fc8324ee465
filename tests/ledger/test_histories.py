"""The ledger against its oracle on random histories: laws of places, debts, episodes, leaves and batch cuts."""

from collections.abc import Sequence
from dataclasses import asdict

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import event, given, settings

from service.db import Connection
from service.domain import evidence
from service.store import ledger
from tests.ledger.books import KEY
from tests.ledger.deeds import (
    BOUNDARIES,
    CAST,
    Deed,
    History,
    Painted,
    Rows,
    Told,
    cast,
    histories,
    paint,
    play,
    read,
    tell,
)

pytestmark = pytest.mark.anyio


@given(history=histories())
@settings(settings.get_profile("ledger"))
async def test_the_ledger_is_its_oracle_however_it_is_cut_into_batches(
    connection: Connection, history: History
) -> None:
    deeds = history.deeds
    told = tell(deeds)
    accounts = await cast(connection)
    names = {number: name for name, number in accounts.items()}

    one_by_one = await _post(connection, accounts, deeds, told, [True] * len(deeds))
    in_batches = await _post(connection, accounts, deeds, told, history.cuts, all_loose=history.all_loose)

    assert in_batches.legs == one_by_one.legs
    assert in_batches.holes == one_by_one.holes
    assert in_batches.overdraws == one_by_one.overdraws
    _check_loose(one_by_one, _check_acts(one_by_one, told, names), accounts)
    _check_episodes(one_by_one, told, names)
    event(f"holes: {len(one_by_one.holes) // 10 * 10} or more")


async def _post(
    connection: Connection,
    accounts: dict[str, int],
    deeds: Sequence[Deed],
    told: Told,
    cuts: Sequence[bool],
    *,
    all_loose: bool = False,
) -> Rows:
    """Post a history in a transaction of its own that is rolled back, and check what needs the database."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        answers = await play(connection, accounts, deeds, cuts, all_loose=all_loose)
        assert answers == told.answers
        rows = await read(connection)
        await _check_evidence(connection, rows)
        await _check_balances(connection, rows, told, accounts)
        return rows
    finally:
        await transaction.rollback()


async def _check_evidence(connection: Connection, rows: Rows) -> None:
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

    key = Ed25519PublicKey.from_public_bytes(KEY.private.public_key().public_bytes_raw())
    for checkpoint in await connection.fetch("SELECT * FROM checkpoint"):
        _, root = evidence.extend(b"", 0, [leaves[seq] for seq in range(1, checkpoint["size"] + 1)])
        assert checkpoint["root"] == root
        key.verify(
            checkpoint["signature"], evidence.checkpoint_body(checkpoint["size"], root, checkpoint["recorded_at"])
        )


async def _check_balances(connection: Connection, rows: Rows, told: Told, accounts: dict[str, int]) -> None:
    """Now, and as of the middle of the history."""
    ends: dict[int, int] = {}
    for row in [*rows.legs, *rows.holes]:
        ends[row["act"]] = max(ends.get(row["act"], 0), row["seq"])
    for act, as_of in {(len(ends), None), ((len(ends) + 1) // 2, ends[(len(ends) + 1) // 2])}:
        found = await ledger.balances(connection, accounts.values(), as_of=as_of)
        for name, number in accounts.items():
            expected = ledger.Balance(*told.totals[act - 1][name], *told.stocks[act - 1][name])
            assert found[number] == expected, name


def _check_acts(rows: Rows, told: Told, names: dict[int, str]) -> Painted:
    """Each act leaves what the oracle says; the picture after the last one."""
    painted = Painted()
    for painted, links, stocks in zip(paint(rows, names), told.links, told.stocks, strict=True):
        assert painted.links == links
        inverse = {reached: (number, left) for left, (number, reached) in links.items()}
        assert {line: link for line, link in painted.come.items() if link} == inverse
        for name in set(CAST) - BOUNDARIES:
            assert painted.debts[name] == stocks[name][1], "debt = over - cover + made - ended"
            for side, column in (("in", painted.come), ("out", painted.out)):
                lines = range(painted.ends[name, side])
                assert all((name, line) in column for line in lines), "every line up to the end is live or struck"
    return painted


def _check_loose(rows: Rows, painted: Painted, accounts: dict[str, int]) -> None:
    for name in set(CAST) - BOUNDARIES:
        ins, outs = painted.ends[name, "in"], painted.ends[name, "out"]
        came = {line for (owner, line), link in painted.come.items() if link and owner == name}
        went = {line for (owner, line), link in painted.out.items() if link and owner == name}
        is_plain = came - went == set(range(outs, ins)) and went - came == set(range(ins, outs))
        assert (accounts[name] in rows.loose) == (not is_plain), name
    assert not rows.loose & {accounts[name] for name in BOUNDARIES}


def _check_episodes(rows: Rows, told: Told, names: dict[int, str]) -> None:
    found = [
        {name: row[name] for name in ("cause", "opened_act", "debt_kg", "peak_kg", "closed_act")}
        | {"account": names[row["account"]]}
        for row in rows.overdraws
    ]
    expected = [asdict(episode) for episode in told.episodes]
    assert sorted(found, key=_order) == sorted(expected, key=_order)
    acts = {row["seq"]: row["act"] for row in [*rows.legs, *rows.holes]}
    assert all(acts[row["opened_seq"]] == row["opened_act"] for row in rows.overdraws)


def _order(episode: dict[str, object]) -> tuple[str, int]:
    account, act = episode["account"], episode["opened_act"]
    assert isinstance(account, str)
    assert isinstance(act, int)
    return account, act
