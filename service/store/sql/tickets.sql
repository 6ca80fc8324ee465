-- name: lock_named
-- Locks the tickets in the order of their ids, after the stations' books; leans on the primary key and a_ticket_number_is_given_once.
SELECT t.*
FROM ticket AS t
WHERE
    -- As an array, since a joined subquery gives nothing when the sentence is asked anew of a row that it has waited for.
    t.id = ANY(ARRAY(SELECT unnest($1::text::uuid[]) UNION ALL SELECT id FROM ticket WHERE number = ANY($2::text::text[])))
ORDER BY t.id
FOR UPDATE

-- name: lock_children
-- Locks the tickets in the order of their ids, after those of their parents, which are older; leans on ticket_by_parent.
SELECT t.* FROM ticket AS t WHERE t.parent_id = ANY($1::uuid[]) ORDER BY t.id FOR UPDATE

-- name: find_loads
-- Locks nothing: under the contract's lock; leans on ticket_by_contract and ticket_by_onward_contract. What left under a contract, or is
-- passed on under it.
SELECT t.* FROM ticket AS t WHERE t.contract_id = $1::uuid AND t.out_at IS NOT NULL
UNION ALL
SELECT t.* FROM ticket AS t WHERE t.onward_contract_id = $1 AND t.out_at IS NOT NULL

-- name: find_named
-- Locks nothing; leans on the primary key and a_ticket_number_is_given_once.
SELECT t.* FROM ticket AS t WHERE t.id = $1 OR t.number = $2

-- name: numbers_taken
-- Locks nothing; leans on a_ticket_number_is_given_once.
SELECT number FROM ticket WHERE number = ANY($1)

-- name: share_papers
-- Locks the contracts in the order of their ids against being closed meanwhile.
SELECT
    c.id, c.seller_id, c.buyer_id, c.mine_id, c.project_id, c.stock_id, c.earmark, c.grade, c.valid_until, c.is_framework,
    c.state = 'closed' AS is_closed, p.exit_station_id
FROM contract AS c
LEFT JOIN project AS p ON p.id = c.project_id
WHERE c.id = ANY($1)
ORDER BY c.id
FOR SHARE OF c

-- name: find_slips
-- Locks nothing; leans on the primary key.
SELECT s.id, s.enterprise_id, s.mine_id, s.project_id, s.stock_id, s.earmark, s.grade, s.by_tickets, p.exit_station_id
FROM slip AS s
LEFT JOIN project AS p ON p.id = s.project_id
WHERE s.id = ANY($1)

-- name: find_stations
-- Locks nothing; leans on the primary key.
SELECT s.id, s.jurisdiction, s.mine_id, coalesce(s.enterprise_id, m.enterprise_id) AS enterprise_id
FROM station AS s
LEFT JOIN mine AS m ON m.id = s.mine_id
WHERE s.id = ANY($1)

-- name: find_places
-- Locks nothing; leans on a_ticket_number_is_given_once.
SELECT t.number, s.jurisdiction
FROM ticket AS t
INNER JOIN station AS s ON s.id = t.source_station_id
WHERE t.number = ANY($1)

-- name: hold_plates
-- Takes an advisory lock for each plate until the transaction ends, in one order: so many plates share one that a batch takes few. The last
-- of all locks, after the ledger's head; scales never take it.
SELECT pg_advisory_xact_lock(7316202613000 + share)
FROM (SELECT DISTINCT hashtext(plate) & 63 AS share FROM unnest($1::text[]) AS plate ORDER BY share) AS shares

-- name: open_on_plates
-- Locks nothing; leans on ticket_on_the_road.
SELECT plate, valid_from, valid_until FROM ticket WHERE plate = ANY($1) AND state IN ('issued', 'out')

-- name: held
-- Locks nothing; leans on account_by_owner and ticket_held. A hold counts in the year of its window, or in this year ($2) when that
-- is later: what is still open at New Year draws on the new year's quota (E28).
SELECT wanted.id AS source_account, sum(t.planned_kg)::bigint AS held_kg
FROM account AS wanted
INNER JOIN account AS a
    ON a.kind = 'quota' AND a.owner_id = wanted.owner_id AND a.earmark IS NOT DISTINCT FROM wanted.earmark
    AND greatest(a.year, $2) = wanted.year
