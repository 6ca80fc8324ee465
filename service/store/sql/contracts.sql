-- name: firms
-- Locks nothing; leans on the primary key.
SELECT id, kinds, jurisdiction, coalesce(group_code, credit_code) AS group_code FROM enterprise WHERE id = ANY($1)

-- name: mines_of
-- Locks nothing; leans on mine_by_enterprise.
SELECT enterprise_id, id FROM mine WHERE enterprise_id = ANY($1) ORDER BY id

-- name: sources_of
-- Locks nothing. The projects that enterprises operate and the stocks that they have declared (R01).
SELECT operator_id AS enterprise_id, id FROM project WHERE operator_id = ANY($1)
UNION ALL
SELECT enterprise_id, id FROM stock WHERE enterprise_id = ANY($1)

-- name: lines_of
-- Locks nothing; leans on line_by_enterprise.
SELECT enterprise_id, id, status FROM line WHERE enterprise_id = ANY($1)

-- name: with_tranche
-- Locks nothing; leans on allotment_by_mine. A tranche counts from its issue until the end of its year (R16).
SELECT asked.source_id, asked.day
FROM unnest($1::uuid [], $2::date []) AS asked (source_id, day)
WHERE exists(
    SELECT FROM allotment
    WHERE
        asked.source_id IN (mine_id, project_id, stock_id)
        AND year = extract(YEAR FROM asked.day) AND state IN ('issued', 'published') AND kg > 0 AND issued_on <= asked.day
)

-- name: had_tranche
-- Locks nothing; leans on allotment_by_mine. As with_tranche, of one source ($1) on a day ($2), by what was on record at $3.
SELECT exists(
    SELECT FROM allotment AS a
    WHERE
        $1 IN (a.mine_id, a.project_id, a.stock_id)
        AND a.year = extract(YEAR FROM $2::date) AND a.kg > 0 AND a.issued_on <= $2
        AND EXISTS (SELECT FROM allotment_step AS s WHERE s.allotment_id = a.id AND s.step = 'issue' AND s.recorded_at <= $3)
        AND NOT EXISTS (
            SELECT FROM allotment_step AS s WHERE s.allotment_id = a.id AND s.step = 'withdraw' AND s.recorded_at <= $3
        )
) AS had_tranche

-- name: instalments_at
-- Locks nothing; reads all filings that were on record at $2: the contracts that then named a framework ($1), each with what its newest
-- version then told of it, and whether it had been closed.
SELECT contract.id, (said.terms ->> 'kg')::bigint AS kg, contract.closed_at <= $2 AS is_closed
FROM contract
CROSS JOIN LATERAL (
    SELECT terms FROM filing
    WHERE filing.contract_id = contract.id AND filed_at <= $2
    ORDER BY (filing.enterprise_id = contract.seller_id) DESC, first_filed_at, version DESC LIMIT 1
) AS said
WHERE contract.id IN (SELECT contract_id FROM filing WHERE terms ->> 'framework_id' = $1::text)
    AND said.terms ->> 'framework_id' = $1

-- name: open_contracts
-- In the order of sellers and numbers; a second writer of the same number waits at a_seller_numbers_a_contract_once and then
-- does nothing.
INSERT INTO contract (
    id, number, seller_id, buyer_id, mine_id, signed_on, kg, grade, valid_until, earmark, due_on, project_id, stock_id,
    is_framework, framework_id, state, proof_state, created_at
)
SELECT
    id, number, seller_id, buyer_id, mine_id, signed_on, kg, grade, valid_until, earmark, due_on, project_id, stock_id,
    is_framework, framework_id, 'incomplete', 'none', $16
FROM unnest(
    $1::uuid [], $2::text [], $3::uuid [], $4::uuid [], $5::uuid [], $6::date [], $7::bigint [], $8::text [], $9::date [], $10::text [],
    $11::date [], $12::uuid [], $13::uuid [], $14::boolean [], $15::uuid []
) AS w (
    id, number, seller_id, buyer_id, mine_id, signed_on, kg, grade, valid_until, earmark, due_on, project_id, stock_id,
    is_framework, framework_id
)
ORDER BY seller_id, number
ON CONFLICT ON CONSTRAINT a_seller_numbers_a_contract_once DO NOTHING

-- name: find_by_numbers
-- Locks nothing; leans on a_seller_numbers_a_contract_once.
SELECT contract.seller_id, contract.number FROM contract
INNER JOIN unnest($1::uuid [], $2::text []) AS asked (seller_id, number)
    ON contract.seller_id = asked.seller_id AND contract.number = asked.number

