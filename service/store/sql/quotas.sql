-- name: holders
-- Locks nothing; leans on the primary keys. Who can hold quota in an area ($1 its digits, null: all) or
-- belongs to an enterprise ($2), or is one of $3; those that were registered by $4 (null: by now), with the firm and place that they had then.
SELECT now.kind, now.id, now.name, place.jurisdiction, firm.enterprise_id
FROM (
    SELECT 'mine' AS kind, 'mines' AS slice, id, name, jurisdiction, enterprise_id, created_at FROM mine
    UNION ALL
    SELECT 'project', 'projects', id, name, jurisdiction, operator_id, created_at FROM project
    UNION ALL
    SELECT 'stock', 'stocks', stock.id, enterprise.name || ' ' || stock.document_no, NULL, enterprise.id, stock.created_at
    FROM stock JOIN enterprise ON enterprise.id = stock.enterprise_id
) AS now
LEFT JOIN LATERAL (
    SELECT
        revision.entry ->> 'jurisdiction' AS jurisdiction,
        coalesce(revision.entry ->> 'enterprise_id', revision.entry ->> 'operator_id')::uuid AS enterprise_id
    FROM revision
    WHERE revision.slice = now.slice AND revision.entry_id = now.id AND revision.recorded_at <= $4
    ORDER BY revision.version DESC LIMIT 1
) AS past ON TRUE
CROSS JOIN LATERAL (SELECT coalesce(past.enterprise_id, now.enterprise_id) AS enterprise_id) AS firm
LEFT JOIN enterprise ON enterprise.id = firm.enterprise_id AND now.kind = 'stock'
CROSS JOIN LATERAL (SELECT coalesce(enterprise.jurisdiction, past.jurisdiction, now.jurisdiction) AS jurisdiction) AS place
WHERE ($1::text IS NULL OR starts_with(place.jurisdiction, $1))
    AND ($2::uuid IS NULL OR firm.enterprise_id = $2)
    AND ($3::uuid[] IS NULL OR now.id = ANY($3))
    AND ($4::timestamptz IS NULL OR now.created_at <= $4)
ORDER BY place.jurisdiction, now.kind, now.name, now.id

-- name: places
-- Locks nothing.
SELECT code, name, name_en, level FROM jurisdiction

-- name: quota_accounts
-- Locks nothing; leans on account_by_owner.
SELECT id, owner_id, earmark FROM account WHERE owner_id = ANY($1::uuid[]) AND kind = 'quota' AND year = $2

-- part: entries
FROM (
    SELECT source, seq, target AS account, target_lo AS lo, target_lo + target_kg AS hi FROM leg
    WHERE target = ANY($1::bigint[]) AND NOT target_behind
    UNION ALL
    SELECT source, seq, target, target_lo, target_lo + target_kg FROM leg WHERE target = ANY($1::bigint[]) AND target_behind
) AS entry
INNER JOIN account AS giver ON giver.id = entry.source
CROSS JOIN LATERAL unnest(
    int8multirange(int8range(entry.lo, entry.hi)) - coalesce((
        SELECT range_agg(int8range(hole.lo, hole.hi)) FROM hole
        WHERE
            hole.account = entry.account AND hole.side = 'in' AND hole.seq > entry.seq AND ($2::bigint IS NULL OR hole.seq <= $2)
            AND hole.lo < entry.hi AND hole.hi > entry.lo
    ), '{}')
) AS live
WHERE ($2::bigint IS NULL OR entry.seq <= $2)

-- name: came_back
-- Locks nothing; leans on a_target_line_comes_once and leg_behind_its_target, whose entries into a quota are its tranches and a few
-- loads: what came back into quotas ($1) by the road, after it had gone on, and was not taken back since; as of seq $2 (null: now).
SELECT entry.account, sum(upper(live) - lower(live))::bigint AS kg
part.entries
    AND giver.kind IN ('load', 'lot')
GROUP BY entry.account

-- name: came_from_pools
-- Locks nothing; leans on what came_back does: what quotas ($1) were given of which pools, and was not taken back since.
SELECT entry.account, giver.jurisdiction AS giver, sum(upper(live) - lower(live))::bigint AS kg
part.entries
    AND giver.kind = 'pool'
GROUP BY entry.account, giver.jurisdiction

