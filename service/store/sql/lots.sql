-- name: open_lots
-- Inserts in the order of accounts; a second writer of the same lot waits at an_account_is_one_lot and then does nothing.
INSERT INTO lot (id, account, holder_id, contract_id, slip_id, grade, year, created_at)
SELECT
    w.id, w.account, w.holder_id,
    (SELECT c.id FROM contract AS c WHERE c.id = w.document_id),
    (SELECT s.id FROM slip AS s WHERE s.id = w.document_id),
    w.grade, w.year, $7
FROM unnest($1::uuid [], $2::bigint [], $3::uuid [], $4::uuid [], $5::text [], $6::integer [])
    WITH ORDINALITY AS w (id, account, holder_id, document_id, grade, year, place)
ORDER BY w.place
ON CONFLICT ON CONSTRAINT an_account_is_one_lot DO NOTHING

-- name: lots_of_accounts
-- Locks nothing; leans on an_account_is_one_lot.
SELECT id, account FROM lot WHERE account = ANY($1)

-- name: held_by
-- Locks nothing; leans on the primary key.
SELECT id, account FROM lot WHERE id = ANY($1) AND holder_id = $2

-- name: list
-- Locks nothing; leans on lot_by_holder. $1 is the area of an office, $2 an enterprise.
SELECT
    l.id, l.account, l.holder_id, h.name AS holder, l.contract_id, l.slip_id, r.id AS run_id, l.grade, l.year,
    l.created_at, coalesce(c.number, s.number, r.number) AS document_no
FROM lot AS l
INNER JOIN enterprise AS h ON h.id = l.holder_id
LEFT JOIN contract AS c ON c.id = l.contract_id
LEFT JOIN slip AS s ON s.id = l.slip_id
LEFT JOIN run_output AS o ON o.id = l.output_id
LEFT JOIN run AS r ON r.id = o.run_id
WHERE
    ($1::text IS NULL OR starts_with(h.jurisdiction, $1))
    AND ($2::uuid IS NULL OR l.holder_id = $2)
    AND ($3::uuid IS NULL OR l.holder_id = $3)
    AND ($4::uuid IS NULL OR l.id = $4)
    AND ($5::uuid IS NULL OR l.id < $5)
    AND ($7::uuid[] IS NULL OR l.id = ANY($7))
    AND ($8::timestamptz IS NULL OR l.created_at <= $8)
ORDER BY l.id DESC
LIMIT $6

-- name: lots_in
-- Locks nothing; leans on lot_by_holder. The lots of the holders of an area ($1 its digits), products among them.
SELECT
    l.id, l.account, l.holder_id, h.name AS holder, coalesce(c.number, s.number, r.number) AS document, l.grade, l.year
FROM enterprise AS h
INNER JOIN lot AS l ON l.holder_id = h.id
LEFT JOIN contract AS c ON c.id = l.contract_id
LEFT JOIN slip AS s ON s.id = l.slip_id
LEFT JOIN run_output AS o ON o.id = l.output_id
LEFT JOIN run AS r ON r.id = o.run_id
WHERE starts_with(h.jurisdiction, $1)
ORDER BY l.account

-- name: is_place
-- Locks nothing; leans on the primary key.
SELECT EXISTS (SELECT FROM jurisdiction WHERE code = $1)

-- name: refused_lots
-- Locks nothing; leans on ticket_taken_back, lot_by_contract and lot_by_slip.
SELECT DISTINCT lot.id, lot.account, lot.holder_id, holder.jurisdiction
FROM ticket
INNER JOIN lot
    ON lot.contract_id = coalesce(ticket.onward_contract_id, ticket.contract_id)
    OR (ticket.contract_id IS NULL AND lot.slip_id = ticket.slip_id)
INNER JOIN enterprise AS holder ON holder.id = lot.holder_id
WHERE (ticket.refused_kg > 0 OR ticket.back_kg IS NOT NULL) AND ticket.in_kg IS NOT NULL
ORDER BY lot.id

-- name: taken_back
-- Locks nothing; leans on ticket_taken_back. The loads that had come into lots and of which something was refused, or came back: how much,
-- and when.
SELECT
    lot.account, ticket.id, ticket.account AS load, ticket.in_kg, ticket.in_at, coalesce(refused.done_at, ticket.back_at) AS at,
    CASE WHEN ticket.refused_kg > 0 THEN ticket.refused_kg ELSE least(ticket.back_kg, ticket.in_kg) END AS kg
FROM lot
INNER JOIN ticket
    ON coalesce(ticket.onward_contract_id, ticket.contract_id, ticket.slip_id) = coalesce(lot.contract_id, lot.slip_id)
    AND coalesce(ticket.onward_buyer_id, ticket.buyer_id) = lot.holder_id AND ticket.grade = lot.grade
    AND extract(YEAR FROM ticket.out_at AT TIME ZONE 'Asia/Shanghai') = lot.year
LEFT JOIN LATERAL (
    SELECT done_at FROM ticket_act
    WHERE ticket_id = ticket.id AND kind = 'refused' AND ticket.refused_kg > 0 ORDER BY id DESC LIMIT 1
) AS refused ON TRUE
WHERE (ticket.refused_kg > 0 OR ticket.back_kg IS NOT NULL) AND ticket.in_kg IS NOT NULL

