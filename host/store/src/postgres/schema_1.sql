-- The same tables as in SQLite. Text from outside is BYTEA, because it may have a zero byte, which TEXT cannot hold:
-- convert_from(team, 'UTF8') shows it. Words and JSON are TEXT. Flags are 0 and 1.

-- Who may write: an opening takes the row over under its lock and counts the epoch up; a commit of an earlier epoch is refused.
-- `commits` tells, after a connection was lost in the middle of a commit, whether that one happened.
CREATE TABLE owner (
    name TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    commits BIGINT NOT NULL,
    head BIGINT NOT NULL    -- of the journal: its last id
) WITH (fillfactor = 50);
INSERT INTO owner (name, epoch, commits, head) VALUES ('store', 0, 0, 0), ('journal', 0, 0, 0);

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;

-- Append-only; ids from 1 without gaps. `version` says which definition of the record packed the body.
CREATE TABLE record (id BIGINT PRIMARY KEY, version BIGINT NOT NULL, body BYTEA NOT NULL);
ALTER TABLE record ALTER body SET STORAGE EXTERNAL;
CREATE TRIGGER record_keeps BEFORE UPDATE OR DELETE ON record FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER record_stays BEFORE TRUNCATE ON record EXECUTE FUNCTION append_only();

-- Numbers that only grow: the next ids, the cursor, how many decisions there are. Written once per commit.
CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL) WITH (fillfactor = 50);

CREATE TABLE decision (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    team BYTEA NOT NULL,
    incident BIGINT,
    repeats BIGINT,         -- the decision that holds the content, where this one says the same but for its times
    alert BYTEA NOT NULL,   -- packed: the alert after all edits; empty where it repeats
    rest BYTEA NOT NULL     -- packed: verdict, grouping, notes, outcome
);
CREATE INDEX decision_incident ON decision (incident) WHERE incident IS NOT NULL;
CREATE TRIGGER decision_keeps BEFORE UPDATE OR DELETE ON decision FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER decision_stays BEFORE TRUNCATE ON decision EXECUTE FUNCTION append_only();

-- Events that are no alerts and were done.
CREATE TABLE done (id BIGINT PRIMARY KEY);

