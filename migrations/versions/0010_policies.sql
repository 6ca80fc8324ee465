-- What the offices have decided about the rules: policy values, worked days, outages; and the deadlines that these have moved.

CREATE TABLE rulebook (
    number integer CONSTRAINT a_rulebook_has_one_number PRIMARY KEY CONSTRAINT there_is_one_rulebook CHECK (number = 1),
    version bigint NOT NULL
);
INSERT INTO rulebook (number, version) VALUES (1, 0);

CREATE TABLE policy (
    id uuid CONSTRAINT a_policy_decision_has_one_id PRIMARY KEY,
    version bigint NOT NULL,            -- of the rulebook, from this decision on
    name text NOT NULL,
    scope text NOT NULL,                -- '' for all, a jurisdiction's code, or a class of bridges
    value jsonb,                        -- null: the scope has no value of its own any more
    valid_from date NOT NULL,
    document_no text NOT NULL,
    reason text NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX policy_by_name ON policy (name, version);

CREATE TABLE calendar_day (
    id uuid CONSTRAINT a_calendar_day_has_one_id PRIMARY KEY,
    version bigint NOT NULL,
    day date NOT NULL,
    is_worked boolean NOT NULL,
    document_no text NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX calendar_day_by_day ON calendar_day (day, version);

CREATE TABLE outage (
    id uuid CONSTRAINT an_outage_has_one_id PRIMARY KEY,
    version bigint NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    reason text NOT NULL,
    document_no text NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT an_outage_ends_after_it_starts CHECK (ends_at > starts_at)
);

-- A deadline that came to lie on another day, or to be known for certain.
CREATE TABLE deadline_move (
    id uuid CONSTRAINT a_deadline_move_has_one_id PRIMARY KEY,
    duty text NOT NULL,
    subject_id text NOT NULL,           -- a contract, a slip, an allotment, or a jurisdiction with its year and quarter
    was_due_on date NOT NULL,
    due_on date NOT NULL,
    was_provisional boolean NOT NULL,
    is_provisional boolean NOT NULL,
    version bigint NOT NULL,            -- the rulebook that moved it
    recorded_at timestamptz NOT NULL
);
CREATE INDEX deadline_move_by_subject ON deadline_move (subject_id, id);

GRANT SELECT, UPDATE ON rulebook TO meisu_service;
GRANT SELECT, INSERT ON policy, calendar_day, outage, deadline_move TO meisu_service;

-- What a county has reported: the statistics of a quarter, the expected completion of a year.
CREATE TABLE submission (
    id uuid CONSTRAINT a_submission_has_one_id PRIMARY KEY,
    duty text NOT NULL,
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    year integer NOT NULL,
    quarter integer,
    document_no text NOT NULL,
    due_on date NOT NULL,
    days_late integer NOT NULL,
    person_id uuid NOT NULL,
    submitted_at timestamptz NOT NULL,
    CONSTRAINT a_submission_has_a_duty CHECK (duty IN ('quarter-statistics', 'year-report')),
    CONSTRAINT only_a_year_report_has_no_quarter CHECK ((quarter IS NULL) = (duty = 'year-report')),
    CONSTRAINT a_submission_is_of_a_quarter CHECK (quarter BETWEEN 1 AND 4)
);
CREATE INDEX submission_by_jurisdiction ON submission (jurisdiction, year);

-- The score of a mine's quarter, as the county reported it; a later version replaces the one before.
CREATE TABLE assessment (
    id uuid CONSTRAINT an_assessment_has_one_id PRIMARY KEY,
    mine_id uuid NOT NULL REFERENCES mine,
    year integer NOT NULL,
    quarter integer NOT NULL CONSTRAINT an_assessment_is_of_a_quarter CHECK (quarter BETWEEN 1 AND 4),
    version integer NOT NULL,
    score integer NOT NULL CONSTRAINT a_score_is_of_a_hundred CHECK (score BETWEEN 0 AND 100),
    is_vetoed boolean NOT NULL,
    cut_off timestamptz NOT NULL,       -- later facts belong to the next sheet
    document_no text NOT NULL,
    due_on date NOT NULL,
    days_late integer NOT NULL,
    person_id uuid NOT NULL,
    reported_at timestamptz NOT NULL,
    CONSTRAINT a_quarter_is_assessed_once_a_version UNIQUE (mine_id, year, quarter, version)
);

GRANT SELECT, INSERT ON submission, assessment TO meisu_service;
