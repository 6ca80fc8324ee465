-- What the offices have decided has entries in the log of papers, too: policies, days, outages, the deadlines that these have
-- moved, and the steps of allotments. Auditors judge by it. A decision's entry keeps its words beside their hash, so that what
-- was changed of it can be told by its column.

-- squawk-ignore ban-drop-constraint
ALTER TABLE paper_due DROP CONSTRAINT an_entry_has_a_kind;
ALTER TABLE paper_due ADD CONSTRAINT an_entry_has_a_kind CHECK (
    kind IN (
        'contract', 'filing', 'amendment', 'slip', 'ticket', 'ticket_act', 'ticket_expiry',
        'policy', 'calendar_day', 'outage', 'deadline_move', 'allotment_step'
    )
) NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE paper DROP CONSTRAINT a_paper_has_a_kind;
ALTER TABLE paper ADD CONSTRAINT a_paper_has_a_kind CHECK (
    kind IN (
        'contract', 'filing', 'amendment', 'slip', 'ticket', 'ticket_act', 'ticket_expiry',
        'policy', 'calendar_day', 'outage', 'deadline_move', 'allotment_step'
    )
) NOT VALID;
ALTER TABLE paper_due ADD COLUMN text text; -- of a decision what it says; null of all that has plates and prices
ALTER TABLE paper ADD COLUMN text text;

-- What an entry binds of each decision: the text whose hash is the entry's fact.
CREATE VIEW decided AS
SELECT
    'policy' AS kind,
    id,
    E'meisu paper 1\n' || jsonb_build_array(
        'policy', id, version, name, scope, value, valid_from, document_no, reason, person_id,
        (extract(EPOCH FROM recorded_at) * 1000000)::bigint
    )::text AS text
FROM policy
UNION ALL
SELECT
    'calendar_day' AS kind,
    id,
    E'meisu paper 1\n' || jsonb_build_array(
        'calendar_day', id, version, day, is_worked, document_no, person_id,
        (extract(EPOCH FROM recorded_at) * 1000000)::bigint
    )::text AS text
FROM calendar_day
UNION ALL
SELECT
    'outage' AS kind,
    id,
    E'meisu paper 1\n' || jsonb_build_array(
        'outage', id, version, (extract(EPOCH FROM starts_at) * 1000000)::bigint,
        (extract(EPOCH FROM ends_at) * 1000000)::bigint, reason, document_no, person_id,
        (extract(EPOCH FROM recorded_at) * 1000000)::bigint
    )::text AS text
FROM outage
UNION ALL
SELECT
    'deadline_move' AS kind,
    id,
    E'meisu paper 1\n' || jsonb_build_array(
        'deadline_move', id, version, duty, subject_id, was_due_on, due_on, was_provisional, is_provisional,
        (extract(EPOCH FROM recorded_at) * 1000000)::bigint
    )::text AS text
FROM deadline_move
UNION ALL
SELECT
    'allotment_step' AS kind,
    id,
    E'meisu paper 1\n' || jsonb_build_array(
        'allotment_step', id, allotment_id, step, taken_on, person_id,
        (extract(EPOCH FROM recorded_at) * 1000000)::bigint
    )::text AS text
FROM allotment_step;

GRANT SELECT ON decided TO meisu_service;

-- What was there before: bound from now on, as it is found.
INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at, text)
SELECT
    kind,
    id,
    sha256(convert_to(text, 'UTF8')),
    TRUE,
    now(),
    text
FROM decided
ORDER BY kind, id;
