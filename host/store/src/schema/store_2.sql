-- A report that says the same as the entity's last, but for its times, cites the decision that holds the content.
ALTER TABLE decision ADD COLUMN repeats INTEGER;

-- Incidents are packed: an open one is written again with every commit that counts another alert. Older rows stay JSON until they change.
CREATE TABLE incident_packed (
    id INTEGER PRIMARY KEY,
    team TEXT NOT NULL,
    open INTEGER NOT NULL,
    route_due INTEGER NOT NULL,
    body ANY NOT NULL
) STRICT;
INSERT INTO incident_packed SELECT id, team, open, route_due, body FROM incident;
DROP TABLE incident;
ALTER TABLE incident_packed RENAME TO incident;
CREATE INDEX incident_team ON incident (team);
CREATE INDEX incident_open ON incident (open) WHERE open;
CREATE INDEX incident_open_team ON incident (team) WHERE open;
CREATE INDEX incident_route ON incident (route_due) WHERE route_due;
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
