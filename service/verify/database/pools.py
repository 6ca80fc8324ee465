"""By how much caps were broken, each time that somebody had to look, against what the entries had come to by then (R06)."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby, pairwise

import asyncpg

from service.verify.books import Books
from service.verify.findings import Findings

PROVINCE = "210000"

TOLD = """
SELECT jurisdiction, year, seq, over_kg, movement, occurred_at, less_returns, counts_straight
FROM pool_excess ORDER BY jurisdiction, year, seq
"""
MOVED = """
SELECT movement, occurred_at FROM leg WHERE movement = ANY($1)
UNION
SELECT movement, occurred_at FROM hole WHERE movement = ANY($1)
"""
# One look into the accounts for each holder: nearly all accounts are loads.
QUOTAS = """
SELECT account.id, account.year, holder.jurisdiction
FROM (
    SELECT id, jurisdiction FROM mine
    UNION ALL
    SELECT id, jurisdiction FROM project
    UNION ALL
    SELECT stock.id, enterprise.jurisdiction FROM stock INNER JOIN enterprise ON enterprise.id = stock.enterprise_id
) AS holder
CROSS JOIN LATERAL (
    SELECT id, year FROM account WHERE account.owner_id = holder.id AND account.kind = 'quota' OFFSET 0
) AS account
"""
POOLS = """
SELECT id, jurisdiction, year, kind = 'issue' AS is_issue FROM account
WHERE jurisdiction IS NOT NULL AND kind IN ('issue', 'pool')
"""
# What came to each pool ($1), or was taken back from it; and what the province's own acts ($2) gave out, or took back. The indexes
# of legs are in two parts, by whether a leg stands behind.
GOT = """
SELECT seq, source AS account, source_kg AS kg FROM leg WHERE source = ANY($2::bigint[]) AND NOT source_behind
UNION ALL
SELECT seq, source, source_kg FROM leg WHERE source = ANY($2) AND source_behind
UNION ALL
SELECT seq, target, target_kg FROM leg WHERE target = ANY($1::bigint[]) AND NOT target_behind
UNION ALL
SELECT seq, target, target_kg FROM leg WHERE target = ANY($1) AND target_behind
UNION ALL
SELECT seq, account, lo - hi FROM hole WHERE account = ANY($1) AND side = 'in' AND kind = 'cut'
UNION ALL
SELECT seq, account, lo - hi FROM hole WHERE account = ANY($2) AND side = 'out' AND kind = 'cut'
ORDER BY seq
"""
# What came to each quota ($1) from a pool of another place than its own ($2), or was taken back of it.
STRAIGHT = """
WITH given AS (
    SELECT leg.seq, leg.movement, leg.target AS account, pool.jurisdiction AS giver, leg.target_kg AS kg
    FROM unnest($1::bigint[], $2::text[]) AS quota (id, jurisdiction)
    INNER JOIN leg ON leg.target = quota.id
    INNER JOIN account AS pool ON pool.id = leg.source AND pool.kind = 'pool' AND pool.jurisdiction <> quota.jurisdiction
)

SELECT seq, account, giver, kg FROM given
UNION ALL
SELECT hole.seq, hole.account, taken.giver, hole.lo - hole.hi
FROM hole
INNER JOIN (SELECT DISTINCT movement, account, giver FROM given) AS taken
    ON taken.movement = hole.movement AND taken.account = hole.account
WHERE hole.side = 'in' AND hole.kind = 'cut'
ORDER BY seq
"""
# What went out of quotas ($1) between moments ($2), less what was taken back; and what of it came back by the road.
GONE = """
WITH back AS (
    SELECT came.seq, came.movement, came.target_kg
    FROM (
        SELECT seq, movement, source, target_kg FROM leg WHERE target = ANY($1::bigint[]) AND NOT target_behind
        UNION ALL
        SELECT seq, movement, source, target_kg FROM leg WHERE target = ANY($1::bigint[]) AND target_behind
    ) AS came
    INNER JOIN account ON account.id = came.source AND account.kind IN ('load', 'lot')
)

