-- name: viewer
-- Locks nothing; leans on the primary keys.
SELECT
    person.name, person.role, coalesce(place.name, enterprise.name, station.name) AS place,
    coalesce(place.name_en, enterprise.name, station.name) AS place_en, enterprise.kinds
FROM person
LEFT JOIN jurisdiction AS place ON place.code = person.jurisdiction
LEFT JOIN enterprise ON enterprise.id = person.enterprise_id
LEFT JOIN station ON station.id = person.station_id
WHERE person.id = $1

-- name: mines
-- Locks nothing; leans on mine_by_enterprise: the mines of an office's area ($1) or of an enterprise ($2), or one ($3).
SELECT
    mine.id, mine.name, mine.jurisdiction, place.name AS place, place.name_en AS place_en, mine.enterprise_id,
    enterprise.name AS enterprise, mine.method, mine.licence_number, mine.licence_scale_kg, mine.licence_valid_from,
    mine.licence_valid_until, mine.consolidated, mine.environment_ok, mine.safety_ok, mine.operating
FROM mine
INNER JOIN enterprise ON enterprise.id = mine.enterprise_id
INNER JOIN jurisdiction AS place ON place.code = mine.jurisdiction
WHERE CASE WHEN $2::uuid IS NULL THEN starts_with(mine.jurisdiction, $1) ELSE mine.enterprise_id = $2 END
    AND ($3::uuid IS NULL OR mine.id = $3)
ORDER BY mine.jurisdiction, mine.id

-- name: places
-- Locks nothing.
SELECT code, name, name_en, level FROM jurisdiction ORDER BY code

-- name: quota_years
-- Locks nothing; leans on account_by_jurisdiction.
SELECT DISTINCT year FROM account WHERE jurisdiction IS NOT NULL AND year IS NOT NULL ORDER BY year DESC

-- name: count_open_alerts
-- Locks nothing; leans on an_alert_is_open_once: how many of each code, all or those opened since $3.
SELECT code, count(*) AS number FROM alert
WHERE settled_at IS NULL AND CASE WHEN $2::uuid IS NULL THEN starts_with(jurisdiction, $1) ELSE parties @> ARRAY[$2] END
    AND ($3::timestamptz IS NULL OR opened_at >= $3)
GROUP BY code

-- name: loads_beyond
-- Locks nothing; leans on overdraw_by_account, the key of legs and hole_by_place: what left a mine ($1) beyond its quota of a year
-- ($2), newest first, by seq $4 or up to now; nothing was beyond it before its first episode. What was struck as a whole, since its
-- record was voided or another took its place, did not leave.
SELECT
    leg.occurred_at, leg.source_kg AS kg, leg.over_kg, ticket.id AS ticket_id, ticket.plate,
    coalesce(ticket.number, slip.number) AS document_no
FROM account AS quota
INNER JOIN leg ON leg.source = quota.id AND leg.over_kg > 0
INNER JOIN account AS target ON target.id = leg.target
LEFT JOIN ticket ON ticket.id = target.document_id
LEFT JOIN slip ON slip.id = target.document_id
WHERE quota.owner_id = $1 AND quota.kind = 'quota' AND quota.year = $2
    AND leg.seq >= (SELECT min(overdraw.opened_seq) FROM overdraw WHERE overdraw.account = quota.id)
    AND ($4::bigint IS NULL OR leg.seq <= $4)
    AND leg.source_kg > coalesce((
        SELECT sum(hole.hi - hole.lo) FROM hole
        WHERE
            hole.account = quota.id AND hole.side = 'out' AND hole.kind = 'cut' AND hole.movement = leg.movement
            AND hole.lo >= leg.source_lo AND hole.lo < leg.source_lo + leg.source_kg
            AND ($4::bigint IS NULL OR hole.seq <= $4)
    ), 0)
ORDER BY leg.seq DESC
LIMIT $3

