-- What was filed: contracts by both sides, the proofs they carry, slips, and the lots that arrived under them.

CREATE TABLE contract (
    id uuid CONSTRAINT a_contract_has_one_id PRIMARY KEY,
    number text NOT NULL,
    seller_id uuid NOT NULL REFERENCES enterprise,
    buyer_id uuid NOT NULL REFERENCES enterprise,
    mine_id uuid REFERENCES mine,       -- the source, when the seller is a mine's firm
    signed_on date NOT NULL,
    kg bigint NOT NULL,
    grade text NOT NULL,
    valid_until date NOT NULL,
    earmark text,
    due_on date NOT NULL,
    state text NOT NULL,
    proof_state text NOT NULL,
    flags text[] NOT NULL DEFAULT '{}',
    shipped_kg bigint NOT NULL DEFAULT 0,   -- counters that `meisu verify` recounts
    received_kg bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT a_seller_numbers_a_contract_once UNIQUE (seller_id, number),
    CONSTRAINT a_contract_joins_two_firms CHECK (seller_id <> buyer_id),
    CONSTRAINT a_contract_has_tonnes CHECK (kg > 0),
    CONSTRAINT a_contract_has_a_state CHECK (state IN ('incomplete', 'mismatch', 'filed', 'closed')),
    CONSTRAINT a_proof_has_a_state CHECK (proof_state IN ('none', 'complete', 'missing'))
);
CREATE INDEX contract_by_buyer ON contract (buyer_id, id);
CREATE INDEX contract_by_seller ON contract (seller_id, id);
CREATE INDEX contract_by_mine ON contract (mine_id) WHERE mine_id IS NOT NULL;
CREATE INDEX contract_waiting ON contract (due_on) WHERE state IN ('incomplete', 'mismatch');

-- The contract's row says what its seller's newest filing says, or the buyer's until the seller files; all versions stand here.
CREATE TABLE filing (
    id uuid CONSTRAINT a_filing_has_one_id PRIMARY KEY,
    contract_id uuid NOT NULL REFERENCES contract,
    enterprise_id uuid NOT NULL REFERENCES enterprise,  -- whose side: more than one firm may claim to be the buyer
    party text NOT NULL,
    version integer NOT NULL,
    terms jsonb NOT NULL,
    filed_at timestamptz NOT NULL,      -- this version
    first_filed_at timestamptz NOT NULL,    -- the side's clock (R22c)
    days_late integer NOT NULL,
    person_id uuid NOT NULL,
    fact bytea NOT NULL,
    CONSTRAINT a_side_files_a_version_once UNIQUE (contract_id, enterprise_id, version),
    CONSTRAINT a_filing_has_a_party CHECK (party IN ('seller', 'buyer'))
);
CREATE INDEX filing_by_enterprise ON filing (enterprise_id, contract_id);

CREATE TABLE slip (
    id uuid CONSTRAINT a_slip_has_one_id PRIMARY KEY,
    number text NOT NULL,
    enterprise_id uuid NOT NULL REFERENCES enterprise,
    mine_id uuid NOT NULL REFERENCES mine,
    handed_on date NOT NULL,
    kg bigint NOT NULL,
    grade text NOT NULL,
    line_id uuid REFERENCES line,
    earmark text,
    by_tickets boolean NOT NULL,
    due_on date NOT NULL,
    filed_at timestamptz NOT NULL,
    days_late integer NOT NULL,
    flags text[] NOT NULL DEFAULT '{}',
    movement_id uuid,
    person_id uuid NOT NULL,
    fact bytea NOT NULL,
    CONSTRAINT a_firm_numbers_a_slip_once UNIQUE (enterprise_id, number),
    CONSTRAINT a_slip_has_tonnes CHECK (kg > 0)
);
CREATE INDEX slip_by_mine ON slip (mine_id);

CREATE TABLE lot (
    id uuid CONSTRAINT a_lot_has_one_id PRIMARY KEY,
    account bigint NOT NULL CONSTRAINT an_account_is_one_lot UNIQUE REFERENCES account,
    holder_id uuid NOT NULL REFERENCES enterprise,
    contract_id uuid REFERENCES contract,
    slip_id uuid REFERENCES slip,
    grade text NOT NULL,
    year integer NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_lot_has_one_paper CHECK (num_nonnulls(contract_id, slip_id) = 1)
);
CREATE INDEX lot_by_holder ON lot (holder_id, id);
CREATE INDEX lot_by_contract ON lot (contract_id);
CREATE INDEX lot_by_slip ON lot (slip_id);

-- The proof of lawful origin that a contract's newest accepted proof carries, in the order in which loads draw it.
CREATE TABLE pledge (
    id uuid CONSTRAINT a_pledge_has_one_id PRIMARY KEY,
    contract_id uuid NOT NULL REFERENCES contract,
    filing_id uuid NOT NULL REFERENCES filing,
    position integer NOT NULL,
    lot_id uuid NOT NULL REFERENCES lot,
    kg bigint NOT NULL CONSTRAINT a_pledge_has_tonnes CHECK (kg > 0),
    excess_kg bigint NOT NULL,          -- beyond what the lot still had when it was pledged: without origin
    drawn_kg bigint NOT NULL,           -- of kg, what the contract had drawn of this lot under earlier proofs
    since_kg bigint NOT NULL,           -- what the contract had shipped when this proof came into force
    until_kg bigint,                    -- … and when it was released
    released_at timestamptz,            -- by a new version of the proof or by the contract's end
    CONSTRAINT an_excess_is_part_of_its_pledge CHECK (excess_kg BETWEEN 0 AND kg),
    CONSTRAINT a_release_says_what_was_shipped CHECK ((until_kg IS NULL) = (released_at IS NULL))
);
CREATE INDEX pledge_by_lot ON pledge (lot_id) WHERE released_at IS NULL;
CREATE UNIQUE INDEX a_proof_names_a_place_once ON pledge (contract_id, position) WHERE released_at IS NULL;
CREATE INDEX pledge_by_contract ON pledge (contract_id, id);

GRANT SELECT, INSERT, UPDATE ON contract, pledge TO meisu_service;
GRANT SELECT, INSERT ON filing, slip, lot TO meisu_service;
