-- name: find_mine
-- Locks nothing: an edit of the licence that commits later counts from then on.
SELECT
    mine.id, mine.enterprise_id, mine.jurisdiction, mine.licence_scale_kg, mine.licence_valid_from, mine.licence_valid_until,
    mine.consolidated, mine.environment_ok, mine.safety_ok, mine.operating, 'mine' = ANY(enterprise.kinds) AS is_mining_firm
FROM mine
JOIN enterprise ON enterprise.id = mine.enterprise_id
WHERE mine.id = $1

-- name: find_enterprise
-- Locks nothing.
SELECT id, jurisdiction FROM enterprise WHERE id = $1

-- name: find_project
-- Locks nothing.
SELECT id, jurisdiction, approved_kg AS declared_kg FROM project WHERE id = $1

-- name: find_stock
-- Locks nothing.
SELECT stock.id, enterprise.jurisdiction, stock.kg AS declared_kg
FROM stock
JOIN enterprise ON enterprise.id = stock.enterprise_id
WHERE stock.id = $1

-- name: find_jurisdiction
-- Locks nothing.
SELECT code FROM jurisdiction WHERE code = $1

-- name: insert_allotment
-- Locks nothing that others wait for.
INSERT INTO allotment (
    id, year, quarter, kind, from_jurisdiction, to_jurisdiction, mine_id, project_id, stock_id,
    kg, document_no, reason, earmark, approved_by, state, issued_on, drafted_for, created_at, cause, application_id
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'draft', $15, $15, $16, $17, $18)

-- name: note_suggestion
-- Locks the allotment, which its action has locked already.
UPDATE allotment SET suggested_kg = $2 WHERE id = $1

