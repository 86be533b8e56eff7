//! The tables as data: what a generic writer, a copy to another database and a backup have to know of them. Both databases have the same
//! tables with the same columns.

/// What a column holds, in words that both databases know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A signed 64-bit integer; flags are 0 and 1.
    Int,
    /// Text of our own making, such as a word or JSON, which never has a zero byte.
    Word,
    /// Text from outside, which may have one: PostgreSQL keeps it as bytes.
    Text,
    /// Bytes.
    Blob,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Bytes(value.as_bytes().to_vec())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Bytes(value.into_bytes())
    }
}
impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

pub(crate) type Row = Vec<Value>;

/// One table.
#[derive(Debug)]
pub(crate) struct Table {
    pub name: &'static str,
    /// The primary key's columns come first.
    pub columns: &'static [(&'static str, Kind)],
    /// How many columns the primary key has.
    pub key: usize,
    /// Rows are only added, in the order of their key.
    pub append_only: bool,
}

impl Table {
    /// The columns' names, quoted and with commas.
    pub fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    }

    /// The primary key's names, quoted and with commas.
    pub fn key_names(&self) -> String {
        self.columns[..self.key].iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    }
}

macro_rules! tables {
    ($($(#[$doc:meta])* $constant:ident $name:literal $key:literal $append:ident: $($column:ident $kind:ident),*;)*) => {
        $($(#[$doc])* pub(crate) const $constant: usize = Index::$constant as usize;)*
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "numbers the constants")]
        enum Index { $($constant),* }
        /// Every table of the store, in the order in which they are written: the counters last.
        pub(crate) static TABLES: &[Table] = &[$(Table {
            name: $name,
            columns: &[$((tables!(@name $column), Kind::$kind)),*],
            key: $key,
            append_only: tables!(@append $append),
        }),*];
    };
    (@append appended) => { true };
    (@append changed) => { false };
    (@name $column:ident) => { stringify!($column) };
}

tables! {
    DECISION "decision" 1 appended: id Int, at Int, team Text, incident Int, repeats Int, alert Blob, rest Blob;
    DONE "done" 1 appended: id Int;
    ALERT "alert" 1 changed: id Int, last_decision Int, last_at Int, first_at Int, count Int, status Word, severity Word, counted Int,
        waiting Int, suppressed_until Int, expires_at Int, wake_at Int, incident Int, team Text, entity Text, key Text, integration Text,
        alert Blob;
    WINDOW "alert_window" 2 changed: team Text, key Text, arrivals Word;
    INCIDENT "incident" 1 changed: id Int, team Text, open Int, route_due Int, body Blob;
    OPEN_INCIDENT "open_incident" 2 changed: team Text, key Text, incident Int;
    TIMELINE "timeline" 1 appended: id Int, incident Int, at Int, kind Word, text Text, actor Word, cause Word;
    RUN "run" 1 changed: id Int, incident Int, due_at Int, body Word;
    OUTBOX "outbox" 1 changed: id Int, key Text, incident Int, state Word, due_at Int, body Word;
    DEAD_LETTER "dead_letter" 1 changed: id Int, at Int, record Int, decision Int, integration Text, kind Word, reason Text, state Word,
        tries Int, next_at Int;
    OVERRIDE "rotation_override" 1 changed: id Int, rotation Text, user Text, from_at Int, until_at Int, by Text;
    CREDENTIAL "credential" 1 changed: id Text, kind Word, user Text, integration Text, label Text, scope Text, detail Text,
        created_at Int, expires_at Int, last_used_at Int;
    CONFIGURATION "configuration" 1 appended: revision Int, at Int, document Text;
    AUDIT "audit" 1 appended: id Int, at Int, actor Text, action Text, subject Text, details Text;
    HOST_SECRET "host_secret" 1 changed: name Text, value Blob;
    PLUGIN_STATE "plugin_state" 2 changed: space Text, key Text, counter Int, value Blob, version Int, expires_at Int;
    GENERATION "generation" 1 changed: partition Int, value Int;
    EVENT "incident_event" 1 changed: id Int, due_at Int, body Word;
    ACTION "action" 1 changed: id Int, incident Int, plugin Text, key Text, state Word, due_at Int, body Word;
    ONCE "once" 1 changed: key Text, at Int;
    OBJECT "object" 2 changed: kind Word, id Text, due_at Int, body Word;
    COUNTER "counter" 1 changed: name Word, value Int;
}

/// The one table of the journal.
pub(crate) static RECORD: Table =
    Table { name: "record", columns: &[("id", Kind::Int), ("version", Kind::Int), ("body", Kind::Blob)], key: 1, append_only: true };
