-- name: lock
-- Locks the books of the stations in the order of their ids, then the tickets in the order of theirs: the records of one station
-- come one after the other. In rows within one row, where the driver knows no lists but of texts. Leans on the primary keys and
-- a_ticket_number_is_given_once.
WITH book AS MATERIALIZED (
    SELECT
        b.station_id, s.jurisdiction, s.mine_id,
        coalesce(s.enterprise_id, m.enterprise_id) AS enterprise_id,
        s.latitude, s.longitude, b.seen, b.repeated, b.last_at,
        coalesce((SELECT NOT bool_or(l.status = 'running') FROM line AS l WHERE l.enterprise_id = s.enterprise_id), FALSE) AS is_stopped
    FROM station_book AS b
    INNER JOIN station AS s ON s.id = b.station_id
    LEFT JOIN mine AS m ON m.id = s.mine_id
    WHERE b.station_id = ANY($1::text::uuid[])
    ORDER BY b.station_id
    FOR UPDATE OF b
)

SELECT
    ARRAY(
        SELECT row(station_id, jurisdiction, mine_id, enterprise_id, latitude, longitude, seen::text, repeated, is_stopped, last_at) FROM book
    ) AS books,
    ARRAY(
        SELECT t
        FROM ticket AS t
        WHERE
            (SELECT count(*) FROM book) > 0
            -- As an array: when a row was changed while this waited for it, the sentence is asked anew of that row alone, and a
            -- subquery that is joined to it would give nothing then.
            AND t.id = ANY(ARRAY(
                SELECT unnest($2::text::uuid[]) UNION ALL SELECT id FROM ticket WHERE number = ANY($3::text::text[])
            ))
        ORDER BY t.id
        FOR UPDATE
    ) AS tickets

-- name: open_station_books
-- Locks nothing that is there already; leans on a_station_has_one_book.
INSERT INTO station_book (station_id)
SELECT id FROM unnest($1::uuid[]) AS s (id) ORDER BY id
ON CONFLICT DO NOTHING

-- name: find_told
-- Locks nothing; leans on a_station_names_a_record_once. Under the stations' locks: nobody tells one of these meanwhile.
-- As it was answered at first; a record that repeats another's event answered with that one's movements and flags, as they stood then:
-- ids are drawn in the order of record, so what a later record made of it has a later cause.
SELECT
    w.station_id, w.record_id, w.id, w.body_hash, w.status, w.duplicate_of, w.problem,
    coalesce(v.flags, f.flags, w.flags) AS flags,
    coalesce(v.movement_ids, f.movement_ids, w.movement_ids)::text[] AS movement_ids
FROM unnest($1::text::uuid[], $2::text::uuid[]) AS sent (station_id, record_id)
INNER JOIN weighing AS w ON w.station_id = sent.station_id AND w.record_id = sent.record_id
LEFT JOIN weighing AS f ON f.station_id = w.station_id AND f.record_id = w.duplicate_of
LEFT JOIN LATERAL (
    SELECT flags, movement_ids FROM weighing_version
    WHERE
        weighing_id = f.id
        AND CASE WHEN because_of IS NULL THEN recorded_at <= w.recorded_at ELSE because_of < w.id END
    ORDER BY version DESC LIMIT 1
) AS v ON TRUE

-- part: line
-- A weighing w as its newest version v says that it is, if it has one: the columns in the order in which `line_of` reads them.
w.id, w.station_id, w.record_id, w.body_hash, w.sequence, w.direction, w.ticket_id, w.ticket_text, w.plate,
coalesce(v.gross_kg, w.gross_kg) AS gross_kg, coalesce(v.tare_kg, w.tare_kg) AS tare_kg, w.grade, w.manual,
w.manual_reason, w.second_person, w.tare_source, w.weighed_at, w.occurred_at, w.recorded_at, w.person_id, w.axles,
w.mgo_per_mille, w.moisture_per_mille, w.reading, w.stable, coalesce(v.status, w.status) AS status,
CASE WHEN v.version IS NULL THEN w.duplicate_of ELSE v.duplicate_of END AS duplicate_of,
coalesce(v.flags, w.flags) AS flags, coalesce(v.movement_ids, w.movement_ids)::text[] AS movement_ids,
coalesce(v.version, 1) AS version

