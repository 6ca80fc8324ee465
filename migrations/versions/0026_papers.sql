-- Every version of a contract, a filing, an amendment, a slip and a ticket has an entry in a log of papers (RFC 6962): its
-- hash is written with the row, and sealed soon after, in the order of arrival, under a signed root.

-- What has not been sealed yet; its numbers only say what came first.
CREATE TABLE paper_due (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT an_entry_waits_once PRIMARY KEY,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    fact bytea NOT NULL,                -- SHA-256 of what the row says
    is_older boolean NOT NULL,          -- the row was there before this log was: as it was found
    entered_at timestamptz NOT NULL,
    CONSTRAINT an_entry_has_a_kind CHECK (kind IN ('contract', 'filing', 'amendment', 'slip', 'ticket')),
    CONSTRAINT an_entry_has_a_fact CHECK (octet_length(fact) = 32)
);

CREATE TABLE paper (
    seq bigint CONSTRAINT a_paper_has_one_seq PRIMARY KEY,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    fact bytea NOT NULL,
    is_older boolean NOT NULL,
    entered_at timestamptz NOT NULL,
    leaf bytea NOT NULL,
    CONSTRAINT a_paper_has_a_kind CHECK (kind IN ('contract', 'filing', 'amendment', 'slip', 'ticket')),
    CONSTRAINT a_paper_has_a_fact CHECK (octet_length(fact) = 32),
    CONSTRAINT a_paper_has_a_leaf CHECK (octet_length(leaf) = 32)
);
CREATE INDEX paper_by_subject ON paper (subject_id, seq);

CREATE TABLE paper_head (
    one boolean CONSTRAINT papers_have_one_head PRIMARY KEY DEFAULT TRUE CHECK (one),
    seq bigint NOT NULL DEFAULT 0,
    frontier bytea NOT NULL DEFAULT ''
);
INSERT INTO paper_head DEFAULT VALUES;

CREATE TABLE paper_checkpoint (
    size bigint CONSTRAINT a_sealing_has_one_size PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    root bytea NOT NULL,
    key_id integer NOT NULL,
    signature bytea NOT NULL
);

-- As in node, of this log's tree.
CREATE TABLE paper_node (
    level integer NOT NULL,
    index bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT a_paper_node_is_written_once PRIMARY KEY (level, index),
    CONSTRAINT a_paper_node_is_a_hash CHECK (octet_length(hash) = 32)
);

-- What was there before: bound from now on, as it is found. The service seals it when it next starts.
INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at)
SELECT
    'contract',
    id,
    sha256(convert_to(E'meisu paper 1\n' || jsonb_build_array(
        'contract', id, number, seller_id, (extract(EPOCH FROM created_at) * 1000000)::bigint,
        (extract(EPOCH FROM closed_at) * 1000000)::bigint
    )::text, 'UTF8')),
    TRUE,
    now()
FROM contract
ORDER BY id;

INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at)
SELECT
    'filing',
    id,
    sha256(convert_to(E'meisu paper 1\n' || jsonb_build_array(
        'filing', id, contract_id, enterprise_id, party, version, terms,
        (extract(EPOCH FROM filed_at) * 1000000)::bigint,
        (extract(EPOCH FROM first_filed_at) * 1000000)::bigint, days_late, person_id, encode(fact, 'hex')
    )::text, 'UTF8')),
    TRUE,
    now()
FROM filing
ORDER BY id;

INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at)
SELECT
    'amendment',
    id,
    sha256(convert_to(E'meisu paper 1\n' || jsonb_build_array(
        'amendment', id, contract_id, number, enterprise_id, terms, changes, reason, agreed_on,
        (extract(EPOCH FROM proposed_at) * 1000000)::bigint, person_id, encode(fact, 'hex'), state,
        (extract(EPOCH FROM answered_at) * 1000000)::bigint, answered_by, answer
    )::text, 'UTF8')),
    TRUE,
    now()
FROM amendment
ORDER BY id;

INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at)
SELECT
    'slip',
    id,
    sha256(convert_to(E'meisu paper 1\n' || jsonb_build_array(
        'slip', id, number, enterprise_id, mine_id, project_id, stock_id, handed_on, kg, grade, line_id,
        earmark, by_tickets, due_on, (extract(EPOCH FROM filed_at) * 1000000)::bigint, days_late, flags,
        movement_id, person_id, encode(fact, 'hex')
    )::text, 'UTF8')),
    TRUE,
    now()
FROM slip
ORDER BY id;

INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at)
SELECT
    'ticket',
    id,
    sha256(convert_to(E'meisu paper 1\n' || jsonb_build_array(
        'ticket', id, number, code, reissue, key_id, earlier_prints, contract_id, slip_id, seller_id,
        buyer_id, onward_contract_id, onward_buyer_id, mine_id, project_id, stock_id, earmark, plate,
        planned_kg, grade, source_station_id, destination_station_id,
        (extract(EPOCH FROM valid_from) * 1000000)::bigint,
        (extract(EPOCH FROM valid_until) * 1000000)::bigint,
        (extract(EPOCH FROM issued_at) * 1000000)::bigint, issued_by, parent_id, account, source_account,
        flags
    )::text, 'UTF8')),
    TRUE,
    now()
FROM ticket
ORDER BY id;

GRANT SELECT, INSERT, DELETE ON paper_due TO meisu_service;
GRANT SELECT, INSERT ON paper, paper_checkpoint, paper_node TO meisu_service;
GRANT SELECT, UPDATE ON paper_head TO meisu_service;
