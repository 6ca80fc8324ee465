-- How many quotas owe: who posts what leaves a quota looks at the caps above them, too, in the same transaction (O02).
ALTER TABLE head ADD COLUMN owing bigint NOT NULL DEFAULT 0;

UPDATE head
SET owing = (
    SELECT count(*)
    FROM overdraw
    WHERE closed_at IS NULL
);
