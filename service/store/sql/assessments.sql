-- name: find_mine
-- Locks nothing; leans on the primary key: a mine of an office's area ($2) or of a firm ($3), with all that its sheet's head says.
SELECT
    mine.id, mine.name, mine.jurisdiction, mine.enterprise_id, enterprise.name AS enterprise, place.name AS place, mine.method,
    mine.licence_number, mine.licence_scale_kg, mine.licence_valid_from, mine.licence_valid_until
FROM mine
INNER JOIN enterprise ON enterprise.id = mine.enterprise_id
INNER JOIN jurisdiction AS place ON place.code = mine.jurisdiction
WHERE mine.id = $1 AND ($2::text IS NULL OR starts_with(mine.jurisdiction, $2)) AND ($3::uuid IS NULL OR mine.enterprise_id = $3)

-- name: since
-- Locks nothing; leans on a_quarter_is_assessed_once_a_version: the cut-off of the mine's last sheet before a quarter.
SELECT max(cut_off) FROM assessment WHERE mine_id = $1 AND (year, quarter) < ($2::integer, $3::integer)

-- name: alerts_of
-- Locks nothing; leans on alert_by_code and the primary keys: the alerts of some codes ($2) that were opened after $3 and by $4 and
-- concern a mine's own doings, but for those that put themselves right by then. A contract that was filed late was found missing;
-- one that its seller has filed in time is not the mine's. What an officer did about the kilograms does not undo the haul.
WITH found AS MATERIALIZED (
    SELECT
        id, code, subject_kind, subject_id, opened_at, occurred_at, settled_at, settled_by, facts,
        CASE WHEN subject_kind IN ('ticket', 'weighing', 'contract') THEN subject_id::uuid END AS key
    FROM alert
    WHERE code = ANY($2::text[]) AND opened_at > $3 AND opened_at <= $4
)

SELECT found.id, found.code, found.subject_kind, found.subject_id, found.opened_at, found.occurred_at, found.facts
FROM found
WHERE
    CASE found.subject_kind
        WHEN 'ticket' THEN EXISTS (SELECT FROM ticket WHERE ticket.id = found.key AND ticket.mine_id = $1)
        WHEN 'weighing' THEN EXISTS (
            SELECT FROM weighing INNER JOIN station ON station.id = weighing.station_id
            WHERE weighing.id = found.key AND station.mine_id = $1
        )
        WHEN 'contract' THEN EXISTS (
            SELECT FROM contract
            WHERE contract.id = found.key AND contract.mine_id = $1 AND NOT EXISTS (
                SELECT FROM filing
                WHERE filing.contract_id = contract.id AND filing.enterprise_id = contract.seller_id
                    AND filing.first_filed_at < (contract.due_on + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
            )
        )
        ELSE FALSE
    END
    AND (
        found.code = 'filing-overdue' OR found.settled_by IS NOT NULL OR found.settled_at IS NULL OR found.settled_at > $4
        OR EXISTS (
            SELECT FROM weighing_version AS said
            WHERE said.weighing_id = found.key AND said.status = 'accepted' AND said.flags @> ARRAY[found.code, 'suspense-settled']
        )
    )
ORDER BY found.opened_at, found.id

-- name: cameras_of
-- Reads the camera events of a mine's stations ($1) that were told after $2 and by $3: what went wrong with them.
SELECT camera_event.id, camera_event.station_id, station.name AS station, camera_event.camera, camera_event.kind, camera_event.note,
    camera_event.occurred_at, camera_event.recorded_at
FROM camera_event
INNER JOIN station ON station.id = camera_event.station_id
WHERE station.mine_id = $1 AND camera_event.kind <> 'up' AND camera_event.recorded_at > $2 AND camera_event.recorded_at <= $3
ORDER BY camera_event.recorded_at, camera_event.id

-- name: silences_of
-- Leans on weighing_by_station: the silences of a mine's stations that ended after $2 and by $3, with the loads weighed in them.
SELECT silence.station_id, station.name AS station, silence.since, silence.until, loads.number AS loads
FROM silence
INNER JOIN station ON station.id = silence.station_id
CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM weighing
    WHERE weighing.station_id = silence.station_id AND weighing.status = 'accepted'
        AND weighing.occurred_at BETWEEN silence.since AND silence.until
) AS loads
WHERE station.mine_id = $1 AND silence.until > $2 AND silence.until <= $3 AND loads.number > 0
ORDER BY silence.since, silence.station_id

