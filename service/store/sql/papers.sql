-- name: enter
-- Locks nothing; leans on the primary keys. What the rows of papers ($2) of a kind ($1) now say, at a time ($3): written with the rows,
-- so that both are there or neither.
INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at)
SELECT kind, id, sha256(convert_to(text, 'UTF8')), FALSE, $3
FROM said
WHERE kind = $1 AND id = ANY($2::uuid[])
ORDER BY id

-- name: enter_decisions
-- Locks nothing; leans on the primary keys. As `enter`, of decisions, with what they say.
INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at, text)
SELECT kind, id, sha256(convert_to(text, 'UTF8')), FALSE, $3, text
FROM decided
WHERE kind = $1 AND id = ANY($2::uuid[])
ORDER BY id

-- name: lock_head
-- Locks the end of the log of papers where something waits, so that one process at a time seals; nobody holds it who locks
-- anything else.
SELECT seq, frontier FROM paper_head WHERE EXISTS (SELECT FROM paper_due) FOR UPDATE

-- name: take_due
-- Under the head's lock: takes the oldest entries that wait, at most $1, in the order in which they came.
DELETE FROM paper_due
WHERE id IN (SELECT id FROM paper_due ORDER BY id LIMIT $1)
RETURNING id, kind, subject_id, fact, is_older, entered_at, text

-- name: seal
-- Under the head's lock: the entries with their leaves, the signed checkpoint, the nodes that were completed, and the new head.
WITH written AS (
    INSERT INTO paper (seq, kind, subject_id, fact, is_older, entered_at, leaf, text)
    SELECT * FROM unnest(
        $1::bigint[], $2::text[], $3::uuid[], $4::bytea[], $5::boolean[], $6::timestamptz[], $7::bytea[], $17::text[]
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

-- name: papers_of
-- Locks nothing; leans on a_side_files_a_version_once, a_contract_numbers_its_amendments and act_by_ticket: the papers of a contract,
-- slip or ticket ($1) and what was done to it, and whether an enterprise ($2; null: an office) may read what they say.
SELECT
    $1::uuid AS id,
    $2::uuid IS NULL
    OR NOT EXISTS (
        SELECT FROM ticket WHERE id = $1 AND seller_id <> $2
        UNION ALL
        SELECT FROM slip WHERE id = $1 AND enterprise_id <> $2
    ) AS may_read
UNION ALL
SELECT id, $2 IS NULL OR enterprise_id = $2 FROM filing WHERE contract_id = $1
UNION ALL
SELECT id, $2 IS NULL OR enterprise_id = $2 FROM amendment WHERE contract_id = $1
UNION ALL
SELECT act.id, $2 IS NULL OR EXISTS (SELECT FROM person WHERE person.id = act.person_id AND person.enterprise_id = $2)
FROM ticket_act AS act
WHERE act.ticket_id = $1

-- name: entries_of
-- Locks nothing; leans on paper_by_subject: the sealed entries of papers ($1), oldest first; and what the newest of each binds, where
-- the row still says it.
SELECT entry.seq, entry.kind, entry.subject_id, entry.is_older, entry.entered_at, entry.fact, said.text
FROM paper AS entry
LEFT JOIN said
    ON said.kind = entry.kind AND said.id = entry.subject_id AND sha256(convert_to(said.text, 'UTF8')) = entry.fact
WHERE entry.subject_id = ANY($1::uuid[])
ORDER BY entry.seq

-- name: last_checkpoint
-- The newest checkpoint, or the one of size $1. Locks nothing; leans on a_sealing_has_one_size.
SELECT size, recorded_at, root, key_id, signature FROM paper_checkpoint
WHERE $1::bigint IS NULL OR size = $1
ORDER BY size DESC
LIMIT 1

-- name: leaves
-- As of the ledger: the leaves with seq in any of the ranges [$1, $2), in order. Locks nothing; leans on a_paper_has_one_seq.
SELECT paper.seq, paper.leaf
FROM unnest($1::bigint[], $2::bigint[]) AS asked (lo, hi)
INNER JOIN paper ON paper.seq >= asked.lo AND paper.seq < asked.hi
ORDER BY paper.seq

-- name: nodes
-- As of the ledger: the nodes of levels $1 with their index in any of the ranges [$2, $3), in order. Locks nothing; leans on
-- a_paper_node_is_written_once.
SELECT node.level, node.index, node.hash
FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS asked (level, lo, hi)
INNER JOIN paper_node AS node ON asked.level = node.level AND node.index >= asked.lo AND node.index < asked.hi
ORDER BY node.level, node.index
