-- name: firms_by_code
-- Locks nothing; leans on a_credit_code_is_registered_once.
SELECT credit_code, id FROM enterprise WHERE credit_code = ANY($1)

-- name: mines_by_licence
-- Locks nothing; leans on a_licence_is_registered_once.
SELECT licence_number, id FROM mine WHERE licence_number = ANY($1)

-- name: projects_by_document
-- Locks nothing. The projects that a firm operates ($1), by their documents.
SELECT document_no, id FROM project WHERE operator_id = ANY($1) AND document_no = ANY($2)

-- name: stocks_by_document
-- Locks nothing. The stocks that firms have declared ($1), by their documents.
SELECT document_no, id FROM stock WHERE enterprise_id = ANY($1) AND document_no = ANY($2)

-- name: lines_by_name
-- Locks nothing; leans on line_by_enterprise.
SELECT name, id FROM line WHERE enterprise_id = $1 AND name = ANY($2)

-- name: contracts_by_number
-- Locks nothing; leans on a_seller_numbers_a_contract_once. The contracts that sellers ($1) have numbered so ($2).
SELECT number, id, seller_id, buyer_id FROM contract WHERE seller_id = ANY($1) AND number = ANY($2)

-- name: slips_by_number
-- Locks nothing; leans on a_firm_numbers_a_slip_once.
SELECT number, id, enterprise_id FROM slip WHERE enterprise_id = $1 AND number = ANY($2)

-- name: stations_by_name
-- Locks nothing. The stations of firms ($1), at their mines or in their yards, by name.
SELECT s.name, s.id, coalesce(s.enterprise_id, m.enterprise_id) AS enterprise_id
FROM station AS s
LEFT JOIN mine AS m ON m.id = s.mine_id
WHERE coalesce(s.enterprise_id, m.enterprise_id) = ANY($1) AND s.name = ANY($2)

-- name: words
-- Locks nothing; leans on the primary keys. What people call firms, mines, projects, stocks and frameworks, by their ids.
SELECT id, credit_code AS word FROM enterprise WHERE id = ANY($1)
UNION ALL
SELECT id, licence_number FROM mine WHERE id = ANY($1)
UNION ALL
SELECT id, document_no FROM project WHERE id = ANY($1)
UNION ALL
SELECT id, document_no FROM stock WHERE id = ANY($1)
UNION ALL
SELECT id, number FROM contract WHERE id = ANY($1)

-- name: own_sources
-- Locks nothing; leans on mine_by_enterprise. What ore a firm has of its own: mines, projects and declared stocks by what they are called.
SELECT 'mine' AS kind, licence_number AS word, name FROM mine WHERE enterprise_id = $1
UNION ALL
SELECT 'project', document_no, name FROM project WHERE operator_id = $1
UNION ALL
SELECT 'stock', document_no, grade FROM stock WHERE enterprise_id = $1

-- name: own_lines
-- Locks nothing; leans on line_by_enterprise.
SELECT id, name, kind, status, ore_per_product FROM line WHERE enterprise_id = $1 ORDER BY name
