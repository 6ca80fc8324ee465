-- The tickets of a shared weighing are told with their deed, as those that were split or refused are.
UPDATE ticket SET acted_at = act.done_at
FROM (
    SELECT
        ticket_id,
        max(done_at) AS done_at
    FROM ticket_act
    WHERE kind = 'apportioned'
    GROUP BY ticket_id
) AS act
WHERE act.ticket_id = ticket.id AND (ticket.acted_at IS NULL OR ticket.acted_at < act.done_at);

-- Whose lots the sweeper looks at: they may have passed on more than they kept.
CREATE INDEX ticket_refused ON ticket (id) WHERE refused_kg > 0;
