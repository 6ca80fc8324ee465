-- name: lock_head
-- Locks the head: the last lock of every transaction that posts, so that all acts stand in one order.
-- A statement of its own, since a statement takes its snapshot before it waits.
SELECT seq, act, greatest(recorded_at, $1) AS recorded_at, frontier, sent_back, owing
FROM head
FOR UPDATE;

-- name: ends
-- What the leaves bind of accounts, where both of their columns end, and whether that is all there is to say; without the head's
-- lock it is true of the log with the frontier of that digest. Leans on a_source_line_leaves_once and a_target_line_comes_once,
-- whose last entries are the ends.
SELECT
    id,
    mark,
    kind IN ('issue', 'gained', 'suspense') AS is_boundary,
    coalesce((
        SELECT target_lo + target_kg FROM leg
        WHERE target = account.id AND NOT target_behind ORDER BY target_lo DESC LIMIT 1
    ), 0) AS ins,
    coalesce((
        SELECT source_lo + source_kg FROM leg
        WHERE source = account.id AND NOT source_behind ORDER BY source_lo DESC LIMIT 1
    ), 0) AS outs,
    coalesce((SELECT TRUE FROM loose WHERE loose.account = account.id), FALSE) AS is_loose,
    (SELECT sha256(frontier) FROM head) AS digest
FROM account
WHERE id = ANY($1::text::bigint[]);

-- name: books
-- Reads without locks; as of a seq, or now ($2 is null): the ends of both columns, the lines struck and not written again, and
-- from these the stock and the debt, literally. Leans on the unique indexes for the ends, on the small indexes of holes and of
-- legs behind for the rest.
WITH book AS MATERIALIZED (
    SELECT
        id,
        kind IN ('issue', 'gained', 'suspense') AS is_boundary,
        coalesce((
            SELECT target_lo + target_kg FROM leg
            WHERE target = account.id AND NOT target_behind AND ($2::bigint IS NULL OR seq <= $2)
            ORDER BY target_lo DESC LIMIT 1
        ), 0) AS ins,
        coalesce((
            SELECT source_lo + source_kg FROM leg
            WHERE source = account.id AND NOT source_behind AND ($2::bigint IS NULL OR seq <= $2)
            ORDER BY source_lo DESC LIMIT 1
        ), 0) AS outs
    FROM account
    WHERE id = ANY($1::bigint[])
),

edge AS (
    SELECT account, side, at, sum(step) AS step
    FROM (
        SELECT account, side, lo, hi, 1 AS sign, seq FROM hole WHERE account = ANY($1)
        UNION ALL
        SELECT source, 'out', source_lo, source_lo + source_kg, -1, seq FROM leg WHERE source = ANY($1) AND source_behind
        UNION ALL
        SELECT target, 'in', target_lo, target_lo + target_kg, -1, seq FROM leg WHERE target = ANY($1) AND target_behind
    ) AS word (account, side, lo, hi, sign, seq)
    CROSS JOIN LATERAL (VALUES (lo, sign), (hi, -sign)) AS turn (at, step)
    WHERE $2::bigint IS NULL OR seq <= $2
    GROUP BY account, side, at
),

struck AS (
    SELECT account, side, range_agg(int8range(at, until)) AS places
    FROM (
        SELECT
            account, side, at,
            lead(at) OVER along AS until,
            sum(step) OVER along AS depth
        FROM edge
        WINDOW along AS (PARTITION BY account, side ORDER BY at)
    ) AS stretch
    WHERE depth = 1
    GROUP BY account, side
),

live AS (
    SELECT
        id, is_boundary, ins, outs,
        int8multirange(int8range(0, ins)) - coalesce(came.places, '{}') AS came,
        int8multirange(int8range(0, outs)) - coalesce(went.places, '{}') AS went
    FROM book
    LEFT JOIN struck AS came ON came.account = id AND came.side = 'in'
    LEFT JOIN struck AS went ON went.account = id AND went.side = 'out'
)

SELECT
    id AS account,
    is_boundary,
    ins,
    outs,
    (SELECT coalesce(sum(upper(span) - lower(span)), 0) FROM unnest(came) AS span)::bigint AS in_kg,
    (SELECT coalesce(sum(upper(span) - lower(span)), 0) FROM unnest(went) AS span)::bigint AS out_kg,
    CASE WHEN is_boundary THEN '{}' ELSE came - went END AS stock,
    CASE WHEN is_boundary THEN '{}' ELSE went - came END AS debt
