-- name: sheets
-- Locks nothing; leans on a_quarter_is_assessed_once_a_version: what was last reported of a mine's ($1) quarters.
SELECT DISTINCT ON (year, quarter) year, quarter, score, is_vetoed
FROM assessment WHERE mine_id = $1 ORDER BY year, quarter, version DESC

-- name: registered
-- Locks nothing; leans on the primary key.
SELECT created_at, jurisdiction FROM mine WHERE id = $1

-- name: add
-- A second writer of the same version waits at a_quarter_is_assessed_once_a_version, and fails: it comes again.
INSERT INTO assessment (
    id, mine_id, year, quarter, version, score, is_vetoed, cut_off, document_no, due_on, days_late, person_id, reported_at
)
SELECT
    $1, $2, $3, $4,
    coalesce((SELECT max(version) FROM assessment WHERE mine_id = $2 AND year = $3 AND quarter = $4), 0) + 1,
    $5, $6, $7, $8, $9, $10, $11, $12

-- name: list
-- Locks nothing; leans on a_quarter_is_assessed_once_a_version: what was reported in an area ($1) or of a firm's mines ($2).
SELECT
    a.id, a.mine_id, a.year, a.quarter, a.version, a.score, a.is_vetoed, a.cut_off, a.document_no, a.due_on, a.days_late,
    a.reported_at
FROM assessment AS a
INNER JOIN mine ON mine.id = a.mine_id
WHERE ($1::text IS NULL OR starts_with(mine.jurisdiction, $1))
    AND ($2::uuid IS NULL OR mine.enterprise_id = $2)
    AND ($3::uuid IS NULL OR a.mine_id = $3)
    AND ($4::integer IS NULL OR a.year = $4)
    AND ($5::integer IS NULL OR a.quarter = $5)
ORDER BY a.year DESC, a.quarter DESC, a.mine_id, a.version DESC
LIMIT $6
