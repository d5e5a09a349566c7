-- Work that goes on after its request was answered. input and result are JSON; lease_name is the lease under which the work runs.
CREATE TABLE tasks (
    id         TEXT    NOT NULL PRIMARY KEY,
    type       TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    owner      TEXT,
    image_id   TEXT    NOT NULL,
    user_id    TEXT,
    request_id TEXT,
    input      TEXT    NOT NULL,
    result     TEXT,
    message    TEXT    NOT NULL,
    lease_name TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX tasks_by_created ON tasks (created_at, id);
CREATE INDEX tasks_by_owner ON tasks (owner, created_at, id);
CREATE INDEX tasks_by_image ON tasks (image_id, created_at);
CREATE INDEX tasks_unfinished ON tasks (created_at) WHERE status IN ('pending', 'processing');
CREATE INDEX tasks_expiring ON tasks (expires_at) WHERE expires_at IS NOT NULL;

-- Data that waits to be imported: one for each image at most.
CREATE TABLE staged_data (
    image_id    TEXT    NOT NULL PRIMARY KEY,
    store       TEXT    NOT NULL,
    url         TEXT    NOT NULL,
    size        INTEGER NOT NULL,
    hash_value  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX store_intents_by_lease ON store_intents (lease_name);
