-- The sweeper does not tell anew what an office has settled with a note.
CREATE INDEX alert_settled_by_hand ON alert (subject_id, code) WHERE settled_by IS NOT NULL;
