-- Images shared with a project are walked like its own: a member knows the columns of its image that lists are ordered by, kept by triggers.
-- image_state: as images.list_state where the membership is what shows the image: it is 'shared', and not the member's own; 10 more where nobody owns
-- it; 0 elsewhere.
ALTER TABLE image_members ADD COLUMN image_state INTEGER NOT NULL DEFAULT 0;
ALTER TABLE image_members ADD COLUMN image_status TEXT NOT NULL DEFAULT '';
ALTER TABLE image_members ADD COLUMN image_name TEXT NOT NULL DEFAULT '';
ALTER TABLE image_members ADD COLUMN image_size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE image_members ADD COLUMN image_created_at INTEGER NOT NULL DEFAULT 0;

UPDATE image_members SET (image_state, image_status, image_name, image_size, image_created_at) = (
    SELECT CASE WHEN i.visibility <> 'shared' OR i.owner IS member_id THEN 0 WHEN i.owner IS NULL THEN i.list_state + 10 ELSE i.list_state END,
        i.status, i.sort_name, i.sort_size, i.created_at
    FROM images i WHERE i.id = image_id);

CREATE TRIGGER image_of_new_member AFTER INSERT ON image_members
BEGIN
    UPDATE image_members SET (image_state, image_status, image_name, image_size, image_created_at) = (
        SELECT CASE WHEN i.visibility <> 'shared' OR i.owner IS NEW.member_id THEN 0 WHEN i.owner IS NULL THEN i.list_state + 10 ELSE i.list_state END,
            i.status, i.sort_name, i.sort_size, i.created_at
        FROM images i WHERE i.id = NEW.image_id)
    WHERE id = NEW.id;
END;

CREATE TRIGGER members_of_changed_image AFTER UPDATE OF name, status, visibility, owner, size, hidden, created_at ON images
WHEN OLD.name IS NOT NEW.name OR OLD.status IS NOT NEW.status OR OLD.visibility IS NOT NEW.visibility OR OLD.owner IS NOT NEW.owner
    OR OLD.size IS NOT NEW.size OR OLD.hidden IS NOT NEW.hidden OR OLD.created_at IS NOT NEW.created_at
BEGIN
    UPDATE image_members SET (image_state, image_status, image_name, image_size, image_created_at) = (
        SELECT CASE WHEN i.visibility <> 'shared' OR i.owner IS member_id THEN 0 WHEN i.owner IS NULL THEN i.list_state + 10 ELSE i.list_state END,
            i.status, i.sort_name, i.sort_size, i.created_at
        FROM images i WHERE i.id = NEW.id)
    WHERE image_id = NEW.id;
END;

CREATE INDEX image_members_by_created ON image_members (member_id, status, image_state, image_created_at, image_id);
CREATE INDEX image_members_by_name ON image_members (member_id, status, image_state, image_name, image_created_at, image_id);
CREATE INDEX image_members_by_size ON image_members (member_id, status, image_state, image_size, image_created_at, image_id);
CREATE INDEX image_members_unready_by_created ON image_members (member_id, image_status, status, image_state, image_created_at, image_id) WHERE image_status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX image_members_unready_by_name ON image_members (member_id, image_status, status, image_state, image_name, image_created_at, image_id) WHERE image_status NOT IN ('active', 'killed', 'deleted');
CREATE INDEX image_members_unready_by_size ON image_members (member_id, image_status, status, image_state, image_size, image_created_at, image_id) WHERE image_status NOT IN ('active', 'killed', 'deleted');

-- Whether an image has a value is asked of the index by value alone. Of an expression or a generated column, SQLite goes to the table for each entry;
-- so this is a column that is written with the value: its first 64 characters.
ALTER TABLE image_properties ADD COLUMN value_key TEXT NOT NULL DEFAULT '';
UPDATE image_properties SET value_key = substr(COALESCE(value, ''), 1, 64);
DROP INDEX image_properties_by_value;
CREATE INDEX image_properties_by_value ON image_properties (name, value_key, image_id);