INNER JOIN ticket AS t ON t.source_account = a.id AND t.state = 'issued'
WHERE wanted.id = ANY($1) AND wanted.kind = 'quota'
GROUP BY wanted.id

-- name: issue
-- Locks nothing.
INSERT INTO ticket (
    id, number, code, contract_id, slip_id, seller_id, buyer_id, mine_id, earmark, plate, planned_kg, grade, source_station_id,
    destination_station_id, valid_from, valid_until, issued_at, issued_by, account, source_account, flags, key_id, state, out_kg,
    out_at, parent_id, onward_contract_id, onward_buyer_id, project_id, stock_id
)
SELECT
    id, number, code, contract_id, slip_id, seller_id, buyer_id, mine_id, earmark, plate, planned_kg, grade, source_station_id,
    destination_station_id, valid_from, valid_until, $1, issued_by, account, source_account, string_to_array(flags, ','), key_id,
    state, out_kg, out_at, parent_id, onward_contract_id, onward_buyer_id, project_id, stock_id
FROM unnest(
    $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::uuid[], $9::uuid[], $10::text[], $11::text[],
    $12::bigint[], $13::text[], $14::uuid[], $15::uuid[], $16::timestamptz[], $17::timestamptz[], $18::uuid[], $19::bigint[],
    $20::bigint[], $21::text[], $22::integer[], $23::text[], $24::bigint[], $25::timestamptz[], $26::uuid[], $27::uuid[],
    $28::uuid[], $29::uuid[], $30::uuid[]
) AS t (
    id, number, code, contract_id, slip_id, seller_id, buyer_id, mine_id, earmark, plate, planned_kg, grade, source_station_id,
    destination_station_id, valid_from, valid_until, issued_by, account, source_account, flags, key_id, state, out_kg, out_at,
    parent_id, onward_contract_id, onward_buyer_id, project_id, stock_id
)

-- name: lock_visible
-- Locks the ticket, when the asker may know of it: an office by the place of a party, an enterprise or a station by its name.
SELECT t.*
FROM ticket AS t
WHERE t.id = $1 AND (
    $2
    OR $4 IN (t.seller_id, t.buyer_id, t.onward_buyer_id)
    OR $5 IN (t.source_station_id, t.destination_station_id)
    OR EXISTS (
        SELECT FROM enterprise AS e WHERE e.id IN (t.seller_id, t.buyer_id, t.onward_buyer_id) AND starts_with(e.jurisdiction, $3::text)
    )
    OR EXISTS (SELECT FROM mine AS m WHERE m.id = t.mine_id AND starts_with(m.jurisdiction, $3::text))
)
FOR UPDATE OF t

-- name: list
-- Locks nothing; leans on the primary key, ticket_by_contract or ticket_by_plate. Whose it is: as in lock_visible; whose it was when it was
-- for another buyer ($12) at another station ($13). Newest first.
SELECT
    t.*, seller.name AS seller, buyer.name AS buyer, coalesce(mine.name, project.name, stock.document_no) AS mine,
    s.name AS source_station, d.name AS destination_station, onward.name AS onward_buyer, parent.number AS parent_number
FROM ticket AS t
INNER JOIN enterprise AS seller ON seller.id = t.seller_id
INNER JOIN enterprise AS buyer ON buyer.id = coalesce($12::uuid, t.buyer_id)
INNER JOIN station AS s ON s.id = t.source_station_id
INNER JOIN station AS d ON d.id = coalesce($13::uuid, t.destination_station_id)
LEFT JOIN mine ON mine.id = t.mine_id
LEFT JOIN project ON project.id = t.project_id
LEFT JOIN stock ON stock.id = t.stock_id
LEFT JOIN enterprise AS onward ON onward.id = t.onward_buyer_id
LEFT JOIN ticket AS parent ON parent.id = t.parent_id
WHERE
    ($6::uuid[] IS NULL OR t.id = ANY($6))
    AND (
        $1::boolean
        OR $3::uuid IN (t.seller_id, buyer.id, t.onward_buyer_id)
        OR $4::uuid IN (t.source_station_id, d.id)
        OR starts_with(seller.jurisdiction, $2::text)
        OR starts_with(buyer.jurisdiction, $2::text)
        OR starts_with(coalesce(mine.jurisdiction, project.jurisdiction), $2::text)
        OR starts_with(onward.jurisdiction, $2::text)
    )
    AND ($5::uuid IS NULL OR t.id < $5)
    AND ($7::uuid IS NULL OR $7 IN (t.contract_id, t.onward_contract_id))
    AND ($8::text IS NULL OR t.state = $8)
    AND ($9::text IS NULL OR t.plate = $9)
    AND ($11::uuid IS NULL OR t.parent_id = $11)
