-- name: find_sign_in
-- Locks nothing; leans on a_username_is_given_once.
SELECT id, password_hash FROM person WHERE username = $1 AND NOT disabled

-- name: hold_person
-- Locks the person against disabling and a new password until the sign-in is written; sign-ins do not wait for each other.
SELECT id, role, jurisdiction, enterprise_id, station_id, generation, password_hash
FROM person WHERE id = $1 AND NOT disabled FOR SHARE

-- name: is_anybody_there
-- Locks nothing.
SELECT EXISTS (SELECT FROM person) AS found

-- name: add_first_person
-- Leans on a_username_is_given_once: of two processes that start at once, one gives the first person.
INSERT INTO person (id, username, password_hash, name, role, jurisdiction, created_at)
VALUES ($1, $2, $3, $4, 'province', $5, $6) ON CONFLICT (username) DO NOTHING RETURNING id

-- name: find_person
-- Locks nothing; leans on a_person_has_one_id.
SELECT
    p.id, p.username, p.name, p.role, p.jurisdiction, p.enterprise_id, p.station_id, p.disabled, p.created_at,
    COALESCE(p.jurisdiction, e.jurisdiction, s.jurisdiction) AS place_jurisdiction
FROM person AS p
LEFT JOIN enterprise AS e ON e.id = p.enterprise_id
LEFT JOIN station AS s ON s.id = p.station_id
WHERE p.id = $1

-- name: list_people
-- Locks nothing; walks the key backwards from the cursor ($1); $2 the area's digits, $3 the enterprise; null asks nothing.
SELECT
    p.id, p.username, p.name, p.role, p.jurisdiction, p.enterprise_id, p.station_id, p.disabled, p.created_at,
    COALESCE(p.jurisdiction, e.jurisdiction, s.jurisdiction) AS place_jurisdiction
FROM person AS p
LEFT JOIN enterprise AS e ON e.id = p.enterprise_id
LEFT JOIN station AS s ON s.id = p.station_id
WHERE ($1::uuid IS NULL OR p.id < $1)
    AND ($2::text IS NULL OR starts_with(COALESCE(p.jurisdiction, e.jurisdiction, s.jurisdiction), $2))
    AND ($3::uuid IS NULL OR p.enterprise_id = $3)
ORDER BY p.id DESC
LIMIT $4

-- name: find_place
-- Locks nothing: where a jurisdiction ($1), an enterprise ($2) or a station ($3) lies.
SELECT code AS jurisdiction FROM jurisdiction WHERE code = $1
UNION ALL
SELECT jurisdiction FROM enterprise WHERE id = $2
UNION ALL
SELECT jurisdiction FROM station WHERE id = $3

-- name: lock_province_officers
-- Locks the enabled province officers in the order of their ids: of two that disable each other, the second sees the first.
SELECT id FROM person WHERE role = 'province' AND NOT disabled ORDER BY id FOR UPDATE

-- name: set_disabled
-- Locks the person; a disabled person's generation goes up, so that nothing signed in before is good again afterwards.
UPDATE person SET disabled = $2, generation = generation + CASE WHEN $2 THEN 1 ELSE 0 END
WHERE id = $1 AND disabled <> $2
RETURNING generation

-- name: set_password
-- Locks the person; does nothing if another password has been set since it was read.
UPDATE person SET password_hash = $3, generation = generation + 1
WHERE id = $1 AND password_hash = $2 AND NOT disabled
RETURNING generation

-- name: find_password
-- Locks nothing.
SELECT username, password_hash FROM person WHERE id = $1 AND NOT disabled

-- name: add_refresh_token
-- Locks nothing; the person's tokens that have expired are swept out on the way, leaning on refresh_token_by_person.
WITH swept AS (DELETE FROM refresh_token WHERE person_id = $3 AND expires_at < $4)
INSERT INTO refresh_token (token_hash, family, person_id, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5)

-- name: find_refresh_token
-- Locks nothing.
SELECT family, person_id FROM refresh_token WHERE token_hash = $1

-- name: use_refresh_token
-- Locks the token, after its person: of two that bring it at once, the second finds it used.
UPDATE refresh_token SET used_at = $2
WHERE token_hash = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $2
RETURNING family

-- name: revoke_family
-- Locks the family's tokens; leans on refresh_token_by_family.
UPDATE refresh_token SET revoked_at = $2 WHERE family = $1 AND revoked_at IS NULL

-- name: revoke_all
-- Locks the person's tokens; leans on refresh_token_by_person.
UPDATE refresh_token SET revoked_at = $2 WHERE person_id = $1 AND revoked_at IS NULL

-- name: add_revocation
-- Locks nothing; what has expired is swept out on the way, leaning on revocation_by_time.
WITH swept AS (DELETE FROM revocation WHERE expires_at < $5)
INSERT INTO revocation (id, person_id, family, generation, revoked_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: list_revocations
-- Locks nothing; leans on revocation_by_time.
SELECT person_id, family, generation, expires_at FROM revocation WHERE expires_at > $1
