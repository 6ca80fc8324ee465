-- By how much more went out below a jurisdiction than it got for a year, each time that this was seen to change (R06): a pool's
-- episodes are its runs of rows that are not 0. Added to and never changed, so that what was known then is read from it.

CREATE TABLE pool_excess (
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    year integer NOT NULL,
    seq bigint NOT NULL,                -- the last entry of the book when it was looked at
    over_kg bigint NOT NULL,
    movement uuid NOT NULL,             -- of the entry that changed it: the load that broke the cap, the tranche that mended it
    cause text NOT NULL,                -- load | slip | claw-back | cover
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT an_excess_is_told_once PRIMARY KEY (jurisdiction, year, seq),
    CONSTRAINT an_excess_is_not_negative CHECK (over_kg >= 0)
);

GRANT SELECT, INSERT ON pool_excess TO meisu_service;
