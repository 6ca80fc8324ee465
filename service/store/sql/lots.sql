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
-- Locks nothing; leans on ticket_refused, lot_by_contract and lot_by_slip.
SELECT DISTINCT lot.id, lot.account, lot.holder_id, holder.jurisdiction
FROM ticket
INNER JOIN lot
    ON lot.contract_id = coalesce(ticket.onward_contract_id, ticket.contract_id)
    OR (ticket.contract_id IS NULL AND lot.slip_id = ticket.slip_id)
INNER JOIN enterprise AS holder ON holder.id = lot.holder_id
WHERE ticket.refused_kg > 0
ORDER BY lot.id
