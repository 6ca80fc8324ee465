-- name: open_alerts
-- Leans on an_alert_is_open_once; a second writer of the same alert waits for the first and then does nothing.
WITH asked AS (
    SELECT * FROM unnest($1::uuid [], $2::text [], $3::text [], $4::text [], $5::text [], $6::text [], $7::text [], $8::timestamptz [])
        AS a (id, code, subject_kind, subject_id, jurisdiction, parties, facts, occurred_at)
    ORDER BY code, subject_kind, subject_id
),
opened AS (
    INSERT INTO alert (id, code, subject_kind, subject_id, jurisdiction, parties, facts, opened_at, occurred_at)
    SELECT
        id, code, subject_kind, subject_id, jurisdiction,
        ARRAY(SELECT jsonb_array_elements_text(parties::jsonb)::uuid), facts::jsonb, $9, occurred_at
    FROM asked
    ON CONFLICT (code, subject_kind, subject_id) WHERE settled_at IS NULL DO NOTHING
    RETURNING id
)
INSERT INTO outbox (topic, message, recorded_at)
SELECT 'alerts', jsonb_build_object('id', id, 'event', 'opened'), $9 FROM opened

-- name: restate_alert
-- Locks the one alert, where it is open and says something else; leans on an_alert_is_open_once. Who watches hears of the change, and whom
-- it concerned before and concerns now.
WITH was AS (
    SELECT id, jurisdiction, parties, (jurisdiction, facts, occurred_at) IS DISTINCT FROM ($4, $6::text::jsonb, $7) AS says_otherwise
    FROM alert
    WHERE
        code = $1 AND subject_kind = $2 AND subject_id = $3 AND settled_at IS NULL
        AND (jurisdiction, parties, facts, occurred_at) IS DISTINCT FROM ($4, $5::uuid[], $6::text::jsonb, $7)
    FOR UPDATE
),

restated AS (
    UPDATE alert SET jurisdiction = $4, parties = $5::uuid[], facts = $6::text::jsonb, occurred_at = $7
    FROM was WHERE alert.id = was.id
)

INSERT INTO outbox (topic, message, recorded_at)
SELECT
    'alerts',
    jsonb_build_object(
        'id', id, 'event', 'changed', 'says_otherwise', says_otherwise,
        'was', jsonb_build_object('jurisdiction', jurisdiction, 'parties', to_jsonb(parties)),
        'is', jsonb_build_object('jurisdiction', $4, 'parties', to_jsonb($5::uuid[]))
    ),
    $8
FROM was

-- name: settle_alerts
-- Locks the open alerts of the subjects, in the order in which open_alerts does; leans on an_alert_is_open_once.
WITH open AS MATERIALIZED (
    SELECT alert.id
    FROM alert
    INNER JOIN unnest($1::text [], $2::text [], $3::text []) AS s (code, subject_kind, subject_id)
        USING (code, subject_kind, subject_id)
    WHERE alert.settled_at IS NULL
    ORDER BY alert.code, alert.subject_kind, alert.subject_id
    FOR UPDATE OF alert
),
settled AS (
    UPDATE alert SET settled_at = $4 FROM open WHERE alert.id = open.id RETURNING alert.id
)
INSERT INTO outbox (topic, message, recorded_at)
SELECT 'alerts', jsonb_build_object('id', id, 'event', 'settled'), $4 FROM settled

-- name: list_alerts
-- Locks nothing; leans on the primary key (ids are in order of opening).
SELECT
    id, code, subject_kind, subject_id, jurisdiction, parties, facts, opened_at, occurred_at, settled_at, settled_by, note
FROM alert
WHERE ($1::text IS NULL OR starts_with(jurisdiction, $1))
    AND ($2::uuid IS NULL OR parties @> ARRAY[$2])
    AND ($3::text IS NULL OR ($3 = 'open') = (settled_at IS NULL))
    AND ($4::text IS NULL OR code = $4)
    AND ($5::uuid IS NULL OR id < $5)
    AND ($7::uuid[] IS NULL OR id = ANY($7))
    AND ($8::timestamptz IS NULL OR opened_at >= $8)
ORDER BY id DESC
LIMIT $6

-- name: settle_alert
-- Locks the one alert.
WITH settled AS (
    UPDATE alert SET settled_at = $2, settled_by = $3, note = $4 WHERE id = $1 AND settled_at IS NULL RETURNING id
),
told AS (
    INSERT INTO outbox (topic, message, recorded_at)
    SELECT 'alerts', jsonb_build_object('id', id, 'event', 'settled'), $2 FROM settled
)
SELECT id FROM settled
