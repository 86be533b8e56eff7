-- What plugins remember, by name space (`plugin/schema/team`) and key.
CREATE TABLE plugin_state (
    space TEXT NOT NULL,
    key TEXT NOT NULL,
    counter INTEGER,       -- a counter's sum, or
    value BLOB,            -- a value
    version INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX plugin_state_expires ON plugin_state (expires_at);

-- How often each partition of the hot state was committed to.
CREATE TABLE generation (partition INTEGER PRIMARY KEY, value INTEGER NOT NULL) STRICT;
