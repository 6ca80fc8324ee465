-- name: keep
-- Under the tickets' locks.
WITH touched AS (
    UPDATE ticket SET acted_at = greatest(acted_at, $8)
    FROM unnest($2::uuid[], $3::text[], $4::bigint[]) AS a (id, kind, kg)
    WHERE
        ticket.id = a.id
        AND (
            a.kind IN (
                'released', 'turned-down', 'cancelled', 'lost', 'written-off', 'split', 'closed', 'refused', 'apportioned'
            )
            OR (a.kind = 'redirected' AND a.kg IS NOT NULL)
        )
)
INSERT INTO ticket_act (id, ticket_id, kind, kg, facts, reason, movement_ids, done_at, person_id)
SELECT id, ticket_id, kind, kg, facts::jsonb, reason, ARRAY(SELECT jsonb_array_elements_text(movements::jsonb)::uuid), $8, $9
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[])
    AS a (id, ticket_id, kind, kg, facts, reason, movements)

-- name: reprint
-- Under the ticket's lock.
UPDATE ticket SET code = $2, key_id = $3, reissue = $4, valid_until = $5, earlier_prints = $6::jsonb WHERE id = $1

-- name: release
-- Under the ticket's lock.
UPDATE ticket SET code = $2, key_id = $3, state = 'issued' WHERE id = $1

-- name: end
-- Under the ticket's lock.
UPDATE ticket SET state = $2, ended_at = $3 WHERE id = $1

-- name: revoke
-- Locks the list, after the tickets and before the ledger's head, until the transaction ends: versions come in their order.
WITH head AS (
    UPDATE revocation_list SET version = version + cardinality($1::uuid[]) RETURNING version
)
INSERT INTO ticket_revocation (version, ticket_id, number, prints_below, reason, revoked_at, expires_at)
SELECT head.version - cardinality($1::uuid[]) + r.place, r.ticket_id, r.number, r.prints_below, r.reason, $6, r.expires_at
FROM head, unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::timestamptz[])
    WITH ORDINALITY AS r (ticket_id, number, prints_below, reason, expires_at, place)

-- name: revoked
-- Locks nothing; leans on a_revocation_has_one_version. After version $1: those whose codes have not expired by $2, oldest first; the
-- list's own version comes with each row, or alone.
SELECT list.version AS latest, r.version, r.ticket_id, r.number, r.prints_below, r.reason, r.expires_at
FROM revocation_list AS list
LEFT JOIN LATERAL (
    SELECT * FROM ticket_revocation
    WHERE version > CASE WHEN $1 > list.version THEN 0 ELSE $1 END AND expires_at > $2
    ORDER BY version
    LIMIT $3
) AS r ON TRUE
ORDER BY r.version

-- name: keys_in_use
-- Locks nothing; leans on ticket_by_key. Those of the keys that signed codes whose time has not run out.
SELECT k.key_id
FROM unnest($1::integer[]) AS k (key_id)
WHERE EXISTS (SELECT FROM ticket WHERE ticket.key_id = k.key_id AND ticket.valid_until >= $2)
    OR EXISTS (
        SELECT FROM ticket
        WHERE ticket.key_id > k.key_id AND ticket.valid_until >= $2 AND ticket.reissue > 0
    )

-- name: acts_of
-- Locks nothing; leans on act_by_ticket, oldest first. Who the buyer was before is not told to the one after.
SELECT kind, kg, facts - 'from_buyer' AS facts, reason, done_at FROM ticket_act WHERE ticket_id = $1 ORDER BY id

-- name: find_changed
-- Locks nothing; leans on act_by_ticket. What a ticket ($1) said by $2 of what somebody has changed since: until when it was good, and
-- to whom it went. Before deeds kept the former buyer, it is that of the former contract.
SELECT DISTINCT ON (act.kind)
    act.kind, (act.facts ->> 'from')::timestamptz AS valid_until, (act.facts ->> 'from_contract')::uuid AS contract_id,
    coalesce((act.facts ->> 'from_buyer')::uuid, contract.buyer_id) AS buyer_id,
    (act.facts ->> 'from_station')::uuid AS destination_station_id
FROM ticket_act AS act
LEFT JOIN contract ON contract.id = (act.facts ->> 'from_contract')::uuid
WHERE
    act.ticket_id = $1 AND act.done_at > $2
    AND (act.kind = 'extended' OR (act.kind = 'redirected' AND act.kg IS NULL))
ORDER BY act.kind, act.done_at, act.id

-- name: find_deeds
-- Locks nothing: under the locks of the tickets; leans on act_by_ticket. What changes a ticket's story, oldest first, with what was
-- reckoned of it last and the movements that stand for it now; of a shared weighing, with whom.
SELECT
    a.id, a.ticket_id, a.kind, a.reason, a.kg, a.done_at, coalesce(v.movement_ids, a.movement_ids)::text[] AS movement_ids,
    coalesce(v.version, 1) AS version, coalesce(v.kg, a.kg) AS reckoned_kg,
    CASE WHEN a.kind = 'apportioned' THEN ARRAY(SELECT jsonb_array_elements_text(a.facts -> 'with')) ELSE '{}' END AS shares_with,
    CASE WHEN a.kind = 'apportioned' THEN (a.facts ->> 'of')::uuid END AS shares_of
FROM ticket_act AS a
LEFT JOIN LATERAL (
    SELECT * FROM ticket_act_version WHERE act_id = a.id ORDER BY version DESC LIMIT 1
) AS v ON TRUE
WHERE
    a.ticket_id = ANY($1)
    AND (
        a.kind IN (
            'released', 'turned-down', 'cancelled', 'lost', 'written-off', 'split', 'closed', 'refused', 'apportioned'
        )
        OR (a.kind = 'redirected' AND a.kg IS NOT NULL)
    )
ORDER BY a.id

-- name: keep_versions
-- Under the tickets' locks.
INSERT INTO ticket_act_version (act_id, version, kg, movement_ids, because_of, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6)

-- name: advance
-- Under the ticket's lock.
UPDATE ticket SET state = $2, split_kg = $3, closed_kg = $4, refused_kg = $5, ended_at = $6 WHERE id = $1

-- name: redirect
-- Under the ticket's lock.
UPDATE ticket SET contract_id = $2, buyer_id = $3, destination_station_id = $4 WHERE id = $1

-- name: recount
-- Under the contracts' locks.
UPDATE contract SET shipped_kg = contract.shipped_kg + c.shipped_kg, received_kg = contract.received_kg + c.received_kg
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS c (id, shipped_kg, received_kg)
WHERE contract.id = c.id

-- name: hold_keys
-- Shares the advisory lock of those who sign tickets, until the transaction ends; waits for who retires a key.
SELECT pg_advisory_xact_lock_shared(7316202614)

-- name: await_signers
-- Takes that lock for itself: waits for all who sign tickets, and holds up those who come.
SELECT pg_advisory_xact_lock(7316202614)

-- name: retire_key
-- Locks the key's row against a second retirement; gives what the first one said.
WITH retired AS (
    INSERT INTO retired_key (key_id, signed_after, reason, person_id, retired_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING
    RETURNING key_id
)

SELECT signed_after FROM retired_key WHERE key_id = $1 AND NOT EXISTS (SELECT FROM retired)

-- name: retired_keys
-- Locks nothing: a handful of rows.
SELECT key_id, signed_after FROM retired_key ORDER BY key_id
