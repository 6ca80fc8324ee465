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
