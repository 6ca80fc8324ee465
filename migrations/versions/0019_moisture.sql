-- Quota and stock are counted wet, as weighed; the moisture tells the dry mass beside it (E19).
ALTER TABLE weighing ADD COLUMN moisture_per_mille integer;
