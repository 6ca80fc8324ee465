-- A clock that jumps back shows beside the number before: of the last number the time is at hand, of others it is found.
CREATE INDEX weighing_by_sequence ON weighing (station_id, sequence);

ALTER TABLE station_book ADD COLUMN last_at timestamptz;    -- what the device's clock said with the last of the numbers
UPDATE station_book AS b
SET last_at = (
    SELECT w.weighed_at FROM weighing AS w
    WHERE w.station_id = b.station_id
    ORDER BY w.sequence DESC, w.weighed_at ASC
    LIMIT 1
);
