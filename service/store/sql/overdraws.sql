-- name: find_holders
-- Locks nothing; leans on account_by_owner. Who holds a quota account, and whether any of that holder's accounts is overdrawn.
SELECT
    a.id AS account, a.owner_id AS id, a.year, a.earmark,
    CASE WHEN m.id IS NOT NULL THEN 'mine' WHEN p.id IS NOT NULL THEN 'project' ELSE 'stock' END AS kind,
    coalesce(m.jurisdiction, p.jurisdiction, e.jurisdiction) AS jurisdiction,
    coalesce(m.enterprise_id, p.operator_id, s.enterprise_id) AS enterprise_id,
    EXISTS (
        SELECT FROM overdraw AS o
        INNER JOIN account AS other ON other.id = o.account
        WHERE other.owner_id = a.owner_id AND o.closed_at IS NULL
    ) AS is_overdrawn
FROM account AS a
LEFT JOIN mine AS m ON m.id = a.owner_id
LEFT JOIN project AS p ON p.id = a.owner_id
LEFT JOIN stock AS s ON s.id = a.owner_id
LEFT JOIN enterprise AS e ON e.id = s.enterprise_id
WHERE a.id = ANY($1)

-- name: covered_by_trade
-- Locks nothing; leans on leg_by_movement. Which places of lots and loads some movements ($1) have covered with ore that other lots or
-- loads gave: only such a leg can close a circle. With whom each place belongs to.
SELECT
    leg.target AS account, leg.target_lo AS lo, leg.target_lo + leg.target_kg AS hi,
    CASE target.kind WHEN 'lot' THEN 'lot' ELSE 'ticket' END AS subject_kind,
    coalesce(lot.id, target.document_id) AS subject_id,
    enterprise.id AS enterprise_id, enterprise.jurisdiction
FROM leg
INNER JOIN account AS source ON source.id = leg.source
INNER JOIN account AS target ON target.id = leg.target
INNER JOIN enterprise ON enterprise.id = target.owner_id
LEFT JOIN lot ON lot.account = target.id
WHERE leg.movement = ANY($1::uuid[]) AND leg.cover_kg > 0 AND source.kind IN ('lot', 'load') AND target.kind IN ('lot', 'load')
ORDER BY leg.seq
