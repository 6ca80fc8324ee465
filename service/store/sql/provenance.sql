-- part: came
-- How the places of `walk` came, as of seq $4: the pieces of legs that stand there, and those that nothing stands in.
LEFT JOIN LATERAL (
    SELECT hole.hi - hole.lo AS kg FROM hole
    WHERE -hole.account = -walk.source AND hole.side = 'in' AND hole.hi > hole.lo
    ORDER BY hole.hi - hole.lo DESC
    LIMIT 1
) AS longest ON TRUE
CROSS JOIN LATERAL (
    SELECT longest.kg IS NOT NULL AND EXISTS (
        SELECT FROM hole
        WHERE
            hole.account = walk.source AND hole.side = 'in' AND hole.lo > walk.source_lo - longest.kg
            AND hole.lo < walk.source_hi AND hole.hi > walk.source_lo AND hole.seq + 0 <= $4
    ) AS is_holed
    OFFSET 0
) AS place
CROSS JOIN LATERAL (
    WITH spoken AS MATERIALIZED (
        SELECT
            leg.seq,
            leg.movement,
            leg.occurred_at,
            leg.source,
            leg.source_lo,
            leg.source_kg,
            leg.target_lo,
            leg.target_kg,
            greatest(walk.source_lo, leg.target_lo) AS lo,
            least(walk.source_hi, leg.target_lo + leg.target_kg) AS hi
        FROM leg
        WHERE
            leg.target = walk.source AND NOT leg.target_behind AND leg.target_lo < walk.source_hi
            AND leg.target_lo >= CASE
                WHEN walk.source_lo > 0
                    THEN coalesce((
                        SELECT near.target_lo FROM leg AS near
                        WHERE
                            walk.source_kind <> 'quota' AND near.target = walk.source AND NOT near.target_behind
                            AND near.target_lo BETWEEN walk.source_lo - 100000 AND walk.source_lo
                        ORDER BY near.target_lo DESC
                        LIMIT 1
                    ), (
                        SELECT far.target_lo FROM leg AS far
                        WHERE far.target = walk.source AND NOT far.target_behind AND far.target_lo <= walk.source_lo
                        ORDER BY far.target_lo DESC
                        LIMIT 1
                    ), 0)
                ELSE 0
            END
            AND leg.target_lo + leg.target_kg > walk.source_lo AND leg.seq + 0 <= $4
    ),

    struck AS MATERIALIZED (
        SELECT
            spoken.seq,
            spoken.movement,
            spoken.occurred_at,
            spoken.source,
            spoken.source_lo,
            spoken.source_kg,
            spoken.target_lo,
            spoken.target_kg,
            lower(part) AS lo,
            upper(part) AS hi
        FROM (
            SELECT * FROM spoken
            UNION ALL
            SELECT
                leg.seq,
                leg.movement,
                leg.occurred_at,
                leg.source,
                leg.source_lo,
                leg.source_kg,
                leg.target_lo,
                leg.target_kg,
                greatest(walk.source_lo, leg.target_lo),
                least(walk.source_hi, leg.target_lo + leg.target_kg)
            FROM leg
            WHERE
                leg.target = walk.source AND leg.target_behind AND leg.target_lo < walk.source_hi
                AND leg.target_lo > walk.source_lo - (
                    SELECT heaviest.target_kg FROM leg AS heaviest
                    WHERE -heaviest.target = -walk.source AND heaviest.target_behind AND heaviest.target_kg > 0
                    ORDER BY heaviest.target_kg DESC
                    LIMIT 1
                )
                AND leg.target_lo + leg.target_kg > walk.source_lo AND leg.seq + 0 <= $4
        ) AS spoken
        CROSS JOIN LATERAL unnest(int8multirange(int8range(spoken.lo, spoken.hi)) - coalesce((
            SELECT range_agg(int8range(hole.lo, hole.hi)) FROM hole
            WHERE
                hole.account = walk.source AND hole.side = 'in' AND hole.lo > spoken.lo - longest.kg
                AND hole.lo < spoken.hi AND hole.hi > spoken.lo AND hole.seq + 0 > spoken.seq AND hole.seq + 0 <= $4
        ), '{}')) AS part
    )

    SELECT
        live.seq,
        live.movement,
        live.occurred_at,
        live.source,
        live.lo,
        live.hi,
        CASE
            WHEN live.source_kg = live.target_kg THEN live.source_lo + live.lo - live.target_lo
            ELSE live.source_lo + (live.lo - live.target_lo) * live.source_kg / live.target_kg
        END AS source_lo,
        CASE
            WHEN live.source_kg = live.target_kg THEN live.source_lo + live.hi - live.target_lo
            ELSE live.source_lo + (live.hi - live.target_lo) * live.source_kg / live.target_kg
        END AS source_hi
    FROM (
        SELECT * FROM spoken
        WHERE NOT place.is_holed
        UNION ALL
        SELECT * FROM struck
        WHERE place.is_holed
    ) AS live
    UNION ALL
    SELECT
        NULL,
        NULL,
        NULL,
        NULL,
        lower(rest),
        upper(rest),
        NULL,
        NULL
    FROM unnest(
        int8multirange(int8range(walk.source_lo, walk.source_hi)) - CASE
            WHEN place.is_holed THEN (SELECT coalesce(range_agg(int8range(struck.lo, struck.hi)), '{}') FROM struck)
            ELSE (SELECT coalesce(range_agg(int8range(spoken.lo, spoken.hi)), '{}') FROM spoken)
        END
    ) AS rest
    WHERE place.is_holed OR (SELECT coalesce(max(spoken.hi), 0) FROM spoken) < walk.source_hi
) AS piece
LEFT JOIN LATERAL (
    SELECT account.kind FROM account
    WHERE account.id = piece.source
    LIMIT 1
) AS account ON TRUE

