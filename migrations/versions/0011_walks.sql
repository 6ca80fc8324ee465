-- How far a hole and a leg behind an end can reach, so that walks look for those over a place at both ends.

-- The accounts are negated: a plan made while the tables were empty could else take these for the indexes by place.
CREATE INDEX hole_by_length ON hole ((-account), side, (hi - lo));
CREATE INDEX leg_behind_its_source_by_kg ON leg ((-source), source_kg) WHERE source_behind;
CREATE INDEX leg_behind_its_target_by_kg ON leg ((-target), target_kg) WHERE target_behind;
