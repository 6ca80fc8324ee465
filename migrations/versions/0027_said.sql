-- What an entry in the log of papers binds of each row: the text whose hash is the entry's fact.
CREATE VIEW said AS
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
FROM ticket;

GRANT SELECT ON said TO meisu_service;