-- name: find_lines
-- Locks nothing; leans on weighing_by_plate and weighing_by_ticket. What was told of the same tickets, and at the same scale of the same
-- plate about the same time. IS NOT DISTINCT FROM keeps it from the station's indexes, by which a plan that was made while the table was
-- empty would read all that a scale ever told.
SELECT DISTINCT ON (w.id)
    part.line
FROM unnest($1::text::uuid[], $2::text::text[], $3::text[], $4::text::uuid[], $5::text::timestamptz[])
    AS sent (station_id, direction, plate, ticket_id, occurred_at)
CROSS JOIN LATERAL (
    SELECT * FROM weighing
    WHERE
        plate = sent.plate AND station_id IS NOT DISTINCT FROM sent.station_id AND direction = sent.direction
        AND occurred_at BETWEEN sent.occurred_at - $6::interval AND sent.occurred_at + $6::interval
    UNION ALL
    SELECT * FROM weighing WHERE ticket_id = sent.ticket_id
) AS w
LEFT JOIN LATERAL (
    SELECT * FROM weighing_version WHERE weighing_id = w.id ORDER BY version DESC LIMIT 1
) AS v ON TRUE
WHERE w.status <> 'refused' AND v.status IS DISTINCT FROM 'void'
ORDER BY w.id

-- name: find_lines_of
-- Locks nothing; leans on weighing_by_ticket. All that was told of tickets.
SELECT
    part.line
FROM weighing AS w
LEFT JOIN LATERAL (
    SELECT * FROM weighing_version WHERE weighing_id = w.id ORDER BY version DESC LIMIT 1
) AS v ON TRUE
WHERE w.ticket_id = ANY($1) AND w.status <> 'refused' AND v.status IS DISTINCT FROM 'void'
ORDER BY w.id

-- name: lock_book_of
-- Locks the book of the weighing's station, as recording does, before any ticket; for the station itself or an office of its area. Alone:
-- one sentence that locked and read would read what was said before it waited.
SELECT s.id, s.jurisdiction, s.mine_id, coalesce(s.enterprise_id, m.enterprise_id) AS enterprise_id, s.latitude, s.longitude
FROM weighing AS w
INNER JOIN station_book AS b ON b.station_id = w.station_id
INNER JOIN station AS s ON s.id = w.station_id
LEFT JOIN mine AS m ON m.id = s.mine_id
WHERE w.id = $1 AND (starts_with(s.jurisdiction, $2::text) OR s.id = $3::uuid)
FOR UPDATE OF b

-- name: find_line
-- Locks nothing; leans on the primary key.
SELECT
    part.line
FROM weighing AS w
LEFT JOIN LATERAL (
    SELECT * FROM weighing_version WHERE weighing_id = w.id ORDER BY version DESC LIMIT 1
) AS v ON TRUE
WHERE w.id = $1

-- part: beyond
-- The flag of a weighing whose `moved.movement_ids` took kilograms beyond a quota, whenever that is asked: as its first answer said it.
CROSS JOIN LATERAL (
    SELECT
        array(
            SELECT 'quota-overdrawn'
            WHERE EXISTS (
                SELECT FROM leg AS l INNER JOIN account AS a ON a.id = l.source
                WHERE l.movement = ANY(moved.movement_ids) AND l.over_kg > 0 AND a.kind = 'quota'
            )
        ) AS flags
) AS beyond

