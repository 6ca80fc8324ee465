-- name: ask
-- Locks nothing; leans on a_plate_is_asked_for_once.
INSERT INTO plate_watch (id, enterprise_id, plate, evidence, feed_hash, asked_at, asked_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (enterprise_id, plate) WHERE ended_at IS NULL DO NOTHING
RETURNING id

-- name: running
-- Locks nothing; leans on a_plate_is_asked_for_once.
SELECT id FROM plate_watch WHERE enterprise_id = $1 AND plate = $2 AND ended_at IS NULL

-- name: lock
-- Locks the entry, when the asker may know of it: an office by the enterprise's place, an enterprise by its own.
SELECT w.id, w.enterprise_id, w.plate, w.confirmed_at, w.ended_at
FROM plate_watch AS w
INNER JOIN enterprise AS e ON e.id = w.enterprise_id
WHERE w.id = $1 AND ($2 OR starts_with(e.jurisdiction, $3::text) OR w.enterprise_id = $4)
FOR UPDATE OF w

-- name: has_another_owner
-- Locks nothing; leans on a_plate_has_one_owner.
SELECT EXISTS (
    SELECT FROM plate_watch WHERE plate = $1 AND id <> $2 AND confirmed_at IS NOT NULL AND ended_at IS NULL
) AS found

-- name: confirm
-- Under the entry's lock; a second owner is refused by a_plate_has_one_owner.
UPDATE plate_watch SET confirmed_at = $2, confirmed_by = $3 WHERE id = $1

-- name: end
-- Under the entry's lock.
UPDATE plate_watch SET ended_at = $2 WHERE id = $1

-- name: list
-- Locks nothing; newest first. Whose it is: as in lock.
SELECT w.id, w.enterprise_id, e.name AS enterprise, w.plate, w.evidence, w.asked_at, w.confirmed_at, w.ended_at
FROM plate_watch AS w
INNER JOIN enterprise AS e ON e.id = w.enterprise_id
WHERE ($1 OR starts_with(e.jurisdiction, $2::text) OR w.enterprise_id = $3)
    AND ($4::uuid IS NULL OR w.id < $4)
    AND ($5::uuid IS NULL OR w.id = $5)
ORDER BY w.id DESC
LIMIT $6

-- name: by_feed
-- Locks nothing; leans on a_feed_has_one_address.
SELECT id, enterprise_id, plate, confirmed_at, ended_at FROM plate_watch WHERE feed_hash = $1

-- name: tickets
-- Locks nothing; leans on ticket_by_plate: the newest tickets that name a plate, since its owner was confirmed or still open then,
-- without what is between the firms.
SELECT
    t.id, t.number, t.plate, t.state, t.planned_kg, t.valid_from, t.valid_until, t.issued_at, t.out_at, t.in_at,
    seller.name AS seller, source.name AS source_station, destination.name AS destination_station, source.jurisdiction
FROM ticket AS t
INNER JOIN enterprise AS seller ON seller.id = t.seller_id
INNER JOIN station AS source ON source.id = t.source_station_id
INNER JOIN station AS destination ON destination.id = t.destination_station_id
WHERE t.plate = $1 AND t.valid_until >= $2 AND ($3::text IS NULL OR t.number = $3)
ORDER BY t.id DESC
LIMIT $4