-- name: deliveries_of
-- Leans on contract_by_mine, slip_by_mine, ticket_by_contract, ticket_by_slip: to whom a mine's ore went from $2 on and before $3, by
-- paper, and whether that can only burn it lightly in reverberatory kilns.
WITH gone AS (
    SELECT 'contract' AS kind, contract.id, contract.number, contract.buyer_id AS firm, NULL::uuid AS line_id, sum(ticket.out_kg) AS kg,
        max(ticket.out_at) AS last_at
    FROM contract INNER JOIN ticket ON ticket.contract_id = contract.id
    WHERE contract.mine_id = $1 AND ticket.out_at >= $2 AND ticket.out_at < $3 AND ticket.state <> 'returned'
    GROUP BY contract.id
    UNION ALL
    SELECT 'slip', slip.id, slip.number, slip.enterprise_id, slip.line_id, sum(ticket.out_kg), max(ticket.out_at)
    FROM slip INNER JOIN ticket ON ticket.slip_id = slip.id
    WHERE slip.mine_id = $1 AND ticket.out_at >= $2 AND ticket.out_at < $3 AND ticket.state <> 'returned'
    GROUP BY slip.id
    UNION ALL
    SELECT 'slip', slip.id, slip.number, slip.enterprise_id, slip.line_id, slip.kg, slip.filed_at
    FROM slip
    WHERE slip.mine_id = $1 AND NOT slip.by_tickets AND slip.filed_at >= $2 AND slip.filed_at < $3
)

SELECT
    gone.kind, gone.id, gone.number, gone.firm, enterprise.name AS buyer, gone.kg::bigint AS kg, gone.last_at,
    coalesce((
        SELECT bool_and(line.kind = 'light_burnt' AND line.kiln IS NOT DISTINCT FROM 'reverberatory') FROM line
        WHERE line.enterprise_id = gone.firm AND line.status <> 'retired' AND (gone.line_id IS NULL OR line.id = gone.line_id)
    ), FALSE) AS only_reverberatory
FROM gone
INNER JOIN enterprise ON enterprise.id = gone.firm
ORDER BY gone.last_at, gone.id

