-- What was scanned or typed is kept with every weighing: its hash, which the leaves bind, can be made again from the row.
ALTER TABLE weighing
ADD CONSTRAINT a_weighing_says_what_was_scanned CHECK (ticket_id IS NULL OR ticket_text IS NOT NULL) NOT VALID;
