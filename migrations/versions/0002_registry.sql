-- Who there is: places, enterprises, mines, stations, lines, projects, declared stocks; the people; what they did.

CREATE TABLE jurisdiction (
    code text CONSTRAINT a_jurisdiction_has_one_code PRIMARY KEY,
    name text NOT NULL,
    name_en text NOT NULL,
    level text NOT NULL,
    parent text REFERENCES jurisdiction,
    CONSTRAINT a_code_has_six_digits CHECK (code ~ '^[0-9]{6}$'),
    CONSTRAINT a_jurisdiction_has_a_level CHECK (level IN ('province', 'city', 'county')),
    CONSTRAINT only_the_province_has_no_parent CHECK ((parent IS NULL) = (level = 'province'))
);

CREATE TABLE enterprise (
    id uuid CONSTRAINT an_enterprise_has_one_id PRIMARY KEY,
    credit_code text NOT NULL CONSTRAINT a_credit_code_is_registered_once UNIQUE,
    name text NOT NULL,
    kinds text[] NOT NULL,
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT an_enterprise_has_kinds CHECK (
        cardinality(kinds) > 0 AND kinds <@ ARRAY['mine', 'dresser', 'processor', 'trader']
    )
);
CREATE INDEX enterprise_by_jurisdiction ON enterprise (jurisdiction);

CREATE TABLE mine (
    id uuid CONSTRAINT a_mine_has_one_id PRIMARY KEY,
    enterprise_id uuid NOT NULL REFERENCES enterprise,
    name text NOT NULL,
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    method text NOT NULL,
    licence_number text NOT NULL CONSTRAINT a_licence_is_registered_once UNIQUE,
    licence_scale_kg bigint NOT NULL,
    licence_valid_from date NOT NULL,
    licence_valid_until date NOT NULL,
    consolidated boolean NOT NULL,
    environment_ok boolean NOT NULL,
    safety_ok boolean NOT NULL,
    operating text NOT NULL DEFAULT 'lawful',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_mine_has_a_method CHECK (method IN ('open', 'underground')),
    CONSTRAINT a_licence_has_a_scale CHECK (licence_scale_kg > 0),
    CONSTRAINT a_licence_lasts CHECK (licence_valid_until >= licence_valid_from),
    CONSTRAINT a_mine_operates_or_is_suspended CHECK (operating IN ('lawful', 'suspended'))
);
CREATE INDEX mine_by_enterprise ON mine (enterprise_id);
CREATE INDEX mine_by_jurisdiction ON mine (jurisdiction);

CREATE TABLE station (
    id uuid CONSTRAINT a_station_has_one_id PRIMARY KEY,
    name text NOT NULL,
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    mine_id uuid REFERENCES mine,
    enterprise_id uuid REFERENCES enterprise,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_station_serves_one_place CHECK (num_nonnulls(mine_id, enterprise_id) = 1)
);
CREATE INDEX station_by_jurisdiction ON station (jurisdiction);

CREATE TABLE line (
    id uuid CONSTRAINT a_line_has_one_id PRIMARY KEY,
    enterprise_id uuid NOT NULL REFERENCES enterprise,
    name text NOT NULL,
    kind text NOT NULL,
    kiln text,
    status text NOT NULL,
    ore_per_product numeric(8, 4) NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_line_has_a_kind CHECK (kind IN ('flotation', 'light_burnt', 'dead_burnt', 'fused')),
    CONSTRAINT a_line_has_a_kiln CHECK (kiln IN ('reverberatory', 'shaft', 'rotary', 'electric', 'other')),
    CONSTRAINT a_line_has_a_status CHECK (status IN ('running', 'stopped', 'retired')),
    CONSTRAINT a_product_is_not_more_than_its_ore CHECK (ore_per_product >= 1)
);
CREATE INDEX line_by_enterprise ON line (enterprise_id);

