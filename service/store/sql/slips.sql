-- name: add
-- In the order of numbers; a second writer of the same number waits at a_firm_numbers_a_slip_once and then does nothing. A flag
-- has no space in it.
INSERT INTO slip (
    id, number, enterprise_id, mine_id, handed_on, kg, grade, line_id, earmark, by_tickets,
    due_on, days_late, flags, movement_id, fact, project_id, stock_id, filed_at, person_id
)
SELECT
    id, number, enterprise_id, mine_id, handed_on, kg, grade, line_id, earmark, by_tickets,
    due_on, days_late, string_to_array(flags, ' '), movement_id, fact, project_id, stock_id, $19, person_id
FROM unnest(
    $1::uuid [], $2::text [], $3::uuid [], $4::uuid [], $5::date [], $6::bigint [], $7::text [], $8::uuid [], $9::text [], $10::boolean [],
    $11::date [], $12::integer [], $13::text [], $14::uuid [], $15::bytea [], $16::uuid [], $17::uuid [],
    $18::uuid []
) AS w (
    id, number, enterprise_id, mine_id, handed_on, kg, grade, line_id, earmark, by_tickets,
    due_on, days_late, flags, movement_id, fact, project_id, stock_id, person_id
)
ORDER BY enterprise_id, number
ON CONFLICT ON CONSTRAINT a_firm_numbers_a_slip_once DO NOTHING
RETURNING id

-- name: find_by_numbers
-- Locks nothing; leans on a_firm_numbers_a_slip_once.
SELECT
    slip.id, slip.enterprise_id, slip.number, slip.mine_id, slip.handed_on, slip.kg, slip.grade, slip.line_id, slip.earmark,
    slip.by_tickets, slip.project_id, slip.stock_id
FROM slip
INNER JOIN unnest($1::uuid [], $2::text []) AS asked (enterprise_id, number)
    ON slip.enterprise_id = asked.enterprise_id AND slip.number = asked.number

-- name: frozen
-- Locks nothing; leans on the primary keys. Mines without their right, and projects outside their period, on a day.
SELECT asked.source_id, asked.day
FROM unnest($1::uuid [], $2::date []) AS asked (source_id, day)
LEFT JOIN mine ON mine.id = asked.source_id
LEFT JOIN project ON project.id = asked.source_id
WHERE
    NOT coalesce(mine.consolidated AND asked.day BETWEEN mine.licence_valid_from AND mine.licence_valid_until, TRUE)
    OR asked.day NOT BETWEEN project.valid_from AND project.valid_until

-- name: list
-- Locks nothing; leans on the primary key (ids are in order of filing). $2 is the area of an office, $3 an enterprise.
SELECT
    s.id, s.number, s.enterprise_id, s.mine_id, s.project_id, s.stock_id, s.handed_on, s.kg, s.grade, s.line_id, s.earmark, s.by_tickets,
    s.due_on, s.filed_at, s.days_late, s.flags, s.movement_id, s.fact,
    coalesce((SELECT sum(l.over_kg) FROM leg AS l WHERE l.movement = s.movement_id), 0)::bigint AS over_kg,
    CASE
        WHEN s.by_tickets THEN coalesce((
            SELECT sum(t.out_kg - t.split_kg - CASE WHEN t.back_kg IS NULL THEN 0 ELSE least(t.refused_kg, t.out_kg - t.split_kg) END)
            FROM ticket AS t
            WHERE t.slip_id = s.id AND t.state <> 'returned'
        ), 0)
        ELSE s.kg
    END::bigint AS handed_kg
FROM slip AS s
INNER JOIN enterprise AS e ON e.id = s.enterprise_id
LEFT JOIN mine AS m ON m.id = s.mine_id
LEFT JOIN project AS p ON p.id = s.project_id
WHERE
    ($1::uuid[] IS NULL OR s.id = ANY($1))
    AND ($2::text IS NULL OR starts_with(e.jurisdiction, $2) OR starts_with(coalesce(m.jurisdiction, p.jurisdiction), $2))
    AND ($3::uuid IS NULL OR s.enterprise_id = $3)
    AND ($4::uuid IS NULL OR s.mine_id = $4)
    AND ($5::text IS NULL OR s.number = $5)
    AND ($6::uuid IS NULL OR s.id < $6)
ORDER BY s.id DESC
LIMIT $7