-- name: list
-- Locks nothing; walks the keys backwards, those of the refused by weighing_refused. Whose they are: the office's area, the station's own,
-- the enterprise's stations and the tickets in which it is a party. With a time ($12): as they stood, and whose the ticket was then.
SELECT * FROM (
    SELECT
        w.id, w.station_id, s.name AS station, w.record_id, w.sequence, w.direction, w.ticket_id, t.number AS ticket,
        CASE WHEN w.ticket_id IS NULL THEN w.ticket_text END AS ticket_text, w.plate,
        coalesce(v.gross_kg, w.gross_kg) AS gross_kg, coalesce(v.tare_kg, w.tare_kg) AS tare_kg,
        coalesce(v.net_kg, w.net_kg) AS net_kg, w.grade, w.manual, w.manual_reason, w.second_person, w.tare_source, w.axles,
        w.mgo_per_mille, w.moisture_per_mille, w.reading, w.stable, w.weighed_at, w.occurred_at, w.recorded_at, coalesce(v.status, w.status) AS status,
        CASE WHEN v.version IS NULL THEN w.duplicate_of ELSE v.duplicate_of END AS duplicate_of, w.problem,
        coalesce(v.flags, w.flags) || beyond.flags AS flags, moved.movement_ids, coalesce(v.version, 1) AS version, w.person_id,
        EXISTS (SELECT FROM signature WHERE weighing_id = w.id) AS is_signed, NULL AS sent
    FROM weighing AS w
    INNER JOIN station AS s ON s.id = w.station_id
    LEFT JOIN mine AS m ON m.id = s.mine_id
    LEFT JOIN ticket AS t ON t.id = w.ticket_id
    LEFT JOIN LATERAL (
        SELECT * FROM weighing_version
        WHERE weighing_id = w.id AND ($12::timestamptz IS NULL OR recorded_at <= $12)
        ORDER BY version DESC LIMIT 1
    ) AS v ON TRUE
    CROSS JOIN LATERAL (SELECT coalesce(v.movement_ids, w.movement_ids) AS movement_ids) AS moved
    part.beyond
    WHERE
        (
            $1 OR starts_with(s.jurisdiction, $2::text) OR coalesce(s.enterprise_id, m.enterprise_id) = $3::uuid OR s.id = $4::uuid
            OR $3::uuid IN (
                t.seller_id,
                CASE WHEN $12 IS NULL THEN t.buyer_id ELSE coalesce((
                    SELECT coalesce((act.facts ->> 'from_buyer')::uuid, former.buyer_id)
                    FROM ticket_act AS act
                    LEFT JOIN contract AS former ON former.id = (act.facts ->> 'from_contract')::uuid
                    WHERE act.ticket_id = t.id AND act.kind = 'redirected' AND act.kg IS NULL AND act.done_at > $12
                    ORDER BY act.done_at, act.id LIMIT 1
                ), t.buyer_id) END
            )
        )
        AND ($5::uuid IS NULL OR w.id < $5)
        AND ($6::uuid[] IS NULL OR w.id = ANY($6))
        AND ($7::text IS NULL OR coalesce(v.status, w.status) = $7)
        AND ($7::text IS DISTINCT FROM 'refused' OR w.status = 'refused')
        AND ($8::uuid IS NULL OR w.station_id = $8)
        AND ($9::uuid IS NULL OR w.ticket_id = $9)
        AND ($10::text IS NULL OR w.plate = $10)
        AND ($12 IS NULL OR w.recorded_at <= $12)
    ORDER BY w.id DESC
    LIMIT $11
) AS weighings
UNION ALL
SELECT * FROM (
    SELECT
        r.id, r.station_id, s.name, r.record_id, NULL::bigint, NULL, NULL::uuid, NULL, NULL, NULL, NULL::bigint, NULL::bigint, NULL::bigint,
        NULL, NULL::boolean, NULL, NULL, NULL, NULL::integer, NULL::integer, NULL::integer, NULL::bigint, NULL::boolean, NULL::timestamptz,
        NULL::timestamptz, r.recorded_at, 'refused', NULL::uuid, r.problem, '{}'::text[], '{}'::uuid[], 1, r.person_id, FALSE, r.sent
    FROM weighing_refusal AS r
    INNER JOIN station AS s ON s.id = r.station_id
    LEFT JOIN mine AS m ON m.id = s.mine_id
    WHERE
        ($1 OR starts_with(s.jurisdiction, $2::text) OR coalesce(s.enterprise_id, m.enterprise_id) = $3::uuid OR s.id = $4::uuid)
        AND ($5::uuid IS NULL OR r.id < $5)
        AND ($6::uuid[] IS NULL OR r.id = ANY($6))
        AND coalesce($7::text, 'refused') = 'refused'
        AND ($8::uuid IS NULL OR r.station_id = $8)
        AND $9::uuid IS NULL AND $10::text IS NULL
        AND ($12 IS NULL OR r.recorded_at <= $12)
    ORDER BY r.id DESC
    LIMIT $11
) AS refusals
ORDER BY id DESC
LIMIT $11

