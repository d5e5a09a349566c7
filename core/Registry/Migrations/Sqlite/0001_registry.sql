-- Times are microseconds since 1970-01-01T00:00:00Z. Statuses and visibilities are the API's words.

-- A deleted image keeps its row, so that its id is never used again.
-- list_state: 0 never listed (deleted, killed), 1 listed, 2 hidden, 3 waiting for its data to be deleted.
CREATE TABLE images (
    id               TEXT    NOT NULL PRIMARY KEY,
    name             TEXT,
    status           TEXT    NOT NULL,
    visibility       TEXT    NOT NULL,
    owner            TEXT,
    disk_format      TEXT,
    container_format TEXT,
    size             INTEGER,
    virtual_size     INTEGER,
    checksum         TEXT,
    hash_algorithm   TEXT,
    hash_value       TEXT,
    min_disk         INTEGER NOT NULL,
    min_ram          INTEGER NOT NULL,
    protected        INTEGER NOT NULL,
    hidden           INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    deleted_at       INTEGER,
    version          INTEGER NOT NULL,
    sort_name        TEXT    GENERATED ALWAYS AS (COALESCE(name, '')) VIRTUAL,
    list_state       INTEGER GENERATED ALWAYS AS (
        CASE WHEN status IN ('deleted', 'killed') THEN 0 WHEN status = 'pending_delete' THEN 3 WHEN hidden <> 0 THEN 2 ELSE 1 END) VIRTUAL
) STRICT;

-- The list is a merge of walks along these: one per visibility and one per visibility of an owner, by time and by name.
CREATE INDEX images_by_visibility_created ON images (visibility, list_state, created_at, id);
CREATE INDEX images_by_visibility_name ON images (visibility, list_state, sort_name, created_at, id);
CREATE INDEX images_by_owner_created ON images (owner, visibility, list_state, created_at, id);
CREATE INDEX images_by_owner_name ON images (owner, visibility, list_state, sort_name, created_at, id);

-- Without statistics the planner holds the indexes by visibility and by owner for equally good and walks all images of a visibility for the
-- few of one owner. These are what it shall believe for ever (rows, then rows for each more column): its choice must not depend on the data.
ANALYZE;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('images', 'sqlite_autoindex_images_1', '1000000 1'),
    ('images', 'images_by_visibility_created', '1000000 250000 200000 1 1'),
    ('images', 'images_by_visibility_name', '1000000 250000 200000 5 1 1'),
    ('images', 'images_by_owner_created', '1000000 1000 300 250 1 1'),
    ('images', 'images_by_owner_name', '1000000 1000 300 250 2 1 1');
ANALYZE sqlite_schema;

CREATE TABLE image_properties (
    image_id TEXT    NOT NULL REFERENCES images (id),
    name     TEXT    NOT NULL,
    value    TEXT,
    position INTEGER NOT NULL,
    PRIMARY KEY (image_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE image_tags (
    image_id TEXT    NOT NULL REFERENCES images (id),
    tag      TEXT    NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (image_id, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_tags_by_tag ON image_tags (tag, image_id);

CREATE TABLE image_locations (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    image_id TEXT    NOT NULL REFERENCES images (id),
    store    TEXT    NOT NULL,
    url      TEXT    NOT NULL,
    metadata TEXT    NOT NULL
) STRICT;
CREATE INDEX image_locations_by_image ON image_locations (image_id, id);

CREATE TABLE image_members (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    image_id   TEXT    NOT NULL REFERENCES images (id),
    member_id  TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (image_id, member_id)
) STRICT;
CREATE INDEX image_members_by_member ON image_members (member_id, status, image_id);

-- One counter gives the epochs of all names: it never repeats, so a lease that was given back leaves no row.
CREATE TABLE leases (
    epoch      INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    owner      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE store_intents (
    attempt_id TEXT    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL,
    image_id   TEXT    NOT NULL,
    store      TEXT    NOT NULL,
    url        TEXT,
    lease_name TEXT    NOT NULL,
    registered INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE changes (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    image_id   TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
