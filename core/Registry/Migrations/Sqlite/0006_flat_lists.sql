-- The list by size, in walks like those by time and by name.
ALTER TABLE images ADD COLUMN sort_size INTEGER GENERATED ALWAYS AS (COALESCE(size, 0)) VIRTUAL;
CREATE INDEX images_by_visibility_size ON images (visibility, list_state, sort_size, created_at, id);
CREATE INDEX images_by_owner_size ON images (owner, visibility, list_state, sort_size, created_at, id);

-- Lists of one status other than active, of which there are few: a walk over all images would find them late.
CREATE INDEX images_unready_by_visibility_created ON images (status, visibility, list_state, created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX images_unready_by_visibility_name ON images (status, visibility, list_state, sort_name, created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX images_unready_by_visibility_size ON images (status, visibility, list_state, sort_size, created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX images_unready_by_owner_created ON images (owner, status, visibility, list_state, created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX images_unready_by_owner_name ON images (owner, status, visibility, list_state, sort_name, created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX images_unready_by_owner_size ON images (owner, status, visibility, list_state, sort_size, created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');

-- Few images with a name or a property are found by it. A value may be longer than an index takes.
CREATE INDEX images_by_name ON images (name);
CREATE INDEX image_properties_by_value ON image_properties (name, substr(COALESCE(value, ''), 1, 64), image_id);

-- What a project's images add up to: kind 'images' is their number, 'stored' the bytes of their data, once for each location. Kept by triggers, so
-- that nothing is summed up for each upload. An image counts with a PiB at most: no sum ever leaves 63 bits. Several parts of a sum are for databases
-- where many write at once.
CREATE TABLE project_usage (
    project TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    part    INTEGER NOT NULL,
    amount  INTEGER NOT NULL,
    PRIMARY KEY (project, kind, part)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER usage_of_new_image AFTER INSERT ON images
WHEN NEW.owner IS NOT NULL AND NEW.status NOT IN ('killed', 'deleted')
BEGIN
    INSERT INTO project_usage (project, kind, part, amount) VALUES (NEW.owner, 'images', 0, 1)
    ON CONFLICT (project, kind, part) DO UPDATE SET amount = amount + 1;
END;

CREATE TRIGGER usage_of_changed_image AFTER UPDATE OF owner, status, size ON images
WHEN OLD.owner IS NOT NEW.owner OR OLD.status IS NOT NEW.status OR OLD.size IS NOT NEW.size
BEGIN
    UPDATE project_usage SET amount = amount - 1
    WHERE project = OLD.owner AND kind = 'images' AND part = 0 AND OLD.status NOT IN ('killed', 'deleted');
    INSERT INTO project_usage (project, kind, part, amount)
    SELECT NEW.owner, 'images', 0, 1 WHERE NEW.owner IS NOT NULL AND NEW.status NOT IN ('killed', 'deleted')
    ON CONFLICT (project, kind, part) DO UPDATE SET amount = amount + 1;
    UPDATE project_usage SET amount = amount - min(OLD.size, 1125899906842624) * (SELECT COUNT(*) FROM image_locations WHERE image_id = OLD.id)
    WHERE project = OLD.owner AND kind = 'stored' AND part = 0 AND OLD.status NOT IN ('killed', 'deleted', 'pending_delete') AND OLD.size > 0;
    INSERT INTO project_usage (project, kind, part, amount)
    SELECT NEW.owner, 'stored', 0, min(NEW.size, 1125899906842624) * (SELECT COUNT(*) FROM image_locations WHERE image_id = NEW.id)
    WHERE NEW.owner IS NOT NULL AND NEW.status NOT IN ('killed', 'deleted', 'pending_delete') AND NEW.size > 0
    ON CONFLICT (project, kind, part) DO UPDATE SET amount = amount + excluded.amount;
END;

CREATE TRIGGER usage_of_new_location AFTER INSERT ON image_locations
BEGIN
    INSERT INTO project_usage (project, kind, part, amount)
    SELECT owner, 'stored', 0, min(size, 1125899906842624) FROM images
    WHERE id = NEW.image_id AND owner IS NOT NULL AND status NOT IN ('killed', 'deleted', 'pending_delete') AND size > 0
    ON CONFLICT (project, kind, part) DO UPDATE SET amount = amount + excluded.amount;
END;

CREATE TRIGGER usage_of_removed_location AFTER DELETE ON image_locations
BEGIN
    INSERT INTO project_usage (project, kind, part, amount)
    SELECT owner, 'stored', 0, -min(size, 1125899906842624) FROM images
    WHERE id = OLD.image_id AND owner IS NOT NULL AND status NOT IN ('killed', 'deleted', 'pending_delete') AND size > 0
    ON CONFLICT (project, kind, part) DO UPDATE SET amount = amount + excluded.amount;
END;

INSERT INTO project_usage (project, kind, part, amount)
SELECT owner, 'images', 0, COUNT(*) FROM images WHERE owner IS NOT NULL AND status NOT IN ('killed', 'deleted') GROUP BY owner;
INSERT INTO project_usage (project, kind, part, amount)
SELECT i.owner, 'stored', 0, SUM(min(i.size, 1125899906842624)) FROM images i JOIN image_locations l ON l.image_id = i.id
WHERE i.owner IS NOT NULL AND i.status NOT IN ('killed', 'deleted', 'pending_delete') AND i.size > 0 GROUP BY i.owner;
