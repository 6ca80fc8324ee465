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