-- name: trace_back
-- Walks intervals ($1 account, $2 lo, $3 hi) backwards as of seq $4: to the tranches, or to the province's act when $5;
-- gives every step when $6, with what is a tranche and what lies above one, else only where the walk ended and where a
-- conversion changed kilograms. Each interval is a walk of its own, given back as soon as it is walked. Locks nothing; leans
-- on a_target_line_comes_once with both ends of the range bounded: the leg over its first place is sought first where one of
-- a truck's weight would begin (a quota's are heavier), since to seek the last below reads half a page; nothing begins below
-- place 0. And on hole_by_length: where a range has no hole the legs that are not behind tell all, up to where they end.
-- Elsewhere a leg stands where no later hole or leg behind speaks of its place; those are sought no further down than the
-- longest of the account's reaches (hole_by_place, leg_behind_its_target).
--
-- In an empty table that was vacuumed all indexes cost nothing, so each question of the walks rules out all but its own: a
-- seq is compared as `seq + 0`, which no index knows; only lengths are asked for with `hi > lo` and `kg > 0`, as the indexes
-- of lengths have it; and rows that are joined by a key are sought by themselves (LIMIT, OFFSET).
SELECT asked.ordinal, walked.*
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS asked (account, lo, hi, ordinal)
CROSS JOIN LATERAL (
    WITH RECURSIVE walk AS (
        SELECT
            asked.lo AS start,
            0 AS depth,
            NULL::bigint AS seq,
            NULL::uuid AS movement,
            NULL::timestamptz AS occurred_at,
            NULL::bigint AS target,
            NULL::bigint AS target_lo,
            NULL::bigint AS target_hi,
            account.id AS source,
            asked.lo AS source_lo,
            asked.hi AS source_hi,
            account.kind AS source_kind,
            NULL::text AS ending,
            FALSE AS is_tranche,
            FALSE AS is_above
        FROM account
        WHERE account.id = asked.account
        UNION ALL
        SELECT
            CASE
                WHEN piece.source_hi - piece.source_lo > piece.hi - piece.lo THEN NULL  -- past a conversion no circle is left
                ELSE walk.start + piece.lo - walk.source_lo
            END,
            walk.depth + 1,
            piece.seq,
            piece.movement,
            piece.occurred_at,
            walk.source,
            piece.lo,
            piece.hi,
            piece.source,
            piece.source_lo,
            piece.source_hi,
            account.kind,
            CASE
                WHEN piece.seq IS NULL THEN 'debt'
                WHEN account.kind IN ('issue', 'suspense', 'gained') THEN account.kind::text
                WHEN account.kind = 'pool' AND walk.source_kind = 'quota' AND NOT $5 THEN 'tranche'
                WHEN
                    piece.source = asked.account AND piece.source_lo = walk.start + piece.lo - walk.source_lo
                    THEN 'circle'
            END,
            account.kind = 'pool' AND walk.source_kind = 'quota',
            walk.is_above OR walk.is_tranche
        FROM walk
        part.came
        WHERE walk.ending IS NULL
    )

    SELECT * FROM walk
    WHERE
        depth > 0
        AND ($6 OR ending IS NOT NULL OR source_hi - source_lo > target_hi - target_lo)
    ORDER BY start, depth
) AS walked

