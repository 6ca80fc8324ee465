-- part: buyer_then
-- Whose a ticket was at $2 (null: now), where it was redirected since; leans on act_by_ticket.
SELECT coalesce((act.facts ->> 'from_buyer')::uuid, left_one.buyer_id) AS buyer_id
FROM ticket_act AS act
LEFT JOIN contract AS left_one ON left_one.id = (act.facts ->> 'from_contract')::uuid
WHERE act.ticket_id = ticket.id AND act.kind = 'redirected' AND act.kg IS NULL AND act.done_at > $2
ORDER BY act.done_at, act.id LIMIT 1

-- part: owner_then
-- Whose a mine, a project or a stock was at $2 (null: now), and where it lay; leans on the key of revision.
SELECT coalesce(entry ->> 'enterprise_id', entry ->> 'operator_id')::uuid AS firm_id, entry ->> 'jurisdiction' AS jurisdiction
FROM revision
WHERE entry_id = account.owner_id AND slice IN ('mines', 'projects', 'stocks') AND recorded_at <= $2
ORDER BY version DESC LIMIT 1

-- name: ticket_account
-- Locks nothing; leans on the primary keys. To whom it was known at $2 (null: now).
SELECT ticket.account
FROM ticket
LEFT JOIN LATERAL (
    part.buyer_then
) AS former ON TRUE
JOIN enterprise AS seller ON seller.id = ticket.seller_id
JOIN enterprise AS buyer ON buyer.id = coalesce(former.buyer_id, ticket.buyer_id)
WHERE ticket.id = $1
    AND ($2::timestamptz IS NULL OR ticket.issued_at <= $2)
    AND ($3::text IS NULL OR starts_with(seller.jurisdiction, $3) OR starts_with(buyer.jurisdiction, $3))
    AND ($4::uuid IS NULL OR $4 IN (seller.id, buyer.id))

-- name: lot_account
-- Locks nothing; leans on the primary keys. One that there was at $2 (null: now).
SELECT lot.account
FROM lot
JOIN enterprise AS holder ON holder.id = lot.holder_id
WHERE lot.id = $1
    AND ($2::timestamptz IS NULL OR lot.created_at <= $2)
    AND ($3::text IS NULL OR starts_with(holder.jurisdiction, $3))
    AND ($4::uuid IS NULL OR lot.holder_id = $4)

-- name: contract_accounts
-- Locks nothing; leans on lot_by_contract.
SELECT account FROM lot WHERE contract_id = $1 ORDER BY id

-- name: mine_accounts
-- Locks nothing; leans on account_by_owner. Of a mine that lies in an area ($3), or is a firm's ($4), as the registry had it at $5 (null: now).
SELECT
    ARRAY(
        SELECT account.id FROM account
        WHERE account.owner_id = mine.id AND account.kind IN ('quota', 'suspense') AND account.year = $2
        ORDER BY account.id
    )
FROM mine
LEFT JOIN LATERAL (
    SELECT entry ->> 'jurisdiction' AS jurisdiction, (entry ->> 'enterprise_id')::uuid AS enterprise_id
    FROM revision
    WHERE slice = 'mines' AND entry_id = mine.id AND recorded_at <= $5
    ORDER BY version DESC LIMIT 1
) AS past ON TRUE
WHERE mine.id = $1
    AND ($3::text IS NULL OR starts_with(coalesce(past.jurisdiction, mine.jurisdiction), $3))
    AND ($4::uuid IS NULL OR coalesce(past.enterprise_id, mine.enterprise_id) = $4)
    AND ($5::timestamptz IS NULL OR mine.created_at <= $5)