-- name: versions
-- Locks nothing; leans on a_version_of_a_weighing_is_kept_once.
SELECT
    moved.version, moved.gross_kg, moved.tare_kg, moved.net_kg, moved.status, moved.flags || beyond.flags AS flags, moved.movement_ids,
    moved.because_of, moved.reason, moved.person_id, moved.recorded_at
FROM weighing_version AS moved
part.beyond
WHERE moved.weighing_id = $1 AND ($2::timestamptz IS NULL OR moved.recorded_at <= $2)
ORDER BY version

-- name: find_sayings
-- Locks nothing; leans on weighing_by_ticket and a_version_of_a_weighing_is_kept_once. All that was ever said of what was told of tickets,
-- and when; the refused are nothing that was told.
SELECT
    w.id, w.station_id, w.record_id, w.body_hash, w.sequence, w.direction, w.ticket_id, w.ticket_text, w.plate,
    said.gross_kg, said.tare_kg, w.grade, w.manual,
    w.manual_reason, w.second_person, w.tare_source, w.weighed_at, w.occurred_at, w.recorded_at, w.person_id, w.axles,
    w.mgo_per_mille, w.moisture_per_mille, w.reading, w.stable, said.status, said.duplicate_of,
    said.flags, said.movement_ids::text[] AS movement_ids, said.version, said.recorded_at AS said_at
FROM weighing AS w
CROSS JOIN LATERAL (
    SELECT w.gross_kg, w.tare_kg, w.status, w.duplicate_of, w.flags, w.movement_ids, 1 AS version, w.recorded_at
    UNION ALL
    SELECT gross_kg, tare_kg, status, duplicate_of, flags, movement_ids, version, recorded_at
    FROM weighing_version
    WHERE weighing_id = w.id
) AS said
WHERE w.ticket_id = ANY($1) AND w.status <> 'refused'
ORDER BY w.id, said.version

-- name: signature
-- Locks nothing.
SELECT device_id, jws FROM signature WHERE weighing_id = $1

-- name: find_flows
-- Locks nothing: under the locks of the tickets. What still stands of movements; leans on leg_by_movement and hole_by_place.
SELECT l.movement, l.source, l.target, sum(l.target_kg - cut.kg)::bigint AS kg
FROM leg AS l
CROSS JOIN LATERAL (
    SELECT
        coalesce((
            SELECT sum(upper(span) - lower(span))
            FROM unnest(range_agg(int8range(greatest(h.lo, l.target_lo), least(h.hi, l.target_lo + l.target_kg)))) AS span
        ), 0)::bigint AS kg
    FROM hole AS h
    WHERE
        h.account = l.target AND h.side = 'in' AND h.seq > l.seq AND h.lo < l.target_lo + l.target_kg AND h.hi > l.target_lo
) AS cut
WHERE l.movement = ANY($1)
GROUP BY l.movement, l.source, l.target
HAVING sum(l.target_kg - cut.kg) > 0
ORDER BY min(l.seq)

-- name: keep_version
-- Locks nothing: under the lock of the weighing's ticket or station. Whoever waited for that has looked at his clock before; no version
-- is older than the one before it. Leans on the primary key and a_version_of_a_weighing_is_kept_once.
INSERT INTO weighing_version (
    weighing_id, version, gross_kg, tare_kg, net_kg, status, duplicate_of, flags, movement_ids, because_of, reason, person_id,
    recorded_at
)
SELECT
    id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
    greatest(
        $13, recorded_at, (SELECT recorded_at FROM weighing_version WHERE weighing_id = $1 ORDER BY version DESC LIMIT 1)
    )
FROM weighing
WHERE id = $1

-- name: find_over
-- Locks nothing; leans on leg_by_movement. Those of the movements that took kilograms beyond a quota.
SELECT DISTINCT l.movement
FROM leg AS l
INNER JOIN account AS a ON a.id = l.source
WHERE l.movement = ANY($1) AND l.over_kg > 0 AND a.kind = 'quota'

