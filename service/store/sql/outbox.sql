-- name: lead
-- Takes the advisory lock of the one process that tells messages, until the transaction ends; never waits.
SELECT pg_try_advisory_xact_lock(7316202612)

-- name: take
-- Locks the messages that it takes out; leans on the primary key.
WITH taken AS (
    DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT $1) RETURNING id, topic, message
)
SELECT id, topic, message FROM taken ORDER BY id
