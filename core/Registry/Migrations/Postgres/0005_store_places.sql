-- Which place each gateway finds behind a store's name. Two gateways whose places differ do not see each other's data in that store, although
-- both call it by one name. The place is opaque here; null is a store whose place is the same from everywhere, or not known.
CREATE TABLE store_places (
    instance TEXT   COLLATE "C" NOT NULL,
    store    TEXT   COLLATE "C" NOT NULL,
    node     TEXT   COLLATE "C" NOT NULL,
    place    TEXT   COLLATE "C",
    seen_at  BIGINT NOT NULL,
    PRIMARY KEY (instance, store)
);

-- The place to which the gateway wrote that wrote it. Null for whatever was written before, or where places do not matter.
ALTER TABLE image_locations ADD COLUMN place TEXT COLLATE "C";
ALTER TABLE staged_data ADD COLUMN place TEXT COLLATE "C";
ALTER TABLE store_intents ADD COLUMN place TEXT COLLATE "C";