-- name: find_terms
-- Locks the contracts in the order of their ids, after the tickets.
SELECT id, kg, shipped_kg, received_kg, valid_until, due_on, state, mine_id
FROM contract
WHERE id = ANY($1)
ORDER BY id
FOR UPDATE

-- name: find_taken_back
-- Locks nothing; leans on ticket_taken_back. Of contracts and slips, when a load under them was last refused, or came back, or later: a
-- deed of another kind may have been the last.
SELECT p.id, taken.at
FROM unnest($1::text::uuid[]) AS p (id)
CROSS JOIN LATERAL (
    SELECT max(greatest(acted_at, back_at)) AS at FROM ticket
    WHERE coalesce(onward_contract_id, contract_id, slip_id) = p.id AND (refused_kg > 0 OR back_kg IS NOT NULL)
) AS taken
WHERE taken.at IS NOT NULL

-- name: find_draws
-- Locks nothing: under the contracts' locks; leans on pledge_by_contract, ticket_by_contract and ticket_taken_back. Of contracts out of
-- stock, the filing whose proof is in force, when the last of their loads left, and when a load of the pledged lots was last refused, or
-- came back, or later.
SELECT
    c.id,
    (SELECT p.filing_id FROM pledge AS p WHERE p.contract_id = c.id AND p.released_at IS NULL LIMIT 1) AS proof_id,
    (SELECT max(t.out_at) FROM ticket AS t WHERE t.contract_id = c.id) AS last_left_at,
    (
        SELECT max(greatest(t.acted_at, t.back_at))
        FROM pledge AS p
        INNER JOIN lot AS l ON l.id = p.lot_id
        INNER JOIN ticket AS t ON coalesce(t.onward_contract_id, t.contract_id, t.slip_id) = coalesce(l.contract_id, l.slip_id)
        WHERE p.contract_id = c.id AND p.released_at IS NULL AND (t.refused_kg > 0 OR t.back_kg IS NOT NULL)
    ) AS taken_back_at
FROM unnest($1::uuid[]) AS c (id)

-- name: find_sources
-- Locks nothing; leans on allotment_by_mine, allotment_by_project and allotment_by_stock. Each mine, project or declared stock with
-- each year that a load is charged to (R01, R07, R22d). A value and no EXISTS, for which all allotments would be read each time; IS NOT
-- DISTINCT FROM keeps it from allotment_by_year, which has all of a year's.
SELECT
    m.id, y.year, m.licence_valid_until, m.consolidated,
    coalesce((
        SELECT TRUE FROM allotment AS a
        WHERE a.mine_id = m.id AND a.year IS NOT DISTINCT FROM y.year AND a.state IN ('issued', 'published') AND a.kg > 0 LIMIT 1
    ), FALSE) AS has_tranche
FROM unnest($1::uuid[], $2::integer[]) AS y (source_id, year)
INNER JOIN mine AS m ON m.id = y.source_id
UNION ALL
SELECT
    p.id, y.year, p.valid_until, TRUE,
    coalesce((
        SELECT TRUE FROM allotment AS a
        WHERE a.project_id = p.id AND a.year IS NOT DISTINCT FROM y.year AND a.state IN ('issued', 'published') AND a.kg > 0 LIMIT 1
    ), FALSE)
FROM unnest($1::uuid[], $2::integer[]) AS y (source_id, year)
INNER JOIN project AS p ON p.id = y.source_id
UNION ALL
SELECT
    s.id, y.year, '9999-12-31'::date, TRUE,
    coalesce((
        SELECT TRUE FROM allotment AS a
        WHERE a.stock_id = s.id AND a.year IS NOT DISTINCT FROM y.year AND a.state IN ('issued', 'published') AND a.kg > 0 LIMIT 1
    ), FALSE)
FROM unnest($1::uuid[], $2::integer[]) AS y (source_id, year)
INNER JOIN stock AS s ON s.id = y.source_id

