-- Work that goes on after its request was answered. input and result are JSON; lease_name is the lease under which the work runs.
CREATE TABLE tasks (
    id         TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    type       TEXT   COLLATE "C" NOT NULL,
    status     TEXT   COLLATE "C" NOT NULL,
    owner      TEXT   COLLATE "C",
    image_id   TEXT   COLLATE "C" NOT NULL,
    user_id    TEXT   COLLATE "C",
    request_id TEXT   COLLATE "C",
    input      TEXT   COLLATE "C" NOT NULL,
    result     TEXT   COLLATE "C",
    message    TEXT   COLLATE "C" NOT NULL,
    lease_name TEXT   COLLATE "C" NOT NULL,
    attempts   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX tasks_by_created ON tasks (created_at, id);
CREATE INDEX tasks_by_owner ON tasks (owner, created_at, id);
CREATE INDEX tasks_by_image ON tasks (image_id, created_at);
CREATE INDEX tasks_unfinished ON tasks (created_at) WHERE status IN ('pending', 'processing');
CREATE INDEX tasks_expiring ON tasks (expires_at) WHERE expires_at IS NOT NULL;

-- Data that waits to be imported: one for each image at most.
CREATE TABLE staged_data (
    image_id    TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    store       TEXT   COLLATE "C" NOT NULL,
    url         TEXT   COLLATE "C" NOT NULL,
    size        BIGINT NOT NULL,
    hash_value  TEXT   COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE INDEX store_intents_by_lease ON store_intents (lease_name);
