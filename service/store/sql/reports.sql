-- name: newest
-- Locks nothing; leans on the primary key: the end of the log.
SELECT coalesce(max(size), 0) FROM checkpoint

-- name: knows
-- Locks nothing; leans on the primary key: whether an act ends there.
SELECT $1::bigint = 0 OR EXISTS (SELECT FROM checkpoint WHERE size = $1)

-- name: outflows
-- Locks nothing; leans on account_by_owner and the keys of legs: what left the quota and suspense of mines ($1) of a year ($2) as of
-- seq $3, by movement and paper as they were at $4; what an officer charges to the quota later, or takes from it, left no mine.
SELECT
    own.owner_id AS mine_id, leg.movement, min(leg.occurred_at) AS occurred_at, sum(leg.source_kg)::bigint AS went_kg,
    coalesce((
        SELECT sum(hole.hi - hole.lo) FROM hole
        WHERE hole.movement = leg.movement AND hole.account = own.id AND hole.side = 'out' AND hole.kind = 'cut' AND hole.seq <= $3
    ), 0)::bigint AS back_kg,
    coalesce(ticket.number, slip.number) AS document, contract.number AS contract, contract.id AS contract_id, buyer.name AS buyer,
    coalesce(ticket.grade, slip.grade) AS grade,
    CASE WHEN contract.id IS NOT NULL THEN 'sale' WHEN coalesce(ticket.slip_id, slip.id) IS NOT NULL THEN 'own-use' ELSE 'without-paper' END
        AS use
FROM account AS own
INNER JOIN leg ON leg.source = own.id AND leg.seq <= $3
INNER JOIN account AS target ON target.id = leg.target
LEFT JOIN ticket ON ticket.id = target.document_id
LEFT JOIN slip ON slip.id = target.document_id
LEFT JOIN LATERAL (
    SELECT (act.facts ->> 'from_contract')::uuid AS contract_id FROM ticket_act AS act
    WHERE act.ticket_id = ticket.id AND act.kind = 'redirected' AND act.kg IS NULL AND act.done_at > $4
    ORDER BY act.done_at, act.id LIMIT 1
) AS former ON TRUE
LEFT JOIN contract ON contract.id = coalesce(former.contract_id, ticket.contract_id)
LEFT JOIN LATERAL (
    SELECT (filing.terms ->> 'buyer_id')::uuid AS buyer_id FROM filing
    WHERE filing.contract_id = contract.id AND filing.filed_at <= $4
    ORDER BY (filing.enterprise_id = contract.seller_id) DESC, filing.first_filed_at, filing.version DESC LIMIT 1
) AS said ON TRUE
LEFT JOIN enterprise AS buyer ON buyer.id = said.buyer_id
WHERE own.owner_id = ANY($1::uuid[]) AND own.year = $2 AND own.kind IN ('quota', 'suspense') AND target.kind NOT IN ('quota', 'pool', 'issue', 'suspense')
GROUP BY own.id, leg.movement, ticket.id, slip.id, contract.id, buyer.name
ORDER BY min(leg.occurred_at), leg.movement

-- name: uses
-- Locks nothing; leans on account_by_owner and the keys of legs: what of the outflows of mines ($1) of a year ($2) as of seq $3
-- happened from $4 to before $5 and stands, by mine and use.
WITH gone AS (
    SELECT
        own.owner_id AS mine_id, own.id AS account, leg.movement, min(leg.occurred_at) AS occurred_at, sum(leg.source_kg) AS went_kg,
        CASE WHEN ticket.contract_id IS NOT NULL THEN 'sale' WHEN coalesce(ticket.slip_id, slip.id) IS NOT NULL THEN 'own-use' ELSE 'without-paper' END
            AS use
    FROM account AS own
    INNER JOIN leg ON leg.source = own.id AND leg.seq <= $3
    INNER JOIN account AS target ON target.id = leg.target
    LEFT JOIN ticket ON ticket.id = target.document_id
    LEFT JOIN slip ON slip.id = target.document_id
    WHERE own.owner_id = ANY($1::uuid[]) AND own.year = $2 AND own.kind IN ('quota', 'suspense') AND target.kind NOT IN ('quota', 'pool', 'issue', 'suspense')
    GROUP BY own.id, leg.movement, ticket.id, slip.id
    HAVING min(leg.occurred_at) >= $4 AND min(leg.occurred_at) < $5
)

