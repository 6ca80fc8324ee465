-- name: find_head_seq
-- Locks nothing.
SELECT seq FROM head
