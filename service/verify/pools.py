"""By how much caps were broken, each time that this was told, against what the entries had come to by then (R06)."""

from collections.abc import Sequence
from itertools import accumulate, groupby, pairwise

import asyncpg

from service.verify.books import Books
from service.verify.findings import Findings

PROVINCE = "210000"

TOLD = "SELECT jurisdiction, year, seq, over_kg, movement FROM pool_excess ORDER BY jurisdiction, year, seq"
BELOW = """
SELECT account.id
FROM account
LEFT JOIN mine ON mine.id = account.owner_id
LEFT JOIN project ON project.id = account.owner_id
LEFT JOIN stock ON stock.id = account.owner_id
LEFT JOIN enterprise ON enterprise.id = stock.enterprise_id
WHERE
    account.kind = 'quota' AND account.year = $1
    AND starts_with(coalesce(mine.jurisdiction, project.jurisdiction, enterprise.jurisdiction), $2)
"""
# What a place got: what came into its pool; of the province, where it has issued any, what its act gave out.
GOT = """
SELECT id, kind = 'issue' AS is_issue FROM account
WHERE kind IN ('pool', 'issue') AND jurisdiction = $1 AND year = $2
ORDER BY kind = 'issue' DESC
"""
# What went out of quotas ($1) less what came to a pool ($2) or went out of the province's act ($3), between moments ($4).
CHANGES = """
SELECT width_bucket(seq, $4::bigint[]) AS place, sum(kg)::bigint AS kg
FROM (
    SELECT seq, source_kg AS kg FROM leg WHERE source = ANY($1::bigint[])
    UNION ALL
    SELECT seq, lo - hi FROM hole WHERE account = ANY($1) AND side = 'out' AND kind = 'cut'
    UNION ALL
    SELECT seq, -target_kg FROM leg WHERE target = ANY($2::bigint[])
    UNION ALL
    SELECT seq, hi - lo FROM hole WHERE account = ANY($2) AND side = 'in' AND kind = 'cut'
    UNION ALL
    SELECT seq, -source_kg FROM leg WHERE source = ANY($3::bigint[])
    UNION ALL
    SELECT seq, hi - lo FROM hole WHERE account = ANY($3) AND side = 'out' AND kind = 'cut'
) AS change
GROUP BY place
"""
# The ends of the transactions in which a quota's debt or the pool itself changed, after an entry ($3): there the cap was looked at.
LOOKED_AT = """
SELECT DISTINCT (
    SELECT max(size) FROM checkpoint WHERE recorded_at = (
        SELECT recorded_at FROM checkpoint WHERE size >= seq ORDER BY size LIMIT 1
    )
) AS size
FROM (
    SELECT seq FROM leg WHERE source = ANY($1::bigint[]) AND over_kg > 0
    UNION ALL
    SELECT seq FROM leg WHERE target = ANY($1) AND cover_kg > 0
    UNION ALL
    SELECT seq FROM hole WHERE account = ANY($1) AND debt_kg > 0
    UNION ALL
    SELECT seq FROM leg WHERE target = ANY($2::bigint[])
) AS word
WHERE seq > $3
"""
MOVED = "SELECT DISTINCT movement FROM leg WHERE movement = ANY($1)"


async def excesses_are_what_went_beyond(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """Each time that a cap is told to be broken it was, by so much; and once told of, it is told of at every debt."""
    rows = await connection.fetch(TOLD)
    moved = {row["movement"] for row in await connection.fetch(MOVED, list({row["movement"] for row in rows}))}
    for (code, year), of_place in groupby(rows, key=lambda row: (row["jurisdiction"], row["year"])):
        told = list(of_place)
        for before, after in pairwise(told):
            if before["over_kg"] == after["over_kg"]:
                findings.add("excess", after["seq"], f"the excess of {code} in {year} is told twice")
        for row in told:
            if row["movement"] not in moved:
                findings.add(
                    "excess", row["seq"], f"the excess of {code} in {year} came of a movement that there is not"
                )
        await _as_told(connection, findings, code, year, told)


async def _as_told(
    connection: asyncpg.Connection, findings: Findings, code: str, year: int, told: Sequence[asyncpg.Record]
) -> None:
    quotas = [row["id"] for row in await connection.fetch(BELOW, year, _area(code))]
    got = await connection.fetch(GOT, code, year)
    pools = [row["id"] for row in got if not row["is_issue"]]
    issues = [row["id"] for row in got if row["is_issue"]] if code == PROVINCE else []
    looked_at = await connection.fetch(LOOKED_AT, quotas, pools, told[0]["seq"])
    moments = sorted({row["seq"] for row in told} | {row["size"] for row in looked_at})
    counted = [] if issues else pools
    changes = await connection.fetch(CHANGES, quotas, counted, issues, [seq + 1 for seq in moments])
    by_place = {row["place"]: row["kg"] for row in changes}
    known = {row["seq"]: row["over_kg"] for row in told}
    says = 0
    for seq, kg in zip(moments, accumulate(by_place.get(place, 0) for place in range(len(moments))), strict=True):
        says = known.get(seq, says)
        if says != max(0, kg):
            findings.add("excess", seq, f"{code} is told to be {says} kg over in {year}, and was {max(0, kg)} kg over")


def _area(code: str) -> str:
    """The digits that all places of an area share (GB/T 2260)."""
    while code.endswith("00"):
        code = code[:-2]
    return code
