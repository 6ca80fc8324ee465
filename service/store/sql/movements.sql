-- name: find_account
-- Locks nothing; leans on the primary keys. $2 is the area of an office, $3 an enterprise: its own accounts, and the loads of its tickets.
SELECT a.id
FROM account AS a
LEFT JOIN mine AS m ON m.id = a.owner_id
LEFT JOIN project AS p ON p.id = a.owner_id
LEFT JOIN stock AS s ON s.id = a.owner_id
LEFT JOIN ticket AS t ON t.id = a.document_id AND a.kind = 'load'
WHERE
    a.id = $1
    AND (
        ($2::text IS NULL AND $3::uuid IS NULL)
        OR starts_with(a.jurisdiction, $2) OR starts_with(m.jurisdiction, $2) OR starts_with(p.jurisdiction, $2)
        OR EXISTS (
            SELECT FROM enterprise AS e
            WHERE
                e.id IN (a.owner_id, m.enterprise_id, p.operator_id, s.enterprise_id, t.seller_id, t.buyer_id)
                AND (e.id = $3 OR starts_with(e.jurisdiction, $2))
        )
    )

-- name: of_account
-- Locks nothing; leans on a_source_line_leaves_once, a_target_line_comes_once and the two indexes of legs behind; as of seq $4.
WITH entry AS (
    SELECT * FROM leg WHERE source = $1 AND NOT source_behind
    UNION ALL
    SELECT * FROM leg WHERE source = $1 AND source_behind
    UNION ALL
    SELECT * FROM leg WHERE target = $1 AND NOT target_behind
    UNION ALL
    SELECT * FROM leg WHERE target = $1 AND target_behind
)

SELECT
    e.seq, e.act, e.movement, e.source, e.source_lo, e.source_kg, e.target, e.target_lo, e.target_kg, e.over_kg, e.cover_kg,
    e.occurred_at,
    (SELECT c.recorded_at FROM checkpoint AS c WHERE c.size >= e.seq ORDER BY c.size LIMIT 1) AS recorded_at,
    coalesce((
        SELECT sum(upper(part) - lower(part))
        FROM
            unnest((
                SELECT range_agg(int8range(h.lo, h.hi)) FROM hole AS h
                WHERE
                    h.movement = e.movement AND h.account = e.target AND h.side = 'in' AND h.kind = 'cut' AND h.seq > e.seq
                    AND h.seq <= $4
                    AND h.lo < e.target_lo + e.target_kg AND h.hi > e.target_lo
            ) * int8multirange(int8range(e.target_lo, e.target_lo + e.target_kg))) AS part
    ), 0)::bigint AS taken_back_kg
FROM entry AS e
WHERE e.seq <= $4 AND ($2::bigint IS NULL OR e.seq < $2)
ORDER BY e.seq DESC
LIMIT $3