-- part: told
-- What a walk back came to: its ends, by what was asked about, without those above a tranche; and the flows in order of record,
-- the first $8 of them and those of movements $9, with how many there are and by how much conversions make the ore more. Of a
-- walk that ends at the tranches ($5 is not set) nobody asks for flows: one row tells what conversions make.
ended AS (
    SELECT
        walk.part,
        found.ending,
        CASE WHEN found.ending IN ('tranche', 'debt') THEN walk.target ELSE walk.source END AS account,
        walk.source AS beyond,
        walk.movement,
        CASE
            WHEN found.ending IN ('tranche', 'debt') THEN walk.target_hi - walk.target_lo
            ELSE walk.source_hi - walk.source_lo
        END AS kg
    FROM walk
    CROSS JOIN LATERAL (SELECT CASE WHEN walk.is_tranche THEN 'tranche' ELSE walk.ending END AS ending) AS found
    WHERE found.ending IS NOT NULL AND NOT walk.is_above
),

flow AS (
    SELECT
        CASE WHEN $5 THEN walk.source END AS source,
        CASE WHEN $5 THEN walk.target END AS target,
        CASE WHEN $5 THEN walk.movement END AS movement,
        min(walk.seq) AS seq,
        min(walk.occurred_at) AS occurred_at,
        sum(walk.source_hi - walk.source_lo)::bigint AS source_kg,
        sum(walk.target_hi - walk.target_lo)::bigint AS target_kg,
        row_number() OVER (ORDER BY min(walk.seq)) AS place,
        count(*) OVER () AS flows,
        (sum(sum(walk.source_hi - walk.source_lo - walk.target_hi + walk.target_lo)) OVER ())::bigint AS made_kg
    FROM walk
    WHERE walk.seq IS NOT NULL
    GROUP BY 1, 2, 3
)

SELECT
    part,
    ending,
    account,
    beyond,
    movement,
    sum(kg)::bigint AS kg,
    NULL::bigint AS source_kg,
    NULL::timestamptz AS occurred_at,
    NULL::bigint AS seq,
    NULL::bigint AS flows,
    NULL::bigint AS made_kg
FROM ended
GROUP BY part, ending, account, beyond, movement
UNION ALL
SELECT NULL, NULL, target, source, movement, target_kg, source_kg, occurred_at, seq, flows, made_kg
FROM flow
WHERE place <= $8 OR movement = ANY($9::uuid[])
ORDER BY seq