SELECT
    gone.mine_id, gone.use,
    sum(gone.went_kg - coalesce((
        SELECT sum(hole.hi - hole.lo) FROM hole
        WHERE hole.movement = gone.movement AND hole.account = gone.account AND hole.side = 'out' AND hole.kind = 'cut' AND hole.seq <= $3
    ), 0))::bigint AS kg
FROM gone
GROUP BY gone.mine_id, gone.use

-- name: prices
-- Locks nothing; leans on a_side_files_a_version_once: what the seller's newest filing of contracts ($1) by a time ($2) says.
SELECT DISTINCT ON (filing.contract_id) filing.contract_id, (filing.terms ->> 'price_fen_per_t')::bigint AS price
FROM filing INNER JOIN contract ON contract.id = filing.contract_id AND contract.seller_id = filing.enterprise_id
WHERE filing.contract_id = ANY($1::uuid[]) AND filing.filed_at <= $2
ORDER BY filing.contract_id, filing.version DESC

-- name: mines_of
-- Locks nothing; leans on mine_by_jurisdiction and a_version_is_kept_once: the mines of a county, with what the registry said of them by $2.
SELECT
    mine.id, mine.name, coalesce((past.entry ->> 'licence_scale_kg')::bigint, mine.licence_scale_kg) AS licence_scale_kg,
    enterprise.name AS enterprise
FROM mine
LEFT JOIN LATERAL (
    SELECT revision.entry FROM revision
    WHERE revision.slice = 'mines' AND revision.entry_id = mine.id AND revision.recorded_at <= $2
    ORDER BY revision.version DESC LIMIT 1
) AS past ON TRUE
INNER JOIN enterprise ON enterprise.id = coalesce((past.entry ->> 'enterprise_id')::uuid, mine.enterprise_id)
WHERE mine.jurisdiction = $1 AND mine.created_at <= $2
ORDER BY mine.id

-- name: county
-- Locks nothing; leans on the primary key: a county in an office's area.
SELECT code, name FROM jurisdiction WHERE code = $1 AND level = 'county' AND starts_with(code, $2)

-- name: reserves
-- Leans on reserve_by_mine: what was said of a mine's reserve by a time ($2).
SELECT kind, kg, counted_on, document_no FROM reserve WHERE mine_id = $1 AND recorded_at <= $2 ORDER BY counted_on, id

-- name: supplied_by_day
-- Locks nothing; leans on account_by_owner: what left a mine over all years as of seq $2, by day.
SELECT day, sum(kg)::bigint AS kg
FROM (
    SELECT (leg.occurred_at AT TIME ZONE 'Asia/Shanghai')::date AS day, leg.source_kg AS kg
    FROM account AS own
    INNER JOIN leg ON leg.source = own.id AND leg.seq <= $2
    INNER JOIN account AS target ON target.id = leg.target
    WHERE own.owner_id = $1 AND own.kind IN ('quota', 'suspense') AND target.kind NOT IN ('quota', 'pool', 'issue', 'suspense')
    UNION ALL
    SELECT (went.occurred_at AT TIME ZONE 'Asia/Shanghai')::date, hole.lo - hole.hi
    FROM account AS own
    INNER JOIN hole ON hole.account = own.id AND hole.side = 'out' AND hole.kind = 'cut' AND hole.seq <= $2
    INNER JOIN LATERAL (SELECT leg.occurred_at FROM leg WHERE leg.source = own.id AND leg.movement = hole.movement LIMIT 1) AS went ON TRUE
    WHERE own.owner_id = $1 AND own.kind IN ('quota', 'suspense')
) AS moved
GROUP BY day
HAVING sum(kg) <> 0
ORDER BY day