ORDER BY t.id DESC
LIMIT $10

-- name: issued
-- Locks nothing; leans on the primary keys. What list gives, without its joins, which take longer to plan than twenty tickets to issue.
SELECT
    t.*,
    (SELECT name FROM enterprise WHERE id = t.seller_id) AS seller,
    (SELECT name FROM enterprise WHERE id = t.buyer_id) AS buyer,
    coalesce(
        (SELECT name FROM mine WHERE id = t.mine_id),
        (SELECT name FROM project WHERE id = t.project_id),
        (SELECT document_no FROM stock WHERE id = t.stock_id)
    ) AS mine,
    (SELECT name FROM station WHERE id = t.source_station_id) AS source_station,
    (SELECT name FROM station WHERE id = t.destination_station_id) AS destination_station,
    (SELECT name FROM enterprise WHERE id = t.onward_buyer_id) AS onward_buyer,
    (SELECT number FROM ticket WHERE id = t.parent_id) AS parent_number
FROM ticket AS t
WHERE t.id = ANY($1::uuid[])

-- name: find
-- Locks nothing; leans on the primary key.
SELECT t.* FROM ticket AS t WHERE t.id = ANY($1::uuid[])

-- name: expiries
-- Locks nothing; leans on a_ticket_expires_once_at_a_time. When the sweeper ended tickets.
SELECT ticket_id, expired_at FROM ticket_expiry WHERE ticket_id = ANY($1::uuid[])

-- name: lock_signed
-- Locks the tickets in id order; leans on ticket_by_key. Of those whose time has not run out: the print in force, or an earlier one that is
-- still good, was signed by the key after a moment. A code's second byte names its key.
SELECT t.*
FROM ticket AS t
WHERE
    t.key_id >= $1 AND t.valid_until >= $3 AND t.state IN ('issued', 'out')
    AND (
        (t.key_id = $1 AND coalesce((t.earlier_prints -> -1 ->> 'replaced_at')::timestamptz, t.issued_at) > $2)
        OR EXISTS (
            SELECT FROM jsonb_array_elements(t.earlier_prints) WITH ORDINALITY AS p (said, place)
            WHERE
                p.said ->> 'revoked_at' IS NULL
                AND mod(div((p.said ->> 'code')::numeric, power(2::numeric, 944)), 256) = $1
                AND coalesce((t.earlier_prints -> (p.place::integer - 2) ->> 'replaced_at')::timestamptz, t.issued_at) > $2
        )
    )
ORDER BY t.id
LIMIT $4
FOR UPDATE

-- name: loads_at
-- Locks nothing; leans on ticket_by_contract, act_by_former_contract, ticket_by_slip, ticket_by_onward_contract, weighing_by_ticket and
-- act_by_ticket: the tickets that contracts and slips ($1) had by $2, each with those that were its own then, and whether anything has
-- happened to them since.
WITH load AS (
    SELECT ticket.contract_id AS paper_id, ticket.* FROM ticket
    WHERE ticket.contract_id = ANY($1::uuid[]) AND NOT EXISTS (
        SELECT FROM ticket_act AS act
        WHERE act.ticket_id = ticket.id AND act.kind = 'redirected' AND act.kg IS NULL AND act.done_at > $2
    )
    UNION ALL
    SELECT went.paper_id, ticket.*
    FROM (
        SELECT DISTINCT ON (act.ticket_id) act.ticket_id, (act.facts ->> 'from_contract')::uuid AS paper_id
        FROM ticket_act AS act
        WHERE
            act.kind = 'redirected' AND act.kg IS NULL AND act.done_at > $2
            AND act.ticket_id IN (
                SELECT former.ticket_id FROM ticket_act AS former
                WHERE former.kind = 'redirected' AND former.facts ->> 'from_contract' = ANY($1::uuid[]::text[])
            )
        ORDER BY act.ticket_id, act.done_at, act.id
    ) AS went
    INNER JOIN ticket ON ticket.id = went.ticket_id
    WHERE went.paper_id = ANY($1)
    UNION ALL
    SELECT ticket.slip_id, ticket.* FROM ticket WHERE ticket.slip_id = ANY($1)
    UNION ALL
    SELECT ticket.onward_contract_id, ticket.* FROM ticket WHERE ticket.onward_contract_id = ANY($1)
)

