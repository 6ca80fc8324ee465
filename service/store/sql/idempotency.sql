-- name: claim
-- Takes an advisory lock on each key until the transaction ends; never waits.
SELECT mark, pg_try_advisory_xact_lock(hashtextextended(mark, 0)) AS held FROM unnest($1::text []) AS asked (mark)

-- name: wait_for
-- Takes an advisory lock on a key until the transaction ends; waits for who holds it, so that nothing else may be held before.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0))

-- name: find
-- Locks nothing; leans on a_key_is_answered_once.
SELECT kept.scope, kept.door, kept.key, kept.body_hash, kept.status, kept.answer
FROM unnest($1::text [], $2::text [], $3::text []) AS asked (scope, door, key)
INNER JOIN idempotency AS kept ON kept.scope = asked.scope AND kept.door = asked.door AND kept.key = asked.key

-- name: keep
-- Locks nothing.
INSERT INTO idempotency (scope, door, key, body_hash, status, answer, recorded_at) 
SELECT scope, door, key, body_hash, status, answer, $7
FROM unnest($1::text [], $2::text [], $3::text [], $4::bytea [], $5::integer [], $6::text [])
    AS w (scope, door, key, body_hash, status, answer)
