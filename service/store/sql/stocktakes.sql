-- name: add
-- A second count of the same lot waits at a_lot_is_counted_once_at_a_time and then does nothing.
INSERT INTO stocktake (
    id, lot_id, counted_kg, counted_on, book_kg, reason, document_no, state, filed_at, filed_by, fact
)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'asked', $8, $9, $10)
ON CONFLICT (lot_id) WHERE state = 'asked' DO NOTHING
RETURNING id

-- name: lock
-- Locks one stocktake until it is decided. $2 is the area of an office.
SELECT
    s.id, s.lot_id, s.counted_kg, s.book_kg, s.counted_on, s.filed_at, s.state, s.fact, lot.account, lot.holder_id, lot.year,
    (
        SELECT coalesce(sum(abs(o.counted_kg - o.book_kg)), 0) FROM stocktake AS o
        WHERE o.lot_id = s.lot_id AND o.state = 'approved'
    )::bigint AS adjusted_kg
FROM stocktake AS s
INNER JOIN lot ON lot.id = s.lot_id
INNER JOIN enterprise AS e ON e.id = lot.holder_id
WHERE s.id = $1 AND starts_with(e.jurisdiction, $2)
FOR UPDATE OF s

-- name: decide
-- Under the stocktake's lock.
UPDATE stocktake SET state = $2, decided_at = $3, decided_by = $4, note = $5, movement_id = $6 WHERE id = $1

-- name: list
-- Locks nothing; leans on the primary key (ids are in order of filing). $2 is the area of an office, $3 an enterprise.
SELECT
    s.id, s.lot_id, lot.grade, lot.holder_id, e.name AS holder, s.counted_kg, s.counted_on, s.book_kg,
    s.counted_kg - s.book_kg AS difference_kg, s.reason, s.document_no, s.state, s.filed_at, s.decided_at, s.note,
    s.movement_id
FROM stocktake AS s
INNER JOIN lot ON lot.id = s.lot_id
INNER JOIN enterprise AS e ON e.id = lot.holder_id
WHERE
    ($1::uuid IS NULL OR s.id = $1)
    AND ($2::text IS NULL OR starts_with(e.jurisdiction, $2))
    AND ($3::uuid IS NULL OR lot.holder_id = $3)
    AND ($4::text IS NULL OR s.state = $4)
    AND ($5::uuid IS NULL OR s.id < $5)
ORDER BY s.id DESC
LIMIT $6