SELECT width_bucket(seq, $2::bigint[]) AS place, sum(gone_kg)::bigint AS gone_kg, sum(back_kg)::bigint AS back_kg
FROM (
    SELECT seq, source_kg AS gone_kg, 0 AS back_kg FROM leg WHERE source = ANY($1::bigint[]) AND NOT source_behind
    UNION ALL
    SELECT seq, source_kg, 0 FROM leg WHERE source = ANY($1) AND source_behind
    UNION ALL
    SELECT seq, lo - hi, 0 FROM hole WHERE account = ANY($1) AND side = 'out' AND kind = 'cut'
    UNION ALL
    SELECT seq, 0, target_kg FROM back
    UNION ALL
    SELECT seq, 0, lo - hi FROM hole
    WHERE account = ANY($1) AND side = 'in' AND kind = 'cut' AND movement IN (SELECT back.movement FROM back)
) AS change
GROUP BY place
"""
# The checkpoints with which the transaction of an entry ($1) may have ended: those of its time from the entry on. And the last one
# of an earlier time, with which another had ended before.
ENDS = """
SELECT word.seq, array_agg(checkpoint.size ORDER BY checkpoint.size) AS sizes, (
    SELECT earlier.size FROM checkpoint AS earlier
    WHERE earlier.size < word.seq AND earlier.recorded_at < min(sealed.recorded_at) ORDER BY earlier.size DESC LIMIT 1
) AS before
FROM unnest($1::bigint[]) AS word (seq)
CROSS JOIN LATERAL (
    SELECT recorded_at FROM checkpoint WHERE size >= word.seq ORDER BY size LIMIT 1
) AS sealed
INNER JOIN checkpoint ON checkpoint.recorded_at = sealed.recorded_at AND checkpoint.size >= word.seq
GROUP BY word.seq
"""


@dataclass(slots=True)
class _Cap:
    """A place's cap of a year: the quotas below it, what it got, when it had to be computed, and what the rows say."""

    quotas: list[int] = field(default_factory=list)
    got: list[tuple[int, int]] = field(default_factory=list)  # seq, kilograms
    issued: list[tuple[int, int]] = field(default_factory=list)  # by the province's act, in place of the pool
    straight: list[tuple[int, int]] = field(default_factory=list)  # by its holders, of pools above its own
    looks: set[int] = field(default_factory=set)
    told: list[tuple[int, int]] = field(default_factory=list)  # seq, kilograms over
    ages: dict[int, int] = field(default_factory=dict)  # of these entries, by which reckoning: 0 today's, 2 the oldest