CREATE TABLE project (
    id uuid CONSTRAINT a_project_has_one_id PRIMARY KEY,
    name text NOT NULL,
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    operator_id uuid NOT NULL REFERENCES enterprise,
    approved_kg bigint NOT NULL CONSTRAINT a_project_has_tonnes CHECK (approved_kg > 0),
    valid_from date NOT NULL,
    valid_until date NOT NULL,
    document_no text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_project_lasts CHECK (valid_until >= valid_from)
);

CREATE TABLE stock (
    id uuid CONSTRAINT a_stock_has_one_id PRIMARY KEY,
    enterprise_id uuid NOT NULL REFERENCES enterprise,
    grade text NOT NULL,
    kg bigint NOT NULL CONSTRAINT a_stock_has_tonnes CHECK (kg > 0),
    surveyed_on date NOT NULL,
    document_no text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL
);

-- What a registry entry said before each edit.
CREATE TABLE revision (
    slice text NOT NULL,
    entry_id uuid NOT NULL,
    version integer NOT NULL,
    entry jsonb NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_version_is_kept_once PRIMARY KEY (slice, entry_id, version)
);

CREATE TABLE person (
    id uuid CONSTRAINT a_person_has_one_id PRIMARY KEY,
    username text NOT NULL CONSTRAINT a_username_is_given_once UNIQUE,
    password_hash text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    jurisdiction text REFERENCES jurisdiction,
    enterprise_id uuid REFERENCES enterprise,
    station_id uuid REFERENCES station,
    disabled boolean NOT NULL DEFAULT FALSE,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_role_says_where CHECK (
        CASE role
            WHEN 'enterprise' THEN num_nonnulls(enterprise_id) = 1 AND num_nonnulls(jurisdiction, station_id) = 0
            WHEN 'station' THEN num_nonnulls(station_id) = 1 AND num_nonnulls(jurisdiction, enterprise_id) = 0
            ELSE role IN ('province', 'city', 'county', 'auditor')
            AND num_nonnulls(jurisdiction) = 1 AND num_nonnulls(enterprise_id, station_id) = 0
        END
    )
);

-- One row for each refresh token ever given; a used one that comes back ends its whole family.
CREATE TABLE refresh_token (
    token_hash bytea CONSTRAINT a_token_is_given_once PRIMARY KEY,
    family uuid NOT NULL,
    person_id uuid NOT NULL REFERENCES person,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX refresh_token_by_family ON refresh_token (family);
CREATE INDEX refresh_token_by_person ON refresh_token (person_id);

-- Access tokens that end before they expire: one family of them, or all that a person got before a moment.
CREATE TABLE revocation (
    id uuid CONSTRAINT a_revocation_has_one_id PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person,
    family uuid,
    revoked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX revocation_by_time ON revocation (expires_at);

-- Who did what: one note for each deed, in the deed's own transaction.
CREATE TABLE audit (
    id uuid CONSTRAINT a_note_has_one_id PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    person_id uuid,
    deed text NOT NULL,         -- <slice>.<verb>
    subject_id uuid,
    note jsonb NOT NULL DEFAULT '{}',
    request_id text
);
CREATE INDEX audit_by_subject ON audit (subject_id, recorded_at);
CREATE INDEX audit_by_time ON audit (recorded_at);

CREATE TABLE idempotency (
    scope text NOT NULL,        -- enterprise, office or station
    door text NOT NULL,         -- method and path
    key text NOT NULL,
    body_hash bytea NOT NULL,
    status integer NOT NULL,
    answer text NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_key_is_answered_once PRIMARY KEY (scope, door, key)
);
CREATE INDEX idempotency_by_time ON idempotency (recorded_at);

GRANT SELECT ON jurisdiction TO meisu_service;
GRANT SELECT, INSERT, UPDATE ON enterprise, mine, station, line, project, stock, person, refresh_token TO meisu_service;
GRANT SELECT, INSERT ON revision, audit TO meisu_service;
GRANT SELECT, INSERT, DELETE ON revocation, idempotency TO meisu_service;
