-- Tickets that wait, are reprinted, redirected, split or passed on; the list of revoked codes; who watches a plate.

-- A ticket that waits for an officer has no code yet.
-- squawk-ignore ban-drop-not-null
ALTER TABLE ticket ALTER COLUMN code DROP NOT NULL;
-- What most tickets never need stays at its default: issuing writes the key, and nothing else of this.
ALTER TABLE ticket
    ADD COLUMN reissue integer NOT NULL DEFAULT 0,      -- which print stands in code
    ADD COLUMN key_id integer,                          -- which key signed it
    ADD COLUMN earlier_prints jsonb NOT NULL DEFAULT '[]', -- the codes before it, each with why and when it was replaced
    ADD COLUMN parent_id uuid,                          -- whose load was transferred to this truck
    ADD COLUMN onward_contract_id uuid,                 -- under which the buyer passes the load on while it is on the road
    ADD COLUMN onward_buyer_id uuid,
    ADD COLUMN split_kg bigint NOT NULL DEFAULT 0,      -- what went on by child tickets
    ADD COLUMN closed_kg bigint NOT NULL DEFAULT 0,     -- what was left when the rest was closed
    ADD COLUMN refused_kg bigint NOT NULL DEFAULT 0;    -- what the buyer did not take of what its scale had weighed

-- The second byte of the code, a number of 960 bits.
UPDATE ticket SET key_id = mod(div(code::numeric, power(2::numeric, 944)), 256)
WHERE code ~ '^[0-9]+$';

-- Made again below with one state more.
-- squawk-ignore ban-drop-constraint
ALTER TABLE ticket DROP CONSTRAINT a_ticket_has_a_state;
ALTER TABLE ticket
    ADD CONSTRAINT a_ticket_has_a_state CHECK (
        state IN ('held', 'issued', 'out', 'delivered', 'returned', 'cancelled', 'expired', 'lost')
    ) NOT VALID,
    ADD CONSTRAINT children_fit_their_parent CHECK (
        split_kg >= 0 AND closed_kg >= 0 AND split_kg + closed_kg <= coalesce(out_kg, 0)
    ) NOT VALID;
CREATE INDEX ticket_by_parent ON ticket (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX ticket_by_onward_contract ON ticket (onward_contract_id, id) WHERE onward_contract_id IS NOT NULL;
CREATE INDEX ticket_by_key ON ticket (key_id, valid_until);
CREATE INDEX ticket_waiting ON ticket (valid_until) WHERE state = 'held';

-- What a station without a network must refuse although its signature is right: never changed, never deleted.
CREATE TABLE ticket_revocation (
    version bigint CONSTRAINT a_revocation_has_one_version PRIMARY KEY,
    ticket_id uuid NOT NULL,
    number text NOT NULL,
    prints_below integer NOT NULL,      -- the ticket's codes with a lower reissue are good no longer; 256: all
    reason text NOT NULL,
    revoked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,    -- from then on the codes say themselves that they have expired
    CONSTRAINT a_revocation_has_a_reason CHECK (reason IN ('cancelled', 'lost', 'damaged', 'ended'))
);

-- One row, locked by whoever revokes: versions become visible in their order, without a gap.
CREATE TABLE revocation_list (
    id boolean CONSTRAINT there_is_one_revocation_list PRIMARY KEY DEFAULT TRUE CHECK (id),
    version bigint NOT NULL
);
INSERT INTO ticket_revocation (version, ticket_id, number, prints_below, reason, revoked_at, expires_at)
SELECT
    row_number() OVER (ORDER BY ended_at, id),
    id,
    number,
    256,
    'cancelled',
    ended_at,
    valid_until
FROM ticket
WHERE state = 'cancelled';
INSERT INTO revocation_list (version) SELECT count(*) FROM ticket_revocation;

-- What firms and offices did to a ticket after it was issued; those that moved kilograms name their movements.
CREATE TABLE ticket_act (
    id uuid CONSTRAINT a_ticket_act_has_one_id PRIMARY KEY,
    ticket_id uuid NOT NULL,
    kind text NOT NULL,
    kg bigint,
    facts jsonb NOT NULL,
    reason text NOT NULL,
    movement_ids uuid[] NOT NULL DEFAULT '{}',
    done_at timestamptz NOT NULL,
    person_id uuid NOT NULL,
    CONSTRAINT a_ticket_act_has_a_kind CHECK (
        kind IN (
            'released', 'turned-down', 'cancelled', 'lost', 'written-off', 'reissued', 'extended', 'redirected', 'split',
            'closed', 'refused', 'apportioned'
        )
    )
);
CREATE INDEX act_by_ticket ON ticket_act (ticket_id, id);

-- Enterprises that own vehicles and want to be told of tickets in their names, once the county has seen the vehicle licence. Of a
-- feed's address only the hash is kept.
CREATE TABLE plate_watch (
    id uuid CONSTRAINT a_plate_watch_has_one_id PRIMARY KEY,
    enterprise_id uuid NOT NULL REFERENCES enterprise,
    plate text NOT NULL,
    evidence text NOT NULL,             -- the number of the vehicle licence, as the enterprise states it
    feed_hash bytea NOT NULL CONSTRAINT a_feed_has_one_address UNIQUE,
    asked_at timestamptz NOT NULL,
    asked_by uuid NOT NULL,
    confirmed_at timestamptz,
    confirmed_by uuid,
    ended_at timestamptz
);
CREATE UNIQUE INDEX a_plate_is_asked_for_once ON plate_watch (enterprise_id, plate) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX a_plate_has_one_owner ON plate_watch (plate) WHERE confirmed_at IS NOT NULL AND ended_at IS NULL;

GRANT SELECT, INSERT ON ticket_revocation, ticket_act TO meisu_service;
GRANT SELECT, UPDATE ON revocation_list TO meisu_service;
GRANT SELECT, INSERT, UPDATE ON plate_watch TO meisu_service;
