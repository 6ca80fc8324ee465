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

-- name: watch
-- Locks nothing; leans on the primary keys. How each station of the asker's was heard of last. Whose they are: the office's area, the
-- enterprise's own, the station itself.
SELECT
    s.id, s.name, s.jurisdiction, p.seen_at, p.sent_at, p.unsent, p.app_version, b.told_at, b.seen, b.repeated,
    (
        SELECT max(until) FROM pause WHERE station_id = s.id AND since <= $7::timestamptz AND until > $7 AND ended_at IS NULL
    ) AS paused_until,
    (SELECT count(*) FROM device WHERE station_id = s.id AND state = 'approved') AS devices,
    m.manual, m.loads, c.cameras, c.blind_cameras, mine.name AS mine, e.name AS enterprise
FROM station AS s
LEFT JOIN mine ON mine.id = s.mine_id
INNER JOIN enterprise AS e ON e.id = coalesce(s.enterprise_id, mine.enterprise_id)
LEFT JOIN pulse AS p ON p.station_id = s.id
LEFT JOIN station_book AS b ON b.station_id = s.id
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE manual) AS manual, count(*) AS loads
    FROM weighing WHERE station_id = s.id AND status = 'accepted' AND occurred_at > $7::timestamptz - interval '30 days'
) AS m
CROSS JOIN LATERAL (
    SELECT count(*) AS cameras, count(*) FILTER (WHERE kind <> 'up') AS blind_cameras
    FROM (
        SELECT DISTINCT ON (camera) kind FROM camera_event WHERE station_id = s.id ORDER BY camera, occurred_at DESC, id DESC
    ) AS last
) AS c
WHERE
    ($1 OR starts_with(s.jurisdiction, $2::text) OR coalesce(s.enterprise_id, mine.enterprise_id) = $3::uuid OR s.id = $4::uuid)
    AND ($5::uuid IS NULL OR s.id = $5)
    AND ($6::uuid IS NULL OR s.id > $6)
ORDER BY s.id
LIMIT $8

-- name: day
-- Locks nothing; leans on weighing_by_station. All that a station told of a time, as it stands now.
SELECT
    w.id, w.record_id, w.sequence, w.direction, t.id AS ticket_id, t.number AS ticket, w.plate, coalesce(v.gross_kg, w.gross_kg) AS gross_kg,
    coalesce(v.tare_kg, w.tare_kg) AS tare_kg, coalesce(v.net_kg, w.net_kg) AS net_kg, w.manual, w.tare_source, w.weighed_at, w.occurred_at,
    w.recorded_at, coalesce(v.status, w.status) AS status, coalesce(v.flags, w.flags) AS flags,
    EXISTS (SELECT FROM signature WHERE weighing_id = w.id) AS is_signed
FROM weighing AS w
LEFT JOIN ticket AS t ON t.id = w.ticket_id
LEFT JOIN LATERAL (
    SELECT * FROM weighing_version WHERE weighing_id = w.id ORDER BY version DESC LIMIT 1
) AS v ON TRUE
WHERE w.station_id = $1 AND w.occurred_at >= $2 AND w.occurred_at < $3
ORDER BY w.occurred_at, w.id

-- name: silences
-- Locks nothing; leans on a_silence_begins_once. The silences of a station that reach into a time; the present one, too; each with the
-- reasons of the pauses that were said of it.
SELECT
    s.since, s.until,
    (
        SELECT string_agg(p.reason, '；' ORDER BY p.since, p.id)
        FROM pause AS p
        WHERE p.station_id = $1 AND p.since < coalesce(s.until, $4) AND coalesce(p.ended_at, p.until) > s.since
    ) AS reason
FROM (
    SELECT since, until FROM silence WHERE station_id = $1 AND until > $2 AND since < $3
    UNION ALL
    SELECT seen_at, NULL FROM pulse WHERE station_id = $1 AND seen_at < least($3, $4::timestamptz - make_interval(mins => $5))
) AS s (since, until)
ORDER BY s.since

-- name: camera_events
-- Locks nothing; leans on a_camera_event_is_told_once. What became of a station's cameras up to a moment.
SELECT camera, kind, occurred_at, note FROM camera_event
WHERE station_id = $1 AND occurred_at < $2
ORDER BY camera, occurred_at, id

-- name: refusals
-- Locks nothing; leans on a_refusal_is_kept_once. How many records of a station that came in a time were none.
SELECT count(*) FROM weighing_refusal WHERE station_id = $1 AND recorded_at >= $2 AND recorded_at < $3

-- name: pause
-- Locks nothing.
INSERT INTO pause (id, station_id, since, until, reason, person_id, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: resume
-- Locks the pauses that are in force. They end now.
UPDATE pause SET ended_at = $2 WHERE station_id = $1 AND since <= $2 AND until > $2 AND ended_at IS NULL

-- name: silent
-- Locks nothing; leans on a_station_has_one_pulse. Stations that were heard of and are silent since a moment, are not paused, and have no
-- open alert for it, nor one that an office has settled since.
SELECT s.id, s.name, s.jurisdiction, coalesce(s.enterprise_id, m.enterprise_id) AS enterprise_id, p.seen_at
FROM pulse AS p
INNER JOIN station AS s ON s.id = p.station_id
LEFT JOIN mine AS m ON m.id = s.mine_id
WHERE
    p.seen_at < $1
    AND NOT EXISTS (SELECT FROM pause WHERE station_id = s.id AND since <= $2 AND until > $2 AND ended_at IS NULL)
    AND NOT EXISTS (
        SELECT FROM alert
        WHERE code = 'station-silent' AND subject_kind = 'station' AND subject_id = s.id::text AND settled_at IS NULL
    )
    AND NOT EXISTS (
        SELECT FROM alert
        WHERE code = 'station-silent' AND subject_id = s.id::text AND settled_by IS NOT NULL AND settled_at >= p.seen_at
    )
ORDER BY s.id
LIMIT 1000