-- name: add_reserve
-- Locks nothing.
INSERT INTO reserve (id, mine_id, kind, kg, counted_on, document_no, person_id, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: draw_form
-- Locks the form, if there is one: the ledger's figures take the place of older ones. Nothing once it is signed.
INSERT INTO production_form AS f (id, mine_id, year, quarter, known, snapshot, said, drawn_at)
VALUES ($1, $2, $3, $4, $5, $6, '{}', $7)
ON CONFLICT (mine_id, year, quarter) DO UPDATE
SET known = excluded.known, snapshot = excluded.snapshot, drawn_at = excluded.drawn_at
WHERE f.signed_at IS NULL
RETURNING f.id, f.id = $1 AS is_new

-- name: say
-- Locks the form: what the mine says takes the place of what it said. Nothing once it is signed.
UPDATE production_form SET said = said || $2 WHERE id = $1 AND signed_at IS NULL RETURNING id

-- name: sign_form
-- Locks the form.
UPDATE production_form SET signed_at = $2, signed_by = $3 WHERE id = $1 AND signed_at IS NULL RETURNING id

-- name: lock_form
-- Locks the form.
SELECT id FROM production_form WHERE id = $1 FOR UPDATE

-- name: forms
-- Locks nothing; leans on a_quarter_has_one_form: those of an office's area ($1) or a firm ($2).
SELECT f.id, f.mine_id, mine.name AS mine, f.year, f.quarter, f.known, f.snapshot, f.said, f.drawn_at, f.signed_at, person.name AS signed_by
FROM production_form AS f
INNER JOIN mine ON mine.id = f.mine_id
LEFT JOIN person ON person.id = f.signed_by
WHERE ($1::text IS NULL OR starts_with(mine.jurisdiction, $1)) AND ($2::uuid IS NULL OR mine.enterprise_id = $2)
    AND ($3::uuid IS NULL OR f.id = $3) AND ($4::uuid IS NULL OR f.mine_id = $4)
    AND ($5::integer IS NULL OR f.year = $5) AND ($6::integer IS NULL OR f.quarter = $6)
    AND ($7::uuid IS NULL OR f.id > $7)
ORDER BY f.id
LIMIT $8

-- name: signed_forms
-- Locks nothing; leans on a_quarter_has_one_form: what mines ($1) had signed for a quarter by a time ($4).
SELECT mine_id, said FROM production_form WHERE mine_id = ANY($1::uuid[]) AND year = $2 AND quarter = $3 AND signed_at <= $4

-- name: scores
-- Locks nothing; leans on a_quarter_is_assessed_once_a_version: the scores of mines ($1) for a quarter, reported by a time ($4).
SELECT mine_id, score FROM assessment WHERE mine_id = ANY($1::uuid[]) AND year = $2 AND quarter = $3 AND reported_at <= $4

-- name: draw_sample
-- Locks nothing.
INSERT INTO sample (id, mine_id, year, quarter, reason, drawn_at, drawn_by) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: find
-- Locks the sample: its finding is recorded once.
UPDATE sample SET is_in_order = $2, finding = $3, document_no = $4, found_at = $5, found_by = $6
WHERE id = $1 AND found_at IS NULL
RETURNING id

-- name: samples
-- Locks nothing; leans on the primary key: those of an office's area ($1), or one ($2).
SELECT s.id, s.mine_id, mine.name AS mine, s.year, s.quarter, s.reason, s.drawn_at, s.is_in_order, s.finding, s.document_no, s.found_at,
    (SELECT a.id FROM assessment AS a WHERE a.mine_id = s.mine_id AND a.year = s.year AND a.quarter = s.quarter) AS assessment_id
FROM sample AS s INNER JOIN mine ON mine.id = s.mine_id
WHERE ($1::text IS NULL OR starts_with(mine.jurisdiction, $1)) AND ($2::uuid IS NULL OR s.id = $2) AND ($3::uuid IS NULL OR s.id > $3)
ORDER BY s.id
LIMIT $4
