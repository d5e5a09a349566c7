-- Units of work wait until all is made: one that changes images meanwhile would be missing in the sums, or meet this script in a deadlock.
LOCK TABLE unit_turn IN EXCLUSIVE MODE;

-- The list by size, in walks like those by time and by name.
CREATE INDEX images_by_visibility_size ON images (visibility, list_state, COALESCE(size, 0), created_at, id);
CREATE INDEX images_by_owner_size ON images (owner, visibility, list_state, COALESCE(size, 0), created_at, id);
CREATE INDEX images_of_nobody_size ON images (visibility, list_state, COALESCE(size, 0), created_at, id) WHERE owner IS NULL;

-- Lists of one status other than active, of which there are few: a walk over all images would find them late.
CREATE INDEX images_unready_by_visibility_created ON images (status, visibility, list_state, created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX images_unready_by_visibility_name ON images (status, visibility, list_state, sort_name, created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX images_unready_by_visibility_size ON images (status, visibility, list_state, COALESCE(size, 0), created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX images_unready_by_owner_created ON images (owner, status, visibility, list_state, created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX images_unready_by_owner_name ON images (owner, status, visibility, list_state, sort_name, created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX images_unready_by_owner_size ON images (owner, status, visibility, list_state, COALESCE(size, 0), created_at, id) WHERE status NOT IN ('active', 'killed', 'deleted');

-- Few images with a name or a property are found by it. A value may be longer than an index takes.
CREATE INDEX images_by_name ON images (name);
CREATE INDEX image_properties_by_value ON image_properties (name, substr(COALESCE(value, ''), 1, 64), image_id);

-- What a project's images add up to: kind 'images' is their number, 'stored' the bytes of their data, once for each location. Kept by triggers, so
-- that nothing is summed up for each upload, whichever version writes. An image counts with a PiB at most: no sum ever leaves 63 bits. A sum has
-- several parts, so that images of one project seldom wait for each other; updates stay within their page.
CREATE TABLE project_usage (
    project TEXT    COLLATE "C" NOT NULL,
    kind    TEXT    COLLATE "C" NOT NULL,
    part    BIGINT  NOT NULL,
    amount  BIGINT  NOT NULL,
    PRIMARY KEY (project, kind, part)
) WITH (fillfactor = 50);

CREATE FUNCTION add_project_usage(of_project TEXT, of_kind TEXT, of_image TEXT, more BIGINT) RETURNS VOID LANGUAGE sql AS $$
    INSERT INTO project_usage AS u (project, kind, part, amount)
    SELECT of_project, of_kind, abs(hashtext(of_image)::BIGINT) % 16, more WHERE of_project IS NOT NULL AND more <> 0
    ON CONFLICT (project, kind, part) DO UPDATE SET amount = u.amount + excluded.amount
$$;

CREATE FUNCTION stored_bytes(status TEXT, size BIGINT) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN status IN ('killed', 'deleted', 'pending_delete') OR COALESCE(size, 0) < 0 THEN 0 ELSE LEAST(COALESCE(size, 0), 1125899906842624) END
$$;

CREATE FUNCTION count_new_image() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status NOT IN ('killed', 'deleted') THEN
        PERFORM add_project_usage(NEW.owner, 'images', NEW.id, 1);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_changed_image() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    locations BIGINT := (SELECT COUNT(*) FROM image_locations WHERE image_id = NEW.id);
    counted_before BIGINT := CASE WHEN OLD.status IN ('killed', 'deleted') THEN 0 ELSE 1 END;
    counted_now BIGINT := CASE WHEN NEW.status IN ('killed', 'deleted') THEN 0 ELSE 1 END;
    stored_before BIGINT := stored_bytes(OLD.status, OLD.size) * locations;
    stored_now BIGINT := stored_bytes(NEW.status, NEW.size) * locations;
BEGIN
    IF OLD.owner IS NOT DISTINCT FROM NEW.owner THEN
        PERFORM add_project_usage(NEW.owner, 'images', NEW.id, counted_now - counted_before);
        PERFORM add_project_usage(NEW.owner, 'stored', NEW.id, stored_now - stored_before);
    ELSE
        PERFORM add_project_usage(OLD.owner, 'images', NEW.id, -counted_before);
        PERFORM add_project_usage(OLD.owner, 'stored', NEW.id, -stored_before);
        PERFORM add_project_usage(NEW.owner, 'images', NEW.id, counted_now);
        PERFORM add_project_usage(NEW.owner, 'stored', NEW.id, stored_now);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_location() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM add_project_usage(owner, 'stored', id, stored_bytes(status, size)) FROM images WHERE id = NEW.image_id;
    ELSE
        PERFORM add_project_usage(owner, 'stored', id, -stored_bytes(status, size)) FROM images WHERE id = OLD.image_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER usage_of_new_image AFTER INSERT ON images FOR EACH ROW EXECUTE FUNCTION count_new_image();
CREATE TRIGGER usage_of_changed_image AFTER UPDATE OF owner, status, size ON images FOR EACH ROW
    WHEN (OLD.owner IS DISTINCT FROM NEW.owner OR OLD.status IS DISTINCT FROM NEW.status OR OLD.size IS DISTINCT FROM NEW.size)
    EXECUTE FUNCTION count_changed_image();
CREATE TRIGGER usage_of_location AFTER INSERT OR DELETE ON image_locations FOR EACH ROW EXECUTE FUNCTION count_location();

INSERT INTO project_usage (project, kind, part, amount)
SELECT owner, 'images', 0, COUNT(*) FROM images WHERE owner IS NOT NULL AND status NOT IN ('killed', 'deleted') GROUP BY owner;
INSERT INTO project_usage (project, kind, part, amount)
SELECT i.owner, 'stored', 0, SUM(stored_bytes(i.status, i.size)) FROM images i JOIN image_locations l ON l.image_id = i.id
WHERE i.owner IS NOT NULL GROUP BY i.owner;
