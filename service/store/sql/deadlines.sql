-- name: contract_days
-- Reads all contracts, or leans on contract_waiting ($1: only those that wait): the days on which they were signed and are due.
SELECT DISTINCT signed_on, due_on FROM contract WHERE NOT $1 OR state IN ('incomplete', 'mismatch')

-- name: move_contracts
-- Locks the contracts that it moves, in the order of their ids: those signed on a day ($1) and due on another ($2).
WITH moved AS (
    SELECT id FROM contract WHERE signed_on = $1 AND due_on = $2 ORDER BY id FOR UPDATE
)
UPDATE contract SET due_on = $3 FROM moved WHERE contract.id = moved.id RETURNING contract.id, contract.flags

-- name: amendment_days
-- Reads all amendments, or leans on amendment_waiting ($1: only those that wait): the days on which they were agreed and are due.
SELECT DISTINCT agreed_on, due_on FROM amendment WHERE NOT $1 OR state = 'proposed'

-- name: move_amendments
-- Locks the amendments that it moves, in the order of their ids: those agreed on a day ($1) and due on another ($2). How late each
-- side was is counted anew, in days of Asia/Shanghai.
WITH moved AS (
    SELECT id FROM amendment WHERE agreed_on = $1 AND due_on = $2 ORDER BY id FOR UPDATE
)
UPDATE amendment
SET
    due_on = $3,
    days_late = greatest(0, (proposed_at AT TIME ZONE 'Asia/Shanghai')::date - $3),
    answer_days_late = CASE WHEN answered_at IS NOT NULL THEN greatest(0, (answered_at AT TIME ZONE 'Asia/Shanghai')::date - $3) END
FROM moved, contract
WHERE amendment.id = moved.id AND contract.id = amendment.contract_id
RETURNING
    amendment.contract_id, contract.flags,
    amendment.days_late = 0 AND coalesce(amendment.answer_days_late, 0) = 0 AS is_in_time

-- name: late_slips
-- Reads all slips: those that were late when they were filed, with the day by which they are judged now.
SELECT
    slip.id, slip.handed_on, slip.filed_at,
    coalesce((SELECT move.due_on FROM deadline_move AS move WHERE move.subject_id = slip.id::text ORDER BY move.id DESC LIMIT 1), due_on)
        AS due_on
FROM slip
WHERE slip.days_late > 0
ORDER BY slip.id

-- name: add_moves
-- Locks nothing.
INSERT INTO deadline_move (id, duty, subject_id, was_due_on, due_on, was_provisional, is_provisional, version, recorded_at)
SELECT id, duty, subject_id, was_due_on, due_on, was_provisional, is_provisional, $8, $9
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::date[], $5::date[], $6::boolean[], $7::boolean[])
    AS m (id, duty, subject_id, was_due_on, due_on, was_provisional, is_provisional)

-- name: moves_of
-- Locks nothing; leans on deadline_move_by_subject: how deadlines came to lie where they lie, oldest first, and why.
SELECT
    move.duty, move.subject_id, move.was_due_on, move.due_on, move.was_provisional, move.is_provisional, move.recorded_at,
    coalesce(policy.document_no, outage.document_no, day.document_no) AS document_no,
    CASE WHEN policy.id IS NOT NULL THEN 'policy' WHEN outage.id IS NOT NULL THEN 'outage' ELSE 'calendar' END AS cause
FROM deadline_move AS move
LEFT JOIN policy ON policy.version = move.version
LEFT JOIN outage ON outage.version = move.version
LEFT JOIN LATERAL (
    SELECT document_no FROM calendar_day WHERE calendar_day.version = move.version LIMIT 1
) AS day ON TRUE
WHERE move.subject_id = ANY($1::text[])
ORDER BY move.id

-- name: waiting_contracts
-- Locks nothing; leans on contract_waiting: what is not completely filed in an area ($1) or for a firm ($2), and which sides have.
SELECT
    contract.id, contract.number, contract.seller_id, contract.buyer_id, contract.signed_on, contract.due_on, contract.state,
    contract.shipped_kg, seller.name AS seller, buyer.name AS buyer, seller.jurisdiction AS seller_place,
    buyer.jurisdiction AS buyer_place, contract.flags, seller.kinds AS seller_kinds, buyer.kinds AS buyer_kinds,
    EXISTS (SELECT FROM filing WHERE filing.contract_id = contract.id AND filing.enterprise_id = contract.seller_id) AS seller_filed,
    EXISTS (SELECT FROM filing WHERE filing.contract_id = contract.id AND filing.enterprise_id = contract.buyer_id) AS buyer_filed,
    (SELECT count(*) FROM ticket WHERE ticket.contract_id = contract.id AND ticket.out_at IS NOT NULL) AS loads
FROM contract
INNER JOIN enterprise AS seller ON seller.id = contract.seller_id
INNER JOIN enterprise AS buyer ON buyer.id = contract.buyer_id
WHERE contract.state IN ('incomplete', 'mismatch')
    AND ($1::text IS NULL OR starts_with(seller.jurisdiction, $1) OR starts_with(buyer.jurisdiction, $1))
    AND ($2::uuid IS NULL OR $2 IN (contract.seller_id, contract.buyer_id))
ORDER BY contract.due_on, contract.id

-- name: waiting_amendments
-- Locks nothing; leans on amendment_waiting: what waits for the other side's answer in an area ($1) or for a firm ($2).
SELECT
    amendment.number AS amendment, amendment.agreed_on, amendment.changes, contract.id, contract.number,
    CASE amendment.enterprise_id WHEN contract.seller_id THEN contract.buyer_id ELSE contract.seller_id END AS owing_id,
    CASE amendment.enterprise_id WHEN contract.seller_id THEN buyer.jurisdiction ELSE seller.jurisdiction END AS jurisdiction