-- part: put_together
-- A walk back of intervals ($1 account, $2 lo, $3 hi), each for one part of the answer ($7), as of seq $4: up to the tranches, or
-- to the province's act when $5, and $6 steps at the most. What comes to neighbouring places in the same number of steps is
-- walked on as one: a stock that was mixed sixty times over is walked by its legs, not by the crumbs that it was cut into. No
-- two kilograms come to one place in as many steps, so the intervals of a part must not overlap. Circles are not known.
WITH RECURSIVE walk AS (
    SELECT
        asked.part,
        0 AS depth,
        NULL::bigint AS seq,
        NULL::uuid AS movement,
        NULL::timestamptz AS occurred_at,
        NULL::bigint AS target,
        NULL::bigint AS target_lo,
        NULL::bigint AS target_hi,
        asked.account AS source,
        asked.lo AS source_lo,
        asked.hi AS source_hi,
        account.kind AS source_kind,
        NULL::text AS ending,
        FALSE AS is_tranche,
        FALSE AS is_above
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $7::integer[]) AS asked (account, lo, hi, part)
    CROSS JOIN LATERAL (SELECT account.kind FROM account WHERE account.id = asked.account LIMIT 1) AS account
    UNION ALL
    SELECT
        walk.part,
        walk.depth + 1,
        piece.seq,
        piece.movement,
        piece.occurred_at,
        walk.source,
        piece.lo,
        piece.hi,
        piece.source,
        piece.source_lo,
        piece.source_hi,
        account.kind,
        CASE
            WHEN piece.seq IS NULL THEN 'debt'
            WHEN account.kind IN ('issue', 'suspense', 'gained') THEN account.kind::text
            WHEN account.kind = 'pool' AND walk.source_kind = 'quota' AND NOT $5 THEN 'tranche'
        END,
        account.kind = 'pool' AND walk.source_kind = 'quota',
        walk.is_above
    FROM (
        SELECT
            here.part, here.depth, here.source, here.source_kind, here.is_above, lower(place) AS source_lo, upper(place) AS source_hi
        FROM (
            SELECT part, depth, source, source_kind, is_above, range_agg(int8range(source_lo, source_hi)) AS places
            FROM (
                SELECT part, depth, source, source_kind, is_above OR is_tranche AS is_above, source_lo, source_hi
                FROM walk
                WHERE ending IS NULL AND depth < $6
            ) AS place
            GROUP BY part, depth, source, source_kind, is_above
        ) AS here
        CROSS JOIN LATERAL unnest(here.places) AS place
    ) AS walk
    part.came
)

-- name: lineage
-- What intervals come to backwards; what has not ended is not in the answer. Locks nothing; leans on what trace_back does.
part.put_together,
part.told

-- name: come_round
-- At which of their own places intervals arrive again: all those of circles are among them. Locks nothing; leans on what
-- trace_back does.
part.put_together
SELECT asked.account, lower(place) AS lo, upper(place) AS hi
FROM (
    SELECT source, range_agg(int8range(source_lo, source_hi)) AS places FROM walk
    WHERE depth > 0 AND source IS NOT NULL GROUP BY source
) AS met
INNER JOIN (
    SELECT account, range_agg(int8range(lo, hi)) AS places
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS asked (account, lo, hi) GROUP BY account
) AS asked ON asked.account = met.source
CROSS JOIN LATERAL unnest(asked.places * met.places) AS place

-- name: lineage_apart
-- The same answer, each kilogram walked by itself to its end, however far that is, and circles told as such.
WITH walk AS MATERIALIZED (
    SELECT ($7::integer[])[trace_back.ordinal] AS part, trace_back.*
    FROM sentence.trace_back
),

part.told