-- name: lock_by_numbers
-- Locks the contracts in the order of their ids; leans on a_seller_numbers_a_contract_once.
SELECT contract.* FROM contract
INNER JOIN unnest($1::uuid [], $2::text []) AS asked (seller_id, number)
    ON contract.seller_id = asked.seller_id AND contract.number = asked.number
ORDER BY contract.id
FOR UPDATE OF contract

-- name: lock
-- Locks the contract; leans on the primary key.
SELECT * FROM contract WHERE id = $1 FOR UPDATE

-- name: lock_all
-- Locks the contracts in the order of their ids; leans on the primary key.
SELECT * FROM contract WHERE id = ANY($1) ORDER BY id FOR UPDATE

-- name: newest_filings
-- Locks nothing; leans on a_side_files_a_version_once. Those of contracts ($1) now, or of what had been filed at $2.
SELECT DISTINCT ON (contract_id, enterprise_id)
    id, contract_id, enterprise_id, version, terms, filed_at, first_filed_at, days_late, fact
FROM filing
WHERE contract_id = ANY($1) AND ($2::timestamptz IS NULL OR filed_at <= $2)
ORDER BY contract_id, enterprise_id, version DESC

-- name: add_filings
-- Under the locks of their contracts.
INSERT INTO filing (
    id, contract_id, enterprise_id, party, version, terms, filed_at, first_filed_at, days_late, fact, person_id
)
SELECT id, contract_id, enterprise_id, party, version, terms, filed_at, first_filed_at, days_late, fact, person_id
FROM unnest(
    $1::uuid [], $2::uuid [], $3::uuid [], $4::text [], $5::integer [], $6::jsonb [], $7::timestamptz [], $8::timestamptz [],
    $9::integer [], $10::bytea [], $11::uuid []
) AS w (id, contract_id, enterprise_id, party, version, terms, filed_at, first_filed_at, days_late, fact, person_id)

-- name: keep
-- Under the locks of the contracts; a flag has no space in it.
UPDATE contract
SET
    buyer_id = w.buyer_id, mine_id = w.mine_id, signed_on = w.signed_on, kg = w.kg, grade = w.grade, valid_until = w.valid_until,
    earmark = w.earmark, due_on = w.due_on, state = w.state, proof_state = w.proof_state, flags = string_to_array(w.flags, ' '),
    project_id = w.project_id, stock_id = w.stock_id, is_framework = w.is_framework, framework_id = w.framework_id
FROM unnest(
    $1::uuid [], $2::uuid [], $3::uuid [], $4::date [], $5::bigint [], $6::text [], $7::date [], $8::text [], $9::date [], $10::text [],
    $11::text [], $12::text [], $13::uuid [], $14::uuid [], $15::boolean [], $16::uuid []
) AS w (
    id, buyer_id, mine_id, signed_on, kg, grade, valid_until, earmark, due_on, state, proof_state, flags, project_id, stock_id,
    is_framework, framework_id
)
WHERE contract.id = w.id

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

-- name: find_then
-- Locks nothing; leans on the primary keys and a_side_files_a_version_once. A contract ($1) as far as it was known at $2 to an office ($3 its
-- area) or to an enterprise ($4): by the terms that counted then.
SELECT c.*, said.buyer_id AS buyer_then
FROM contract AS c
CROSS JOIN LATERAL (
    SELECT
        (terms ->> 'buyer_id')::uuid AS buyer_id, (terms ->> 'mine_id')::uuid AS mine_id, (terms ->> 'project_id')::uuid AS project_id
    FROM filing
    WHERE filing.contract_id = c.id AND filed_at <= $2
    ORDER BY (filing.enterprise_id = c.seller_id) DESC, first_filed_at, version DESC LIMIT 1
) AS said
WHERE
    c.id = $1
    AND (
        $3::text IS NULL
        OR EXISTS (SELECT FROM enterprise AS e WHERE e.id IN (c.seller_id, said.buyer_id) AND starts_with(e.jurisdiction, $3))
        OR EXISTS (SELECT FROM mine AS m WHERE m.id = said.mine_id AND starts_with(m.jurisdiction, $3))
        OR EXISTS (SELECT FROM project AS p WHERE p.id = said.project_id AND starts_with(p.jurisdiction, $3))
    )
    AND (
        $4::uuid IS NULL
        OR $4 IN (c.seller_id, said.buyer_id)
        OR EXISTS (SELECT FROM filing AS f WHERE f.enterprise_id = $4 AND f.contract_id = c.id AND f.filed_at <= $2)
    )

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