-- name: insert_step
-- Locks nothing that others wait for.
INSERT INTO allotment_step (id, allotment_id, step, taken_on, person_id, recorded_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: move_allotment
-- Locks the allotment, which its action has locked already.
UPDATE allotment SET state = $2, issued_on = $3 WHERE id = $1

-- name: lock_allotment
-- Locks the allotment; an issue and a withdrawal have locked the head before.
SELECT id FROM allotment WHERE id = $1 FOR UPDATE

-- name: list_allotments
-- Locks nothing; leans on allotment_by_year, allotment_by_mine and allotment_by_approval. An office ($1 its area's digits) sees what its area
-- gives or gets and what the places above it ($2) get; an enterprise ($3) what its mines, projects and stocks get.
SELECT
    allotment.id, allotment.year, allotment.quarter, allotment.kind, allotment.from_jurisdiction, allotment.to_jurisdiction,
    allotment.mine_id, allotment.project_id, allotment.stock_id, allotment.kg, allotment.document_no, allotment.reason,
    allotment.earmark, allotment.approved_by, allotment.state, allotment.issued_on, allotment.created_at,
    allotment.suggested_kg, allotment.cause, allotment.application_id,
    holder.jurisdiction, holder.enterprise_id,
    (
        SELECT sum(issued.kg) FROM allotment AS issued
        WHERE issued.approved_by = allotment.id AND issued.state IN ('issued', 'published')
    )::bigint AS issued_under_kg
FROM allotment
CROSS JOIN LATERAL (
    SELECT jurisdiction, enterprise_id FROM mine WHERE mine.id = allotment.mine_id
    UNION ALL
    SELECT jurisdiction, operator_id FROM project WHERE project.id = allotment.project_id
    UNION ALL
    SELECT enterprise.jurisdiction, enterprise.id
    FROM stock JOIN enterprise ON enterprise.id = stock.enterprise_id
    WHERE stock.id = allotment.stock_id
    UNION ALL
    SELECT allotment.to_jurisdiction, NULL WHERE allotment.to_jurisdiction IS NOT NULL
) AS holder
WHERE (
    $1::text IS NULL OR starts_with(holder.jurisdiction, $1) OR starts_with(allotment.from_jurisdiction, $1)
    OR allotment.to_jurisdiction = ANY($2::text[])
)
AND ($3::uuid IS NULL OR holder.enterprise_id = $3)
AND ($4::uuid IS NULL OR allotment.id = $4)
AND ($5::integer IS NULL OR allotment.year = $5)
AND ($6::uuid IS NULL OR allotment.mine_id = $6)
AND ($7::text IS NULL OR allotment.state = $7)
AND ($8::uuid IS NULL OR allotment.id > $8)
ORDER BY allotment.id
LIMIT $9

-- name: find_then
-- Locks nothing; leans on the primary keys. An allotment ($4) for those who might know of it at a time ($5): as in list_allotments, but
-- with the holder's firm and place as the registry had them then.
SELECT allotment.*
FROM allotment
CROSS JOIN LATERAL (
    SELECT 'mines' AS slice, mine.id, mine.jurisdiction, mine.enterprise_id FROM mine WHERE mine.id = allotment.mine_id
    UNION ALL
    SELECT 'projects', project.id, project.jurisdiction, project.operator_id FROM project WHERE project.id = allotment.project_id
    UNION ALL
    SELECT 'stocks', stock.id, NULL, stock.enterprise_id FROM stock WHERE stock.id = allotment.stock_id
    UNION ALL
    SELECT NULL, NULL, allotment.to_jurisdiction, NULL WHERE allotment.to_jurisdiction IS NOT NULL
) AS now
LEFT JOIN LATERAL (
    SELECT revision.entry ->> 'jurisdiction' AS jurisdiction,
        coalesce(revision.entry ->> 'enterprise_id', revision.entry ->> 'operator_id')::uuid AS enterprise_id
    FROM revision
    WHERE revision.slice = now.slice AND revision.entry_id = now.id AND revision.recorded_at <= $5
    ORDER BY revision.version DESC LIMIT 1
) AS past ON TRUE
CROSS JOIN LATERAL (SELECT coalesce(past.enterprise_id, now.enterprise_id) AS enterprise_id) AS firm
LEFT JOIN enterprise ON enterprise.id = firm.enterprise_id AND allotment.stock_id IS NOT NULL
CROSS JOIN LATERAL (SELECT coalesce(enterprise.jurisdiction, past.jurisdiction, now.jurisdiction) AS jurisdiction) AS place
WHERE
    allotment.id = $4 AND allotment.created_at <= $5
    AND (
        $1::text IS NULL OR starts_with(place.jurisdiction, $1) OR starts_with(allotment.from_jurisdiction, $1)
        OR allotment.to_jurisdiction = ANY($2::text[])
    )
    AND ($3::uuid IS NULL OR firm.enterprise_id = $3)

-- name: steps_by
-- Locks nothing; leans on allotment_step_by_allotment. What had been done by a time, in its order.
SELECT step, taken_on FROM allotment_step WHERE allotment_id = $1 AND recorded_at <= $2 ORDER BY recorded_at, id

-- name: in_force
-- Locks nothing; under the head's lock nobody issues in the meantime. Leans on allotment_by_mine, allotment_by_project and
-- allotment_by_stock. What a project or a declared stock was approved counts in all years: its document names tonnes, and no year.
SELECT id, year, quarter, kind, from_jurisdiction, kg, reason, earmark, issued_on
FROM allotment
WHERE (year = $1 OR num_nonnulls(project_id, stock_id) = 1) AND state IN ('issued', 'published')
    AND mine_id IS NOT DISTINCT FROM $2 AND project_id IS NOT DISTINCT FROM $3 AND stock_id IS NOT DISTINCT FROM $4
    AND to_jurisdiction IS NOT DISTINCT FROM $5
ORDER BY id

-- name: find_cut
-- Locks nothing; leans on a_mine_is_cut_once_a_year.
SELECT share FROM cut WHERE mine_id = $1 AND year = $2

-- name: is_succeeded
-- Locks nothing; leans on a_successor_is_named_once.
SELECT exists(SELECT FROM succession WHERE from_mine = $1) AS is_succeeded

-- name: find_approval
-- Locks nothing; under the head's lock nobody issues under it in the meantime. Leans on allotment_by_approval. Only an
-- approval of the very kind, period and holder counts; what was issued of it itself counts as issued under it.
SELECT
    approval.kg,
    (CASE WHEN approval.state = 'approved' THEN 0 ELSE approval.kg END + coalesce((
        SELECT sum(issued.kg) FROM allotment AS issued
        WHERE issued.approved_by = approval.id AND issued.state IN ('issued', 'published')
    ), 0))::bigint AS issued_kg
FROM allotment AS approval
JOIN allotment AS asked ON asked.id = $2
WHERE approval.id = $1 AND approval.state IN ('approved', 'issued', 'published')
    AND (approval.year, approval.kind, approval.from_jurisdiction) = (asked.year, asked.kind, asked.from_jurisdiction)
    AND approval.quarter IS NOT DISTINCT FROM asked.quarter
    AND approval.earmark IS NOT DISTINCT FROM asked.earmark
    AND approval.mine_id IS NOT DISTINCT FROM asked.mine_id
    AND approval.project_id IS NOT DISTINCT FROM asked.project_id
    AND approval.stock_id IS NOT DISTINCT FROM asked.stock_id

-- name: decided_at
-- Locks nothing; leans on allotment_step_by_allotment: when an office above the county approved or issued this.
SELECT min(recorded_at) FROM allotment_step WHERE allotment_id = $1 AND step IN ('approve', 'issue')

-- name: published
-- Locks nothing; leans on allotment_by_year.
SELECT
    allotment.id, allotment.year, allotment.quarter, allotment.kind, allotment.from_jurisdiction, allotment.kg,
    allotment.document_no, allotment.issued_on, published.taken_on AS published_on,
    coalesce(jurisdiction.name, mine.name, project.name, enterprise.name) AS holder,
    coalesce(jurisdiction.code, mine.jurisdiction, project.jurisdiction, enterprise.jurisdiction) AS jurisdiction,
    CASE
        WHEN allotment.to_jurisdiction IS NOT NULL THEN 'jurisdiction'
        WHEN allotment.mine_id IS NOT NULL THEN 'mine'
        WHEN allotment.project_id IS NOT NULL THEN 'project'
        ELSE 'stock'
    END AS holder_kind
FROM allotment
JOIN allotment_step AS published ON published.allotment_id = allotment.id AND published.step = 'publish'
LEFT JOIN jurisdiction ON jurisdiction.code = allotment.to_jurisdiction
LEFT JOIN mine ON mine.id = allotment.mine_id
LEFT JOIN project ON project.id = allotment.project_id
LEFT JOIN stock ON stock.id = allotment.stock_id
LEFT JOIN enterprise ON enterprise.id = stock.enterprise_id
WHERE allotment.year = $1 AND allotment.state = 'published' AND ($2::uuid IS NULL OR allotment.id > $2)
ORDER BY allotment.id
LIMIT $3