-- part: went
-- How the places of `walk` went, as of seq $4.
LEFT JOIN LATERAL (
    SELECT hole.hi - hole.lo AS kg FROM hole
    WHERE -hole.account = -walk.target AND hole.side = 'out' AND hole.hi > hole.lo
    ORDER BY hole.hi - hole.lo DESC
    LIMIT 1
) AS longest ON TRUE
CROSS JOIN LATERAL (
    SELECT longest.kg IS NOT NULL AND EXISTS (
        SELECT FROM hole
        WHERE
            hole.account = walk.target AND hole.side = 'out' AND hole.lo > walk.target_lo - longest.kg
            AND hole.lo < walk.target_hi AND hole.hi > walk.target_lo AND hole.seq + 0 <= $4
    ) AS is_holed
    OFFSET 0
) AS place
CROSS JOIN LATERAL (
    WITH spoken AS MATERIALIZED (
        SELECT
            leg.seq,
            leg.movement,
            leg.occurred_at,
            leg.target,
            leg.target_lo,
            leg.target_kg,
            leg.source_lo,
            leg.source_kg,
            greatest(walk.target_lo, leg.source_lo) AS lo,
            least(walk.target_hi, leg.source_lo + leg.source_kg) AS hi
        FROM leg
        WHERE
            leg.source = walk.target AND NOT leg.source_behind AND leg.source_lo < walk.target_hi
            AND leg.source_lo >= CASE
                WHEN walk.target_lo > 0
                    THEN coalesce((
                        SELECT near.source_lo FROM leg AS near
                        WHERE
                            near.source = walk.target AND NOT near.source_behind
                            AND near.source_lo BETWEEN walk.target_lo - 100000 AND walk.target_lo
                        ORDER BY near.source_lo DESC
                        LIMIT 1
                    ), (
                        SELECT far.source_lo FROM leg AS far
                        WHERE far.source = walk.target AND NOT far.source_behind AND far.source_lo <= walk.target_lo
                        ORDER BY far.source_lo DESC
                        LIMIT 1
                    ), 0)
                ELSE 0
            END
            AND leg.source_lo + leg.source_kg > walk.target_lo AND leg.seq + 0 <= $4
    ),

    struck AS MATERIALIZED (
        SELECT
            spoken.seq,
            spoken.movement,
            spoken.occurred_at,
            spoken.target,
            spoken.target_lo,
            spoken.target_kg,
            spoken.source_lo,
            spoken.source_kg,
            lower(part) AS lo,
            upper(part) AS hi
        FROM (
            SELECT * FROM spoken
            UNION ALL
            SELECT
                leg.seq,
                leg.movement,
                leg.occurred_at,
                leg.target,
                leg.target_lo,
                leg.target_kg,
                leg.source_lo,
                leg.source_kg,
                greatest(walk.target_lo, leg.source_lo),
                least(walk.target_hi, leg.source_lo + leg.source_kg)
            FROM leg
            WHERE
                leg.source = walk.target AND leg.source_behind AND leg.source_lo < walk.target_hi
                AND leg.source_lo > walk.target_lo - (
                    SELECT heaviest.source_kg FROM leg AS heaviest
                    WHERE -heaviest.source = -walk.target AND heaviest.source_behind AND heaviest.source_kg > 0
                    ORDER BY heaviest.source_kg DESC
                    LIMIT 1
                )
                AND leg.source_lo + leg.source_kg > walk.target_lo AND leg.seq + 0 <= $4
        ) AS spoken
        CROSS JOIN LATERAL unnest(int8multirange(int8range(spoken.lo, spoken.hi)) - coalesce((
            SELECT range_agg(int8range(hole.lo, hole.hi)) FROM hole
            WHERE
                hole.account = walk.target AND hole.side = 'out' AND hole.lo > spoken.lo - longest.kg
                AND hole.lo < spoken.hi AND hole.hi > spoken.lo AND hole.seq + 0 > spoken.seq AND hole.seq + 0 <= $4
        ), '{}')) AS part
    )

    SELECT
        live.seq,
        live.movement,
        live.occurred_at,
        live.target,
        live.lo,
        live.hi,
        live.source_lo AS leg_source_lo,
        live.source_kg,
        live.target_lo AS leg_target_lo,
        live.target_kg,
        CASE
            WHEN live.source_kg = live.target_kg THEN live.target_lo + live.lo - live.source_lo
            ELSE
                live.target_lo - 1
                + ((live.lo - live.source_lo + 1) * live.target_kg + live.source_kg - 1) / live.source_kg
        END AS target_lo,
        CASE
            WHEN live.source_kg = live.target_kg THEN live.target_lo + live.hi - live.source_lo
            ELSE
                live.target_lo
                + ((live.hi - live.source_lo) * live.target_kg + live.source_kg - 1) / live.source_kg
        END AS target_hi
    FROM (
        SELECT * FROM spoken
        WHERE NOT place.is_holed
        UNION ALL
        SELECT * FROM struck
        WHERE place.is_holed
    ) AS live
    UNION ALL
    SELECT
        NULL,
        NULL,
        NULL,
        NULL,
        lower(rest),
        upper(rest),
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL
    FROM unnest(
        int8multirange(int8range(walk.target_lo, walk.target_hi)) - CASE
            WHEN place.is_holed THEN (SELECT coalesce(range_agg(int8range(struck.lo, struck.hi)), '{}') FROM struck)
            ELSE (SELECT coalesce(range_agg(int8range(spoken.lo, spoken.hi)), '{}') FROM spoken)
        END
    ) AS rest
    WHERE place.is_holed OR (SELECT coalesce(max(spoken.hi), 0) FROM spoken) < walk.target_hi
) AS piece
LEFT JOIN LATERAL (
    SELECT account.kind FROM account
    WHERE account.id = piece.target
    LIMIT 1
) AS account ON TRUE

