-- name: add
-- Under the contract's lock; another open one stops at a_contract_has_one_open_amendment.
INSERT INTO amendment (
    id, contract_id, number, enterprise_id, terms, changes, reason, agreed_on, due_on, proposed_at, days_late, person_id, fact, state
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'proposed')

-- name: answer
-- Under the contract's lock.
UPDATE amendment
SET state = $2, answered_at = $3, answer_days_late = $4, answered_by = $5, answer = $6
WHERE id = $1

-- name: of_contracts
-- Locks nothing; leans on a_contract_numbers_its_amendments.
SELECT * FROM amendment WHERE contract_id = ANY($1) ORDER BY contract_id, number

-- name: overdue
-- Locks nothing; leans on amendment_waiting and alert_settled_by_hand. Amendments whose window closed before $1 and that nobody has
-- answered, but those that an office has looked at.
SELECT a.id, a.number AS amendment, a.due_on, c.id AS contract_id, c.number, c.seller_id, c.buyer_id, e.jurisdiction
FROM amendment AS a
INNER JOIN contract AS c ON c.id = a.contract_id
INNER JOIN enterprise AS e ON e.id = c.seller_id
WHERE a.state = 'proposed' AND a.due_on < $1 AND c.state <> 'closed'
    AND NOT EXISTS (
        SELECT FROM alert
        WHERE code = 'filing-overdue' AND subject_id = c.id::text AND settled_by IS NOT NULL AND settled_at >= a.proposed_at
    )
ORDER BY a.id
