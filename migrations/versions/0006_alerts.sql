-- What somebody should look at, and the outbox that wakes those who watch.

CREATE TABLE alert (
    id uuid CONSTRAINT an_alert_has_one_id PRIMARY KEY,
    code text NOT NULL,
    subject_kind text NOT NULL,         -- mine | jurisdiction | contract | slip | ticket | weighing | lot | station | allotment
    subject_id text NOT NULL,
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    parties uuid[] NOT NULL,           -- the enterprises that it concerns
    facts jsonb NOT NULL,
    opened_at timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    settled_at timestamptz,
    settled_by uuid,                    -- null: it settled itself
    note text
);
CREATE UNIQUE INDEX an_alert_is_open_once ON alert (code, subject_kind, subject_id) WHERE settled_at IS NULL;
CREATE INDEX alert_by_jurisdiction ON alert (jurisdiction, id);
CREATE INDEX alert_by_party ON alert USING gin (parties);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT a_message_has_one_id PRIMARY KEY,
    topic text NOT NULL,
    message jsonb NOT NULL,
    recorded_at timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON alert TO meisu_service;
GRANT SELECT, INSERT, DELETE ON outbox TO meisu_service;
