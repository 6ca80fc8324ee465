-- name: add
-- A second writer of the same paper waits at a_paper_is_investigated_once_at_a_time and then does nothing.
INSERT INTO investigation (
    id, subject_kind, subject_id, jurisdiction, parties, authority, reason, document_no, ends_on, opened_at, opened_by
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (subject_id) WHERE released_at IS NULL DO NOTHING
RETURNING id

-- name: held
-- Locks nothing; leans on a_paper_is_investigated_once_at_a_time: those of some papers ($1) that are held on a day ($2).
SELECT subject_kind, subject_id, authority, reason, document_no, ends_on
FROM investigation
WHERE subject_id = ANY($1::uuid[]) AND released_at IS NULL AND ends_on >= $2

-- name: release
-- Locks the investigation that it ends.
UPDATE investigation SET released_at = $2, released_by = $3, note = $4 WHERE id = $1 AND released_at IS NULL
RETURNING subject_kind, subject_id

-- name: release_ended
-- Locks those that it ends; leans on investigation_ending: whose last day lies before $1.
UPDATE investigation SET released_at = $2 WHERE released_at IS NULL AND ends_on < $1 RETURNING subject_kind, subject_id

-- name: list
-- Locks nothing; leans on the primary key (ids are in order of opening). $1 is the area of an office, $2 the
-- enterprises whose papers they are of, $6 whether they stand.
SELECT
    id, subject_kind, subject_id, authority, reason, document_no, ends_on, opened_at, released_at, note,
    released_at IS NOT NULL AND released_by IS NULL AS ended_by_itself
FROM investigation
WHERE ($1::text IS NULL OR starts_with(jurisdiction, $1)) AND parties @> $2::uuid[]
    AND ($3::uuid IS NULL OR id = $3) AND ($4::uuid IS NULL OR id < $4)
    AND ($6::boolean IS NULL OR (released_at IS NULL) = $6)
ORDER BY id DESC
LIMIT $5
