-- name: mine
-- Locks nothing.
SELECT id FROM mine WHERE name LIKE $1

-- name: deepest_lot
-- Locks nothing. A lot that a plant received from a trader who bought of traders, the largest delivery first.
SELECT lot.id
FROM lot
JOIN contract ON contract.id = lot.contract_id
JOIN enterprise AS seller ON seller.id = contract.seller_id
WHERE seller.name = $1
ORDER BY contract.received_kg DESC
LIMIT 1

-- name: delivered_ticket
-- Locks nothing.
SELECT id, code FROM ticket WHERE state = 'delivered' AND mine_id IS NOT NULL ORDER BY id DESC LIMIT 1

-- name: has_people
-- Locks nothing.
SELECT EXISTS (SELECT FROM person)

-- name: person
-- Locks nothing; leans on a_username_is_given_once.
SELECT id FROM person WHERE username = $1

-- name: line
-- Locks nothing. Of a plant in the sample province, which has one.
SELECT id, kind FROM line WHERE enterprise_id = $1
