-- name: find_line
-- Shares the line: its status and factor stand until the run is filed. Leans on the primary key.
SELECT id, enterprise_id, version, kind, status, ore_per_product FROM line WHERE id = $1 AND enterprise_id = $2 FOR SHARE

-- name: find_by_number
-- Locks nothing; leans on a_firm_numbers_a_run_once.
SELECT
    r.id, r.line_id, r.ran_on, r.lost_kg,
    (SELECT array_agg(i.lot_id ORDER BY i.position) FROM run_input AS i WHERE i.run_id = r.id) AS lots,
    (SELECT array_agg(i.kg ORDER BY i.position) FROM run_input AS i WHERE i.run_id = r.id) AS input_kgs,
    (SELECT array_agg(o.kind ORDER BY o.position) FROM run_output AS o WHERE o.run_id = r.id) AS kinds,
    (SELECT array_agg(o.name ORDER BY o.position) FROM run_output AS o WHERE o.run_id = r.id) AS names,
    (SELECT array_agg(o.kg ORDER BY o.position) FROM run_output AS o WHERE o.run_id = r.id) AS output_kgs,
    (SELECT array_agg(o.ore_kg ORDER BY o.position) FROM run_output AS o WHERE o.run_id = r.id) AS ore_kgs
FROM run AS r
WHERE r.enterprise_id = $1 AND r.number = $2

-- name: add
-- A second writer of the same number waits at a_firm_numbers_a_run_once and then does nothing.
INSERT INTO run (
    id, number, enterprise_id, line_id, line_version, ore_per_product, ran_on, account, in_kg, lost_kg, flags,
    movement_ids, filed_at, person_id, fact
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT ON CONSTRAINT a_firm_numbers_a_run_once DO NOTHING
RETURNING id

-- name: add_inputs
-- New rows of a run that this transaction has made.
INSERT INTO run_input (run_id, position, lot_id, kg)
SELECT $1, w.position, w.lot_id, w.kg
FROM unnest($2::uuid [], $3::bigint []) WITH ORDINALITY AS w (lot_id, kg, position)

-- name: add_outputs
-- New rows of a run that this transaction has made; each output becomes a lot of the firm's.
WITH made AS (
    INSERT INTO run_output (id, run_id, position, kind, name, kg, ore_kg)
    SELECT w.id, $1, w.position, w.kind, w.name, w.kg, w.ore_kg
    FROM unnest($2::uuid [], $3::text [], $4::text [], $5::bigint [], $6::bigint [])
        WITH ORDINALITY AS w (id, kind, name, kg, ore_kg, position)
    RETURNING id, name, position
)

INSERT INTO lot (id, account, holder_id, output_id, grade, year, created_at)
SELECT ($11::uuid [])[made.position], ($7::bigint [])[made.position], $8, made.id, made.name, $9, $10
FROM made
ORDER BY made.position

-- name: list
-- Locks nothing; leans on the primary key (ids are in order of filing). $2 is the area of an office, $3 an enterprise.
SELECT
    r.id, r.number, r.enterprise_id, e.name AS enterprise, r.line_id, l.name AS line, r.line_version, r.ore_per_product,
    r.ran_on, r.in_kg, r.lost_kg, r.flags, r.filed_at, r.fact, r.movement_ids, r.voided_at,
    r.void_reason,
    (
        SELECT jsonb_agg(jsonb_build_object('lot_id', i.lot_id, 'kg', i.kg) ORDER BY i.position)
        FROM run_input AS i WHERE i.run_id = r.id
    ) AS inputs,
    (
        SELECT
            jsonb_agg(
                jsonb_build_object(
                    'lot_id', lot.id, 'kind', o.kind, 'name', o.name, 'kg', o.kg, 'ore_kg', o.ore_kg,
                    'gained_kg', greatest(o.kg - o.ore_kg, 0)
                )
                ORDER BY o.position
            )
        FROM run_output AS o
        INNER JOIN lot ON lot.output_id = o.id
        WHERE o.run_id = r.id
    ) AS outputs
FROM run AS r
INNER JOIN enterprise AS e ON e.id = r.enterprise_id
INNER JOIN line AS l ON l.id = r.line_id
WHERE
    ($1::uuid IS NULL OR r.id = $1)
    AND ($2::text IS NULL OR starts_with(e.jurisdiction, $2))
    AND ($3::uuid IS NULL OR r.enterprise_id = $3)
    AND ($4::uuid IS NULL OR r.line_id = $4)
    AND ($5::uuid IS NULL OR r.id < $5)
ORDER BY r.id DESC
LIMIT $6

-- name: lock
-- Locks one run until its act is voided.
SELECT
    id, ran_on, voided_at, movement_ids,
    ARRAY(SELECT lot.account FROM run_input INNER JOIN lot ON lot.id = run_input.lot_id WHERE run_input.run_id = run.id) AS lots
FROM run
WHERE id = $1 AND enterprise_id = $2
FOR UPDATE

-- name: void
-- Under the run's lock.
UPDATE run SET voided_at = $2, void_reason = $3 WHERE id = $1

-- name: product_account
-- Locks nothing; leans on the primary keys. $2 is the area of an office, $3 an enterprise: a product's maker; of one that there was at $4
-- (null: now).
SELECT lot.account
FROM lot
INNER JOIN enterprise AS holder ON holder.id = lot.holder_id
WHERE
    lot.id = $1 AND lot.output_id IS NOT NULL
    AND ($2::text IS NULL OR starts_with(holder.jurisdiction, $2))
    AND ($3::uuid IS NULL OR lot.holder_id = $3)
    AND ($4::timestamptz IS NULL OR lot.created_at <= $4)
