-- As weighing_by_sequence before them: a plan that is made while the tables are empty, and vacuumed, takes these for the
-- indexes by place, since all cost nothing then; it read every hole of a side, and every leg behind, for each step of a walk.
-- The conditions are true of every row; only a question about lengths implies them.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX hole_by_length;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX leg_behind_its_source_by_kg;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX leg_behind_its_target_by_kg;
CREATE INDEX hole_by_length ON hole ((-account), side, (hi - lo)) WHERE hi > lo;
CREATE INDEX leg_behind_its_source_by_kg ON leg ((-source), source_kg) WHERE source_behind AND source_kg > 0;
CREATE INDEX leg_behind_its_target_by_kg ON leg ((-target), target_kg) WHERE target_behind AND target_kg > 0;
