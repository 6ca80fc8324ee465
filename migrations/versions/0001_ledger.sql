-- The interval ledger: accounts, legs, holes, the head that orders them, and the signed checkpoints over their leaves.

CREATE TYPE account_kind AS ENUM (
    'issue',     -- boundary: the province's act, where every kilogram of quota begins
    'pool',      -- a jurisdiction's total of one year
    'quota',     -- a mine's, project's or declared stock's right of one year
    'load',      -- one ticket's load on the road
    'lot',       -- what one holder received under one contract or slip, grade and quota year
    'run',       -- one processing record of a line
    'product',   -- what one run made
    'consumed',  -- used up in a plant
    'lost',      -- lost on the way or in the yard
    'gained',    -- boundary: found in a stocktake, without origin
    'suspense'   -- boundary: what left without a lawful paper, until an officer settles it
);

CREATE TABLE account (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT an_account_has_one_id PRIMARY KEY,
    kind account_kind NOT NULL,
    jurisdiction text,          -- pools and the province's act
    owner_id uuid,              -- mine, project, declared stock or enterprise
    document_id uuid,           -- ticket, contract, slip, weighing or run
    grade text,
    year integer,
    earmark text,
    mark bytea NOT NULL,        -- first 16 bytes of the SHA-256 of all the above: what the leaves bind
    CONSTRAINT a_mark_has_16_bytes CHECK (octet_length(mark) = 16),
    CONSTRAINT an_account_is_opened_once UNIQUE (mark)
);
CREATE INDEX account_by_owner ON account (owner_id, kind, year);
CREATE INDEX account_by_document ON account (document_id) WHERE document_id IS NOT NULL;
CREATE INDEX account_by_jurisdiction ON account (jurisdiction, year) WHERE jurisdiction IS NOT NULL;

-- The accounts of legs and holes are no foreign keys: accounts are never deleted, the posting sentences give no leaf to
-- an unknown account, and two look-ups with row locks per leg would cost as much as the leg itself.
CREATE TABLE leg (
    seq bigint CONSTRAINT a_seq_is_given_once PRIMARY KEY,
    act bigint NOT NULL,
    movement uuid NOT NULL,     -- the movement that was asked for; a movement may need several legs
    source bigint NOT NULL,
    source_lo bigint NOT NULL,
    source_kg bigint NOT NULL,
    target bigint NOT NULL,
    target_lo bigint NOT NULL,
    target_kg bigint NOT NULL,
    over_kg bigint NOT NULL,    -- of these kilograms, how many had none behind them at the source
    cover_kg bigint NOT NULL,   -- of these kilograms, how many pay a debt of the target
    source_behind boolean NOT NULL,
    target_behind boolean NOT NULL,
    occurred_at timestamptz NOT NULL,
    fact bytea NOT NULL,        -- SHA-256 of the recorded fact that this leg follows from
    leaf bytea NOT NULL,
    CONSTRAINT a_leg_joins_two_accounts CHECK (source <> target),
    CONSTRAINT kilograms_are_conserved CHECK (target_kg > 0 AND source_kg >= target_kg),
    CONSTRAINT evidence_fits_the_leg CHECK (over_kg BETWEEN 0 AND source_kg AND cover_kg BETWEEN 0 AND target_kg),
    CONSTRAINT a_fact_is_a_hash CHECK (octet_length(fact) = 32),
    CONSTRAINT a_leaf_is_a_hash CHECK (octet_length(leaf) = 32)
);
CREATE UNIQUE INDEX a_source_line_leaves_once ON leg (source, source_lo) WHERE NOT source_behind;
CREATE UNIQUE INDEX a_target_line_comes_once ON leg (target, target_lo) WHERE NOT target_behind;
CREATE INDEX leg_behind_its_source ON leg (source, source_lo) WHERE source_behind;
CREATE INDEX leg_behind_its_target ON leg (target, target_lo) WHERE target_behind;
CREATE INDEX leg_by_movement ON leg (movement);

