-- What is promised of projects and declared stock is held against their tonnes, as a mine's is against its scale (O01).
CREATE INDEX contract_by_project ON contract (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX contract_by_stock ON contract (stock_id) WHERE stock_id IS NOT NULL;
CREATE INDEX slip_by_project ON slip (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX slip_by_stock ON slip (stock_id) WHERE stock_id IS NOT NULL;

-- Who carries ore is registered like all who mine, dress, process and trade it (R04).
-- Made again at once with one kind more.
-- squawk-ignore ban-drop-constraint
ALTER TABLE enterprise DROP CONSTRAINT an_enterprise_has_kinds;
ALTER TABLE enterprise ADD CONSTRAINT an_enterprise_has_kinds CHECK (
    cardinality(kinds) > 0 AND kinds <@ ARRAY['mine', 'dresser', 'processor', 'trader', 'carrier']
) NOT VALID;

-- A contract or a lot that an authority looks into: it is held until a day, and free again by itself after it (E57).
CREATE TABLE investigation (
    id uuid CONSTRAINT an_investigation_has_one_id PRIMARY KEY,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    jurisdiction text NOT NULL,
    parties uuid[] NOT NULL,
    authority text NOT NULL,
    reason text NOT NULL,
    document_no text NOT NULL,
    ends_on date NOT NULL,              -- the last day on which it holds
    opened_at timestamptz NOT NULL,
    opened_by uuid NOT NULL,
    released_at timestamptz,
    released_by uuid,                   -- null: by itself, when its last day had passed
    note text,
    CONSTRAINT an_investigation_is_of_a_contract_or_a_lot CHECK (subject_kind IN ('contract', 'lot'))
);
CREATE UNIQUE INDEX a_paper_is_investigated_once_at_a_time ON investigation (subject_id) WHERE released_at IS NULL;
CREATE INDEX investigation_ending ON investigation (ends_on) WHERE released_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON investigation TO meisu_service;
