-- What people did to a load stands among what the scales tell of it, whichever came first: such a ticket is told as a whole.
ALTER TABLE ticket ADD COLUMN acted_at timestamptz;     -- when somebody last did what changes its story; null: only scales did
UPDATE ticket SET acted_at = act.done_at
FROM (
    SELECT
        ticket_id,
        max(done_at) AS done_at
    FROM ticket_act
    WHERE
        kind IN ('released', 'turned-down', 'cancelled', 'lost', 'written-off', 'split', 'closed', 'refused')
        OR (kind = 'redirected' AND kg IS NOT NULL)
    GROUP BY ticket_id
) AS act
WHERE act.ticket_id = ticket.id;

-- A scale that tells late may say that the load was less than its trucks carry: flagged, and owed by the load's account.
-- squawk-ignore ban-drop-constraint
ALTER TABLE ticket DROP CONSTRAINT children_fit_their_parent;
ALTER TABLE ticket ADD CONSTRAINT parts_of_a_load_are_not_negative CHECK (split_kg >= 0 AND closed_kg >= 0) NOT VALID;

-- What a deed moves now that the scales have told otherwise: never an edit, always a next version.
CREATE TABLE ticket_act_version (
    act_id uuid NOT NULL,
    version integer NOT NULL,
    kg bigint NOT NULL,
    movement_ids uuid[] NOT NULL,
    because_of uuid NOT NULL,           -- the weighing that told more
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_version_of_an_act_is_kept_once PRIMARY KEY (act_id, version)
);
GRANT SELECT, INSERT ON ticket_act_version TO meisu_service;