-- name: draw
-- Locks the draft, if there is one: what the service knows takes the place of what it knew. Nothing once the sheet is signed.
INSERT INTO assessment_draft AS d (id, mine_id, year, quarter, since, cut_off, log_size, header, evidence, drawn_at, person_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (mine_id, year, quarter) DO UPDATE
SET since = excluded.since, cut_off = excluded.cut_off, log_size = excluded.log_size, header = excluded.header,
    evidence = excluded.evidence, drawn_at = excluded.drawn_at, person_id = excluded.person_id
WHERE NOT EXISTS (SELECT FROM assessment WHERE assessment.id = d.id)
RETURNING d.id, d.id = $1 AS is_new

-- name: lock
-- Locks the draft.
SELECT id FROM assessment_draft WHERE id = $1 FOR UPDATE

-- name: list
-- Locks nothing; leans on a_quarter_is_drafted_once: sheets of an office's area ($1), or the signed ones of a firm ($2).
SELECT
    d.id, d.mine_id, d.year, d.quarter, d.since, d.cut_off, d.log_size, d.header, d.evidence, d.drawn_at,
    mine.jurisdiction, mine.enterprise_id, signed.sheet, signed.score, signed.is_vetoed, signed.document_no, signed.due_on,
    signed.days_late, signed.reported_at, person.name AS signed_by
FROM assessment_draft AS d
INNER JOIN mine ON mine.id = d.mine_id
LEFT JOIN assessment AS signed ON signed.id = d.id
LEFT JOIN person ON person.id = signed.person_id
WHERE ($1::text IS NULL OR starts_with(mine.jurisdiction, $1))
    AND ($2::uuid IS NULL OR (mine.enterprise_id = $2 AND signed.id IS NOT NULL))
    AND ($3::uuid IS NULL OR d.id = $3) AND ($4::uuid IS NULL OR d.mine_id = $4)
    AND ($5::integer IS NULL OR d.year = $5) AND ($6::integer IS NULL OR d.quarter = $6)
    AND ($7::uuid IS NULL OR d.id > $7)
ORDER BY d.id
LIMIT $8

-- name: entries
-- Locks nothing; leans on assessment_entry_by_sheet: what was entered last for each item of some sheets.
SELECT DISTINCT ON (entry.assessment_id, entry.side, entry.number)
    entry.assessment_id, entry.side, entry.number, entry.points, entry.note, entry.entered_at, person.name AS person
FROM assessment_entry AS entry
LEFT JOIN person ON person.id = entry.person_id
WHERE entry.assessment_id = ANY($1::uuid[])
ORDER BY entry.assessment_id, entry.side, entry.number, entry.id DESC

-- name: enter
-- Under the draft's lock.
INSERT INTO assessment_entry (id, assessment_id, side, number, points, note, person_id, entered_at)
SELECT id, $1, side, number, points, note, $7, $8
FROM unnest($2::uuid[], $3::text[], $4::integer[], $5::integer[], $6::text[]) AS e (id, side, number, points, note)

-- name: sign
-- Under the draft's lock.
INSERT INTO assessment (
    id, mine_id, year, quarter, version, score, is_vetoed, cut_off, document_no, due_on, days_late, person_id, reported_at, sheet
) VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10, $11, $12, $13)

-- name: reported
-- Locks nothing; leans on a_quarter_is_assessed_once_a_version: a mine's registration, the quarters that were reported, each with
-- score and veto.
SELECT mine.created_at, a.year, a.quarter, a.score, a.is_vetoed, a.reported_at
FROM mine LEFT JOIN assessment AS a ON a.mine_id = mine.id
WHERE mine.id = $1
ORDER BY a.year, a.quarter, a.version

-- name: vetoes
-- Reads the texts that the province has written for the vetoes, the last one of each.
SELECT DISTINCT ON (number) number, text, document_no, recorded_at FROM veto_text ORDER BY number, recorded_at DESC, id DESC

-- name: write_veto
-- Locks nothing.
INSERT INTO veto_text (id, number, text, document_no, person_id, recorded_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: used_kg
-- Leans on account_by_owner, a_source_line_leaves_once, leg_behind_its_source and hole_by_place: what left a mine's quota of a year ($2) by
-- a time of the world ($3), less what had been taken back of it by then, as it is known now. A correction happened when its weighing did.
SELECT coalesce(sum(gone.kg), 0)::bigint
FROM account
CROSS JOIN LATERAL (
    SELECT leg.source_kg AS kg FROM leg WHERE leg.source = account.id AND NOT leg.source_behind AND leg.occurred_at <= $3
    UNION ALL
    SELECT leg.source_kg FROM leg WHERE leg.source = account.id AND leg.source_behind AND leg.occurred_at <= $3
    UNION ALL
    SELECT hole.lo - hole.hi FROM hole
    WHERE hole.account = account.id AND hole.side = 'out' AND hole.kind = 'cut' AND hole.occurred_at <= $3
) AS gone
WHERE account.owner_id = $1 AND account.kind = 'quota' AND account.year = $2

-- name: healed
-- Locks nothing; leans on the primary key: which of some alerts have put themselves right.
SELECT id FROM alert
WHERE id = ANY($1::uuid[]) AND settled_at IS NOT NULL AND settled_by IS NULL AND code <> 'filing-overdue'
    AND NOT EXISTS (
        SELECT FROM weighing_version AS said
        WHERE said.weighing_id = CASE WHEN alert.subject_kind = 'weighing' THEN alert.subject_id::uuid END
            AND said.flags @> ARRAY[alert.code, 'suspense-settled']
    )
