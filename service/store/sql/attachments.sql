-- name: subject
-- Locks nothing; leans on the primary keys. Whose paper something carries ($1 kind, $2 id), and where those lie.
SELECT ARRAY[s.id, b.id] AS parties, ARRAY[s.jurisdiction, b.jurisdiction, m.jurisdiction, p.jurisdiction] AS places
FROM contract AS c
INNER JOIN enterprise AS s ON s.id = c.seller_id
INNER JOIN enterprise AS b ON b.id = c.buyer_id
LEFT JOIN mine AS m ON m.id = c.mine_id
LEFT JOIN project AS p ON p.id = c.project_id
WHERE $1 = 'contract' AND c.id = $2
UNION ALL
SELECT ARRAY[e.id], ARRAY[e.jurisdiction, m.jurisdiction, p.jurisdiction]
FROM slip AS l
INNER JOIN enterprise AS e ON e.id = l.enterprise_id
LEFT JOIN mine AS m ON m.id = l.mine_id
LEFT JOIN project AS p ON p.id = l.project_id
WHERE $1 = 'slip' AND l.id = $2
UNION ALL
SELECT ARRAY[p.operator_id], ARRAY[p.jurisdiction] FROM project AS p WHERE $1 = 'project' AND p.id = $2
UNION ALL
SELECT ARRAY[e.id], ARRAY[e.jurisdiction]
FROM stock AS t
INNER JOIN enterprise AS e ON e.id = t.enterprise_id
WHERE $1 = 'stock' AND t.id = $2

-- name: add
-- A second writer of the same paper waits at a_paper_is_attached_once and then does nothing.
INSERT INTO attachment (id, kind, subject_id, enterprise_id, name, media_type, size, sha256, person_id, attached_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT ON CONSTRAINT a_paper_is_attached_once DO NOTHING
RETURNING id

-- name: of
-- Locks nothing; leans on a_paper_is_attached_once.
SELECT id, kind, subject_id, enterprise_id, name, media_type, size, sha256, attached_at
FROM attachment
WHERE kind = $1 AND subject_id = $2
ORDER BY id
