-- name: note
-- Locks nothing.
INSERT INTO audit (id, recorded_at, person_id, deed, subject_id, note, request_id)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7)