-- name: pages_of
-- Locks nothing; leans on an_account_is_one_lot and the primary keys: the lots, tickets and runs that accounts ($1) are of and that who reads
-- everything ($2), an office by its area ($3) or an enterprise ($4) may see: whose they are is said as by the lists of each.
SELECT lot.account, 'lots' AS slice, lot.id
FROM unnest($1::bigint[]) AS asked (account)
INNER JOIN lot ON lot.account = asked.account
INNER JOIN enterprise AS holder ON holder.id = lot.holder_id
WHERE $2::boolean OR starts_with(holder.jurisdiction, $3::text) OR holder.id = $4::uuid
UNION ALL
SELECT account.id, 'tickets', ticket.id
FROM unnest($1::bigint[]) AS asked (account)
INNER JOIN account ON account.id = asked.account
INNER JOIN ticket ON ticket.id = account.document_id
INNER JOIN enterprise AS seller ON seller.id = ticket.seller_id
INNER JOIN enterprise AS buyer ON buyer.id = ticket.buyer_id
LEFT JOIN enterprise AS onward ON onward.id = ticket.onward_buyer_id
LEFT JOIN mine ON mine.id = ticket.mine_id
LEFT JOIN project ON project.id = ticket.project_id
WHERE $2 OR $4 IN (seller.id, buyer.id, onward.id) OR starts_with(seller.jurisdiction, $3) OR starts_with(buyer.jurisdiction, $3)
    OR starts_with(coalesce(mine.jurisdiction, project.jurisdiction), $3) OR starts_with(onward.jurisdiction, $3)
UNION ALL
SELECT account.id, 'runs', run.id
FROM unnest($1::bigint[]) AS asked (account)
INNER JOIN account ON account.id = asked.account
INNER JOIN run ON run.id = account.document_id
INNER JOIN enterprise AS maker ON maker.id = run.enterprise_id
WHERE $2 OR starts_with(maker.jurisdiction, $3) OR maker.id = $4

-- name: names
-- Locks nothing; leans on the primary keys: of enterprises, mines, stations and people by id.
SELECT id, name FROM enterprise WHERE id = ANY($1::uuid[])
UNION ALL
SELECT id, name FROM mine WHERE id = ANY($1::uuid[])
UNION ALL
SELECT id, name FROM station WHERE id = ANY($1::uuid[])
UNION ALL
SELECT id, name FROM person WHERE id = ANY($1::uuid[])

-- name: describe_subjects
-- Locks nothing; leans on the primary keys: what alerts are about, in words, and the ticket where the subject has one.
WITH subject AS (
    SELECT kind, id, CASE WHEN id ~ '^[0-9a-f-]{36}' THEN left(id, 36)::uuid END AS key
    FROM unnest($1::text[], $2::text[]) AS asked (kind, id)
)
SELECT
    subject.kind, subject.id, coalesce(place.name_en, '') AS name_en,
    coalesce(
        place.name, mine.name, contract.number, slip.number, ticket.number, station.name, of_lot.number, allotment.document_no,
        run.number, project.name, stock.document_no, weighed_at.name, ''
    ) AS name,
    coalesce(ticket.id, weighing.ticket_id) AS ticket_id
FROM subject
LEFT JOIN jurisdiction AS place ON subject.kind IN ('jurisdiction', 'report') AND place.code = left(subject.id, 6)
LEFT JOIN mine ON subject.kind = 'mine' AND mine.id = subject.key
LEFT JOIN contract ON subject.kind = 'contract' AND contract.id = subject.key
LEFT JOIN slip ON subject.kind = 'slip' AND slip.id = subject.key
LEFT JOIN ticket ON subject.kind = 'ticket' AND ticket.id = subject.key
LEFT JOIN station ON subject.kind IN ('station', 'camera') AND station.id = subject.key
LEFT JOIN lot ON subject.kind = 'lot' AND lot.id = subject.key
LEFT JOIN contract AS of_lot ON of_lot.id = lot.contract_id
LEFT JOIN allotment ON subject.kind = 'allotment' AND allotment.id = subject.key
LEFT JOIN run ON subject.kind = 'run' AND run.id = subject.key
LEFT JOIN project ON subject.kind = 'project' AND project.id = subject.key
LEFT JOIN stock ON subject.kind = 'stock' AND stock.id = subject.key
LEFT JOIN weighing ON subject.kind = 'weighing' AND weighing.id = subject.key
LEFT JOIN station AS weighed_at ON weighed_at.id = weighing.station_id

