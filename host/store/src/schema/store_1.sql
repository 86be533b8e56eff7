-- Numbers that only grow: the next ids, the cursor, how many decisions there are. Written once per commit.
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Append-only, in the order of the journal: the id is the row's place, so that an insert is an append.
CREATE TABLE decision (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    team TEXT NOT NULL,
    incident INTEGER,
    alert BLOB NOT NULL,   -- packed: the alert after all edits
    rest BLOB NOT NULL     -- packed: verdict, grouping, notes, outcome
) STRICT;
CREATE INDEX decision_incident ON decision (incident) WHERE incident IS NOT NULL;
CREATE TRIGGER decision_keeps BEFORE UPDATE ON decision BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER decision_stays BEFORE DELETE ON decision BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

-- Events that are no alerts and were done.
CREATE TABLE done (id INTEGER PRIMARY KEY) STRICT;

-- What is known of one entity of one team. A repeat touches no index but that of wake_at.
CREATE TABLE alert (
    id INTEGER PRIMARY KEY,
    last_decision INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    status TEXT NOT NULL,
    severity TEXT NOT NULL,
    counted INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    suppressed_until INTEGER,
    expires_at INTEGER,
    wake_at INTEGER,
    incident INTEGER,
    team TEXT NOT NULL,
    entity TEXT NOT NULL,
    key TEXT NOT NULL,
    integration TEXT,
    alert BLOB             -- packed; NULL: the same as in the decision last_decision
) STRICT;
CREATE UNIQUE INDEX alert_entity ON alert (team, entity);
CREATE INDEX alert_incident ON alert (incident) WHERE incident IS NOT NULL;
CREATE INDEX alert_waiting ON alert (team, key) WHERE waiting;
CREATE INDEX alert_wake ON alert (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE alert_window (
    team TEXT NOT NULL,
    key TEXT NOT NULL,
    arrivals TEXT NOT NULL, -- JSON: milliseconds
    PRIMARY KEY (team, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE incident (
    id INTEGER PRIMARY KEY,
    team TEXT NOT NULL,
    open INTEGER NOT NULL,
    route_due INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX incident_team ON incident (team);
CREATE INDEX incident_open ON incident (open) WHERE open;
CREATE INDEX incident_open_team ON incident (team) WHERE open;
CREATE INDEX incident_route ON incident (route_due) WHERE route_due;

-- Which open incident new alerts of a key join.
CREATE TABLE open_incident (
    team TEXT NOT NULL,
    key TEXT NOT NULL,
    incident INTEGER NOT NULL,
    PRIMARY KEY (team, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE timeline (
    id INTEGER PRIMARY KEY,
    incident INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    actor TEXT NOT NULL,   -- JSON
    cause TEXT             -- JSON
) STRICT;
CREATE INDEX timeline_incident ON timeline (incident);
CREATE TRIGGER timeline_keeps BEFORE UPDATE ON timeline BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END;
CREATE TRIGGER timeline_stays BEFORE DELETE ON timeline BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END;

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    incident INTEGER NOT NULL,
    due_at INTEGER,        -- NULL unless active
    body TEXT NOT NULL
) STRICT;
CREATE INDEX run_incident ON run (incident);
CREATE INDEX run_due ON run (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    incident INTEGER,
    state TEXT NOT NULL,
    due_at INTEGER,        -- NULL unless queued or claimed
    body TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_incident ON outbox (incident) WHERE incident IS NOT NULL;
CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_state ON outbox (state);

CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    record INTEGER NOT NULL,
    decision INTEGER,
    integration TEXT,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    next_at INTEGER
) STRICT;
CREATE INDEX dead_letter_state ON dead_letter (state, integration);
CREATE INDEX dead_letter_due ON dead_letter (next_at) WHERE state = 'waiting' AND kind = 'parked' AND next_at IS NOT NULL;

CREATE TABLE rotation_override (
    id INTEGER PRIMARY KEY,
    rotation TEXT NOT NULL,
    user TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    by TEXT NOT NULL
) STRICT;
CREATE INDEX rotation_override_until ON rotation_override (rotation, until_at);

CREATE TABLE credential (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    user TEXT,
    integration TEXT,
    label TEXT NOT NULL,
    scope TEXT NOT NULL,
    detail TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX credential_kind ON credential (kind);

CREATE TABLE configuration (revision INTEGER PRIMARY KEY, at INTEGER NOT NULL, document TEXT NOT NULL) STRICT;
CREATE TRIGGER configuration_keeps BEFORE UPDATE ON configuration BEGIN SELECT RAISE(ABORT, 'configurations are append-only'); END;
CREATE TRIGGER configuration_stays BEFORE DELETE ON configuration BEGIN SELECT RAISE(ABORT, 'configurations are append-only'); END;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_keeps BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TABLE host_secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
