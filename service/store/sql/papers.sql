-- name: enter_contracts
-- Locks nothing; leans on the primary key. The contracts ($1) as they now stand, at a time ($2): written
-- with the rows, so that both are there or neither.
INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at)
SELECT
    'contract',
    id,
    sha256(convert_to(E'meisu paper 1\n' || jsonb_build_array(
        'contract', id, number, seller_id, (extract(EPOCH FROM created_at) * 1000000)::bigint,
        (extract(EPOCH FROM closed_at) * 1000000)::bigint
    )::text, 'UTF8')),
    FALSE,
    $2
FROM contract
WHERE id = ANY($1::uuid[])
ORDER BY id

-- name: enter_filings
-- Locks nothing; leans on the primary key. Versions of filings ($1), at a time ($2): written
-- with the rows, so that both are there or neither.
INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at)
SELECT
    'filing',
    id,
    sha256(convert_to(E'meisu paper 1\n' || jsonb_build_array(
        'filing', id, contract_id, enterprise_id, party, version, terms,
        (extract(EPOCH FROM filed_at) * 1000000)::bigint,
        (extract(EPOCH FROM first_filed_at) * 1000000)::bigint, days_late, person_id, encode(fact, 'hex')
    )::text, 'UTF8')),
    FALSE,
    $2
FROM filing
WHERE id = ANY($1::uuid[])
ORDER BY id

-- name: enter_amendments
-- Locks nothing; leans on the primary key. The amendments ($1) as they now stand, at a time ($2): written
-- with the rows, so that both are there or neither.
INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at)
SELECT
    'amendment',
    id,
    sha256(convert_to(E'meisu paper 1\n' || jsonb_build_array(
        'amendment', id, contract_id, number, enterprise_id, terms, changes, reason, agreed_on,
        (extract(EPOCH FROM proposed_at) * 1000000)::bigint, person_id, encode(fact, 'hex'), state,
        (extract(EPOCH FROM answered_at) * 1000000)::bigint, answered_by, answer
    )::text, 'UTF8')),
    FALSE,
    $2
FROM amendment
WHERE id = ANY($1::uuid[])
ORDER BY id

-- name: enter_slips
-- Locks nothing; leans on the primary key. Slips ($1), at a time ($2): written
-- with the rows, so that both are there or neither.
INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at)
SELECT
    'slip',
    id,
    sha256(convert_to(E'meisu paper 1\n' || jsonb_build_array(
        'slip', id, number, enterprise_id, mine_id, project_id, stock_id, handed_on, kg, grade, line_id,
        earmark, by_tickets, due_on, (extract(EPOCH FROM filed_at) * 1000000)::bigint, days_late, flags,
        movement_id, person_id, encode(fact, 'hex')
    )::text, 'UTF8')),
    FALSE,
    $2
FROM slip
WHERE id = ANY($1::uuid[])
ORDER BY id

-- name: enter_tickets
-- Locks nothing; leans on the primary key. The tickets ($1) as they now stand, at a time ($2): written
-- with the rows, so that both are there or neither.
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
    FALSE,
    $2
FROM ticket
WHERE id = ANY($1::uuid[])
ORDER BY id

-- name: lock_head
-- Locks the end of the log of papers where something waits, so that one process at a time seals; nobody holds it who locks
-- anything else.
SELECT seq, frontier FROM paper_head WHERE EXISTS (SELECT FROM paper_due) FOR UPDATE

-- name: take_due
-- Under the head's lock: takes the oldest entries that wait, at most $1, in the order in which they came.
DELETE FROM paper_due
WHERE id IN (SELECT id FROM paper_due ORDER BY id LIMIT $1)
RETURNING id, kind, subject_id, fact, is_older, entered_at

-- name: seal
-- Under the head's lock: the entries with their leaves, the signed checkpoint, the nodes that were completed, and the new head.
WITH written AS (
    INSERT INTO paper (seq, kind, subject_id, fact, is_older, entered_at, leaf)
    SELECT * FROM unnest(
        $1::bigint[], $2::text[], $3::uuid[], $4::bytea[], $5::boolean[], $6::timestamptz[], $7::bytea[]
    )
),

signed AS (
    INSERT INTO paper_checkpoint (size, recorded_at, root, key_id, signature)
    VALUES ($8, $9, $10, $11, $12)
),

completed AS (
    INSERT INTO paper_node (level, index, hash)
    SELECT * FROM unnest($13::integer[], $14::bigint[], $15::bytea[])
)

UPDATE paper_head SET seq = $8, frontier = $16
