-- What somebody did to a ticket, and when the sweeper ended it, has entries in the log of papers, too: an act one, an expiry a
-- further version of all that the sweeper has said of its ticket.

-- squawk-ignore ban-drop-constraint
ALTER TABLE paper_due DROP CONSTRAINT an_entry_has_a_kind;
ALTER TABLE paper_due ADD CONSTRAINT an_entry_has_a_kind CHECK (
    kind IN ('contract', 'filing', 'amendment', 'slip', 'ticket', 'ticket_act', 'ticket_expiry')
) NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE paper DROP CONSTRAINT a_paper_has_a_kind;
ALTER TABLE paper ADD CONSTRAINT a_paper_has_a_kind CHECK (
    kind IN ('contract', 'filing', 'amendment', 'slip', 'ticket', 'ticket_act', 'ticket_expiry')
) NOT VALID;

-- What an entry binds of each row: the text whose hash is the entry's fact.
CREATE OR REPLACE VIEW said AS
SELECT
    'contract' AS kind,
    id,
    E'meisu paper 1\n' || jsonb_build_array(
        'contract', id, number, seller_id, (extract(EPOCH FROM created_at) * 1000000)::bigint,
        (extract(EPOCH FROM closed_at) * 1000000)::bigint
    )::text AS text
FROM contract
UNION ALL
SELECT
    'filing' AS kind,
    id,
    E'meisu paper 1\n' || jsonb_build_array(
        'filing', id, contract_id, enterprise_id, party, version, terms,
        (extract(EPOCH FROM filed_at) * 1000000)::bigint,
        (extract(EPOCH FROM first_filed_at) * 1000000)::bigint, days_late, person_id, encode(fact, 'hex')
    )::text AS text
FROM filing
UNION ALL
SELECT
    'amendment' AS kind,
    id,
    E'meisu paper 1\n' || jsonb_build_array(
        'amendment', id, contract_id, number, enterprise_id, terms, changes, reason, agreed_on,
        (extract(EPOCH FROM proposed_at) * 1000000)::bigint, person_id, encode(fact, 'hex'), state,
        (extract(EPOCH FROM answered_at) * 1000000)::bigint, answered_by, answer
    )::text AS text
FROM amendment
UNION ALL
SELECT
    'slip' AS kind,
    id,
    E'meisu paper 1\n' || jsonb_build_array(
        'slip', id, number, enterprise_id, mine_id, project_id, stock_id, handed_on, kg, grade, line_id,
        earmark, by_tickets, due_on, (extract(EPOCH FROM filed_at) * 1000000)::bigint, days_late, flags,
        movement_id, person_id, encode(fact, 'hex')
    )::text AS text
FROM slip
UNION ALL
SELECT
    'ticket' AS kind,
    id,
    E'meisu paper 1\n' || jsonb_build_array(
        'ticket', id, number, code, reissue, key_id, earlier_prints, contract_id, slip_id, seller_id,
        buyer_id, onward_contract_id, onward_buyer_id, mine_id, project_id, stock_id, earmark, plate,
        planned_kg, grade, source_station_id, destination_station_id,
        (extract(EPOCH FROM valid_from) * 1000000)::bigint,
        (extract(EPOCH FROM valid_until) * 1000000)::bigint,
        (extract(EPOCH FROM issued_at) * 1000000)::bigint, issued_by, parent_id, account, source_account,
        flags
    )::text AS text
FROM ticket
UNION ALL
SELECT
    'ticket_act' AS kind,
    id,
    E'meisu paper 1\n' || jsonb_build_array(
        'ticket_act', id, ticket_id, kind, kg, facts, reason, movement_ids,
        (extract(EPOCH FROM done_at) * 1000000)::bigint, person_id
    )::text AS text
FROM ticket_act
UNION ALL
SELECT
    'ticket_expiry' AS kind,
    ticket_id AS id,
    E'meisu paper 1\n' || jsonb_build_array(
        'ticket_expiry', ticket_id, array_agg((extract(EPOCH FROM expired_at) * 1000000)::bigint ORDER BY expired_at)
    )::text AS text
FROM ticket_expiry
GROUP BY ticket_id;

-- What was there before: bound from now on, as it is found.
INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at)
SELECT
    kind,
    id,
    sha256(convert_to(text, 'UTF8')),
    TRUE,
    now()
FROM said
WHERE kind IN ('ticket_act', 'ticket_expiry')
ORDER BY kind, id;
