-- name: beat
-- Locks the station's pulse, then the device; at most one a minute is kept. Gives when the station was seen before.
WITH beaten AS (
    INSERT INTO pulse AS p (station_id, seen_at, sent_at, unsent, app_version, person_id)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (station_id) DO UPDATE
    SET
        seen_at = excluded.seen_at, sent_at = excluded.sent_at, unsent = excluded.unsent, app_version = excluded.app_version,
        person_id = excluded.person_id
    WHERE
        p.seen_at < excluded.seen_at - interval '1 minute' OR p.unsent <> excluded.unsent OR p.person_id <> excluded.person_id
    RETURNING old.seen_at
),

seen AS (
    UPDATE device SET last_seen_at = $2 WHERE id = $6 AND EXISTS (SELECT FROM beaten)
)

SELECT seen_at FROM beaten

-- name: end_silence
-- Leans on a_silence_begins_once.
INSERT INTO silence (station_id, since, until) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: places
-- Locks nothing; leans on the primary key. Those of the stations that the actor may speak of, with whose they are.
SELECT s.id, s.jurisdiction, coalesce(s.enterprise_id, m.enterprise_id) AS enterprise_id
FROM station AS s
LEFT JOIN mine AS m ON m.id = s.mine_id
WHERE s.id = ANY($1) AND (starts_with(s.jurisdiction, $2::text) OR s.id = $3::uuid)

-- name: tell_cameras
-- Leans on a_camera_event_is_told_once.
INSERT INTO camera_event (id, station_id, camera, kind, occurred_at, note, person_id, recorded_at)
SELECT id, station_id, camera, kind, occurred_at, note, $7, $8
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
    AS e (id, station_id, camera, kind, occurred_at, note)
ON CONFLICT DO NOTHING

-- name: cameras
-- Locks nothing; leans on a_camera_event_is_told_once. The last word on each camera of the stations.
SELECT DISTINCT ON (station_id, camera) station_id, camera, kind, occurred_at, note
FROM camera_event
WHERE station_id = ANY($1)
ORDER BY station_id, camera, occurred_at DESC, id DESC