FROM live;

-- name: live_parts
-- Under the head's lock: what no later hole has struck of the legs of these movements. Leans on leg_by_movement and hole_by_place.
SELECT
    leg.movement, source, target,
    CASE WHEN source_kg = target_kg THEN source_lo + lower(span) - target_lo ELSE source_lo END AS source_lo,
    CASE WHEN source_kg = target_kg THEN upper(span) - lower(span) ELSE source_kg END AS source_kg,
    lower(span) AS target_lo,
    upper(span) - lower(span) AS target_kg
FROM leg
CROSS JOIN LATERAL unnest(
    int8multirange(int8range(target_lo, target_lo + target_kg)) - coalesce((
        SELECT range_agg(int8range(lo, hi)) FROM hole
        WHERE
            account = leg.target AND side = 'in' AND hole.seq > leg.seq
            AND lo < leg.target_lo + leg.target_kg AND hi > leg.target_lo
    ), '{}')
) AS span
WHERE leg.movement = ANY($1::uuid[])
ORDER BY seq, lower(span);

-- name: write
-- Under the head's lock: legs and holes whose places are known, with their leaves; and which accounts are loose from now and which
-- no longer. An unknown account has no mark, so its leg would have no leaf and is not written.
WITH written_leg AS (
    INSERT INTO leg (
        seq, act, movement, source, source_lo, source_kg, target, target_lo,
        target_kg, over_kg, cover_kg, source_behind, target_behind, occurred_at, fact, leaf
    )
    SELECT
        given.*,
        sha256(
            '\x00014c'::bytea || int8send(seq) || int8send(act) || uuid_send(movement)
            || (SELECT mark FROM account WHERE id = source) || int8send(source_lo) || int8send(source_kg)
            || (SELECT mark FROM account WHERE id = target) || int8send(target_lo) || int8send(target_kg)
            || int8send(over_kg) || int8send(cover_kg)
            || set_byte('\x00', 0, source_behind::int + 2 * target_behind::int)
            || int8send((extract(EPOCH FROM occurred_at) * 1000000)::bigint) || fact
        )
    FROM unnest(
        $1::bigint[], $2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::bigint[], $12::boolean[], $13::boolean[], $14::timestamptz[], $15::bytea[]
    ) AS given (
        seq, act, movement, source, source_lo, source_kg, target, target_lo,
        target_kg, over_kg, cover_kg, source_behind, target_behind, occurred_at, fact
    )
    RETURNING seq, leaf
),

written_hole AS (
    INSERT INTO hole (seq, act, movement, account, side, lo, hi, kind, debt_kg, occurred_at, fact, leaf)
    SELECT
        given.*,
        sha256(
            '\x000148'::bytea || int8send(seq) || int8send(act) || uuid_send(movement)
            || (SELECT mark FROM account WHERE id = given.account)
            || CASE side WHEN 'in' THEN '\x00'::bytea ELSE '\x01'::bytea END || int8send(lo) || int8send(hi)
            || CASE kind WHEN 'cut' THEN '\x00'::bytea ELSE '\x01'::bytea END || int8send(debt_kg)
            || int8send((extract(EPOCH FROM occurred_at) * 1000000)::bigint) || fact
        )
    FROM unnest(
        $16::bigint[], $17::bigint[], $18::uuid[], $19::bigint[], $20::text[], $21::bigint[],
        $22::bigint[], $23::text[], $24::bigint[], $25::timestamptz[], $26::bytea[]
    ) AS given (seq, act, movement, account, side, lo, hi, kind, debt_kg, occurred_at, fact)
    RETURNING seq, leaf
),

loosened AS (
    INSERT INTO loose (account)
    SELECT unnest($27::bigint[])
    ON CONFLICT DO NOTHING
),

tightened AS (
    DELETE FROM loose
    WHERE account = ANY($28::bigint[])
)

SELECT seq, leaf FROM written_leg
UNION ALL
SELECT seq, leaf FROM written_hole
ORDER BY seq;

