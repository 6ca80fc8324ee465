-- What surrounds allotments: applications, causes, suggestions, permitted uses, cuts, successions of rights, closed periods.

CREATE TABLE application (
    id uuid CONSTRAINT an_application_has_one_id PRIMARY KEY,
    mine_id uuid NOT NULL REFERENCES mine,
    year integer NOT NULL,
    quarter integer NOT NULL CONSTRAINT an_application_is_for_a_quarter CHECK (quarter BETWEEN 1 AND 4),
    kind text NOT NULL CONSTRAINT an_application_has_a_kind CHECK (kind IN ('base', 'merit', 'reward', 'special')),
    kg bigint NOT NULL CONSTRAINT an_application_has_tonnes CHECK (kg > 0),
    reason text NOT NULL,
    person_id uuid NOT NULL,
    filed_at timestamptz NOT NULL
);
CREATE INDEX application_by_mine ON application (mine_id, year);

ALTER TABLE allotment ADD COLUMN suggested_kg bigint;
ALTER TABLE allotment ADD COLUMN cause text;
ALTER TABLE allotment ADD COLUMN application_id uuid;
ALTER TABLE allotment ADD CONSTRAINT an_adjustment_has_a_known_cause CHECK (
    cause IN ('integration', 'restructuring', 'layout', 'order', 'succession', 'earmark', 'period', 'other')
) NOT VALID;

CREATE TABLE earmark_use (
    id uuid CONSTRAINT an_earmark_use_has_one_id PRIMARY KEY,
    earmark text NOT NULL,
    enterprise_id uuid NOT NULL REFERENCES enterprise,
    document_no text NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_use_is_permitted_once UNIQUE (earmark, enterprise_id)
);

CREATE TABLE cut (
    id uuid CONSTRAINT a_cut_has_one_id PRIMARY KEY,
    mine_id uuid NOT NULL REFERENCES mine,
    year integer NOT NULL,
    share numeric NOT NULL CONSTRAINT a_cut_is_a_share CHECK (share > 0 AND share <= 1),
    reason text NOT NULL,
    document_no text NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_mine_is_cut_once_a_year UNIQUE (mine_id, year)
);

-- Who has taken over a mine's right, and by which share; the old right and its tranches stay.
CREATE TABLE succession (
    id uuid CONSTRAINT a_succession_has_one_id PRIMARY KEY,
    act uuid NOT NULL,
    from_mine uuid NOT NULL REFERENCES mine,
    to_mine uuid NOT NULL REFERENCES mine,
    parts bigint NOT NULL CONSTRAINT a_successor_has_a_part CHECK (parts > 0),
    moved_kg bigint NOT NULL,
    year integer NOT NULL,
    succeeded_on date NOT NULL,
    reason text NOT NULL,
    document_no text NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_right_passes_to_another CHECK (from_mine <> to_mine),
    CONSTRAINT a_successor_is_named_once UNIQUE (from_mine, to_mine)
);
CREATE INDEX succession_by_successor ON succession (to_mine);

CREATE TABLE closing (
    id uuid CONSTRAINT a_closing_has_one_id PRIMARY KEY,
    year integer NOT NULL,
    quarter integer NOT NULL CONSTRAINT a_closing_is_of_a_quarter_or_the_year CHECK (quarter BETWEEN 0 AND 4),
    lapsed_kg bigint NOT NULL,
    withdrawn_kg bigint NOT NULL,
    carried_kg bigint NOT NULL,
    document_no text NOT NULL,
    person_id uuid NOT NULL,
    closed_at timestamptz NOT NULL,
    CONSTRAINT a_period_is_closed_once UNIQUE (year, quarter)
);

GRANT SELECT, INSERT ON application, earmark_use, cut, succession, closing TO meisu_service;