-- name: find_plates
-- Locks nothing; leans on weighing_by_plate, ticket_out_by_plate and ticket_on_the_road. Of each plate ($1) the last fresh tares before a
-- moment ($2) and all weighings from then on; then its loads that were on the road after that moment, and all that are open.
SELECT
    FALSE AS is_road, p.plate, w.id, w.station_id, w.record_id AS other_id, w.occurred_at AS begun_at, NULL::timestamptz AS ended_at,
    NULL AS number, w.tare_kg, w.gross_kg, w.tare_source = 'fresh' AS is_fresh, s.jurisdiction,
    coalesce(s.enterprise_id, m.enterprise_id) AS owner_id, s.latitude, s.longitude, NULL::timestamptz AS valid_from,
    NULL::timestamptz AS valid_until
FROM unnest($1::text[], $2::text::timestamptz[]) AS p (plate, since)
CROSS JOIN LATERAL (
    SELECT id, station_id, record_id, occurred_at, tare_kg, gross_kg, tare_source FROM weighing
    WHERE plate = p.plate AND occurred_at >= p.since - $3::interval AND status <> 'refused'
    UNION ALL
    (
        SELECT id, station_id, record_id, occurred_at, tare_kg, gross_kg, tare_source FROM weighing
        WHERE
            plate = p.plate AND occurred_at < p.since - $3::interval AND status <> 'refused' AND tare_source = 'fresh'
        ORDER BY occurred_at DESC LIMIT 7
    )
) AS w
INNER JOIN station AS s ON s.id = w.station_id
LEFT JOIN mine AS m ON m.id = s.mine_id
UNION ALL
SELECT
    TRUE, p.plate, t.id, t.source_station_id, t.buyer_id,
    -- A part of another's load has left by no scale of its own.
    CASE WHEN t.parent_id IS NULL THEN t.out_at END,
    coalesce(t.in_at, t.back_at, t.ended_at), t.number, NULL, NULL, t.state = 'lost', s.jurisdiction, t.seller_id, NULL, NULL,
    CASE WHEN t.state IN ('issued', 'out') THEN t.valid_from END,
    CASE WHEN t.state IN ('issued', 'out') THEN t.valid_until END
FROM unnest($1::text[], $2::text::timestamptz[]) AS p (plate, since)
CROSS JOIN LATERAL (
    SELECT
        id, source_station_id, buyer_id, parent_id, out_at, in_at, back_at, ended_at, number, state, seller_id, valid_from, valid_until
    FROM ticket
    WHERE
        plate = p.plate AND out_at >= p.since - interval '7 days' AND parent_id IS NULL
        -- One that arrived before it left, by the clocks, is held against those that left before it all the same.
        AND greatest(out_at, coalesce(in_at, back_at, ended_at, 'infinity')) >= p.since
    UNION ALL
    SELECT
        id, source_station_id, buyer_id, parent_id, out_at, in_at, back_at, ended_at, number, state, seller_id, valid_from, valid_until
    FROM ticket
    WHERE
        plate = p.plate AND state IN ('issued', 'out')
        AND (
            -- Else it is one of those above.
            parent_id IS NOT NULL OR out_at IS NULL OR out_at < p.since - interval '7 days'
            OR greatest(out_at, coalesce(in_at, back_at, ended_at, 'infinity')) < p.since
        )
) AS t
INNER JOIN station AS s ON s.id = t.source_station_id

-- name: find_readings
-- Locks nothing; leans on weighing_by_reading.
SELECT DISTINCT w.station_id, w.reading, w.occurred_at
FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) AS r (station_id, reading, occurred_at)
INNER JOIN weighing AS w ON w.station_id = r.station_id AND w.reading = r.reading
WHERE w.status <> 'refused' AND w.occurred_at BETWEEN r.occurred_at - $4::interval AND r.occurred_at + $4::interval

-- name: find_ticks
-- Locks nothing: under the stations' locks; leans on weighing_by_sequence. What stations told under numbers, the first that they told under
-- the number before, and what under the number after.
SELECT DISTINCT w.station_id, w.sequence, w.weighed_at, w.record_id, w.id, w.plate, w.net_kg
FROM unnest($1::uuid[], $2::bigint[]) AS n (station_id, sequence)
CROSS JOIN LATERAL (
    SELECT * FROM weighing WHERE station_id = n.station_id AND sequence = n.sequence
    UNION ALL
    (
        SELECT * FROM weighing WHERE station_id = n.station_id AND sequence < n.sequence
        ORDER BY sequence DESC, weighed_at, record_id
        LIMIT 1
    )
    UNION ALL
    (
        SELECT * FROM weighing WHERE station_id = n.station_id AND sequence > n.sequence
        ORDER BY sequence
        FETCH FIRST 1 ROW WITH TIES
    )
) AS w

