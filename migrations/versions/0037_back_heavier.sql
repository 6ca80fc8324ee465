-- A load that came back heavier than it had arrived was counted as received less than nothing, until less than that was no
-- longer counted. The contracts of such loads count what their tickets come to; no other contract is looked at.
WITH heavier AS (
    SELECT contract_id AS id FROM ticket
    WHERE refused_kg = 0 AND back_kg > in_kg
    UNION
    SELECT onward_contract_id AS id FROM ticket
    WHERE refused_kg = 0 AND back_kg > in_kg
),

load AS (
    SELECT
        contract_id AS id,
        in_kg,
        refused_kg,
        back_kg
    FROM ticket
    UNION ALL
    SELECT
        onward_contract_id AS id,
        in_kg,
        refused_kg,
        back_kg
    FROM ticket
),

received AS (
    SELECT
        id,
        sum(greatest(0, in_kg - CASE refused_kg WHEN 0 THEN coalesce(back_kg, 0) ELSE refused_kg END)) AS kg
    FROM load
    WHERE id IN (SELECT heavier.id FROM heavier)
    GROUP BY id
)

UPDATE contract SET received_kg = received.kg
FROM received
WHERE contract.id = received.id AND contract.received_kg <> received.kg;
