-- name: in_force
-- Locks nothing; leans on pledge_by_contract. Those of contracts ($1) that are in force now, or were at $2.
SELECT p.contract_id, p.lot_id, l.account, p.kg, p.excess_kg, p.drawn_kg, p.since_kg
FROM pledge AS p
INNER JOIN lot AS l ON l.id = p.lot_id
WHERE
    p.contract_id = ANY($1)
    AND CASE
        WHEN $2::timestamptz IS NULL THEN p.released_at IS NULL
        ELSE coalesce(p.released_at > $2, TRUE)
            AND EXISTS (SELECT FROM filing AS f WHERE f.id = p.filing_id AND f.filed_at <= $2)
    END
ORDER BY p.contract_id, p.position

-- name: history
-- Locks nothing; leans on pledge_by_contract.
SELECT p.position, p.until_kg, p.lot_id, l.account, p.kg, p.excess_kg, p.drawn_kg, p.since_kg
FROM pledge AS p
INNER JOIN lot AS l ON l.id = p.lot_id
WHERE p.contract_id = $1
ORDER BY p.id

-- name: on_lots
-- Locks nothing; leans on pledge_by_lot. All the pledges of each contract that pledges one of the lots: they are drawn in order.
SELECT p.contract_id, c.shipped_kg, p.lot_id, l.account, p.kg, p.excess_kg, p.drawn_kg, p.since_kg
FROM pledge AS p
INNER JOIN lot AS l ON l.id = p.lot_id
INNER JOIN contract AS c ON c.id = p.contract_id
WHERE
    p.released_at IS NULL
    AND p.contract_id IN (SELECT o.contract_id FROM pledge AS o WHERE o.lot_id = ANY($1) AND o.released_at IS NULL)
ORDER BY p.contract_id, p.position

-- name: on_lots_at
-- Locks nothing; reads all pledges of the contracts that have ever pledged one of the lots: those that were in force at $2.
SELECT p.contract_id, p.lot_id, l.account, p.kg, p.excess_kg, p.drawn_kg, p.since_kg
FROM pledge AS p
INNER JOIN lot AS l ON l.id = p.lot_id
INNER JOIN filing AS f ON f.id = p.filing_id
WHERE
    f.filed_at <= $2 AND (p.released_at IS NULL OR p.released_at > $2)
    AND p.contract_id IN (SELECT o.contract_id FROM pledge AS o WHERE o.lot_id = ANY($1))
ORDER BY p.contract_id, p.position

-- name: release
-- Under the contract's lock.
UPDATE pledge SET released_at = $3, until_kg = $2 WHERE contract_id = $1 AND released_at IS NULL

-- name: add
-- Under the contract's lock and the head's.
INSERT INTO pledge (id, contract_id, filing_id, position, lot_id, kg, excess_kg, drawn_kg, since_kg)
SELECT p.id, $1, $2, p.position - 1, p.lot_id, p.kg, p.excess_kg, p.drawn_kg, p.since_kg
FROM unnest($3::uuid [], $4::uuid [], $5::bigint [], $6::bigint [], $7::bigint [], $8::bigint [])
    WITH ORDINALITY AS p (id, lot_id, kg, excess_kg, drawn_kg, since_kg, position)
