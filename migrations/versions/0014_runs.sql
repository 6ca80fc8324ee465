-- What plants do with ore: runs of their lines, the products that become lots, and the differences that a stocktake finds.

CREATE TABLE run (
    id uuid CONSTRAINT a_run_has_one_id PRIMARY KEY,
    number text NOT NULL,
    enterprise_id uuid NOT NULL REFERENCES enterprise,
    line_id uuid NOT NULL REFERENCES line,
    line_version integer NOT NULL,      -- the line as it was registered when the run was filed
    ore_per_product numeric NOT NULL,   -- … and its factor
    ran_on date NOT NULL,
    account bigint NOT NULL CONSTRAINT an_account_is_one_run UNIQUE REFERENCES account,
    in_kg bigint NOT NULL,
    lost_kg bigint NOT NULL,
    flags text[] NOT NULL DEFAULT '{}',
    movement_ids uuid[] NOT NULL,       -- one act
    filed_at timestamptz NOT NULL,
    person_id uuid NOT NULL,
    fact bytea NOT NULL,
    voided_at timestamptz,
    void_reason text,
    CONSTRAINT a_firm_numbers_a_run_once UNIQUE (enterprise_id, number),
    CONSTRAINT a_run_has_tonnes CHECK (in_kg > 0 AND lost_kg BETWEEN 0 AND in_kg),
    CONSTRAINT a_voided_run_says_why CHECK ((voided_at IS NULL) = (void_reason IS NULL))
);
CREATE INDEX run_by_line ON run (line_id, ran_on);

CREATE TABLE run_input (
    run_id uuid NOT NULL REFERENCES run,
    position integer NOT NULL,
    lot_id uuid NOT NULL REFERENCES lot,
    kg bigint NOT NULL CONSTRAINT an_input_has_tonnes CHECK (kg > 0),
    CONSTRAINT a_place_among_the_inputs_is_filled_once PRIMARY KEY (run_id, position)
);
CREATE INDEX run_input_by_lot ON run_input (lot_id);

CREATE TABLE run_output (
    id uuid CONSTRAINT an_output_has_one_id PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES run,
    position integer NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    kg bigint NOT NULL CONSTRAINT an_output_has_tonnes CHECK (kg > 0),
    ore_kg bigint NOT NULL CONSTRAINT an_output_stands_on_ore CHECK (ore_kg > 0),
    CONSTRAINT a_place_among_the_outputs_is_filled_once UNIQUE (run_id, position),
    CONSTRAINT an_output_has_a_kind CHECK (kind IN ('product', 'by_product', 'tailings'))
);

ALTER TABLE lot ADD COLUMN output_id uuid;
ALTER TABLE lot ADD CONSTRAINT a_product_comes_from_a_run FOREIGN KEY (output_id) REFERENCES run_output NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE lot DROP CONSTRAINT a_lot_has_one_paper;
ALTER TABLE lot ADD CONSTRAINT a_lot_has_one_paper CHECK (num_nonnulls(contract_id, slip_id, output_id) = 1) NOT VALID;
CREATE UNIQUE INDEX an_output_is_one_lot ON lot (output_id) WHERE output_id IS NOT NULL;

-- What was counted of a lot, beside the book; an approved difference is posted once.
CREATE TABLE stocktake (
    id uuid CONSTRAINT a_stocktake_has_one_id PRIMARY KEY,
    lot_id uuid NOT NULL REFERENCES lot,
    counted_kg bigint NOT NULL CONSTRAINT a_count_is_not_negative CHECK (counted_kg >= 0),
    counted_on date NOT NULL,
    book_kg bigint NOT NULL,            -- what the book said when the count was filed
    reason text NOT NULL,
    document_no text NOT NULL,          -- the evidence
    state text NOT NULL,
    filed_at timestamptz NOT NULL,
    filed_by uuid NOT NULL,
    decided_at timestamptz,
    decided_by uuid,
    note text,
    movement_id uuid,
    fact bytea NOT NULL,
    CONSTRAINT a_stocktake_has_a_state CHECK (state IN ('asked', 'approved', 'refused')),
    CONSTRAINT a_decision_says_who_and_when CHECK (num_nonnulls(decided_at, decided_by) IN (0, 2))
);
CREATE UNIQUE INDEX a_lot_is_counted_once_at_a_time ON stocktake (lot_id) WHERE state = 'asked';
CREATE INDEX stocktake_by_lot ON stocktake (lot_id, id);

GRANT SELECT, INSERT ON run_input, run_output TO meisu_service;
GRANT SELECT, INSERT, UPDATE ON run, stocktake TO meisu_service;