-- name: find_account
-- Locks nothing; leans on the primary keys. An enterprise ($4) knows its own accounts, and the loads of its tickets; an office those of its
-- area ($3); as they were at $2 (null: now).
SELECT account.id
FROM account
LEFT JOIN mine ON mine.id = account.owner_id
LEFT JOIN project ON project.id = account.owner_id
LEFT JOIN stock ON stock.id = account.owner_id
LEFT JOIN LATERAL (
    part.owner_then
) AS past ON TRUE
LEFT JOIN ticket ON ticket.id = account.document_id AND account.kind = 'load'
LEFT JOIN LATERAL (
    part.buyer_then
) AS former ON TRUE
WHERE
    account.id = $1
    AND (
        ($3::text IS NULL AND $4::uuid IS NULL)
        OR starts_with(coalesce(account.jurisdiction, past.jurisdiction, mine.jurisdiction, project.jurisdiction), $3)
        OR EXISTS (
            SELECT FROM enterprise
            WHERE
                enterprise.id IN (
                    account.owner_id, coalesce(past.firm_id, mine.enterprise_id, project.operator_id, stock.enterprise_id),
                    ticket.seller_id, coalesce(former.buyer_id, ticket.buyer_id)
                )
                AND (enterprise.id = $4 OR starts_with(enterprise.jurisdiction, $3))
        )
    )

-- name: describe_accounts
-- Locks nothing; leans on the primary keys and a_side_files_a_version_once. Names are today's; whose a paper, a mine, a project or a stock
-- was, is told of $2 (null: now).
SELECT
    account.id AS account, account.kind::text, account.year, account.grade, account.earmark, account.jurisdiction,
    coalesce(past.firm_id, mine.enterprise_id, project.operator_id, owner.id) AS holder_id,
    coalesce(mine.name, project.name, owner.name, place.name) AS holder,
    coalesce(ticket.number, contract.number, slip.number, run.number, stock.document_no, project.document_no) AS document,
    run.id AS run_id,
    array_remove(
        ARRAY[
            coalesce(past.firm_id, mine.enterprise_id, project.operator_id, owner.id),
            ticket.seller_id, coalesce(former.buyer_id, ticket.buyer_id),
            contract.seller_id, coalesce(said.buyer_id, contract.buyer_id), slip.enterprise_id
        ],
        NULL
    ) AS parties
FROM account
LEFT JOIN jurisdiction AS place ON place.code = account.jurisdiction
LEFT JOIN mine ON mine.id = account.owner_id
LEFT JOIN project ON project.id = account.owner_id
LEFT JOIN stock ON stock.id = account.owner_id
LEFT JOIN LATERAL (
    part.owner_then
) AS past ON TRUE
LEFT JOIN enterprise AS owner ON owner.id = CASE WHEN stock.id IS NULL THEN account.owner_id ELSE coalesce(past.firm_id, stock.enterprise_id) END
LEFT JOIN ticket ON ticket.id = account.document_id
LEFT JOIN LATERAL (
    part.buyer_then
) AS former ON TRUE
LEFT JOIN contract ON contract.id = account.document_id
LEFT JOIN LATERAL (
    SELECT (terms ->> 'buyer_id')::uuid AS buyer_id FROM filing
    WHERE filing.contract_id = contract.id AND filed_at <= $2
    ORDER BY (filing.enterprise_id = contract.seller_id) DESC, first_filed_at, version DESC LIMIT 1
) AS said ON TRUE
LEFT JOIN slip ON slip.id = account.document_id
LEFT JOIN run_output AS output ON output.id = account.document_id
LEFT JOIN run ON run.id = coalesce(output.run_id, account.document_id)
WHERE account.id = ANY($1::bigint[])

-- name: describe_tranches
-- Locks nothing; leans on the primary keys.
SELECT
    allotment.id AS tranche_id, allotment.year, allotment.quarter, allotment.kind, allotment.document_no,
    mine.id AS mine_id, coalesce(mine.name, project.name, holder.name) AS mine, mine.licence_number AS licence,
    CASE WHEN allotment.project_id IS NOT NULL THEN 'project' WHEN allotment.stock_id IS NOT NULL THEN 'stock' ELSE 'mine' END AS source
FROM allotment
LEFT JOIN mine ON mine.id = allotment.mine_id
LEFT JOIN project ON project.id = allotment.project_id
LEFT JOIN stock ON stock.id = allotment.stock_id
LEFT JOIN enterprise AS holder ON holder.id = stock.enterprise_id
WHERE allotment.id = ANY($1::uuid[])
