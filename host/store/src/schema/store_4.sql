-- Objects that people keep and the host looks after, such as silences and heartbeats: few, small, as JSON.
CREATE TABLE object (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    due_at INTEGER,        -- when the host has to look at it; NULL: never
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX object_due ON object (kind, due_at) WHERE due_at IS NOT NULL;