-- name: lately
-- Locks nothing; leans on a_source_line_leaves_once from where the columns of accounts ($1) ended at seq $3, when the window began:
-- what left since the time $2, as of seq $4, less what of it was taken back.
SELECT asked.account, went.kg
FROM unnest($1::bigint[]) AS asked (account)
CROSS JOIN LATERAL (
    WITH gone AS (
        SELECT movement, source_kg, seq, occurred_at FROM leg
        WHERE
            source = asked.account AND NOT source_behind AND source_lo >= coalesce((
                SELECT source_lo + source_kg FROM leg AS earlier
                WHERE earlier.source = asked.account AND NOT earlier.source_behind AND earlier.seq <= $3
                ORDER BY source_lo DESC
                LIMIT 1
            ), 0)
        UNION ALL
        SELECT movement, source_kg, seq, occurred_at FROM leg WHERE source = asked.account AND source_behind AND seq > $3
    ),

    lately AS MATERIALIZED (
        SELECT movement, source_kg FROM gone
        WHERE occurred_at >= $2 AND seq <= $4
    )

    SELECT coalesce(sum(source_kg), 0)::bigint - coalesce((
        SELECT sum(hi - lo) FROM hole
        WHERE
            account = asked.account AND side = 'out' AND kind = 'cut' AND seq > $3 AND seq <= $4
            AND movement IN (SELECT movement FROM lately)
    ), 0)::bigint AS kg
    FROM lately
) AS went

-- name: held
-- Locks nothing; leans on account_by_owner and ticket_held: what open tickets plan to draw on holders' ($1) quotas of a year ($2); those
-- still open at New Year draw on the new year's, whether anything has come to it yet or not (E28): $3 is this year.
SELECT own.owner_id, own.earmark, sum(ticket.planned_kg)::bigint AS kg
FROM account AS own
JOIN ticket ON ticket.source_account = own.id AND ticket.state = 'issued'
WHERE own.owner_id = ANY($1::uuid[]) AND own.kind = 'quota' AND greatest(own.year, $3) = $2
GROUP BY own.owner_id, own.earmark

-- name: held_at
-- Locks nothing; reads all tickets: for questions about the past. As held, of what was open at $4: released by then where it had waited
-- for an officer, not cancelled, lost or expired, and of whose load no scale had told. What a scale told after the end of its time and took
-- back was open again. What came from another truck holds nothing.
SELECT own.owner_id, own.earmark, sum(ticket.planned_kg)::bigint AS kg
FROM account AS own
JOIN ticket ON ticket.source_account = own.id
CROSS JOIN LATERAL (
    SELECT
        max(weighing.recorded_at) FILTER (WHERE NOT weighing.flags && ARRAY['ticket-reused', 'no-ticket', 'ticket-revoked']) AS told_at,
        bool_or(
            coalesce(said.status, weighing.status) = 'accepted'
            AND NOT coalesce(said.flags, weighing.flags) && ARRAY['ticket-reused', 'no-ticket', 'ticket-revoked']
        ) AS stands
    FROM weighing
    LEFT JOIN LATERAL (
        SELECT * FROM weighing_version AS version
        WHERE version.weighing_id = weighing.id AND version.recorded_at <= $4
        ORDER BY version.version DESC LIMIT 1
    ) AS said ON TRUE
    WHERE weighing.ticket_id = ticket.id AND weighing.direction IN ('out', 'in') AND weighing.recorded_at <= $4
) AS load
WHERE own.owner_id = ANY($1::uuid[]) AND own.kind = 'quota' AND greatest(own.year, $3) = $2
    AND ticket.issued_at <= $4 AND ticket.parent_id IS NULL AND ticket.code IS NOT NULL
    -- What had ended need not be asked of; but a way back that is told before the way out ends a load before it is known to have left.
    AND (ticket.ended_at IS NULL OR ticket.ended_at > $4 OR ticket.back_kg IS NOT NULL)
    AND load.stands IS NOT TRUE
    AND NOT EXISTS (
        SELECT FROM ticket_act
        WHERE ticket_act.ticket_id = ticket.id
            AND CASE ticket_act.kind
                WHEN 'released' THEN ticket_act.done_at > $4
                WHEN 'cancelled' THEN ticket_act.done_at <= $4
                WHEN 'lost' THEN ticket_act.done_at <= $4
                ELSE FALSE
            END
    )
    AND NOT EXISTS (
        SELECT FROM ticket_expiry
        WHERE ticket_expiry.ticket_id = ticket.id AND expired_at <= $4 AND (load.told_at IS NULL OR load.told_at < expired_at)
    )
