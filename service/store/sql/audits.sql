-- name: note
-- Locks nothing.
INSERT INTO audit (id, recorded_at, person_id, deed, subject_id, note, request_id)
SELECT w.id, $2, w.person_id, $3, w.subject_id, w.note::jsonb, w.request_id
FROM unnest($1::uuid [], $4::uuid [], $5::uuid [], $6::text [], $7::text []) AS w (id, person_id, subject_id, note, request_id)
