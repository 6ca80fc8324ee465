-- When the sweeper ended a ticket that no scale had seen. A scale may tell of it after all: then its row says so no longer.
CREATE TABLE ticket_expiry (
    ticket_id uuid NOT NULL,
    expired_at timestamptz NOT NULL,
    CONSTRAINT a_ticket_expires_once_at_a_time PRIMARY KEY (ticket_id, expired_at)
);
GRANT SELECT, INSERT ON ticket_expiry TO meisu_service;

-- Of those before, the ticket says when it expired, or the alert that was opened then.
INSERT INTO ticket_expiry (ticket_id, expired_at)
SELECT
    id,
    ended_at
FROM ticket
WHERE state = 'expired' AND ended_at IS NOT NULL
UNION
SELECT
    subject_id::uuid,
    opened_at
FROM alert
WHERE code = 'never-weighed' AND subject_kind = 'ticket';

-- The day that a draft named; its issue writes its own over `issued_on`. Null: that was done before this was kept.
ALTER TABLE allotment ADD COLUMN drafted_for date;
UPDATE allotment SET drafted_for = issued_on
WHERE NOT EXISTS (
    SELECT FROM allotment_step
    WHERE allotment_id = allotment.id AND step = 'issue'
);