-- name: trace_forward
-- Walks intervals ($1 account, $2 lo, $3 hi) forwards as of seq $4 to where each kilogram rests, through runs into their
-- products, or $6 steps further; gives every step when $5, else only where the walk ended. `start` is a place in the account
-- that was asked about; past a run it counts what the run's leg made, and `runs` has what leads back from there: for each run
-- its account, the walk's kilograms [lo, hi) that entered it, where among those the leg's first one lies (or would), and how
-- many the leg took and made. Locks nothing; leans on a_source_line_leaves_once and hole_by_length, as trace_back does on the
-- other side.
SELECT asked.ordinal, walked.*
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS asked (account, lo, hi, ordinal)
CROSS JOIN LATERAL (
    WITH RECURSIVE walk AS (
        SELECT
            asked.lo AS start,
            0 AS depth,
            NULL::bigint AS seq,
            NULL::uuid AS movement,
            NULL::timestamptz AS occurred_at,
            NULL::bigint AS source,
            NULL::bigint AS source_lo,
            NULL::bigint AS source_hi,
            asked.account AS target,
            asked.lo AS target_lo,
            asked.hi AS target_hi,
            account.kind AS target_kind,
            NULL::text AS ending,
            '{}'::bigint[] AS runs
        FROM account
        WHERE account.id = asked.account
        UNION ALL
        SELECT
            CASE
                WHEN made.is_product THEN piece.target_lo - piece.leg_target_lo
                ELSE walk.start + piece.lo - walk.target_lo
            END,
            walk.depth + 1,
            piece.seq,
            piece.movement,
            piece.occurred_at,
            walk.target,
            piece.lo,
            piece.hi,
            piece.target,
            piece.target_lo,
            piece.target_hi,
            account.kind,
            CASE
                WHEN piece.seq IS NULL THEN 'rest'
                WHEN
                    walk.runs = '{}'  -- past a run no circle is left
                    AND piece.target = asked.account AND piece.target_lo = walk.start + piece.lo - walk.target_lo
                    THEN 'circle'
            END,
            CASE
                WHEN made.is_product
                    THEN walk.runs || ARRAY[ARRAY[
                        walk.target,
                        walk.start + piece.lo - walk.target_lo,
                        walk.start + piece.hi - walk.target_lo,
                        walk.start + piece.leg_source_lo - walk.target_lo,
                        piece.source_kg,
                        piece.target_kg
                    ]]
                ELSE walk.runs
            END
        FROM walk
        part.went
        CROSS JOIN LATERAL (
            SELECT coalesce(walk.target_kind = 'run' AND account.kind = 'product', FALSE) AS is_product
        ) AS made
        WHERE walk.ending IS NULL AND walk.depth < $6
    )

    SELECT * FROM walk
    WHERE depth > 0 AND ($5 OR ending IS NOT NULL)
    ORDER BY start, depth
) AS walked