FROM amendment
INNER JOIN contract ON contract.id = amendment.contract_id
INNER JOIN enterprise AS seller ON seller.id = contract.seller_id
INNER JOIN enterprise AS buyer ON buyer.id = contract.buyer_id
WHERE amendment.state = 'proposed' AND contract.state <> 'closed'
    AND ($1::text IS NULL OR starts_with(seller.jurisdiction, $1) OR starts_with(buyer.jurisdiction, $1))
    AND ($2::uuid IS NULL OR $2 IN (contract.seller_id, contract.buyer_id))
ORDER BY amendment.due_on, amendment.id

-- name: earmarked
-- Locks nothing; leans on account_by_owner: the accounts of special quota of a year ($1) that is not closed, of mines in an area ($2) or
-- of a firm ($3).
SELECT
    account.id, account.owner_id AS mine_id, account.earmark, mine.name, mine.jurisdiction, mine.enterprise_id
FROM account INNER JOIN mine ON mine.id = account.owner_id
WHERE account.kind = 'quota' AND account.year = $1 AND account.earmark IS NOT NULL
    AND ($2::text IS NULL OR starts_with(mine.jurisdiction, $2)) AND ($3::uuid IS NULL OR mine.enterprise_id = $3)
    AND NOT EXISTS (SELECT FROM closing WHERE closing.year = $1 AND closing.quarter = 0)
ORDER BY account.owner_id, account.earmark

-- name: waiting_allotments
-- Reads the allotments that are approved or issued: what counties of an area ($1) have not issued or not published yet (R14).
SELECT
    allotment.id, allotment.document_no, allotment.from_jurisdiction AS jurisdiction, allotment.kg, allotment.kind, allotment.quarter,
    coalesce(mine.name, project.name, stock.document_no) AS holder, allotment.state,
    (
        SELECT min(step.recorded_at) FROM allotment_step AS step
        WHERE step.allotment_id = coalesce(allotment.approved_by, allotment.id) AND step.step IN ('approve', 'issue')
    ) AS decided_at
FROM allotment
LEFT JOIN mine ON mine.id = allotment.mine_id
LEFT JOIN project ON project.id = allotment.project_id
LEFT JOIN stock ON stock.id = allotment.stock_id
WHERE allotment.to_jurisdiction IS NULL AND allotment.from_jurisdiction NOT LIKE '%00' AND allotment.kg > 0
    AND ($1::text IS NULL OR starts_with(allotment.from_jurisdiction, $1))
    AND (
        allotment.state = 'issued'
        OR (
            allotment.state = 'approved' AND NOT EXISTS (
                SELECT FROM allotment AS issued
                WHERE issued.approved_by = allotment.id AND issued.state IN ('issued', 'published')
            )
        )
    )
ORDER BY allotment.id

-- name: counties
-- Locks nothing; leans on allotment_by_year: the counties of an area ($1) that got quota for a year ($2).
SELECT DISTINCT jurisdiction.code, jurisdiction.name
FROM allotment INNER JOIN jurisdiction ON jurisdiction.code = allotment.to_jurisdiction
WHERE allotment.year = $2 AND allotment.state IN ('issued', 'published') AND jurisdiction.level = 'county'
    AND ($1::text IS NULL OR starts_with(jurisdiction.code, $1))
ORDER BY jurisdiction.code

-- name: mines
-- Reads the mines: by county, and since when, in an area ($1).
SELECT id, name, jurisdiction, created_at FROM mine WHERE $1::text IS NULL OR starts_with(jurisdiction, $1) ORDER BY id

-- name: assessed
-- Locks nothing; leans on a_quarter_is_assessed_once_a_version: which quarters of a year have a score.
SELECT DISTINCT mine_id, quarter FROM assessment WHERE year = $1

-- name: submitted
-- Locks nothing; leans on submission_by_jurisdiction: what counties have reported of a year.
SELECT DISTINCT jurisdiction, duty, quarter FROM submission WHERE year = $1

-- name: add_submission
-- Locks nothing.
INSERT INTO submission (id, duty, jurisdiction, year, quarter, document_no, due_on, days_late, person_id, submitted_at, figures)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: add_outage
-- Under the rulebook's lock.
INSERT INTO outage (id, version, starts_at, ends_at, reason, document_no, person_id, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: add_days
-- Under the rulebook's lock.
INSERT INTO calendar_day (id, version, day, is_worked, document_no, person_id, recorded_at)
SELECT id, $4, day, is_worked, $5, $6, $7
FROM unnest($1::uuid[], $2::date[], $3::boolean[]) AS d (id, day, is_worked)

-- name: settled_by_hand
-- Leans on alert_by_jurisdiction for few, reads all alerts of some codes ($1): what an office has looked at and settled.
SELECT DISTINCT code, subject_kind, subject_id FROM alert WHERE settled_by IS NOT NULL AND code = ANY($1::text[])

-- name: open_alerts
-- Locks nothing; leans on an_alert_is_open_once: what is open of some codes ($1).
SELECT code, subject_kind, subject_id FROM alert WHERE settled_at IS NULL AND code = ANY($1::text[])

-- name: list_submissions
-- Locks nothing; leans on submission_by_jurisdiction: what the counties of an area ($1) have reported of a year ($2).
SELECT id, duty, jurisdiction, year, quarter, document_no, due_on, days_late, submitted_at, figures
FROM submission
WHERE ($1::text IS NULL OR starts_with(jurisdiction, $1)) AND year = $2
ORDER BY id