-- name: still_said
-- Locks nothing; leans on ticket_by_contract, contract_by_mine, slip_by_mine, ticket_by_slip, weighing_by_ticket and weighing_by_station.
-- Whether a record says a flag of its contract, mine or station now, or a ticket has said it of itself or its mine when it was issued.
SELECT EXISTS (
    SELECT FROM ticket WHERE $2::text = 'ticket' AND id = $3::uuid AND $1::text = ANY(flags)
) OR EXISTS (
    SELECT FROM contract AS c INNER JOIN ticket AS t ON t.contract_id = c.id WHERE $2 = 'mine' AND c.mine_id = $3 AND $1 = ANY(t.flags)
) OR EXISTS (
    SELECT FROM slip AS s INNER JOIN ticket AS t ON t.slip_id = s.id WHERE $2 = 'mine' AND s.mine_id = $3 AND $1 = ANY(t.flags)
) OR EXISTS (
    SELECT
    FROM (
        SELECT w.id, w.flags
        FROM ticket AS t
        INNER JOIN weighing AS w ON w.ticket_id = t.id
        WHERE $2 = 'contract' AND t.contract_id = $3
        UNION ALL
        SELECT id, flags FROM weighing WHERE $2 = 'ticket' AND ticket_id = $3
        UNION ALL
        SELECT w.id, w.flags
        FROM contract AS c
        INNER JOIN ticket AS t ON t.contract_id = c.id
        INNER JOIN weighing AS w ON w.ticket_id = t.id
        WHERE $2 = 'mine' AND c.mine_id = $3
        UNION ALL
        SELECT w.id, w.flags
        FROM slip AS s
        INNER JOIN ticket AS t ON t.slip_id = s.id
        INNER JOIN weighing AS w ON w.ticket_id = t.id
        WHERE $2 = 'mine' AND s.mine_id = $3
        UNION ALL
        SELECT id, flags FROM weighing WHERE $2 = 'station' AND station_id = $3 AND occurred_at > '-infinity'
    ) AS w
    LEFT JOIN LATERAL (
        SELECT status, flags FROM weighing_version WHERE weighing_id = w.id ORDER BY version DESC LIMIT 1
    ) AS v ON TRUE
    WHERE $1 = ANY(coalesce(v.flags, w.flags)) AND v.status IS DISTINCT FROM 'void'
)