SELECT
    load.*,
    EXISTS (
        SELECT FROM weighing
        LEFT JOIN weighing_version AS said ON said.weighing_id = weighing.id
        WHERE weighing.ticket_id = load.id AND greatest(weighing.recorded_at, said.recorded_at) > $2
        UNION ALL
        SELECT FROM ticket_act WHERE ticket_act.ticket_id = load.id AND ticket_act.done_at > $2
        UNION ALL
        SELECT FROM ticket_act
        INNER JOIN ticket_act_version AS said ON said.act_id = ticket_act.id
        WHERE ticket_act.ticket_id = load.id AND said.recorded_at > $2
    ) AS has_changed
FROM load
WHERE load.issued_at <= $2

-- name: newest_at
-- Locks nothing; leans on what loads_at does: the newest ($3) tickets that contracts and slips ($1) had by $2.
WITH known AS (
    SELECT * FROM sentence.loads_at
)

SELECT id FROM known ORDER BY id DESC LIMIT $3

-- name: received_at
-- Locks nothing; leans on what loads_at does: what contracts ($1) had received by $2. A ticket to which nothing has happened since says it
-- itself; of any other what the scales and the deeds then said: what came in, or its share of a weighing, less what was refused, or else of
-- what had come back.
WITH known AS (
    SELECT * FROM sentence.loads_at
),

told AS (
    SELECT
        known.paper_id, known.id,
        (array_agg(line.net_kg) FILTER (WHERE line.direction = 'in'))[1] AS in_kg,
        (array_agg(line.net_kg) FILTER (WHERE line.direction = 'back' AND NOT line.flags @> ARRAY['station-bypass']))[1] AS back_kg
    FROM known
    LEFT JOIN LATERAL (
        SELECT
            weighing.direction,
            coalesce(said.net_kg, weighing.net_kg) AS net_kg,
            coalesce(said.flags, weighing.flags) AS flags
        FROM weighing
        LEFT JOIN LATERAL (
            SELECT * FROM weighing_version AS version
            WHERE version.weighing_id = weighing.id AND version.recorded_at <= $2
            ORDER BY version.version DESC LIMIT 1
        ) AS said ON TRUE
        WHERE
            weighing.ticket_id = known.id AND weighing.recorded_at <= $2
            AND coalesce(said.status, weighing.status) = 'accepted'
            AND NOT coalesce(said.flags, weighing.flags) && ARRAY['ticket-reused', 'no-ticket', 'ticket-revoked']
    ) AS line ON TRUE
    WHERE known.has_changed
    GROUP BY known.paper_id, known.id
)

SELECT paper_id, sum(greatest(0, in_kg - coalesce(nullif(refused_kg, 0), back_kg, 0)))::bigint AS kg
FROM (
    SELECT paper_id, in_kg, refused_kg, back_kg FROM known WHERE NOT has_changed
    UNION ALL
    SELECT
        told.paper_id,
        coalesce((
            SELECT coalesce((
                SELECT said.kg FROM ticket_act_version AS said
                WHERE said.act_id = act.id AND said.recorded_at <= $2
                ORDER BY said.version DESC LIMIT 1
            ), act.kg)
            FROM ticket_act AS act
            WHERE act.ticket_id = told.id AND act.kind = 'apportioned' AND act.done_at <= $2
            ORDER BY act.done_at DESC LIMIT 1
        ), told.in_kg),
        (SELECT sum(act.kg) FROM ticket_act AS act WHERE act.ticket_id = told.id AND act.kind = 'refused' AND act.done_at <= $2),
        told.back_kg
    FROM told
) AS received
WHERE in_kg IS NOT NULL
GROUP BY paper_id

-- name: shipped_at
-- Locks nothing; leans on what loads_at does, and the indexes of legs by account: what contracts and slips ($1) had shipped by $2, which is
-- seq $3. A ticket to which nothing has happened since says it itself; of any other the book does: what had come into its load, less what
-- had gone on to other trucks. Of one that arrived and has come back, the scale says what had come into its load, less what was refused: the
-- book then has only what stayed. One that came back and had not arrived has shipped nothing.
WITH known AS (
    SELECT * FROM sentence.loads_at
),

