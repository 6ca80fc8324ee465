-- name: lock
-- Locks the books of the stations in the order of their ids, then the tickets in the order of theirs: the records of one station
-- come one after the other. Leans on the primary keys and a_ticket_number_is_given_once.
WITH book AS MATERIALIZED (
    SELECT
        b.station_id, s.jurisdiction, s.mine_id,
        coalesce(s.enterprise_id, m.enterprise_id) AS enterprise_id,
        b.seen
    FROM station_book AS b
    INNER JOIN station AS s ON s.id = b.station_id
    LEFT JOIN mine AS m ON m.id = s.mine_id
    WHERE b.station_id = ANY($1::text::uuid[])
    ORDER BY b.station_id
    FOR UPDATE OF b
)

SELECT
    ARRAY(SELECT row(station_id, jurisdiction, mine_id, enterprise_id, seen::text) FROM book) AS books,
    ARRAY(
        SELECT t
        FROM ticket AS t
        WHERE
            (SELECT count(*) FROM book) > 0
            AND t.id IN (SELECT unnest($2::text::uuid[]) UNION ALL SELECT id FROM ticket WHERE number = ANY($3::text::text[]))
        ORDER BY t.id
        FOR UPDATE
    ) AS tickets

-- name: read
-- Under the locks of the stations and tickets, and in a statement of its own, so that it sees what another process told while ours
-- waited: all that the rules ask, at once, in rows within one row, where the driver knows no lists but of texts. Locks the contracts in the order of their ids. Leans on
-- a_station_names_a_record_once, weighing_by_plate, weighing_by_ticket and ticket_on_the_road.
--   told: what was told before; a record that repeats another's event answers with that one's movements and flags.
--   events: what the stations told of the same plate or ticket, of about the same weight and time, oldest first. By the station's
--     index it would read all that a busy scale tells in a minute.
--   sources: see find_sources.
--   tares: the last fresh tares of each plate.
--   road: the tickets of each plate whose load is on the road.
--   ends: see `ends` of the ledger.
SELECT
    ARRAY(
        SELECT
            row(
                w.id, w.station_id, w.record_id, w.body_hash, w.status, w.duplicate_of, w.problem,
                CASE
                    WHEN w.duplicate_of IS NULL THEN w.flags
                    ELSE (SELECT flags FROM weighing AS f WHERE f.station_id = w.station_id AND f.record_id = w.duplicate_of)
                END,
                CASE
                    WHEN w.duplicate_of IS NULL THEN w.movement_ids
                    ELSE (
                        SELECT movement_ids FROM weighing AS f WHERE f.station_id = w.station_id AND f.record_id = w.duplicate_of
                    )
                END::text
            )
        FROM unnest($3::text::uuid[], $4::text::uuid[]) AS sent (station_id, record_id)
        INNER JOIN weighing AS w ON w.station_id = sent.station_id AND w.record_id = sent.record_id
    ) AS told,
    ARRAY(
        SELECT row(e.*)
        FROM (
            SELECT DISTINCT ON (w.id)
                w.id, w.station_id, w.record_id, w.flags, w.movement_ids::text, w.direction, w.plate, w.ticket_id, w.gross_kg,
                w.occurred_at
            FROM unnest(
                $3::text::uuid[], $5::text::text[], $6::text[], $7::text::uuid[], $8::text::bigint[], $9::text::timestamptz[]
            ) AS sent (station_id, direction, plate, ticket_id, gross_kg, occurred_at)
            CROSS JOIN LATERAL (
                SELECT * FROM weighing
                WHERE
                    plate = sent.plate
                    AND occurred_at BETWEEN sent.occurred_at - $10::interval AND sent.occurred_at + $10::interval
                UNION ALL
                SELECT * FROM weighing WHERE ticket_id = sent.ticket_id
            ) AS w
            WHERE
                w.station_id = sent.station_id
                AND w.direction = sent.direction
                AND w.status = 'accepted'
                AND w.occurred_at BETWEEN sent.occurred_at - $10::interval AND sent.occurred_at + $10::interval
                AND w.gross_kg BETWEEN sent.gross_kg - $11::bigint AND sent.gross_kg + $11::bigint
            ORDER BY w.id
        ) AS e
        ORDER BY e.id
    ) AS events,
    ARRAY(
        SELECT row(c.id, c.kg, c.shipped_kg, c.received_kg, c.valid_until, c.due_on, c.state, c.mine_id)
        FROM contract AS c
        WHERE c.id = ANY($12::text::uuid[])
        ORDER BY c.id
        FOR UPDATE
    ) AS terms,
    ARRAY(SELECT row(source.*) FROM (find_sources) AS source) AS sources,
    ARRAY(
        SELECT row(p.plate, w.occurred_at, w.tare_kg)
        FROM (SELECT DISTINCT plate FROM unnest($6::text[]) AS s (plate)) AS p
        CROSS JOIN LATERAL (
            SELECT tare_kg, occurred_at FROM weighing
            WHERE plate = p.plate AND status = 'accepted' AND tare_source = 'fresh'
            ORDER BY occurred_at DESC LIMIT 5
        ) AS w
    ) AS tares,
    ARRAY(SELECT row(plate, id) FROM ticket WHERE plate = ANY($13::text[]) AND state = 'out') AS road,
    ARRAY(SELECT row(account_end.*) FROM (ends) AS account_end) AS ends