CREATE TABLE hole (
    seq bigint CONSTRAINT a_hole_has_one_seq PRIMARY KEY,
    act bigint NOT NULL,
    movement uuid NOT NULL,     -- the movement that was cut, or the one that jumped
    account bigint NOT NULL,
    side text NOT NULL,
    lo bigint NOT NULL,
    hi bigint NOT NULL,
    kind text NOT NULL,
    debt_kg bigint NOT NULL,    -- out: debt ended by the cut; in: debt made by it
    occurred_at timestamptz NOT NULL,
    fact bytea NOT NULL,
    leaf bytea NOT NULL,
    CONSTRAINT a_hole_has_a_side CHECK (side IN ('in', 'out')),
    CONSTRAINT a_hole_has_a_kind CHECK (kind IN ('cut', 'jump')),
    CONSTRAINT a_hole_is_not_empty CHECK (lo >= 0 AND hi > lo),
    CONSTRAINT a_hole_has_a_fact CHECK (octet_length(fact) = 32),
    CONSTRAINT a_hole_has_a_leaf CHECK (octet_length(leaf) = 32)
);
CREATE INDEX hole_by_place ON hole (account, side, lo);

-- Accounts that take the general sentence because they have open holes or legs behind; derived, verified.
CREATE TABLE loose (
    account bigint CONSTRAINT an_account_is_loose_once PRIMARY KEY REFERENCES account
);

CREATE TABLE head (
    one boolean CONSTRAINT there_is_one_head PRIMARY KEY DEFAULT TRUE CHECK (one),
    seq bigint NOT NULL DEFAULT 0,
    act bigint NOT NULL DEFAULT 0,
    recorded_at timestamptz NOT NULL DEFAULT '-infinity',
    frontier bytea NOT NULL DEFAULT ''  -- roots of the perfect subtrees on the right edge, largest first (RFC 6962)
);
INSERT INTO head DEFAULT VALUES;

CREATE TABLE checkpoint (
    size bigint CONSTRAINT a_checkpoint_has_one_size PRIMARY KEY,  -- leaves so far = the last seq of an act
    act bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    root bytea NOT NULL,
    key_id integer NOT NULL,
    signature bytea NOT NULL
);
CREATE INDEX checkpoint_by_time ON checkpoint (recorded_at, size);

-- The roots of all perfect subtrees of 256, 65 536, … leaves: a proof reads these and a few hundred leaves, however long
-- the log. Written with the leaf that completes one.
CREATE TABLE node (
    level integer NOT NULL,     -- 8, 16, 24 …: two to this many leaves
    index bigint NOT NULL,      -- from the left, on its level
    hash bytea NOT NULL,
    CONSTRAINT a_node_is_written_once PRIMARY KEY (level, index),
    CONSTRAINT a_node_is_a_hash CHECK (octet_length(hash) = 32)
);

CREATE TABLE overdraw (
    id uuid CONSTRAINT an_overdraw_has_one_id PRIMARY KEY,
    account bigint NOT NULL CONSTRAINT an_overdraw_is_of_an_account REFERENCES account,
    cause text NOT NULL,                -- load | slip | claw-back | void | correction
    opened_act bigint NOT NULL,
    opened_seq bigint NOT NULL,         -- the opening leg or hole
    opened_by uuid NOT NULL,            -- its movement
    occurred_at timestamptz NOT NULL,
    discovered_at timestamptz NOT NULL,
    debt_kg bigint NOT NULL,
    peak_kg bigint NOT NULL,
    closed_act bigint,
    closed_at timestamptz,
    covered_by uuid,                    -- the movement that closed it
    CONSTRAINT an_open_overdraw_owes CHECK ((closed_at IS NULL) = (debt_kg > 0)),
    CONSTRAINT a_peak_is_the_most_owed CHECK (peak_kg >= debt_kg AND peak_kg > 0)
);
CREATE UNIQUE INDEX an_account_is_overdrawn_once_at_a_time ON overdraw (account) WHERE closed_at IS NULL;
CREATE INDEX overdraw_by_account ON overdraw (account, opened_seq);

GRANT SELECT, INSERT ON account, leg, hole, checkpoint, node TO meisu_service;
GRANT SELECT, INSERT, DELETE ON loose TO meisu_service;
GRANT SELECT, UPDATE ON head TO meisu_service;
GRANT SELECT, INSERT, UPDATE ON overdraw TO meisu_service;
