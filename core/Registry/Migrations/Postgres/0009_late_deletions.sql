-- Until when the data of a deleted image is left to those who still have it open, whichever gateway dies meanwhile. Null for everything else. A gateway of
-- the version before does not know it: it deletes, as it always did, once the gateway that holds the lease is dead.
ALTER TABLE store_intents ADD COLUMN not_before BIGINT;
