-- name: claim
-- Takes an advisory lock on the key until the transaction ends; never waits.
SELECT pg_try_advisory_xact_lock(hashtextextended($1::text, 0)) AS held

-- name: find
-- Locks nothing; leans on a_key_is_answered_once.
SELECT body_hash, status, answer FROM idempotency WHERE scope = $1 AND door = $2 AND key = $3

-- name: keep
-- Locks nothing.
INSERT INTO idempotency (scope, door, key, body_hash, status, answer, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
