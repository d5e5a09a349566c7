-- Room that work under way has reserved in its project's quota. A reservation goes with its lease: with the row when the lease is given back or
-- taken over, and counts no longer once the lease has expired.
CREATE TABLE reservations (
    lease_epoch BIGINT NOT NULL REFERENCES leases (epoch) ON DELETE CASCADE,
    kind        TEXT    COLLATE "C" NOT NULL,
    project     TEXT    COLLATE "C" NOT NULL,
    amount      BIGINT NOT NULL,
    PRIMARY KEY (lease_epoch, kind)
);
CREATE INDEX reservations_by_project ON reservations (project, kind);

-- What a project uses is summed up from this alone. It is partial so that no list is ever planned along it.
CREATE INDEX images_by_project_usage ON images (owner, status, size) WHERE status NOT IN ('killed', 'deleted');
CREATE INDEX image_locations_by_url ON image_locations (url);
