-- A load that comes back by the road after its buyer had it (W10) has not left: what is told of a cap from now on counts it so.
ALTER TABLE pool_excess ADD COLUMN less_returns boolean NOT NULL DEFAULT FALSE;
ALTER TABLE pool_excess ALTER COLUMN less_returns SET DEFAULT TRUE;
