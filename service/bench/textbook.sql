-- The ledger that textbooks teach, as good as it can be made: balances that are updated in the order of their ids, so that
-- no two transfers wait for each other in a circle, in pages with room for new versions; one row per transfer, under a key
-- that grows; one prepared call.
CREATE TABLE textbook_account (
    id bigint PRIMARY KEY,
    balance_kg bigint NOT NULL
) WITH (fillfactor = 70);
INSERT INTO textbook_account SELECT n, 1000000000000 FROM generate_series(1, 256) AS n;

CREATE TABLE textbook_transfer (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    source bigint NOT NULL,
    target bigint NOT NULL,
    kg bigint NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION textbook_transfer(from_account bigint, to_account bigint, moved_kg bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF from_account < to_account THEN
        UPDATE textbook_account SET balance_kg = balance_kg - moved_kg WHERE id = from_account;
        UPDATE textbook_account SET balance_kg = balance_kg + moved_kg WHERE id = to_account;
    ELSE
        UPDATE textbook_account SET balance_kg = balance_kg + moved_kg WHERE id = to_account;
        UPDATE textbook_account SET balance_kg = balance_kg - moved_kg WHERE id = from_account;
    END IF;
    INSERT INTO textbook_transfer (source, target, kg) VALUES (from_account, to_account, moved_kg);
END
$$;

GRANT SELECT, INSERT, UPDATE ON textbook_account, textbook_transfer TO meisu_service;
ANALYZE textbook_account;
