-- name: find_head_seq
-- Locks nothing.
SELECT seq FROM head

-- name: find_figures
-- Locks nothing; leans on the primary keys.
SELECT
    seq,
    (SELECT recorded_at FROM checkpoint ORDER BY size DESC LIMIT 1) AS signed_at,
    (SELECT recorded_at FROM outbox ORDER BY id LIMIT 1) AS untold_since,
    (SELECT entered_at FROM paper_due ORDER BY id LIMIT 1) AS unsealed_since
FROM head
