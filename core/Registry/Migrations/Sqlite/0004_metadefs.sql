-- What properties of images, flavors and volumes mean: descriptions for clients that show forms. Nothing else in the registry refers to them.

CREATE TABLE metadef_namespaces (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL UNIQUE,
    display_name TEXT   ,
    description  TEXT   ,
    public       INTEGER NOT NULL,
    protected    INTEGER NOT NULL,
    owner        TEXT   ,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;

-- What a namespace holds: kind is property, object, tag or resource_type. The definition is a JSON object, checked before it came here.
CREATE TABLE metadef_parts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace_id INTEGER NOT NULL REFERENCES metadef_namespaces (id),
    kind         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    definition   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (namespace_id, kind, name)
) STRICT;
CREATE INDEX metadef_parts_by_name ON metadef_parts (kind, name, namespace_id);

-- Every resource type that a namespace was ever associated with. They stay, so an empty table means that no definitions were ever loaded.
CREATE TABLE metadef_resource_types (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