-- part: put_together_ahead
-- A walk forwards of intervals ($1 account, $2 lo, $3 hi) as of seq $4, up to the runs that made product of it, $5 steps at the
-- most; put together as in a walk back.
WITH RECURSIVE walk AS (
    SELECT
        0 AS depth,
        NULL::bigint AS source,
        NULL::bigint AS source_lo,
        NULL::bigint AS source_hi,
        asked.account AS target,
        asked.lo AS target_lo,
        asked.hi AS target_hi,
        account.kind AS target_kind,
        NULL::text AS ending
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS asked (account, lo, hi)
    CROSS JOIN LATERAL (SELECT account.kind FROM account WHERE account.id = asked.account LIMIT 1) AS account
    UNION ALL
    SELECT
        walk.depth + 1,
        walk.target,
        piece.lo,
        piece.hi,
        piece.target,
        piece.target_lo,
        piece.target_hi,
        account.kind,
        CASE
            WHEN piece.seq IS NULL THEN 'rest'
            WHEN walk.target_kind = 'run' AND account.kind = 'product' THEN 'made'
        END
    FROM (
        SELECT here.depth, here.target, here.target_kind, lower(place) AS target_lo, upper(place) AS target_hi
        FROM (
            SELECT depth, target, target_kind, range_agg(int8range(target_lo, target_hi)) AS places
            FROM (SELECT * FROM walk WHERE ending IS NULL AND depth < $5) AS place
            GROUP BY depth, target, target_kind
        ) AS here
        CROSS JOIN LATERAL unnest(here.places) AS place
    ) AS walk
    part.went
)

-- name: whereabouts
-- What intervals come to forwards: what rests by account, and each place of a run that became product. What has not ended is
-- not in the answer. Locks nothing; leans on what trace_forward does.
part.put_together_ahead
SELECT source AS account, NULL::bigint AS lo, NULL::bigint AS hi, sum(source_hi - source_lo)::bigint AS kg
FROM walk
WHERE ending = 'rest'
GROUP BY source
UNION ALL
SELECT source, source_lo, source_hi, source_hi - source_lo FROM walk WHERE ending = 'made'

-- name: go_round
-- At which of their own places intervals arrive again: all those of circles are among them. Locks nothing; leans on what
-- trace_forward does.
part.put_together_ahead
SELECT asked.account, lower(place) AS lo, upper(place) AS hi
FROM (
    SELECT target, range_agg(int8range(target_lo, target_hi)) AS places FROM walk
    WHERE depth > 0 AND target IS NOT NULL GROUP BY target
) AS met
INNER JOIN (
    SELECT account, range_agg(int8range(lo, hi)) AS places
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS asked (account, lo, hi) GROUP BY account
) AS asked ON asked.account = met.target
CROSS JOIN LATERAL unnest(asked.places * met.places) AS place

-- name: places
-- The places of accounts ($1) as of seq $2: what came in, what went out, and what lies there, less what was cut and not used
-- again. Locks nothing; leans on the unique indexes of both sides for the tails, and on hole_by_place.
SELECT
    asked.account,
    side.come,
    side.gone,
    side.come - side.gone AS stock
