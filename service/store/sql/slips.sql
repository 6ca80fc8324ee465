-- name: add
-- A second writer of the same number waits at a_firm_numbers_a_slip_once and then does nothing.
INSERT INTO slip (
    id, number, enterprise_id, mine_id, handed_on, kg, grade, line_id, earmark, by_tickets,
    due_on, filed_at, days_late, flags, movement_id, person_id, fact, project_id, stock_id
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT ON CONSTRAINT a_firm_numbers_a_slip_once DO NOTHING
RETURNING id

-- name: find_by_number
-- Locks nothing; leans on a_firm_numbers_a_slip_once.
SELECT id, enterprise_id, number, mine_id, handed_on, kg, grade, line_id, earmark, by_tickets, project_id, stock_id
FROM slip WHERE enterprise_id = $1 AND number = $2

-- name: is_frozen
-- Locks nothing; leans on the primary keys. A mine without its right, or a project outside its period.
SELECT NOT (consolidated AND $2 BETWEEN licence_valid_from AND licence_valid_until) AS is_frozen FROM mine WHERE id = $1
UNION ALL
SELECT $2 NOT BETWEEN valid_from AND valid_until FROM project WHERE id = $1

-- name: list
-- Locks nothing; leans on the primary key (ids are in order of filing). $2 is the area of an office, $3 an enterprise.
SELECT
    s.id, s.number, s.enterprise_id, s.mine_id, s.project_id, s.stock_id, s.handed_on, s.kg, s.grade, s.line_id, s.earmark, s.by_tickets,
    s.due_on, s.filed_at, s.days_late, s.flags, s.movement_id, s.fact,
    coalesce((SELECT sum(l.over_kg) FROM leg AS l WHERE l.movement = s.movement_id), 0)::bigint AS over_kg,
    CASE
        WHEN s.by_tickets THEN coalesce((SELECT sum(t.out_kg) FROM ticket AS t WHERE t.slip_id = s.id AND t.state <> 'returned'), 0)
        ELSE s.kg
    END::bigint AS handed_kg
FROM slip AS s
INNER JOIN enterprise AS e ON e.id = s.enterprise_id
LEFT JOIN mine AS m ON m.id = s.mine_id
LEFT JOIN project AS p ON p.id = s.project_id
WHERE
    ($1::uuid IS NULL OR s.id = $1)
    AND ($2::text IS NULL OR starts_with(e.jurisdiction, $2) OR starts_with(coalesce(m.jurisdiction, p.jurisdiction), $2))
    AND ($3::uuid IS NULL OR s.enterprise_id = $3)
    AND ($4::uuid IS NULL OR s.mine_id = $4)
    AND ($5::text IS NULL OR s.number = $5)
    AND ($6::uuid IS NULL OR s.id < $6)
ORDER BY s.id DESC
LIMIT $7