-- name: seal
-- Under the head's lock: the signed checkpoint over all leaves so far, the nodes that they completed, and the head that the
-- next act starts from.
WITH written AS (
    INSERT INTO checkpoint (size, act, recorded_at, root, key_id, signature)
    VALUES ($1, $2, $3, $5, $6, $7)
),

completed AS (
    INSERT INTO node (level, index, hash)
    SELECT * FROM unnest($8::integer[], $9::bigint[], $10::bytea[])
)

UPDATE head
SET seq = $1, act = $2, recorded_at = $3, frontier = $4;

-- name: count_sent_back
-- Locks the head.
UPDATE head SET sent_back = sent_back + 1;

-- name: post
-- Locks the head, and where it has the seq and frontier given, moves it and writes what belongs to the move: plain legs, the
-- signed checkpoint, and the nodes that were completed; gives what else the head says, where it has moved it. Of each leg
-- $13 has 204 bytes: the 156 that its leaf binds, then source, target and leaf. The lock has no condition of the row: one would be asked
-- of it as it was before the wait. It is taken after all that another sentence has written in place of `before`.
WITH before AS MATERIALIZED (
    SELECT 0 AS changed
),

locked AS MATERIALIZED (
    SELECT seq, frontier
    FROM head
    WHERE (SELECT changed FROM before) >= 0
    FOR UPDATE
),

moved AS (
    UPDATE head
    SET seq = $3, act = $4, recorded_at = $5, frontier = $6
    FROM locked
    WHERE locked.seq = $1 AND locked.frontier = $2
    RETURNING head.sent_back, head.owing
),

written AS (
    INSERT INTO leg (
        seq, act, movement, source, source_lo, source_kg, target, target_lo,
        target_kg, over_kg, cover_kg, source_behind, target_behind, occurred_at, fact, leaf
    )
    SELECT
        substr($13, at + 4, 8)::bigint,
        substr($13, at + 12, 8)::bigint,
        encode(substr($13, at + 20, 16), 'hex')::uuid,
        substr($13, at + 157, 8)::bigint,
        substr($13, at + 52, 8)::bigint,
        substr($13, at + 60, 8)::bigint,
        substr($13, at + 165, 8)::bigint,
        substr($13, at + 84, 8)::bigint,
        substr($13, at + 92, 8)::bigint,
        substr($13, at + 100, 8)::bigint,
        substr($13, at + 108, 8)::bigint,
        FALSE,
        FALSE,
        '1970-01-01+00'::timestamptz + substr($13, at + 117, 8)::bigint * interval '1 microsecond',
        substr($13, at + 125, 32),
        substr($13, at + 173, 32)
    FROM moved
    CROSS JOIN generate_series(0, length($13::bytea) - 1, 204) AS at
),

sealed AS (
    INSERT INTO checkpoint (size, act, recorded_at, root, key_id, signature)
    SELECT $3, $4, $5, $7, $8, $9
    FROM moved
),

completed AS (
    INSERT INTO node (level, index, hash)
    SELECT kept.*
    FROM moved
    CROSS JOIN unnest($10::integer[], $11::bigint[], $12::bytea[]) AS kept
)

SELECT sent_back, owing FROM moved;

-- name: open_overdraws
-- Under the head's lock: kinds of accounts, and their open episodes. Leans on an_account_is_overdrawn_once_at_a_time.
SELECT account.id AS account_id, account.kind, overdraw.*
FROM account
LEFT JOIN overdraw ON overdraw.account = account.id AND overdraw.closed_at IS NULL
WHERE account.id = ANY($1::bigint[]);

-- name: keep_overdraws
-- Under the head's lock: new episodes, what has changed of open ones, and by how many more, or fewer, quotas owe ($14).
WITH counted AS (
    UPDATE head SET owing = owing + $14
    WHERE $14 <> 0
)

INSERT INTO overdraw (
    id, account, cause, opened_act, opened_seq, opened_by, occurred_at, discovered_at,
    debt_kg, peak_kg, closed_act, closed_at, covered_by
)
SELECT * FROM unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::uuid[], $7::timestamptz[], $8::timestamptz[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::timestamptz[], $13::uuid[]
)
ON CONFLICT (id) DO UPDATE SET
debt_kg = excluded.debt_kg, peak_kg = excluded.peak_kg,
closed_act = excluded.closed_act, closed_at = excluded.closed_at, covered_by = excluded.covered_by;
