-- Units of work wait until all is made, as for the sums of schema 6.
LOCK TABLE unit_turn IN EXCLUSIVE MODE;

-- Images shared with a project are walked like its own: a member knows the columns of its image that lists are ordered by. Kept by triggers,
-- whichever version writes. image_state: as images.list_state where the membership is what shows the image: it is 'shared', and not the member's
-- own; 10 more where nobody owns it; 0 elsewhere.
ALTER TABLE image_members
    ADD COLUMN image_state BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN image_status TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN image_name TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN image_size BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN image_created_at BIGINT NOT NULL DEFAULT 0;

CREATE FUNCTION state_for_member(visibility TEXT, owner TEXT, list_state BIGINT, member TEXT) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN visibility <> 'shared' OR owner = member THEN 0 WHEN owner IS NULL THEN list_state + 10 ELSE list_state END
$$;

UPDATE image_members m SET image_state = state_for_member(i.visibility, i.owner, i.list_state, m.member_id), image_status = i.status,
    image_name = i.sort_name, image_size = COALESCE(i.size, 0), image_created_at = i.created_at
FROM images i WHERE i.id = m.image_id;

CREATE FUNCTION know_image() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    SELECT state_for_member(i.visibility, i.owner, i.list_state, NEW.member_id), i.status, i.sort_name, COALESCE(i.size, 0), i.created_at
    INTO STRICT NEW.image_state, NEW.image_status, NEW.image_name, NEW.image_size, NEW.image_created_at
    FROM images i WHERE i.id = NEW.image_id;
    RETURN NEW;
END
$$;

CREATE FUNCTION tell_members() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE image_members SET image_state = state_for_member(NEW.visibility, NEW.owner, NEW.list_state, member_id), image_status = NEW.status,
        image_name = NEW.sort_name, image_size = COALESCE(NEW.size, 0), image_created_at = NEW.created_at
    WHERE image_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER image_of_new_member BEFORE INSERT ON image_members FOR EACH ROW EXECUTE FUNCTION know_image();
CREATE TRIGGER members_of_changed_image AFTER UPDATE OF name, status, visibility, owner, size, hidden, created_at ON images FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name OR OLD.status IS DISTINCT FROM NEW.status OR OLD.visibility IS DISTINCT FROM NEW.visibility
        OR OLD.owner IS DISTINCT FROM NEW.owner OR OLD.size IS DISTINCT FROM NEW.size OR OLD.hidden IS DISTINCT FROM NEW.hidden
        OR OLD.created_at IS DISTINCT FROM NEW.created_at)
    EXECUTE FUNCTION tell_members();

CREATE INDEX image_members_by_created ON image_members (member_id, status, image_state, image_created_at, image_id);
CREATE INDEX image_members_by_name ON image_members (member_id, status, image_state, image_name, image_created_at, image_id);
CREATE INDEX image_members_by_size ON image_members (member_id, status, image_state, image_size, image_created_at, image_id);
CREATE INDEX image_members_unready_by_created ON image_members (member_id, image_status, status, image_state, image_created_at, image_id) WHERE image_status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX image_members_unready_by_name ON image_members (member_id, image_status, status, image_state, image_name, image_created_at, image_id) WHERE image_status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX image_members_unready_by_size ON image_members (member_id, image_status, status, image_state, image_size, image_created_at, image_id) WHERE image_status NOT IN ('active', 'killed', 'deleted');

-- Whether an image of another order has a name is asked of this, not of its row.
CREATE INDEX images_by_name_and_id ON images (name, id);
DROP INDEX images_by_name;

-- Whether an image has a value is asked of the index by value alone: of an expression, PostgreSQL goes to the table for each entry. MD5, because
-- PostgreSQL's own hashes may change with its version.
ALTER TABLE image_properties ADD COLUMN value_key INTEGER NOT NULL
    GENERATED ALWAYS AS (('x' || substr(md5(COALESCE(value, '')), 1, 8))::bit(32)::integer) STORED;
DROP INDEX image_properties_by_value;
CREATE INDEX image_properties_by_value ON image_properties (name, value_key, image_id);
