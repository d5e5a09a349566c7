-- Which place each gateway finds behind a store's name. Two gateways whose places differ do not see each other's data in that store, although
-- both call it by one name. The place is opaque here; null is a store whose place is the same from everywhere, or not known.
CREATE TABLE store_places (
    instance TEXT    NOT NULL,
    store    TEXT    NOT NULL,
    node     TEXT    NOT NULL,
    place    TEXT,
    seen_at  INTEGER NOT NULL,
    PRIMARY KEY (instance, store)
) STRICT, WITHOUT ROWID;

-- The place to which the gateway wrote that wrote it. Null for whatever was written before, or where places do not matter.
ALTER TABLE image_locations ADD COLUMN place TEXT;
ALTER TABLE staged_data ADD COLUMN place TEXT;
ALTER TABLE store_intents ADD COLUMN place TEXT;
