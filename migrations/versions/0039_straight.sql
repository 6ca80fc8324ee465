-- What a project or declared stock got straight from a pool above its own (policy non_mine_pool), its county has got: what is
-- told of a cap from now on counts it so.
ALTER TABLE pool_excess ADD COLUMN counts_straight boolean NOT NULL DEFAULT FALSE;
ALTER TABLE pool_excess ALTER COLUMN counts_straight SET DEFAULT TRUE;