FROM unnest($1::bigint[]) AS asked (account)
CROSS JOIN LATERAL (
    SELECT
        int8multirange(int8range(0, coalesce((
            SELECT leg.target_lo + leg.target_kg FROM leg
            WHERE leg.target = asked.account AND NOT leg.target_behind AND leg.seq + 0 <= $2
            ORDER BY leg.target_lo DESC
            LIMIT 1
        ), 0))) - coalesce(range_agg(open.part) FILTER (WHERE hole.side = 'in'), '{}') AS come,
        int8multirange(int8range(0, coalesce((
            SELECT leg.source_lo + leg.source_kg FROM leg
            WHERE leg.source = asked.account AND NOT leg.source_behind AND leg.seq + 0 <= $2
            ORDER BY leg.source_lo DESC
            LIMIT 1
        ), 0))) - coalesce(range_agg(open.part) FILTER (WHERE hole.side = 'out'), '{}') AS gone
    FROM hole
    CROSS JOIN LATERAL unnest(int8multirange(int8range(hole.lo, hole.hi)) - coalesce((
        SELECT range_agg(int8range(used.lo, used.hi)) FROM (
            SELECT leg.target_lo AS lo, leg.target_lo + leg.target_kg AS hi FROM leg
            WHERE
                hole.side = 'in' AND leg.target = asked.account AND leg.target_behind
                AND leg.target_lo > hole.lo - (
                    SELECT heaviest.target_kg FROM leg AS heaviest
                    WHERE -heaviest.target = -asked.account AND heaviest.target_behind AND heaviest.target_kg > 0
                    ORDER BY heaviest.target_kg DESC
                    LIMIT 1
                )
                AND leg.target_lo < hole.hi AND leg.target_lo + leg.target_kg > hole.lo
                AND leg.seq + 0 > hole.seq AND leg.seq + 0 <= $2
            UNION ALL
            SELECT leg.source_lo, leg.source_lo + leg.source_kg FROM leg
            WHERE
                hole.side = 'out' AND leg.source = asked.account AND leg.source_behind
                AND leg.source_lo > hole.lo - (
                    SELECT heaviest.source_kg FROM leg AS heaviest
                    WHERE -heaviest.source = -asked.account AND heaviest.source_behind AND heaviest.source_kg > 0
                    ORDER BY heaviest.source_kg DESC
                    LIMIT 1
                )
                AND leg.source_lo < hole.hi AND leg.source_lo + leg.source_kg > hole.lo
                AND leg.seq + 0 > hole.seq AND leg.seq + 0 <= $2
        ) AS used
    ), '{}')) AS open (part)
    WHERE hole.account = asked.account AND hole.seq + 0 <= $2
) AS side

-- name: deliveries
-- Where the kilograms of movements ($1) stand in their targets as of seq $2: their legs, less what was cut since. Locks
-- nothing; leans on leg_by_movement, hole_by_length and hole_by_place.
SELECT
    leg.movement,
    leg.target,
    lower(part) AS lo,
    upper(part) AS hi
FROM unnest($1::uuid[]) WITH ORDINALITY AS asked (movement, ordinal)
CROSS JOIN LATERAL (SELECT * FROM leg WHERE movement = asked.movement OFFSET 0) AS leg
CROSS JOIN LATERAL unnest(
    int8multirange(int8range(leg.target_lo, leg.target_lo + leg.target_kg))
    - coalesce((
        SELECT range_agg(int8range(hole.lo, hole.hi)) FROM hole
        WHERE
            hole.account = leg.target AND hole.side = 'in' AND hole.lo < leg.target_lo + leg.target_kg
            AND hole.lo > leg.target_lo - (
                SELECT longest.hi - longest.lo FROM hole AS longest
                WHERE -longest.account = -leg.target AND longest.side = 'in' AND longest.hi > longest.lo
                ORDER BY longest.hi - longest.lo DESC
                LIMIT 1
            )
            AND hole.hi > leg.target_lo AND hole.seq + 0 > leg.seq AND hole.seq + 0 <= $2
    ), '{}')
) AS part
WHERE leg.seq + 0 <= $2
ORDER BY asked.ordinal, leg.seq, part

-- name: size_at
-- The last seq of the acts recorded by a time ($1). Locks nothing; leans on checkpoint_by_time.
SELECT size FROM checkpoint WHERE recorded_at <= $1 ORDER BY recorded_at DESC, size DESC LIMIT 1
