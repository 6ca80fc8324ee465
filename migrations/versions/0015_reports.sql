-- What is reported: scoring sheets with their evidence, production forms, reserves, samples, and a county's year.

-- A mine's sheet while it is worked on: what the service knew at the cut-off, read anew until it is signed.
CREATE TABLE assessment_draft (
    id uuid CONSTRAINT a_draft_sheet_has_one_id PRIMARY KEY,    -- also of the assessment that it becomes
    mine_id uuid NOT NULL REFERENCES mine,
    year integer NOT NULL,
    quarter integer NOT NULL CONSTRAINT a_draft_sheet_is_of_a_quarter CHECK (quarter BETWEEN 1 AND 4),
    since timestamptz NOT NULL,         -- the cut-off of the sheet before
    cut_off timestamptz NOT NULL,
    log_size bigint NOT NULL,           -- of the ledger at the cut-off
    header jsonb NOT NULL,
    evidence jsonb NOT NULL,
    drawn_at timestamptz NOT NULL,
    person_id uuid NOT NULL,
    CONSTRAINT a_quarter_is_drafted_once UNIQUE (mine_id, year, quarter)
);

CREATE TABLE assessment_entry (
    id uuid CONSTRAINT a_sheet_entry_has_one_id PRIMARY KEY,
    assessment_id uuid NOT NULL REFERENCES assessment_draft,
    side text NOT NULL,
    number integer NOT NULL,
    points integer NOT NULL CONSTRAINT points_are_not_negative CHECK (points >= 0),
    note text,
    person_id uuid NOT NULL,
    entered_at timestamptz NOT NULL,
    CONSTRAINT an_entry_stands_on_a_side CHECK (side IN ('plus', 'minus', 'veto'))
);
CREATE INDEX assessment_entry_by_sheet ON assessment_entry (assessment_id, id);

-- The sheet as it was signed: this table is only ever added to.
ALTER TABLE assessment ADD COLUMN sheet jsonb NOT NULL DEFAULT '{}';

-- What the vetoes say; the published sheet is legible in its first only.
CREATE TABLE veto_text (
    id uuid CONSTRAINT a_veto_text_has_one_id PRIMARY KEY,
    number integer NOT NULL CONSTRAINT there_are_seven_vetoes CHECK (number BETWEEN 1 AND 7),
    text text NOT NULL,
    document_no text NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL
);

CREATE INDEX alert_by_code ON alert (code, opened_at);

-- What a mine says of its quarter beside what the ledger says; signed once.
CREATE TABLE production_form (
    id uuid CONSTRAINT a_production_form_has_one_id PRIMARY KEY,
    mine_id uuid NOT NULL REFERENCES mine,
    year integer NOT NULL,
    quarter integer NOT NULL CONSTRAINT a_production_form_is_of_a_quarter CHECK (quarter BETWEEN 1 AND 4),
    known jsonb NOT NULL,               -- the ledger's figures, by the snapshot that they are of
    snapshot text NOT NULL,
    said jsonb NOT NULL,                -- the mine's own
    drawn_at timestamptz NOT NULL,
    signed_at timestamptz,
    signed_by uuid,
    CONSTRAINT a_quarter_has_one_form UNIQUE (mine_id, year, quarter),
    CONSTRAINT a_signed_form_says_who CHECK ((signed_at IS NULL) = (signed_by IS NULL))
);

-- What a mine's reserves were found to be, or came to be for another reason than mining.
CREATE TABLE reserve (
    id uuid CONSTRAINT a_reserve_has_one_id PRIMARY KEY,
    mine_id uuid NOT NULL REFERENCES mine,
    kind text NOT NULL,
    kg bigint NOT NULL,
    counted_on date NOT NULL,
    document_no text NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_reserve_has_a_kind CHECK (kind IN ('surveyed', 'added', 'written-off')),
    CONSTRAINT a_reserve_has_kilograms CHECK (kg > 0)
);
CREATE INDEX reserve_by_mine ON reserve (mine_id, counted_on);

-- What the city has looked into, and what it found (R17).
CREATE TABLE sample (
    id uuid CONSTRAINT a_sample_has_one_id PRIMARY KEY,
    mine_id uuid NOT NULL REFERENCES mine,
    year integer NOT NULL,
    quarter integer NOT NULL CONSTRAINT a_sample_is_of_a_quarter CHECK (quarter BETWEEN 1 AND 4),
    reason text NOT NULL,
    drawn_at timestamptz NOT NULL,
    drawn_by uuid NOT NULL,
    is_in_order boolean,
    finding text,
    document_no text,
    found_at timestamptz,
    found_by uuid,
    CONSTRAINT a_finding_says_all CHECK (num_nulls(is_in_order, finding, document_no, found_at, found_by) IN (0, 5))
);
CREATE INDEX sample_by_mine ON sample (mine_id, id);

-- What a report says, beside the number of its document (R15).
ALTER TABLE submission ADD COLUMN figures jsonb NOT NULL DEFAULT '{}';

GRANT SELECT, INSERT, UPDATE ON assessment_draft, production_form, sample TO meisu_service;
GRANT SELECT, INSERT ON assessment_entry, veto_text, reserve TO meisu_service;
