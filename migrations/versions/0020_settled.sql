-- The sweeper does not tell anew what an office has settled with a note.
CREATE INDEX alert_settled_by_hand ON alert (subject_id, code) WHERE settled_by IS NOT NULL;

-- What a year had let out beyond its quota, charged to the next under policy carry_overdraw (E28).
ALTER TABLE closing ADD COLUMN charged_kg bigint NOT NULL DEFAULT 0;
