-- As weighing_by_station before it: a plan that is made while the book of weighings is empty cannot tell this index from the one
-- that names a station's record, and looked through all that the station ever told for each record. The condition is true of
-- every row; only a question about a station's numbers implies it.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX weighing_by_sequence;
CREATE INDEX weighing_by_sequence ON weighing (station_id, sequence) WHERE station_id IS NOT NULL AND sequence IS NOT NULL;
