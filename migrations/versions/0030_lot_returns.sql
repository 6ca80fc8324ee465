-- Of loads out of stock that came back, what each lot has again; it was away meanwhile. Told anew with its ticket, under the
-- lock of the contract.
CREATE TABLE lot_return (
    ticket_id uuid NOT NULL,
    account bigint NOT NULL,            -- the lot's
    kg bigint NOT NULL,
    left_at timestamptz NOT NULL,       -- by the corrected times of the records
    back_at timestamptz NOT NULL,
    CONSTRAINT a_load_comes_back_into_a_lot_once PRIMARY KEY (ticket_id, account),
    CONSTRAINT what_came_back_is_not_negative CHECK (kg >= 0)
);
CREATE INDEX lot_return_by_lot ON lot_return (account);
GRANT SELECT, INSERT, UPDATE ON lot_return TO meisu_service;

-- How often something was refused, or came back, that had come into a lot: who posts sees whether that happened since he looked.
ALTER TABLE head ADD COLUMN sent_back bigint NOT NULL DEFAULT 0;