-- What is known of one entity of one team. Room in the pages, so that a repeat touches no index.
CREATE TABLE alert (
    id BIGINT PRIMARY KEY,
    last_decision BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    count BIGINT NOT NULL,
    status TEXT NOT NULL,
    severity TEXT NOT NULL,
    counted BIGINT NOT NULL,
    waiting BIGINT NOT NULL,
    suppressed_until BIGINT,
    expires_at BIGINT,
    wake_at BIGINT,
    incident BIGINT,
    team BYTEA NOT NULL,
    entity BYTEA NOT NULL,
    key BYTEA NOT NULL,
    integration BYTEA,
    alert BYTEA             -- packed; NULL: the same as in the decision last_decision
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX alert_entity ON alert (team, entity);
CREATE INDEX alert_incident ON alert (incident) WHERE incident IS NOT NULL;
CREATE INDEX alert_waiting ON alert (team, key) WHERE waiting <> 0;
CREATE INDEX alert_wake ON alert (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE alert_window (team BYTEA NOT NULL, key BYTEA NOT NULL, arrivals TEXT NOT NULL, PRIMARY KEY (team, key));

CREATE TABLE incident (
    id BIGINT PRIMARY KEY,
    team BYTEA NOT NULL,
    open BIGINT NOT NULL,
    route_due BIGINT NOT NULL,
    body BYTEA NOT NULL     -- packed; JSON in rows that came from an old SQLite store
) WITH (fillfactor = 70);
CREATE INDEX incident_team ON incident (team, id);
CREATE INDEX incident_open ON incident (id) WHERE open <> 0;
CREATE INDEX incident_open_team ON incident (team, id) WHERE open <> 0;
CREATE INDEX incident_route ON incident (id) WHERE route_due <> 0;

-- Which open incident new alerts of a key join; NULL: none, the row is only there to be locked.
CREATE TABLE open_incident (team BYTEA NOT NULL, key BYTEA NOT NULL, incident BIGINT, PRIMARY KEY (team, key));

CREATE TABLE timeline (
    id BIGINT PRIMARY KEY,
    incident BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    text BYTEA NOT NULL,
    actor TEXT NOT NULL,    -- JSON
    cause TEXT              -- JSON
);
CREATE INDEX timeline_incident ON timeline (incident, id);
CREATE TRIGGER timeline_keeps BEFORE UPDATE OR DELETE ON timeline FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER timeline_stays BEFORE TRUNCATE ON timeline EXECUTE FUNCTION append_only();

CREATE TABLE run (id BIGINT PRIMARY KEY, incident BIGINT NOT NULL, due_at BIGINT, body TEXT NOT NULL);
CREATE INDEX run_incident ON run (incident);
CREATE INDEX run_due ON run (due_at, id) WHERE due_at IS NOT NULL;

CREATE TABLE outbox (
    id BIGINT PRIMARY KEY,
    key BYTEA NOT NULL UNIQUE,
    incident BIGINT,
    state TEXT NOT NULL,
    due_at BIGINT,          -- NULL unless queued or claimed
    body TEXT NOT NULL
);
CREATE INDEX outbox_incident ON outbox (incident) WHERE incident IS NOT NULL;
CREATE INDEX outbox_due ON outbox (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_state ON outbox (state);
-- One text of a body. An escaped zero byte, which TEXT cannot hold, reads as another control character.
CREATE FUNCTION said(body TEXT, name TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN replace(body, '\u0000', '\u0001')::json ->> name;
-- Receipts name a message as its provider does; people mean the incident that they were last told about.
CREATE INDEX outbox_reference ON outbox (said(body, 'reference'), id) WHERE said(body, 'reference') IS NOT NULL;
CREATE INDEX outbox_user ON outbox (said(body, 'user'), id) WHERE state = 'accepted' AND incident IS NOT NULL;

CREATE TABLE dead_letter (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    record BIGINT NOT NULL,
    decision BIGINT,
    integration BYTEA,
    kind TEXT NOT NULL,
    reason BYTEA NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_at BIGINT
);
CREATE INDEX dead_letter_state ON dead_letter (state, integration);
CREATE INDEX dead_letter_due ON dead_letter (next_at) WHERE state = 'waiting' AND kind = 'parked' AND next_at IS NOT NULL;

CREATE TABLE rotation_override (
    id BIGINT PRIMARY KEY,
    rotation BYTEA NOT NULL,
    "user" BYTEA NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    "by" BYTEA NOT NULL
);
CREATE INDEX rotation_override_until ON rotation_override (rotation, until_at);

CREATE TABLE credential (
    id BYTEA PRIMARY KEY,
    kind TEXT NOT NULL,
    "user" BYTEA,
    integration BYTEA,
    label BYTEA NOT NULL,
    scope BYTEA NOT NULL,
    detail BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);
CREATE INDEX credential_kind ON credential (kind);

CREATE TABLE configuration (revision BIGINT PRIMARY KEY, at BIGINT NOT NULL, document BYTEA NOT NULL);
CREATE TRIGGER configuration_keeps BEFORE UPDATE OR DELETE ON configuration FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER configuration_stays BEFORE TRUNCATE ON configuration EXECUTE FUNCTION append_only();

CREATE TABLE audit (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor BYTEA NOT NULL,
    action BYTEA NOT NULL,
    subject BYTEA NOT NULL,
    details BYTEA NOT NULL
);
CREATE TRIGGER audit_keeps BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_stays BEFORE TRUNCATE ON audit EXECUTE FUNCTION append_only();

CREATE TABLE host_secret (name BYTEA PRIMARY KEY, value BYTEA NOT NULL);

-- What plugins remember, by name space (`plugin/schema/team`) and key.
CREATE TABLE plugin_state (
    space BYTEA NOT NULL,
    key BYTEA NOT NULL,
    counter BIGINT,         -- a counter's sum, or
    value BYTEA,            -- a value
    version BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (space, key)
);
CREATE INDEX plugin_state_expires ON plugin_state (expires_at);

-- How often each partition of the hot state was committed to.
CREATE TABLE generation (partition BIGINT PRIMARY KEY, value BIGINT NOT NULL);

-- What automation plugins are still to be told: written with the change, deleted with the plugin's answer.
CREATE TABLE incident_event (id BIGINT PRIMARY KEY, due_at BIGINT NOT NULL, body TEXT NOT NULL);
CREATE INDEX incident_event_due ON incident_event (due_at);

-- What automation plugins want done. Within an incident a key of a plugin stands once.
CREATE TABLE action (
    id BIGINT PRIMARY KEY,
    incident BIGINT NOT NULL,
    plugin BYTEA NOT NULL,
    key BYTEA NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT,          -- NULL once it is over
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX action_key ON action (incident, plugin, key);
CREATE INDEX action_due ON action (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX action_state ON action (state, id);

-- What is to be done once and was done.
CREATE TABLE once (key BYTEA PRIMARY KEY, at BIGINT NOT NULL);
CREATE INDEX once_at ON once (at);