-- name: sent_back
-- Locks nothing; leans on ticket_taken_back. Of lots ($1 their accounts) what was taken back since a time ($2), what had come, and what of
-- it stands as a movement of its own.
SELECT
    taken_back.id, taken_back.account, taken_back.at, taken_back.in_kg, taken_back.kg AS back_kg,
    (
        SELECT coalesce(sum(upper(live) - lower(live)), 0)
        FROM leg
        CROSS JOIN LATERAL unnest(
            int8multirange(int8range(leg.target_lo, leg.target_lo + leg.target_kg)) - coalesce((
                SELECT range_agg(int8range(hole.lo, hole.hi)) FROM hole
                WHERE
                    hole.account = taken_back.load AND hole.side = 'in' AND hole.seq > leg.seq
                    AND hole.lo < leg.target_lo + leg.target_kg AND hole.hi > leg.target_lo
            ), '{}')
        ) AS live
        WHERE leg.target = taken_back.load AND leg.source = taken_back.account
    )::bigint AS anew_kg
FROM unnest($1::bigint[], $2::timestamptz[]) AS asked (account, since)
INNER JOIN sentence.taken_back ON taken_back.account = asked.account AND taken_back.at >= asked.since
ORDER BY taken_back.id

-- name: stock_beside
-- Locks nothing; leans on ticket_taken_back, lot_return_by_lot and the keys of legs. What lots had beside loads ($1) at a time ($2): what
-- stands of all that had come into them by then less what had gone out. What was sold and came back was away meanwhile. A load of which
-- something was sent back counts as its scale told until then, and without that from then on, whatever of it was cut; of two at one
-- instant the lower id leads.
WITH asked AS (
    SELECT a.ticket_id, a.at, lot.account
    FROM unnest($1::uuid[], $2::timestamptz[]) AS a (ticket_id, at)
    INNER JOIN ticket ON ticket.id = a.ticket_id
    INNER JOIN lot
        ON coalesce(lot.contract_id, lot.slip_id) = coalesce(ticket.onward_contract_id, ticket.contract_id, ticket.slip_id)
        AND lot.holder_id = coalesce(ticket.onward_buyer_id, ticket.buyer_id) AND lot.grade = ticket.grade
        AND lot.year = extract(YEAR FROM ticket.out_at AT TIME ZONE 'Asia/Shanghai')
),

place AS MATERIALIZED (
    SELECT DISTINCT account FROM asked
),

sent_back AS MATERIALIZED (
    SELECT taken_back.* FROM place INNER JOIN sentence.taken_back ON taken_back.account = place.account
),

come AS (
    SELECT account, id AS ticket_id FROM sent_back
    UNION
    SELECT account, ticket_id FROM asked
),

own AS MATERIALIZED (
    SELECT come.account, ticket.account AS other FROM come INNER JOIN ticket ON ticket.id = come.ticket_id
    UNION
    SELECT come.account, load.id FROM come INNER JOIN account AS load ON load.kind = 'load' AND load.document_id = come.ticket_id
),

word AS (
    SELECT leg.seq, leg.target AS account, leg.source AS other, 'in' AS side, target_lo AS lo, target_lo + target_kg AS hi, occurred_at
    FROM place INNER JOIN leg ON leg.target = place.account AND NOT leg.target_behind
    UNION ALL
    SELECT leg.seq, leg.target, leg.source, 'in', target_lo, target_lo + target_kg, occurred_at
    FROM place INNER JOIN leg ON leg.target = place.account AND leg.target_behind
    UNION ALL
    SELECT leg.seq, leg.source, leg.target, 'out', source_lo, source_lo + source_kg, occurred_at
    FROM place INNER JOIN leg ON leg.source = place.account AND NOT leg.source_behind
    UNION ALL
    SELECT leg.seq, leg.source, leg.target, 'out', source_lo, source_lo + source_kg, occurred_at
    FROM place INNER JOIN leg ON leg.source = place.account AND leg.source_behind
),

event AS MATERIALIZED (
    SELECT
        word.account, word.occurred_at AS at, NULL::uuid AS ticket_id, FALSE AS is_sent_back,
        CASE word.side WHEN 'in' THEN upper(live) - lower(live) ELSE lower(live) - upper(live) END AS kg
    FROM word
    CROSS JOIN LATERAL unnest(
        int8multirange(int8range(word.lo, word.hi)) - coalesce((
            SELECT range_agg(int8range(hole.lo, hole.hi)) FROM hole
            WHERE
                hole.account = word.account AND hole.side = word.side AND hole.seq > word.seq
                AND hole.lo < word.hi AND hole.hi > word.lo
        ), '{}')
    ) AS live
    WHERE (word.account, word.other) NOT IN (SELECT account, other FROM own)
    UNION ALL
    SELECT account, least(in_at, at), id, FALSE, in_kg FROM sent_back
    UNION ALL
    SELECT account, at, id, TRUE, -kg FROM sent_back
    UNION ALL
    SELECT away.account, moved.at, NULL, FALSE, moved.kg
    FROM place
    INNER JOIN lot_return AS away ON away.account = place.account AND away.back_at > away.left_at
    CROSS JOIN LATERAL (VALUES (away.left_at, -away.kg), (away.back_at, away.kg)) AS moved (at, kg)
)

SELECT asked.ticket_id, sum(event.kg)::bigint AS kg
FROM asked
INNER JOIN event
    ON event.account = asked.account AND event.ticket_id IS DISTINCT FROM asked.ticket_id
    AND (event.at < asked.at OR (event.at = asked.at AND (NOT event.is_sent_back OR event.ticket_id < asked.ticket_id)))
GROUP BY asked.ticket_id

-- name: find_returns
-- Locks nothing: under the contracts' locks; leans on a_load_comes_back_into_a_lot_once.
SELECT ticket_id, account, kg, left_at, back_at FROM lot_return WHERE ticket_id = ANY($1) AND kg > 0

-- name: keep_returns
-- Under the contracts' locks.
INSERT INTO lot_return (ticket_id, account, kg, left_at, back_at)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])
ON CONFLICT ON CONSTRAINT a_load_comes_back_into_a_lot_once DO UPDATE
SET kg = excluded.kg, left_at = excluded.left_at, back_at = excluded.back_at
