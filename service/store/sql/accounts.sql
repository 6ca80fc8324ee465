-- name: open
-- Locks nothing that others wait for; an account that stands already is left as it is. Leans on an_account_is_opened_once.
INSERT INTO account (kind, jurisdiction, owner_id, document_id, grade, year, earmark, mark)
SELECT * FROM unnest(
    $1::account_kind[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::integer[], $7::text[], $8::bytea[]
)
ON CONFLICT (mark) DO NOTHING;

-- name: find
-- Reads without locks. Leans on an_account_is_opened_once.
SELECT id, mark
FROM account
WHERE mark = ANY($1::bytea[]);

-- name: keys
-- Locks nothing; leans on an_account_has_one_id.
SELECT id, kind::text, jurisdiction, owner_id, document_id, grade, year, earmark
FROM account
WHERE id = ANY($1::bigint[])
