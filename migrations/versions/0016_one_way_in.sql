-- A plan that is made while the book of weighings is empty cannot tell this index from the one that names a station's record,
-- nor from the one by plate, and may look through all that a station ever told for each record that it tells. The condition
-- is true of every row; it keeps the index from whoever does not ask about a station's time.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX weighing_by_station;
CREATE INDEX weighing_by_station ON weighing (station_id, occurred_at) WHERE station_id IS NOT NULL AND occurred_at IS NOT NULL;