GROUP BY own.owner_id, own.earmark

-- name: contracted
-- Locks nothing; leans on contract_by_mine, slip_by_mine and their like: filed and not yet shipped, of contracts that run in the year and
-- of slips that are delivered by tickets.
SELECT source_id, sum(kg)::bigint AS kg
FROM (
    SELECT coalesce(mine_id, project_id, stock_id) AS source_id, greatest(kg - shipped_kg, 0) AS kg
    FROM contract
    WHERE (mine_id = ANY($1::uuid[]) OR project_id = ANY($1::uuid[]) OR stock_id = ANY($1::uuid[]))
        AND state <> 'closed' AND NOT is_framework
        AND $2::integer BETWEEN extract(YEAR FROM signed_on) AND extract(YEAR FROM valid_until)
    UNION ALL
    SELECT
        coalesce(mine_id, project_id, stock_id),
        greatest(kg - coalesce((SELECT sum(out_kg - split_kg) FROM ticket WHERE ticket.slip_id = slip.id AND ticket.state <> 'returned'), 0), 0)
    FROM slip
    WHERE (mine_id = ANY($1::uuid[]) OR project_id = ANY($1::uuid[]) OR stock_id = ANY($1::uuid[]))
        AND by_tickets AND extract(YEAR FROM handed_on) = $2
) AS promise
GROUP BY source_id

-- name: contracted_at
-- Locks nothing; leans on contract_by_seller, a_side_files_a_version_once and a_version_is_kept_once. What was contracted, by what was filed
-- by $3: the seller's newest version then, or the buyer's until the seller files, tells a contract's mine, kilograms and years. Sellers are
-- all whose those sources ever were.
SELECT
    contract.id,
    coalesce(said.terms ->> 'mine_id', said.terms ->> 'project_id', said.terms ->> 'stock_id')::uuid AS source_id,
    (said.terms ->> 'kg')::bigint AS kg
FROM contract
CROSS JOIN LATERAL (
    SELECT terms FROM filing
    WHERE filing.contract_id = contract.id AND filed_at <= $3
    ORDER BY (filing.enterprise_id = contract.seller_id) DESC, first_filed_at, version DESC LIMIT 1
) AS said
WHERE contract.seller_id IN (
    SELECT mine.enterprise_id FROM mine WHERE mine.id = ANY($1::uuid[])
    UNION ALL
    SELECT project.operator_id FROM project WHERE project.id = ANY($1::uuid[])
    UNION ALL
    SELECT stock.enterprise_id FROM stock WHERE stock.id = ANY($1::uuid[])
    UNION ALL
    SELECT coalesce(revision.entry ->> 'enterprise_id', revision.entry ->> 'operator_id')::uuid
    FROM revision
    WHERE revision.slice IN ('mines', 'projects', 'stocks') AND revision.entry_id = ANY($1::uuid[])
)
    AND contract.created_at <= $3 AND (contract.closed_at IS NULL OR contract.closed_at > $3)
    AND coalesce(said.terms ->> 'mine_id', said.terms ->> 'project_id', said.terms ->> 'stock_id')::uuid = ANY($1::uuid[])
    AND NOT coalesce((said.terms ->> 'is_framework')::boolean, FALSE)
    AND $2::integer BETWEEN
    extract(YEAR FROM (said.terms ->> 'signed_on')::date) AND extract(YEAR FROM (said.terms ->> 'valid_until')::date)
UNION ALL
SELECT slip.id, coalesce(slip.mine_id, slip.project_id, slip.stock_id), slip.kg
FROM slip
WHERE (slip.mine_id = ANY($1::uuid[]) OR slip.project_id = ANY($1::uuid[]) OR slip.stock_id = ANY($1::uuid[]))
    AND slip.by_tickets AND slip.filed_at <= $3
    AND extract(YEAR FROM slip.handed_on) = $2

-- name: tranches
-- Locks nothing; leans on allotment_by_mine: what was issued to a mine for a year and, by $3 where it is given, not withdrawn.
SELECT allotment.id, kind, quarter, kg, document_no, reason, earmark, issued_on
FROM allotment
JOIN allotment_step AS issued ON issued.allotment_id = allotment.id AND issued.step = 'issue'
WHERE mine_id = $1 AND year = $2 AND ($3::timestamptz IS NULL OR issued.recorded_at <= $3)
    AND NOT EXISTS (
        SELECT FROM allotment_step AS withdrawn
        WHERE withdrawn.allotment_id = allotment.id AND withdrawn.step = 'withdraw'
            AND ($3::timestamptz IS NULL OR withdrawn.recorded_at <= $3)
    )
