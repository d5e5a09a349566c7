-- Who listed an image before a change and does not list it after it: '*' for everybody, else a JSON array of projects; null for nobody. They are told
-- that it is gone, and nobody else, for whom it never was there.
ALTER TABLE changes ADD COLUMN lost_by TEXT COLLATE "C";

-- Positions in the feed are given out encrypted: their numbers would tell how much happens to images that the reader may not see.
CREATE TABLE change_key (value TEXT COLLATE "C" NOT NULL);
INSERT INTO change_key (value) VALUES (replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
