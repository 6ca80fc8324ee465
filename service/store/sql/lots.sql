-- name: open_lots
-- Inserts in the order of accounts; a second writer of the same lot waits at an_account_is_one_lot and then does nothing.
INSERT INTO lot (id, account, holder_id, contract_id, slip_id, grade, year, created_at)
SELECT
    w.id, w.account, w.holder_id,
    (SELECT c.id FROM contract AS c WHERE c.id = w.document_id),
    (SELECT s.id FROM slip AS s WHERE s.id = w.document_id),
    w.grade, w.year, $7
FROM unnest($1::uuid [], $2::bigint [], $3::uuid [], $4::uuid [], $5::text [], $6::integer [])
    WITH ORDINALITY AS w (id, account, holder_id, document_id, grade, year, place)
ORDER BY w.place
ON CONFLICT ON CONSTRAINT an_account_is_one_lot DO NOTHING

-- name: lots_of_accounts
-- Locks nothing; leans on an_account_is_one_lot.
SELECT id, account FROM lot WHERE account = ANY($1)
