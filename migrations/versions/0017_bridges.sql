-- What each station's scale is and its road bears; pauses that end early; keys of tickets that are believed no longer.

ALTER TABLE station
    ADD COLUMN bridge_class text,               -- the accuracy class of its scale: transit_tolerance may have a value for it
    ADD COLUMN gross_limit_kg bigint,           -- what the road or bridge before it bears, where that is less than the law allows
    ADD CONSTRAINT a_bridge_has_a_known_class CHECK (bridge_class IN ('I', 'II', 'III', 'IIII')) NOT VALID,
    ADD CONSTRAINT a_road_bears_something CHECK (gross_limit_kg > 0) NOT VALID;
CREATE INDEX station_by_bridge ON station (id) WHERE bridge_class IS NOT NULL OR gross_limit_kg IS NOT NULL;

-- A pause that is over before its time; what was said of it stays.
ALTER TABLE pause ADD COLUMN ended_at timestamptz;

-- A key that somebody else may have: what it signed after a moment is no paper, what it signed before is looked at twice.
CREATE TABLE retired_key (
    key_id integer CONSTRAINT a_key_is_retired_once PRIMARY KEY,
    signed_after timestamptz NOT NULL,
    reason text NOT NULL,
    person_id uuid NOT NULL,
    retired_at timestamptz NOT NULL,
    CONSTRAINT a_ticket_key_fits_its_byte CHECK (key_id BETWEEN 0 AND 255)
);
GRANT SELECT, INSERT ON retired_key TO meisu_service;

-- Made again below with one reason more.
-- squawk-ignore ban-drop-constraint
ALTER TABLE ticket_revocation DROP CONSTRAINT a_revocation_has_a_reason;
ALTER TABLE ticket_revocation
    ADD CONSTRAINT a_revocation_has_a_reason CHECK (reason IN ('cancelled', 'lost', 'damaged', 'ended', 'key-retired')) NOT VALID;
