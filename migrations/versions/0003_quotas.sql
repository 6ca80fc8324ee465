-- The quota tree: allotments and the steps they took. Their kilograms are legs of the ledger (movement = the allotment's id).

CREATE TABLE allotment (
    id uuid CONSTRAINT an_allotment_has_one_id PRIMARY KEY,
    year integer NOT NULL,
    quarter integer,
    kind text NOT NULL,
    from_jurisdiction text REFERENCES jurisdiction,    -- null: the province's own issue
    to_jurisdiction text REFERENCES jurisdiction,
    mine_id uuid REFERENCES mine,
    project_id uuid REFERENCES project,
    stock_id uuid REFERENCES stock,
    kg bigint NOT NULL,
    document_no text NOT NULL,
    reason text,
    earmark text,
    approved_by uuid REFERENCES allotment,
    state text NOT NULL,
    issued_on date,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_quarter_is_one_of_four CHECK (quarter BETWEEN 1 AND 4),
    CONSTRAINT an_allotment_has_a_kind CHECK (
        kind IN ('total', 'base', 'merit', 'reward', 'special', 'approved', 'adjustment')
    ),
    CONSTRAINT an_allotment_goes_to_one_holder CHECK (num_nonnulls(to_jurisdiction, mine_id, project_id, stock_id) = 1),
    CONSTRAINT an_allotment_has_a_state CHECK (
        state IN ('draft', 'consulted', 'approved', 'issued', 'published', 'withdrawn')
    ),
    CONSTRAINT only_an_adjustment_takes_back CHECK (kg > 0 OR (kg < 0 AND kind = 'adjustment'))
);
CREATE INDEX allotment_by_mine ON allotment (mine_id, year);
CREATE INDEX allotment_by_year ON allotment (year, to_jurisdiction);
CREATE INDEX allotment_by_approval ON allotment (approved_by) WHERE approved_by IS NOT NULL;

CREATE TABLE allotment_step (
    id uuid CONSTRAINT an_allotment_step_has_one_id PRIMARY KEY,
    allotment_id uuid NOT NULL REFERENCES allotment,
    step text NOT NULL,
    taken_on date NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_step_is_known CHECK (step IN ('draft', 'consult', 'approve', 'issue', 'publish', 'withdraw'))
);
CREATE INDEX allotment_step_by_allotment ON allotment_step (allotment_id);

GRANT SELECT, INSERT, UPDATE ON allotment TO meisu_service;
GRANT SELECT, INSERT ON allotment_step TO meisu_service;