-- name: write
-- Under the locks of the stations, tickets and contracts: the records, and where they have brought tickets, contracts and books. Of each
-- record $1 has 152 bytes: five ids, what its body hashes to, five numbers; then lists, one as one text, and what most do not say as an
-- object. Of each ticket $11 has 72 bytes: its id and seven numbers, of which the least is none. All of it stands `before` what is posted
-- in the same exchange.
WITH recorded AS (
    INSERT INTO weighing (
        id, station_id, record_id, ticket_id, person_id, body_hash, sequence, gross_kg, tare_kg, net_kg, weighed_at, occurred_at,
        recorded_at, direction, plate, grade, manual, tare_source, status, movement_ids, flags, duplicate_of, problem, ticket_text,
        manual_reason, second_person, axles, mgo_per_mille, moisture_per_mille, reading, stable
    )
    SELECT
        encode(substr($1, at + 1, 16), 'hex')::uuid,
        encode(substr($1, at + 17, 16), 'hex')::uuid,
        encode(substr($1, at + 33, 16), 'hex')::uuid,
        nullif(encode(substr($1, at + 49, 16), 'hex')::uuid, '00000000-0000-0000-0000-000000000000'),
        encode(substr($1, at + 65, 16), 'hex')::uuid,
        substr($1, at + 81, 32),
        substr($1, at + 113, 8)::bigint,
        gross_kg,
        tare_kg,
        gross_kg - tare_kg,
        '2000-01-01+00'::timestamptz + substr($1, at + 137, 8)::bigint * interval '1 microsecond',
        '2000-01-01+00'::timestamptz + substr($1, at + 145, 8)::bigint * interval '1 microsecond',
        $10::timestamptz,
        direction,
        plate,
        nullif(grade, ''),
        manual,
        tare_source,
        status,
        movement_ids::uuid[],
        CASE WHEN rest IS NULL THEN '{}' ELSE ARRAY(SELECT jsonb_array_elements_text(rest -> 'flags')) END,
        (rest ->> 'duplicate_of')::uuid,
        rest -> 'problem',
        coalesce(nullif(ticket, ''), rest ->> 'ticket_text'),
        rest ->> 'manual_reason',
        rest ->> 'second_person',
        (rest ->> 'axles')::integer,
        (rest ->> 'mgo_per_mille')::integer,
        (rest ->> 'moisture_per_mille')::integer,
        (rest ->> 'reading')::bigint,
        (rest ->> 'stable')::boolean
    FROM (
        SELECT
            direction, plate, ticket, grade, manual, tare_source, status, movement_ids, at,
            substr($1, at + 121, 8)::bigint AS gross_kg,
            substr($1, at + 129, 8)::bigint AS tare_kg,
            nullif(rest, '')::jsonb AS rest
        FROM ROWS FROM (
            generate_series(0, length($1::bytea) - 1, 152),
            unnest($2::text::text[]),
            string_to_table($3, chr(1)),
            string_to_table($4, chr(1)),
            unnest($5::text::boolean[]),
            unnest($6::text::text[]),
            unnest($7::text::text[]),
            string_to_table($8, chr(1)),
            string_to_table($9, chr(1)),
            string_to_table($20, chr(1))
        ) AS given (at, direction, plate, grade, manual, tare_source, status, movement_ids, rest, ticket)
        OFFSET 0
    ) AS given
    RETURNING 1
),

brought AS (
    UPDATE ticket
    SET
        state = j.state,
        out_kg = nullif(substr($11, j.at + 17, 8)::bigint, -9223372036854775808),
        out_at = '2000-01-01+00'::timestamptz
        + nullif(substr($11, j.at + 25, 8)::bigint, -9223372036854775808) * interval '1 microsecond',
        in_kg = nullif(substr($11, j.at + 33, 8)::bigint, -9223372036854775808),
        in_at = '2000-01-01+00'::timestamptz
        + nullif(substr($11, j.at + 41, 8)::bigint, -9223372036854775808) * interval '1 microsecond',
        back_kg = nullif(substr($11, j.at + 49, 8)::bigint, -9223372036854775808),
        ended_at = '2000-01-01+00'::timestamptz
        + nullif(substr($11, j.at + 57, 8)::bigint, -9223372036854775808) * interval '1 microsecond',
        back_at = '2000-01-01+00'::timestamptz
        + nullif(substr($11, j.at + 65, 8)::bigint, -9223372036854775808) * interval '1 microsecond'
    FROM ROWS FROM (generate_series(0, length($11::bytea) - 1, 72), unnest($12::text::text[])) AS j (at, state)
    WHERE ticket.id = encode(substr($11, j.at + 1, 16), 'hex')::uuid
    RETURNING 1
),

shipped AS (
    UPDATE contract
    SET shipped_kg = c.shipped_kg, received_kg = c.received_kg
    FROM unnest($13::text::uuid[], $14::text::bigint[], $15::text::bigint[]) AS c (id, shipped_kg, received_kg)
    WHERE contract.id = c.id
    RETURNING 1
),

told AS (
    UPDATE station_book
    SET seen = b.seen::int8multirange, repeated = b.repeated, told_at = $10, last_at = b.last_at
    FROM unnest($16::text::uuid[], $17::text[], $18::text::bigint[], $19::text::timestamptz[]) AS b (station_id, seen, repeated, last_at)
    WHERE station_book.station_id = b.station_id
    RETURNING 1
),

before AS MATERIALIZED (
    SELECT
        (SELECT count(*) FROM recorded) + (SELECT count(*) FROM brought) + (SELECT count(*) FROM shipped)
        + (SELECT count(*) FROM told) AS changed
)

SELECT changed FROM before

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