-- name: open_station_books
-- Locks nothing that is there already; leans on a_station_has_one_book.
INSERT INTO station_book (station_id)
SELECT id FROM unnest($1::uuid[]) AS s (id) ORDER BY id
ON CONFLICT DO NOTHING

-- name: find_over
-- Locks nothing; leans on leg_by_movement. Those of the movements that took kilograms beyond a quota.
SELECT DISTINCT l.movement
FROM leg AS l
INNER JOIN account AS a ON a.id = l.source
WHERE l.movement = ANY($1) AND l.over_kg > 0 AND a.kind = 'quota'

-- name: lock_terms
-- Locks the contracts in the order of their ids, after the tickets.
SELECT id, kg, shipped_kg, received_kg, valid_until, due_on, state, mine_id
FROM contract
WHERE id = ANY($1)
ORDER BY id
FOR UPDATE

-- name: find_sources
-- Locks nothing; leans on allotment_by_mine, allotment_by_project and allotment_by_stock. Each mine, project or declared stock with
-- each year that a load is charged to (R01, R07, R22d).
SELECT
    m.id, y.year, m.licence_valid_until, m.consolidated,
    EXISTS (
        SELECT FROM allotment AS a
        WHERE a.mine_id = m.id AND a.year = y.year AND a.state IN ('issued', 'published') AND a.kg > 0
    ) AS has_tranche
FROM unnest($1::uuid[], $2::integer[]) AS y (source_id, year)
INNER JOIN mine AS m ON m.id = y.source_id
UNION ALL
SELECT
    p.id, y.year, p.valid_until, TRUE,
    EXISTS (
        SELECT FROM allotment AS a
        WHERE a.project_id = p.id AND a.year = y.year AND a.state IN ('issued', 'published') AND a.kg > 0
    )
FROM unnest($1::uuid[], $2::integer[]) AS y (source_id, year)
INNER JOIN project AS p ON p.id = y.source_id
UNION ALL
SELECT
    s.id, y.year, '9999-12-31'::date, TRUE,
    EXISTS (
        SELECT FROM allotment AS a
        WHERE a.stock_id = s.id AND a.year = y.year AND a.state IN ('issued', 'published') AND a.kg > 0
    )
FROM unnest($1::uuid[], $2::integer[]) AS y (source_id, year)
INNER JOIN stock AS s ON s.id = y.source_id

-- name: find_shipments
-- Locks nothing; leans on weighing_by_ticket and leg_by_movement. What each ticket's own load was made of, last part first.
SELECT w.ticket_id, l.movement, sum(l.target_kg)::bigint AS kg
FROM weighing AS w
INNER JOIN leg AS l ON l.movement = ANY(w.movement_ids)
INNER JOIN ticket AS t ON t.id = w.ticket_id AND l.target = t.account
WHERE w.ticket_id = ANY($1) AND w.direction = 'out' AND w.status = 'accepted'
GROUP BY w.ticket_id, l.movement
ORDER BY max(l.seq) DESC

-- name: move
-- Under the locks of the stations, tickets and contracts: where the weighings have brought tickets, contracts and books.
WITH moved AS (
    UPDATE ticket
    SET
        state = j.state, out_kg = j.out_kg, out_at = j.out_at, in_kg = j.in_kg, in_at = j.in_at, back_kg = j.back_kg,
        ended_at = j.ended_at
    FROM unnest(
        $1::text::uuid[], $2::text::text[], $3::text::bigint[], $4::text::timestamptz[], $5::text::bigint[],
        $6::text::timestamptz[], $7::text::bigint[], $8::text::timestamptz[]
    ) AS j (id, state, out_kg, out_at, in_kg, in_at, back_kg, ended_at)
    WHERE ticket.id = j.id
),

shipped AS (
    UPDATE contract
    SET shipped_kg = c.shipped_kg, received_kg = c.received_kg
    FROM unnest($9::text::uuid[], $10::text::bigint[], $11::text::bigint[]) AS c (id, shipped_kg, received_kg)
    WHERE contract.id = c.id
)

UPDATE station_book
SET seen = b.seen::int8multirange
FROM unnest($12::text::uuid[], $13::text[]) AS b (station_id, seen)
WHERE station_book.station_id = b.station_id

-- name: keep_signatures
-- Leans on a_weighing_is_signed_once.
INSERT INTO signature (weighing_id, device_id, jws)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])
ON CONFLICT DO NOTHING

-- name: keep_refused
-- Leans on a_refusal_is_kept_once.
INSERT INTO weighing_refusal (id, station_id, record_id, sent_hash, sent, problem, person_id, recorded_at)
SELECT id, station_id, record_id, sha256(convert_to(sent, 'UTF8')), sent, problem::jsonb, person_id, $7
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[])
    AS r (id, station_id, record_id, sent, problem, person_id)
ON CONFLICT DO NOTHING
