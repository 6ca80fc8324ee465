-- What is filed after both sides agree: amendments, frameworks, papers; ore of projects and declared stocks; groups of firms.

-- The credit code of the head of the group that a firm belongs to: within a group one firm may file for both sides.
ALTER TABLE enterprise ADD COLUMN group_code text;

-- The station through which a project's ore leaves its site; null: any of the operator's.
ALTER TABLE project ADD COLUMN exit_station_id uuid;
ALTER TABLE project ADD CONSTRAINT a_project_has_an_exit FOREIGN KEY (exit_station_id) REFERENCES station NOT VALID;

ALTER TABLE contract ADD COLUMN project_id uuid;
ALTER TABLE contract ADD COLUMN stock_id uuid;
ALTER TABLE contract ADD COLUMN is_framework boolean NOT NULL DEFAULT FALSE;
ALTER TABLE contract ADD COLUMN framework_id uuid;     -- the framework of which this contract is an instalment
ALTER TABLE contract ADD CONSTRAINT a_contract_sells_ore_of_a_project FOREIGN KEY (project_id) REFERENCES project NOT VALID;
ALTER TABLE contract ADD CONSTRAINT a_contract_sells_declared_stock FOREIGN KEY (stock_id) REFERENCES stock NOT VALID;
ALTER TABLE contract ADD CONSTRAINT an_instalment_has_a_framework FOREIGN KEY (framework_id) REFERENCES contract NOT VALID;
ALTER TABLE contract ADD CONSTRAINT a_contract_has_one_source CHECK (num_nonnulls(mine_id, project_id, stock_id) <= 1) NOT VALID;
CREATE INDEX contract_by_framework ON contract (framework_id) WHERE framework_id IS NOT NULL;

-- A slip may hand over ore of a project or a declared stock; one that names no mine is written by this version or a later one.
-- squawk-ignore ban-drop-not-null
ALTER TABLE slip ALTER COLUMN mine_id DROP NOT NULL;
ALTER TABLE slip ADD COLUMN project_id uuid;
ALTER TABLE slip ADD COLUMN stock_id uuid;
ALTER TABLE slip ADD CONSTRAINT a_slip_hands_over_ore_of_a_project FOREIGN KEY (project_id) REFERENCES project NOT VALID;
ALTER TABLE slip ADD CONSTRAINT a_slip_hands_over_declared_stock FOREIGN KEY (stock_id) REFERENCES stock NOT VALID;
ALTER TABLE slip ADD CONSTRAINT a_slip_has_one_source CHECK (num_nonnulls(mine_id, project_id, stock_id) = 1) NOT VALID;

ALTER TABLE ticket ADD COLUMN project_id uuid;
ALTER TABLE ticket ADD COLUMN stock_id uuid;

CREATE INDEX allotment_by_project ON allotment (project_id, year) WHERE project_id IS NOT NULL;
CREATE INDEX allotment_by_stock ON allotment (stock_id, year) WHERE stock_id IS NOT NULL;

-- What one side of a filed contract wants to change; it counts when the other side says yes. What then is in force stands as
-- the next version of both sides' filings.
CREATE TABLE amendment (
    id uuid CONSTRAINT an_amendment_has_one_id PRIMARY KEY,
    contract_id uuid NOT NULL REFERENCES contract,
    number integer NOT NULL,            -- the contract's first amendment, its second …
    enterprise_id uuid NOT NULL REFERENCES enterprise,  -- who proposes it
    terms jsonb NOT NULL,               -- all of them, as they will be
    changes text[] NOT NULL,
    reason text NOT NULL,
    agreed_on date NOT NULL,            -- when both signed it: the first day of its own clock
    due_on date NOT NULL,
    proposed_at timestamptz NOT NULL,
    days_late integer NOT NULL,
    person_id uuid NOT NULL,
    fact bytea NOT NULL,
    state text NOT NULL,
    answered_at timestamptz,
    answer_days_late integer,
    answered_by uuid,
    answer text,
    CONSTRAINT a_contract_numbers_its_amendments UNIQUE (contract_id, number),
    CONSTRAINT an_amendment_has_a_state CHECK (state IN ('proposed', 'agreed', 'declined', 'withdrawn')),
    CONSTRAINT an_amendment_is_answered_once CHECK ((answered_at IS NULL) = (state = 'proposed'))
);
CREATE UNIQUE INDEX a_contract_has_one_open_amendment ON amendment (contract_id) WHERE state = 'proposed';
CREATE INDEX amendment_waiting ON amendment (due_on) WHERE state = 'proposed';

-- Papers beside what was filed or registered: their bytes lie in the data folder under the hash that stands here.
CREATE TABLE attachment (
    id uuid CONSTRAINT an_attachment_has_one_id PRIMARY KEY,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    enterprise_id uuid REFERENCES enterprise,   -- null: an office has attached it
    name text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    person_id uuid NOT NULL,
    attached_at timestamptz NOT NULL,
    CONSTRAINT an_attachment_has_a_kind CHECK (kind IN ('contract', 'slip', 'project', 'stock')),
    CONSTRAINT an_attachment_has_a_hash CHECK (octet_length(sha256) = 32),
    CONSTRAINT a_paper_is_attached_once UNIQUE (kind, subject_id, sha256)
);

GRANT SELECT, INSERT, UPDATE ON amendment TO meisu_service;
GRANT SELECT, INSERT ON attachment TO meisu_service;