ORDER BY issued.recorded_at, allotment.id

-- name: overdraws
-- Locks nothing; leans on overdraw_by_account.
SELECT id, discovered_at AS opened_at, occurred_at, discovered_at, cause, peak_kg, closed_at, covered_by
FROM overdraw
WHERE account = ANY($1::bigint[])
ORDER BY opened_seq

-- name: overdraws_at
-- Locks nothing; leans on overdraw_by_account and on the indexes of legs and holes by account: the episodes as they stood at $2,
-- which is seq $3, their peaks counted anew from the rows, act by act.
SELECT
    overdraw.id, discovered_at AS opened_at, occurred_at, discovered_at, cause, peak.kg AS peak_kg,
    CASE WHEN closed_at <= $2 THEN closed_at END AS closed_at,
    CASE WHEN closed_at <= $2 THEN covered_by END AS covered_by
FROM overdraw
CROSS JOIN LATERAL (
    SELECT max(debt_kg)::bigint AS kg
    FROM (
        SELECT sum(sum(change.debt_kg)) OVER (ORDER BY change.act) AS debt_kg
        FROM (
            SELECT act, seq, over_kg AS debt_kg FROM leg WHERE source = overdraw.account
            UNION ALL
            SELECT act, seq, -cover_kg FROM leg WHERE target = overdraw.account
            UNION ALL
            SELECT act, seq, CASE side WHEN 'in' THEN debt_kg ELSE -debt_kg END FROM hole WHERE account = overdraw.account
        ) AS change
        WHERE change.act BETWEEN overdraw.opened_act AND coalesce(overdraw.closed_act, change.act) AND change.seq <= $3
        GROUP BY change.act
    ) AS running
) AS peak
WHERE account = ANY($1::bigint[]) AND discovered_at <= $2
ORDER BY opened_seq

-- name: last_excess
-- Under the head's lock; leans on an_excess_is_told_once: by how much the caps of places ($1) were broken in a year ($2) when that
-- was last told.
SELECT code AS jurisdiction, coalesce(last.over_kg, 0) AS over_kg
FROM unnest($1::text[]) AS code
LEFT JOIN LATERAL (
    SELECT over_kg FROM pool_excess WHERE jurisdiction = code AND year = $2 ORDER BY seq DESC LIMIT 1
) AS last ON TRUE

-- name: cap_changes
-- Under the head's lock; leans on the keys of legs and holes, and on leg_by_movement: what the entries behind the first $1 of the log have
-- done to caps, in order. To that of a quota's holder by what went out, less what was taken back or came back by the road, and by what a
-- pool above its own gave it straight (giver); to that of a pool by what it got, and of the province by what it issued.
SELECT *
FROM (
    SELECT
        entry.seq, entry.act, entry.movement, entry.occurred_at, account.year, account.kind = 'quota' AS is_quota, place.jurisdiction,
        CASE WHEN account.kind = 'quota' AND entry.side = 'in' THEN other.jurisdiction END AS giver,
        CASE
            WHEN entry.sign < 0 AND account.kind = 'quota' AND entry.side = 'out' THEN 'return'
            WHEN entry.sign < 0 THEN 'claw-back'
            WHEN account.kind <> 'quota' OR entry.side = 'in' THEN 'cover'
            WHEN other.kind = 'lot' THEN 'slip'
            ELSE 'load'
        END AS cause,
        CASE
            WHEN account.kind = 'quota' AND entry.side = 'out' THEN entry.sign * entry.kg
            WHEN account.kind = 'quota' AND other.kind IN ('load', 'lot') THEN -entry.sign * entry.kg
            WHEN account.kind = 'quota' AND other.kind = 'pool' AND other.jurisdiction <> place.jurisdiction THEN entry.sign * entry.kg
            WHEN account.kind = 'pool' AND account.jurisdiction <> $2 AND entry.side = 'in' THEN entry.sign * entry.kg
            WHEN account.kind = 'issue' AND entry.side = 'out' THEN entry.sign * entry.kg
            ELSE 0
        END AS kg
    FROM (
        SELECT seq, act, movement, occurred_at, 'out' AS side, source AS account, target AS other, 1 AS sign, source_kg AS kg
        FROM leg WHERE seq > $1
        UNION ALL
        SELECT seq, act, movement, occurred_at, 'in', target, source, 1, target_kg
        FROM leg WHERE seq > $1
        UNION ALL
        SELECT
            seq, act, movement, occurred_at, side, account,
            (SELECT leg.source FROM leg WHERE leg.movement = hole.movement AND leg.target = hole.account LIMIT 1),
            -1, hi - lo
        FROM hole WHERE seq > $1 AND kind = 'cut'
    ) AS entry
    INNER JOIN account ON account.id = entry.account
    LEFT JOIN account AS other ON other.id = entry.other
    LEFT JOIN mine ON mine.id = account.owner_id
    LEFT JOIN project ON project.id = account.owner_id
    LEFT JOIN stock ON stock.id = account.owner_id
    LEFT JOIN enterprise ON enterprise.id = stock.enterprise_id
    CROSS JOIN LATERAL (
        SELECT coalesce(account.jurisdiction, mine.jurisdiction, project.jurisdiction, enterprise.jurisdiction) AS jurisdiction
    ) AS place
    WHERE account.kind IN ('quota', 'pool', 'issue')
) AS change
WHERE kg <> 0
ORDER BY seq