-- name: ticket_papers
-- Locks nothing; leans on the primary keys: the paper and the mine's licence that tickets ($1) go by.
SELECT
    ticket.id, coalesce(contract.number, slip.number) AS document_no,
    coalesce(mine.licence_number, project.document_no, stock.document_no) AS licence
FROM ticket
LEFT JOIN mine ON mine.id = ticket.mine_id
LEFT JOIN project ON project.id = ticket.project_id
LEFT JOIN stock ON stock.id = ticket.stock_id
LEFT JOIN contract ON contract.id = ticket.contract_id
LEFT JOIN slip ON slip.id = ticket.slip_id
WHERE ticket.id = ANY($1::uuid[])

-- name: ticket_numbered
-- Locks nothing; leans on a_ticket_number_is_given_once.
SELECT id FROM ticket WHERE number = $1

-- name: ticket_for_anybody
-- Locks nothing; leans on the primary keys: what the public page behind a printed code tells of a ticket.
SELECT
    ticket.number, ticket.plate, ticket.planned_kg, ticket.grade, ticket.state, ticket.valid_from, ticket.valid_until,
    seller.name AS seller, buyer.name AS buyer, coalesce(mine.name, project.name, stock.document_no) AS mine,
    coalesce(mine.licence_number, project.document_no, stock.document_no) AS licence,
    source.name AS source_station, destination.name AS destination_station, ticket.out_kg, onward.name AS onward_buyer,
    parent.number AS parent_number
FROM ticket
INNER JOIN enterprise AS seller ON seller.id = ticket.seller_id
INNER JOIN enterprise AS buyer ON buyer.id = ticket.buyer_id
LEFT JOIN enterprise AS onward ON onward.id = ticket.onward_buyer_id
LEFT JOIN ticket AS parent ON parent.id = ticket.parent_id
INNER JOIN station AS source ON source.id = ticket.source_station_id
INNER JOIN station AS destination ON destination.id = ticket.destination_station_id
LEFT JOIN mine ON mine.id = ticket.mine_id
LEFT JOIN project ON project.id = ticket.project_id
LEFT JOIN stock ON stock.id = ticket.stock_id
WHERE ticket.id = $1

-- name: over_kg_of
-- Locks nothing; leans on leg_by_movement.
SELECT movement, sum(over_kg)::bigint AS over_kg FROM leg WHERE movement = ANY($1::uuid[]) AND over_kg > 0 GROUP BY movement

-- name: suspense_kg_of
-- Locks nothing; leans on leg_by_movement: what movements ($1) took out of suspense.
SELECT coalesce(sum(leg.source_kg), 0)::bigint
FROM leg INNER JOIN account AS source ON source.id = leg.source AND source.kind = 'suspense'
WHERE leg.movement = ANY($1::uuid[])

-- name: contracts_of_seller
-- Locks nothing; leans on a_contract_has_one_number_per_seller: what a firm ($1) sells under, newest first.
SELECT contract.id, contract.number, contract.buyer_id, contract.mine_id, contract.grade, buyer.name AS buyer
FROM contract
INNER JOIN enterprise AS buyer ON buyer.id = contract.buyer_id
WHERE contract.seller_id = $1 AND contract.state <> 'closed' AND NOT contract.is_framework
ORDER BY contract.id DESC
LIMIT 200

-- name: stations_of
-- Locks nothing; reads the stations: those of firms ($1), at their mines or in their yards.
SELECT station.id, station.name, holder.name AS holder
FROM station
LEFT JOIN mine ON mine.id = station.mine_id
INNER JOIN enterprise AS holder ON holder.id = coalesce(station.enterprise_id, mine.enterprise_id)
WHERE holder.id = ANY($1::uuid[])
ORDER BY holder.name, station.name
