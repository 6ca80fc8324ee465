-- name: version
-- Locks nothing: how many decisions the rulebook has seen.
SELECT version FROM rulebook

-- name: turn
-- Locks the rulebook until the transaction ends: decisions about the rules are made one after another.
UPDATE rulebook SET version = version + 1 RETURNING version

-- name: decisions
-- Locks nothing; in the order in which they were made.
SELECT name, scope, value, valid_from FROM policy ORDER BY version

-- name: decide
-- Under the rulebook's lock.
INSERT INTO policy (id, version, name, scope, value, valid_from, document_no, reason, person_id, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: history
-- Locks nothing; leans on policy_by_name: who decided what about a policy, newest first.
SELECT
    policy.id, policy.name, policy.scope, policy.value, policy.valid_from, policy.document_no, policy.reason, policy.recorded_at,
    person.name AS person
FROM policy
LEFT JOIN person ON person.id = policy.person_id
WHERE policy.name = $1
ORDER BY policy.version DESC

-- name: calendar_days
-- Locks nothing; leans on calendar_day_by_day: what was last said of each day.
SELECT DISTINCT ON (day) day, is_worked FROM calendar_day ORDER BY day ASC, version DESC

-- name: outages
-- Locks nothing: all that were declared.
SELECT id, starts_at, ends_at, reason, document_no, recorded_at FROM outage ORDER BY starts_at, id

-- name: bridges
-- Locks nothing; leans on station_by_bridge. What is registered of scales that are not as all others.
SELECT id, bridge_class, gross_limit_kg FROM station WHERE bridge_class IS NOT NULL OR gross_limit_kg IS NOT NULL
