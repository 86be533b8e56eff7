-- What automation plugins are still to be told: written with the change, deleted with the plugin's answer.
CREATE TABLE incident_event (
    id INTEGER PRIMARY KEY,
    due_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX incident_event_due ON incident_event (due_at);

-- What automation plugins want done. Within an incident a key of a plugin stands once.
CREATE TABLE action (
    id INTEGER PRIMARY KEY,
    incident INTEGER NOT NULL,
    plugin TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at INTEGER,        -- NULL once it is over
    body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX action_key ON action (incident, plugin, key);
CREATE INDEX action_due ON action (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX action_state ON action (state);

-- What is to be done once and was done.
CREATE TABLE once (key TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX once_at ON once (at);

-- Receipts name a message as its provider does; people mean the incident that they were last told about.
CREATE INDEX outbox_reference ON outbox (json_extract(body, '$.reference'));
CREATE INDEX outbox_user ON outbox (json_extract(body, '$.user'), id);