standing AS (
    SELECT
        known.paper_id, known.account, coalesce(known.onward_contract_id, known.paper_id) AS kept_under,
        CASE WHEN told.is_back THEN coalesce(told.out_kg, known.out_kg) - coalesce(refused.kg, 0) END AS stayed_kg
    FROM known
    CROSS JOIN LATERAL (
        SELECT
            bool_or(weighing.direction = 'back') AS is_back,
            bool_or(weighing.direction = 'in') AS is_in,
            max(coalesce(said.net_kg, weighing.net_kg)) FILTER (WHERE weighing.direction = 'out') AS out_kg
        FROM weighing
        LEFT JOIN LATERAL (
            SELECT * FROM weighing_version AS version
            WHERE version.weighing_id = weighing.id AND version.recorded_at <= $2
            ORDER BY version.version DESC LIMIT 1
        ) AS said ON TRUE
        WHERE
            weighing.ticket_id = known.id AND weighing.recorded_at <= $2
            AND coalesce(said.status, weighing.status) = 'accepted'
            AND NOT coalesce(said.flags, weighing.flags) && ARRAY['ticket-reused', 'no-ticket', 'ticket-revoked']
            AND NOT (weighing.direction = 'back' AND coalesce(said.flags, weighing.flags) @> ARRAY['station-bypass'])
    ) AS told
    CROSS JOIN LATERAL (
        SELECT sum(ticket_act.kg) AS kg FROM ticket_act
        WHERE ticket_act.ticket_id = known.id AND kind = 'refused' AND done_at <= $2
    ) AS refused
    WHERE
        known.has_changed AND (told.is_back IS NOT TRUE OR told.is_in OR refused.kg IS NOT NULL)
),

word AS (
    SELECT
        standing.*, leg.seq AS said, leg.source AS other, 'in' AS side, leg.target_lo AS lo,
        leg.target_lo + leg.target_kg AS hi
    FROM standing
    INNER JOIN leg ON leg.target = standing.account AND NOT leg.target_behind
    WHERE standing.stayed_kg IS NULL
    UNION ALL
    SELECT standing.*, leg.seq, leg.source, 'in', leg.target_lo, leg.target_lo + leg.target_kg
    FROM standing
    INNER JOIN leg ON leg.target = standing.account AND leg.target_behind
    WHERE standing.stayed_kg IS NULL
    UNION ALL
    SELECT standing.*, leg.seq, leg.target, 'out', leg.source_lo, leg.source_lo + leg.source_kg
    FROM standing
    INNER JOIN leg ON leg.source = standing.account AND NOT leg.source_behind
    UNION ALL
    SELECT standing.*, leg.seq, leg.target, 'out', leg.source_lo, leg.source_lo + leg.source_kg
    FROM standing
    INNER JOIN leg ON leg.source = standing.account AND leg.source_behind
)

SELECT paper_id, sum(kg)::bigint AS kg
FROM (
    SELECT
        paper_id,
        out_kg - split_kg - CASE WHEN back_kg IS NULL THEN 0 ELSE least(refused_kg, out_kg - split_kg) END AS kg
    FROM known
    WHERE NOT has_changed AND state <> 'returned'
    UNION ALL
    SELECT paper_id, stayed_kg FROM standing
    UNION ALL
    SELECT word.paper_id, CASE word.side WHEN 'in' THEN upper(live) - lower(live) ELSE lower(live) - upper(live) END
    FROM word
    INNER JOIN account AS other ON other.id = word.other
    CROSS JOIN LATERAL unnest(
        int8multirange(int8range(word.lo, word.hi)) - coalesce((
            SELECT range_agg(int8range(hole.lo, hole.hi)) FROM hole
            WHERE
                hole.account = word.account AND hole.side = word.side AND hole.seq > word.said AND hole.seq <= $3
                AND hole.lo < word.hi AND hole.hi > word.lo
        ), '{}')
    ) AS live
    WHERE word.said <= $3 AND CASE word.side
        -- What comes back out of the buyer's own lot is shipped no second time.
        WHEN 'in' THEN other.kind <> 'gained' AND (other.kind <> 'lot' OR other.document_id <> word.kept_under)
        ELSE other.kind = 'load'
    END
) AS shipped
GROUP BY paper_id
