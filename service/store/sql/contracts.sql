-- name: firms
-- Locks nothing; leans on the primary key.
SELECT id, kinds, jurisdiction, coalesce(group_code, credit_code) AS group_code FROM enterprise WHERE id = ANY($1)

-- name: mines_of
-- Locks nothing; leans on mine_by_enterprise.
SELECT id FROM mine WHERE enterprise_id = $1 ORDER BY id

-- name: sources_of
-- Locks nothing. The projects that an enterprise operates and the stocks that it has declared (R01).
SELECT id FROM project WHERE operator_id = $1
UNION ALL
SELECT id FROM stock WHERE enterprise_id = $1

-- name: lines_of
-- Locks nothing; leans on line_by_enterprise.
SELECT id, status FROM line WHERE enterprise_id = $1

-- name: has_tranche
-- Locks nothing; leans on allotment_by_mine. A tranche counts from its issue until the end of its year (R16).
SELECT exists(
    SELECT FROM allotment
    WHERE
        $1 IN (mine_id, project_id, stock_id)
        AND year = $2 AND state IN ('issued', 'published') AND kg > 0 AND issued_on <= $3
) AS has_tranche

-- name: open_contract
-- A second writer of the same number waits at a_seller_numbers_a_contract_once and then does nothing.
INSERT INTO contract (
    id, number, seller_id, buyer_id, mine_id, signed_on, kg, grade, valid_until, earmark, due_on, project_id, stock_id,
    is_framework, framework_id, state, proof_state, created_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'incomplete', 'none', $16)
ON CONFLICT ON CONSTRAINT a_seller_numbers_a_contract_once DO NOTHING

-- name: lock_by_number
-- Locks the contract; leans on a_seller_numbers_a_contract_once.
SELECT * FROM contract WHERE seller_id = $1 AND number = $2 FOR UPDATE

-- name: lock
-- Locks the contract; leans on the primary key.
SELECT * FROM contract WHERE id = $1 FOR UPDATE

-- name: newest_filings
-- Locks nothing; leans on a_side_files_a_version_once.
SELECT DISTINCT ON (contract_id, enterprise_id)
    id, contract_id, enterprise_id, version, terms, filed_at, first_filed_at, days_late, fact
FROM filing
WHERE contract_id = ANY($1)
ORDER BY contract_id, enterprise_id, version DESC

-- name: add_filing
-- Under the contract's lock.
INSERT INTO filing (
    id, contract_id, enterprise_id, party, version, terms, filed_at, first_filed_at, days_late, person_id, fact
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: keep
-- Under the contract's lock.
UPDATE contract
SET
    buyer_id = $2, mine_id = $3, signed_on = $4, kg = $5, grade = $6, valid_until = $7, earmark = $8,
    due_on = $9, state = $10, proof_state = $11, flags = $12, project_id = $13, stock_id = $14, is_framework = $15,
    framework_id = $16
WHERE id = $1

-- name: reflag
-- Under the contract's lock.
UPDATE contract SET flags = $2 WHERE id = $1

-- name: instalments_kg
-- Locks nothing; leans on contract_by_framework. What the instalments of frameworks promise; a closed one what it shipped.
SELECT framework_id, sum(CASE WHEN state = 'closed' THEN shipped_kg ELSE kg END)::bigint AS kg
FROM contract
WHERE framework_id = ANY($1)
GROUP BY framework_id

-- name: last_loads
-- Locks nothing; leans on ticket_by_contract. When the last load of a contract left.
SELECT max(out_at) AS out_at FROM ticket WHERE contract_id = $1

-- name: versions
-- Locks nothing; leans on a_side_files_a_version_once. All that was ever filed of a contract, oldest first.
SELECT id, contract_id, enterprise_id, version, terms, filed_at, first_filed_at, days_late, fact
FROM filing
WHERE contract_id = $1
ORDER BY filed_at, id

-- name: close
-- Under the contract's lock.
UPDATE contract SET state = 'closed', closed_at = $2, flags = $3 WHERE id = $1

-- name: tickets_not_weighed
-- Locks nothing; leans on ticket_by_contract. Under the contract's lock no further ticket is issued.
SELECT number FROM ticket WHERE contract_id = $1 AND state = 'issued' ORDER BY number LIMIT 20

-- name: list
-- Locks nothing; leans on the primary key (ids are in order of filing). $2 is the area of an office, $3 an enterprise.
SELECT c.* FROM contract AS c
WHERE
    ($1::uuid[] IS NULL OR c.id = ANY($1))
    AND (
        $2::text IS NULL
        OR EXISTS (SELECT FROM enterprise AS e WHERE e.id IN (c.seller_id, c.buyer_id) AND starts_with(e.jurisdiction, $2))
        OR EXISTS (SELECT FROM mine AS m WHERE m.id = c.mine_id AND starts_with(m.jurisdiction, $2))
        OR EXISTS (SELECT FROM project AS p WHERE p.id = c.project_id AND starts_with(p.jurisdiction, $2))
    )
    AND (
        $3::uuid IS NULL
        OR $3 IN (c.seller_id, c.buyer_id)
        OR EXISTS (SELECT FROM filing AS f WHERE f.enterprise_id = $3 AND f.contract_id = c.id)
    )
    AND ($4::text IS NULL OR c.state = $4)
    AND ($5::uuid IS NULL OR $5 IN (c.seller_id, c.buyer_id))
    AND ($6::text IS NULL OR c.number = $6)
    AND ($7::uuid IS NULL OR c.id < $7)
    AND ($9::uuid IS NULL OR c.framework_id = $9)
ORDER BY c.id DESC
LIMIT $8

-- name: flag_overdue
-- Locks the contracts that it flags, in the order of their ids; leans on contract_waiting.
WITH waiting AS (
    SELECT id FROM contract
    WHERE state IN ('incomplete', 'mismatch') AND due_on < $1 AND NOT flags @> ARRAY['filing-overdue']
    ORDER BY id
    FOR UPDATE
),
flagged AS (
    UPDATE contract SET flags = array_append(flags, 'filing-overdue')
    FROM waiting
    WHERE contract.id = waiting.id
    RETURNING contract.*
)
SELECT
    f.id, f.number, f.seller_id, f.buyer_id, f.due_on, f.state, f.shipped_kg,
    e.jurisdiction,
    (SELECT count(*) FROM ticket AS t WHERE t.contract_id = f.id AND t.out_at IS NOT NULL) AS loads
FROM flagged AS f
INNER JOIN enterprise AS e ON e.id = f.seller_id
