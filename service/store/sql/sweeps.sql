-- name: lead
-- Takes the advisory lock of the one process that sweeps, until the transaction ends; never waits.
SELECT pg_try_advisory_xact_lock(7316202613)

-- name: expire_tickets
-- Locks the tickets in id order, as weighing does, and passes over those that are being weighed; leans on ticket_held and
-- ticket_waiting. Keeps when it did so: a scale may tell of one after all.
WITH due AS (
    SELECT id FROM ticket WHERE state IN ('issued', 'held') AND valid_until < $1 ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
),

kept AS (
    INSERT INTO ticket_expiry (ticket_id, expired_at) SELECT id, $2 FROM due
)

UPDATE ticket SET state = 'expired', ended_at = $2 FROM due, enterprise AS seller
WHERE ticket.id = due.id AND seller.id = ticket.seller_id
RETURNING
    ticket.id, ticket.number, ticket.seller_id, ticket.buyer_id, ticket.planned_kg AS kg, ticket.valid_until, seller.jurisdiction,
    ticket.code IS NULL AS waited, ticket.plate, ticket.valid_from

-- name: never_received
-- Locks nothing; leans on ticket_on_the_road, an_alert_is_open_once and alert_settled_by_hand. What its buyer refused is on the road again
-- since then; what an office has settled with a note is not told again. Of what was told already only what says something else now.
SELECT missed.*, told.id IS NOT NULL AS was_told
FROM (
    SELECT ticket.id, ticket.number, ticket.seller_id, ticket.buyer_id, ticket.out_kg - ticket.split_kg AS kg,
        coalesce(ticket.in_at, ticket.out_at) AS out_at, buyer.jurisdiction
    FROM ticket
    JOIN enterprise AS buyer ON buyer.id = ticket.buyer_id
    WHERE ticket.state = 'out' AND coalesce(ticket.in_at, ticket.out_at) < $1
) AS missed
LEFT JOIN alert AS told
    ON told.code = 'never-received' AND told.subject_kind = 'ticket' AND told.subject_id = missed.id::text AND told.settled_at IS NULL
WHERE
    (told.id IS NULL OR (told.occurred_at, (told.facts ->> 'kg')::bigint) IS DISTINCT FROM (missed.out_at, missed.kg))
    AND NOT EXISTS (
        SELECT FROM alert
        WHERE alert.code = 'never-received' AND alert.subject_id = missed.id::text AND alert.settled_by IS NOT NULL
            AND alert.settled_at >= missed.out_at
    )
ORDER BY missed.id
LIMIT 1000

-- name: alone_again
-- Locks nothing; leans on an_alert_is_open_once and ticket_on_the_road: tickets that are told to be one of two of their plate, have not left,
-- and beside which no open paper that was issued before is good (any more).
SELECT ticket.id
FROM alert
INNER JOIN ticket ON ticket.id = alert.subject_id::uuid
WHERE
    alert.code = 'two-open-tickets' AND alert.subject_kind = 'ticket' AND alert.settled_at IS NULL AND ticket.out_at IS NULL
    AND NOT EXISTS (
        SELECT FROM ticket AS other
        WHERE
            other.plate = ticket.plate AND other.id < ticket.id AND other.state IN ('issued', 'out')
            AND ticket.state IN ('issued', 'out')
            AND other.valid_from < ticket.valid_until AND ticket.valid_from < other.valid_until
    )

-- name: forget_keys
-- Leans on idempotency_by_time.
DELETE FROM idempotency WHERE recorded_at < $1

-- name: forget_revocations
-- Leans on revocation_by_time.
DELETE FROM revocation WHERE expires_at < $1