-- name: keep_excesses
-- Under the head's lock: by how much the caps of places are broken in a year ($1) from entries of the log on.
INSERT INTO pool_excess (year, recorded_at, jurisdiction, seq, over_kg, movement, cause, occurred_at)
SELECT $1, $2, told.*
FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::uuid[], $7::text[], $8::timestamptz[]) AS told

-- name: excesses
-- Locks nothing; leans on an_excess_is_told_once: all changes of a year ($1) that were told by $2 (null: by now).
SELECT jurisdiction, over_kg, movement, cause, occurred_at, recorded_at
FROM pool_excess
WHERE year = $1 AND ($2::timestamptz IS NULL OR recorded_at <= $2)
ORDER BY jurisdiction, seq

-- name: some_were_charged
-- Locks nothing: few years are closed. Whether what quotas owed of a year, from $1 on, was charged to the year after.
SELECT EXISTS (SELECT FROM closing WHERE charged_kg > 0 AND year >= $1)

-- name: hold_promises
-- Takes an advisory lock for each source until the transaction ends, in one order: so many sources share one that a batch takes few. After
-- the ledger's head and the plates.
SELECT pg_advisory_xact_lock(7316202615000 + share)
FROM (SELECT DISTINCT hashtext(id::text) & 63 AS share FROM unnest($1::uuid[]) AS source (id) ORDER BY share) AS shares

-- name: ceilings
-- Locks nothing; leans on the primary keys and on allotment_by_mine, allotment_by_project, allotment_by_stock: what mines, projects and
-- declared stocks ($1) may get, mines in a year ($2) and the others once, and what was issued to them of it.
SELECT
    'mine' AS kind, mine.id, mine.enterprise_id, mine.jurisdiction,
    floor(mine.licence_scale_kg * (1 - coalesce((SELECT share FROM cut WHERE cut.mine_id = mine.id AND cut.year = $2), 0)))::bigint AS most_kg,
    (
        SELECT coalesce(sum(kg), 0)::bigint FROM allotment
        WHERE allotment.mine_id = mine.id AND allotment.year = $2 AND allotment.state IN ('issued', 'published')
            AND (kind IN ('base', 'merit', 'reward') OR (kind IN ('special', 'adjustment') AND reason IS NULL))
    ) AS given_kg
FROM mine
WHERE mine.id = ANY($1::uuid[])
UNION ALL
SELECT
    'project', project.id, project.operator_id, project.jurisdiction, project.approved_kg,
    (
        SELECT coalesce(sum(kg), 0)::bigint FROM allotment
        WHERE allotment.project_id = project.id AND allotment.state IN ('issued', 'published')
    )
FROM project
WHERE project.id = ANY($1::uuid[])
UNION ALL
SELECT
    'stock', stock.id, stock.enterprise_id, enterprise.jurisdiction, stock.kg,
    (
        SELECT coalesce(sum(allotment.kg), 0)::bigint FROM allotment
        WHERE allotment.stock_id = stock.id AND allotment.state IN ('issued', 'published')
    )
FROM stock
INNER JOIN enterprise ON enterprise.id = stock.enterprise_id
WHERE stock.id = ANY($1::uuid[])
ORDER BY id
