-- Tickets that were one of two of their plate when they were issued, and are no longer: neither is another one open beside them,
-- nor had one been on the road when they left (W05). From now on such an alert is settled by what puts it right.
WITH settled AS (
    UPDATE alert SET settled_at = now()
    FROM ticket AS t
    WHERE
        alert.code = 'two-open-tickets' AND alert.subject_kind = 'ticket' AND alert.settled_at IS NULL
        AND alert.subject_id = t.id::text
        AND NOT EXISTS (
            SELECT FROM ticket AS other
            WHERE
                other.plate = t.plate AND other.id < t.id
                AND t.state IN ('issued', 'out') AND other.state IN ('issued', 'out')
                AND other.valid_from < t.valid_until AND t.valid_from < other.valid_until
        )
        AND NOT EXISTS (
            SELECT FROM ticket AS other
            WHERE
                other.plate = t.plate AND other.parent_id IS NULL AND t.parent_id IS NULL AND t.state <> 'lost'
                AND (other.out_at, other.id) < (t.out_at, t.id)
                AND t.out_at < coalesce(
                    other.in_at,
                    other.back_at,
                    CASE WHEN other.state NOT IN ('issued', 'out') THEN other.ended_at END,
                    'infinity'
                )
        )
    RETURNING alert.id
)

INSERT INTO outbox (topic, message, recorded_at)
SELECT
    'alerts',
    jsonb_build_object('id', id, 'event', 'settled'),
    now()
FROM settled;
