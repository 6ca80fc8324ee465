-- name: note
-- Locks nothing.
INSERT INTO audit (id, recorded_at, person_id, deed, subject_id, note, request_id)
SELECT w.id, $2, $3, $4, w.subject_id, w.note::jsonb, $7
FROM unnest($1::uuid [], $5::uuid [], $6::text []) AS w (id, subject_id, note)
