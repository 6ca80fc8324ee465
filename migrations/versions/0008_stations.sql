-- Devices that sign, the life signs of stations, what weighings were refused, and what was said of a weighing later.

-- The device's id is also its person's, once a county has approved it.
CREATE TABLE device (
    id uuid CONSTRAINT a_device_has_one_id PRIMARY KEY,
    station_id uuid NOT NULL REFERENCES station,
    name text NOT NULL,
    public_key bytea NOT NULL CONSTRAINT a_device_key_is_registered_once UNIQUE,    -- Ed25519
    state text NOT NULL,
    asked_at timestamptz NOT NULL,
    asked_by uuid NOT NULL,
    approved_at timestamptz,
    approved_by uuid,
    revoked_at timestamptz,
    revoked_by uuid,
    revoke_reason text,
    last_seen_at timestamptz,
    CONSTRAINT a_device_has_a_state CHECK (state IN ('asked', 'approved', 'revoked')),
    CONSTRAINT a_device_key_is_of_ed25519 CHECK (octet_length(public_key) = 32)
);
CREATE INDEX device_by_station ON device (station_id);

-- What devices have signed in with, until it would have expired in any case.
CREATE TABLE assertion (
    device_id uuid NOT NULL REFERENCES device,
    jti text NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT an_assertion_is_used_once PRIMARY KEY (device_id, jti)
);
CREATE INDEX assertion_by_time ON assertion (expires_at);

-- A device's own signature under a record, as it came: evidence beside the weighing.
CREATE TABLE signature (
    weighing_id uuid CONSTRAINT a_weighing_is_signed_once PRIMARY KEY,
    device_id uuid NOT NULL,
    jws text NOT NULL
);

-- Records that were refused and are no weighings: a wrong signature, an id that has been used for another record.
CREATE TABLE weighing_refusal (
    id uuid CONSTRAINT a_refusal_has_one_id PRIMARY KEY,
    station_id uuid NOT NULL,
    record_id uuid NOT NULL,
    sent_hash bytea NOT NULL,
    sent text NOT NULL,
    problem jsonb NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_refusal_is_kept_once UNIQUE (station_id, sent_hash)
);
CREATE INDEX weighing_refused ON weighing (id) WHERE status = 'refused';

ALTER TABLE weighing
    ADD COLUMN axles integer,
    ADD COLUMN mgo_per_mille integer,
    ADD COLUMN reading bigint,          -- the indicator's own number
    ADD COLUMN stable boolean;
CREATE INDEX weighing_by_station ON weighing (station_id, occurred_at);
CREATE INDEX weighing_by_reading ON weighing (station_id, reading) WHERE reading IS NOT NULL;

-- What is said of a weighing from a version on: the first version is the weighing itself. Another record has told more of
-- its ticket, or somebody has corrected it.
CREATE TABLE weighing_version (
    weighing_id uuid NOT NULL,
    version integer NOT NULL,
    gross_kg bigint NOT NULL,
    tare_kg bigint NOT NULL,
    net_kg bigint NOT NULL,
    status text NOT NULL,
    duplicate_of uuid,
    flags text[] NOT NULL,
    movement_ids uuid[] NOT NULL,
    because_of uuid,                    -- the weighing that told more; null: somebody corrected it
    reason text,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_version_of_a_weighing_is_kept_once PRIMARY KEY (weighing_id, version),
    CONSTRAINT a_version_has_a_status CHECK (status IN ('accepted', 'duplicate', 'void')),
    CONSTRAINT a_version_has_a_cause CHECK (num_nonnulls(because_of, reason) = 1)
);

ALTER TABLE ticket ADD COLUMN back_at timestamptz;
CREATE INDEX ticket_out_by_plate ON ticket (plate, out_at) WHERE out_at IS NOT NULL;

ALTER TABLE station ADD COLUMN latitude double precision, ADD COLUMN longitude double precision;
ALTER TABLE station ADD CONSTRAINT a_station_lies_on_the_globe CHECK (
    num_nonnulls(latitude, longitude) <> 1 AND latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180
) NOT VALID;

ALTER TABLE station_book
    ADD COLUMN told_at timestamptz,                     -- when its last record came
    ADD COLUMN repeated bigint NOT NULL DEFAULT 0;      -- how often a number came that had come before

-- A station's last sign of life, and the silences that have ended.
CREATE TABLE pulse (
    station_id uuid CONSTRAINT a_station_has_one_pulse PRIMARY KEY REFERENCES station,
    seen_at timestamptz NOT NULL,
    sent_at timestamptz NOT NULL,       -- the device's clock
    unsent integer NOT NULL,
    app_version text NOT NULL,
    person_id uuid NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE silence (
    station_id uuid NOT NULL REFERENCES station,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    CONSTRAINT a_silence_begins_once PRIMARY KEY (station_id, since)
);

-- When a station does not weigh, as it or its office has said before.
CREATE TABLE pause (
    id uuid CONSTRAINT a_pause_has_one_id PRIMARY KEY,
    station_id uuid NOT NULL REFERENCES station,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    reason text NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_pause_lasts CHECK (until > since)
);
CREATE INDEX pause_by_station ON pause (station_id, until);

CREATE TABLE camera_event (
    id uuid CONSTRAINT a_camera_event_has_one_id PRIMARY KEY,
    station_id uuid NOT NULL REFERENCES station,
    camera text NOT NULL,
    kind text NOT NULL,
    occurred_at timestamptz NOT NULL,
    note text,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_camera_event_is_told_once UNIQUE (station_id, camera, occurred_at, kind),
    CONSTRAINT a_camera_event_has_a_kind CHECK (kind IN ('up', 'down', 'tampered', 'still'))
);

GRANT SELECT, INSERT, UPDATE ON device, pulse, pause TO meisu_service;
GRANT SELECT, INSERT, DELETE ON assertion TO meisu_service;
GRANT SELECT, INSERT ON signature, weighing_refusal, weighing_version, silence, camera_event TO meisu_service;
