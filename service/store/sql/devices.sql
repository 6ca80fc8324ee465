-- name: register
-- Leans on a_device_key_is_registered_once: of two that register one key at once, the second finds the first.
INSERT INTO device (id, station_id, name, public_key, state, asked_at, asked_by)
VALUES ($1, $2, $3, $4, 'asked', $5, $6)
ON CONFLICT (public_key) DO NOTHING
RETURNING id

-- name: find_by_key
-- Locks nothing; leans on a_device_key_is_registered_once.
SELECT id, station_id FROM device WHERE public_key = $1

-- name: list
-- Locks nothing; walks the key backwards. Whose it is: the office's area, the enterprise's yards and mines, the station's own.
SELECT
    d.id, d.station_id, s.name AS station, s.jurisdiction, d.name, d.public_key, d.state, d.asked_at, d.approved_at, d.revoked_at,
    d.revoke_reason, d.last_seen_at, coalesce(upper(b.seen), 1) AS next_sequence
FROM device AS d
INNER JOIN station AS s ON s.id = d.station_id
LEFT JOIN mine AS m ON m.id = s.mine_id
LEFT JOIN station_book AS b ON b.station_id = d.station_id
WHERE
    ($1 OR starts_with(s.jurisdiction, $2::text) OR coalesce(s.enterprise_id, m.enterprise_id) = $3::uuid OR s.id = $4::uuid)
    AND ($5::uuid IS NULL OR d.id = $5)
    AND ($6::uuid IS NULL OR d.id < $6)
    AND ($7::uuid IS NULL OR d.station_id = $7)
ORDER BY d.id DESC
LIMIT $8

-- name: lock
-- Locks the device.
SELECT d.id, d.station_id, d.name, d.public_key, d.state, s.jurisdiction
FROM device AS d
INNER JOIN station AS s ON s.id = d.station_id
WHERE d.id = $1
FOR UPDATE OF d

-- name: find
-- Locks nothing; leans on the primary key.
SELECT id, station_id, public_key, state FROM device WHERE id = ANY($1)

-- name: approve
-- Under the device's lock. What signs in is a person of the station who has no password.
WITH approved AS (
    UPDATE device SET state = 'approved', approved_at = $2, approved_by = $3 WHERE id = $1 RETURNING *
)
INSERT INTO person (id, username, password_hash, name, role, station_id, created_at)
SELECT id, $4, '!', name, 'station', station_id, $2 FROM approved

-- name: revoke
-- Under the device's lock.
UPDATE device SET state = 'revoked', revoked_at = $2, revoked_by = $3, revoke_reason = $4 WHERE id = $1

-- name: use_assertion
-- Leans on an_assertion_is_used_once; what has expired is swept out on the way, leaning on assertion_by_time.
WITH swept AS (DELETE FROM assertion WHERE expires_at < $4)
INSERT INTO assertion (device_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING jti