async def excesses_are_what_went_beyond(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """After each change of a quota's debt, or of a pool, the rows say by how much the caps above it were exceeded at that moment.

    The entries are read from the first on, so that an episode without any row is found, too. Loads within their own quotas can
    break a cap as well: no row is written then, but the cap stays broken until a debt or a pool changes, or the book ends. So
    each cap is computed right before such a change, too, and at the end.
    """
    caps = await _caps(connection, books)
    for (code, year), rows in groupby(await _told(connection, findings), key=_place):
        told = list(rows)
        caps[code, year].told = [(row["seq"], row["over_kg"]) for row in told]
        caps[code, year].ages = {row["seq"]: 2 - row["less_returns"] - row["counts_straight"] for row in told}
        for (_, before), (seq, after) in pairwise(caps[code, year].told):
            if before == after:
                findings.add("excess", seq, f"the excess of {code} in {year} is told twice")
    watched = {place: cap for place, cap in sorted(caps.items()) if cap.told or _may_be_broken(cap, books)}
    looks = sorted({seq for cap in watched.values() for seq in cap.looks})
    ends = {row["seq"]: row for row in await connection.fetch(ENDS, looks)}
    for (code, year), cap in watched.items():
        moments = {(books.seq,)}
        for row in (ends[seq] for seq in cap.looks if seq in ends):
            moments |= {tuple(row["sizes"])} | ({(row["before"],)} if row["before"] else set())
        for seq, says, kg in await _differences(connection, cap, moments):
            findings.add("excess", seq, f"{code} is told to be {says} kg over in {year}, and was {kg} kg over")


async def _told(connection: asyncpg.Connection, findings: Findings) -> list[asyncpg.Record]:
    rows = await connection.fetch(TOLD)
    movements = list({row["movement"] for row in rows})
    moved = {(row["movement"], row["occurred_at"]) for row in await connection.fetch(MOVED, movements)}
    for row in rows:
        if (row["movement"], row["occurred_at"]) not in moved:
            place = f"{row['jurisdiction']} in {row['year']}"
            findings.add("excess", row["seq"], f"the excess of {place} came of a movement that there is not")
    return rows


def _place(row: asyncpg.Record) -> tuple[str, int]:
    return row["jurisdiction"], row["year"]


async def _caps(connection: asyncpg.Connection, books: Books) -> defaultdict[tuple[str, int], _Cap]:
    caps: defaultdict[tuple[str, int], _Cap] = defaultdict(_Cap)
    quotas = await connection.fetch(QUOTAS)
    for row in quotas:
        for code in _chain(row["jurisdiction"]):
            cap = caps[code, row["year"]]
            cap.quotas.append(row["id"])
            cap.looks.update(books.owing.get(row["id"], ()))
    lies = {row["id"]: row for row in quotas}
    asked = list(lies), [row["jurisdiction"] for row in quotas]
    for seq, account, giver, kg in await connection.fetch(STRAIGHT, *asked):
        for code in _chain(lies[account]["jurisdiction"]) - _chain(giver):
            caps[code, lies[account]["year"]].straight.append((seq, kg))
    pools = {row["id"]: row for row in await connection.fetch(POOLS)}
    issues = [id_ for id_, row in pools.items() if row["is_issue"]]
    for seq, account, kg in await connection.fetch(GOT, list(pools.keys() - set(issues)), issues):
        pool = pools[account]
        own = caps[pool["jurisdiction"], pool["year"]]
        (own.issued if pool["is_issue"] else own.got).append((seq, kg))
        for code in _chain(pool["jurisdiction"]):
            caps[code, pool["year"]].looks.add(seq)
    return caps


def _may_be_broken(cap: _Cap, books: Books) -> bool:
    """Whether all that ever went out exceeds what there was to give at some look; nearly never, so that most caps need no walk."""
    gone_kg = sum(books.columns.outs[quota] for quota in cap.quotas)
    got = _Sums(cap.issued or cap.got)  # and what came straight from above, at least
    return any(gone_kg > got.at(seq) for seq in cap.looks)


async def _differences(
    connection: asyncpg.Connection, cap: _Cap, looks: Collection[Sequence[int]]
) -> list[tuple[int, int, int]]:
    """Where the row in force does not say what the entries come to: the entry, the kilograms in the row, and those computed.

    A row is of one moment. A look was taken at the end of a transaction, and where the clock stood still several transactions
    bear one time: any of their ends will do. Rows of older versions were computed differently: the older ones leave out what
    holders got straight from above, and the oldest also count what came back by the road as gone. A look that follows such a
    row may have been computed its way or a later one.
    """
    moments = sorted({seq for seq, _ in cap.told} | {size for sizes in looks for size in sizes})
    rows = await connection.fetch(GONE, cap.quotas, [moment + 1 for moment in moments])
    by_place = {row["place"]: row for row in rows}
    got, straight, told = _Sums(cap.issued or cap.got), _Sums(cap.straight), _Lasts(cap.told)
    ages = _Lasts([(seq, cap.ages[seq]) for seq, _ in cap.told])
    over: dict[int, Sequence[int]] = {}
    gone_kg = back_kg = 0
    for place, moment in enumerate(moments):
        if row := by_place.get(place):
            gone_kg, back_kg = gone_kg + row["gone_kg"], back_kg + row["back_kg"]
        ever_kg = gone_kg - got.at(moment)
        over[moment] = [max(0, kg) for kg in (ever_kg - back_kg - straight.at(moment), ever_kg - back_kg, ever_kg)]
    meant = {seq: over[seq][age] for seq, age in cap.ages.items()}
    found = {(seq, says, meant[seq]) for seq, says in cap.told if says != meant[seq]}
    for sizes in looks:
        if not any(told.at(at) in over[at][: ages.at(at) + 1] for at in sizes):
            found.add((sizes[-1], told.at(sizes[-1]), over[sizes[-1]][0]))
    return sorted(found)


class _Lasts:
    """The last of some figures at each entry; 0 before the first."""

    def __init__(self, words: Sequence[tuple[int, int]]) -> None:
        self._seqs = [seq for seq, _ in words]
        self._kg = [0, *(kg for _, kg in words)]

    def at(self, seq: int) -> int:
        """In kilograms, up to and with an entry."""
        return self._kg[bisect_right(self._seqs, seq)]


class _Sums(_Lasts):
    """The sum of some figures, given in order of seq, at each entry."""

    def __init__(self, words: Sequence[tuple[int, int]]) -> None:
        sums = accumulate(kg for _, kg in words)
        super().__init__([(seq, kg) for (seq, _), kg in zip(words, sums, strict=True)])


def _chain(code: str) -> set[str]:
    """A place and those above it (GB/T 2260)."""
    return {PROVINCE, f"{code[:4]}00", code}
