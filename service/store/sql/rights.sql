-- name: add_application
-- Locks nothing.
INSERT INTO application (id, mine_id, year, quarter, kind, kg, reason, person_id, filed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: list_applications
-- Locks nothing; leans on application_by_mine: what mines of an area ($1) or of a firm ($2) have applied for, newest first.
SELECT
    a.id, a.mine_id, mine.name AS mine, a.year, a.quarter, a.kind, a.kg, a.reason, a.filed_at,
    coalesce((
        SELECT jsonb_agg(jsonb_build_object('id', t.id, 'kg', t.kg, 'state', t.state, 'reason', t.reason) ORDER BY t.id)
        FROM allotment AS t WHERE t.mine_id = a.mine_id AND t.application_id = a.id
    ), '[]'::jsonb) AS proposals
FROM application AS a
INNER JOIN mine ON mine.id = a.mine_id
WHERE ($1::text IS NULL OR starts_with(mine.jurisdiction, $1))
    AND ($2::uuid IS NULL OR mine.enterprise_id = $2)
    AND ($3::integer IS NULL OR a.year = $3)
    AND ($4::uuid IS NULL OR a.id = $4)
    AND ($5::uuid IS NULL OR a.id < $5)
ORDER BY a.id DESC
LIMIT $6

-- name: mine
-- Locks nothing; leans on the primary key.
SELECT id, enterprise_id, jurisdiction, name FROM mine WHERE id = $1

-- name: permit_use
-- A second writer of the same use waits at a_use_is_permitted_once and then does nothing.
INSERT INTO earmark_use (id, earmark, enterprise_id, document_no, person_id, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT ON CONSTRAINT a_use_is_permitted_once DO NOTHING

-- name: list_uses
-- Locks nothing: who may use which special quota.
SELECT u.earmark, u.enterprise_id, enterprise.name AS enterprise, u.document_no, u.recorded_at
FROM earmark_use AS u INNER JOIN enterprise ON enterprise.id = u.enterprise_id
ORDER BY u.earmark, u.id

-- name: misuses
-- Reads the contracts and slips that name an earmark: kilograms of a year ($1, null: any) that went to a firm which may not use
-- it. An earmark without any permitted use is not judged.
SELECT used.* FROM (
    SELECT
        'contract' AS subject_kind, c.id, c.number, c.mine_id, c.earmark, c.shipped_kg AS kg, c.buyer_id AS used_by,
        c.seller_id AS owner_id, mine.jurisdiction, extract(YEAR FROM c.signed_on)::integer AS year, c.created_at AS since
    FROM contract AS c INNER JOIN mine ON mine.id = c.mine_id
    WHERE c.earmark IS NOT NULL AND c.shipped_kg > 0
    UNION ALL
    SELECT
        'slip', s.id, s.number, s.mine_id, s.earmark, s.kg, s.enterprise_id, s.enterprise_id, mine.jurisdiction,
        extract(YEAR FROM s.handed_on)::integer, s.filed_at
    FROM slip AS s INNER JOIN mine ON mine.id = s.mine_id
    WHERE s.earmark IS NOT NULL
) AS used
WHERE EXISTS (SELECT FROM earmark_use AS u WHERE u.earmark = used.earmark)
    AND NOT EXISTS (SELECT FROM earmark_use AS u WHERE u.earmark = used.earmark AND u.enterprise_id = used.used_by)
    AND ($1::integer IS NULL OR used.year = $1)
ORDER BY used.id

-- name: add_cut
-- A second writer of the same mine and year waits at a_mine_is_cut_once_a_year and then does nothing.
INSERT INTO cut (id, mine_id, year, share, reason, document_no, person_id, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT ON CONSTRAINT a_mine_is_cut_once_a_year DO NOTHING
RETURNING id

-- name: list_cuts
-- Locks nothing; leans on a_mine_is_cut_once_a_year.
SELECT cut.id, cut.mine_id, mine.name AS mine, cut.year, cut.share, cut.reason, cut.document_no, cut.recorded_at
FROM cut INNER JOIN mine ON mine.id = cut.mine_id
WHERE ($1::text IS NULL OR starts_with(mine.jurisdiction, $1)) AND ($2::uuid IS NULL OR mine.enterprise_id = $2)
ORDER BY cut.id

-- name: add_succession
-- Under the head's lock.
INSERT INTO succession (
    id, act, from_mine, to_mine, parts, moved_kg, year, succeeded_on, reason, document_no, person_id, recorded_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: list_successions
-- Locks nothing; leans on a_successor_is_named_once and succession_by_successor.
SELECT
    s.id, s.act, s.from_mine, old.name AS from_name, s.to_mine, new.name AS to_name, s.parts, s.moved_kg, s.year, s.succeeded_on,
    s.reason, s.document_no, s.recorded_at
FROM succession AS s
INNER JOIN mine AS old ON old.id = s.from_mine
INNER JOIN mine AS new ON new.id = s.to_mine
WHERE ($1::text IS NULL OR starts_with(old.jurisdiction, $1) OR starts_with(new.jurisdiction, $1))
    AND ($2::uuid IS NULL OR $2 IN (old.enterprise_id, new.enterprise_id))
    AND ($3::uuid IS NULL OR $3 IN (s.from_mine, s.to_mine))
ORDER BY s.id

-- name: quota_accounts
-- Locks nothing; under the head's lock their balances stand: the mines' quota accounts of a year ($1), or of some mines ($2).
SELECT account.id, account.owner_id AS mine_id, account.earmark, mine.jurisdiction
FROM account INNER JOIN mine ON mine.id = account.owner_id
WHERE account.kind = 'quota' AND account.year = $1 AND ($2::uuid[] IS NULL OR account.owner_id = ANY($2))
ORDER BY account.owner_id, account.earmark NULLS FIRST

-- name: held
-- Locks nothing; leans on ticket_held.
SELECT source_account AS account, sum(planned_kg)::bigint AS kg
FROM ticket WHERE source_account = ANY($1::bigint[]) AND state IN ('issued', 'held') GROUP BY source_account

-- name: is_closed
-- Locks nothing; leans on a_period_is_closed_once.
SELECT exists(SELECT FROM closing WHERE year = $1 AND quarter = $2) AS is_closed

-- name: add_closing
-- Under the head's lock.
INSERT INTO closing (id, year, quarter, lapsed_kg, withdrawn_kg, carried_kg, charged_kg, document_no, person_id, closed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: list_closings
-- Locks nothing.
SELECT id, year, nullif(quarter, 0) AS quarter, lapsed_kg, withdrawn_kg, carried_kg, charged_kg, document_no, closed_at
FROM closing ORDER BY year, quarter
