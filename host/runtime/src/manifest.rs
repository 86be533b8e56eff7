//! `plugin.toml`: what a plugin is called, answers, reads and asks for. A key that is not known is an error, because a misspelt `reads`
//! would otherwise leave a rule that silently never matches.

use crate::contract;
use crate::hook::Hook;
use crate::reads::Reads;
use crate::settings::SandboxLimits;
use ports::plugin::{ContactKind, StateLimits};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

type Entry<'i> = Spanned<DeValue<'i>>;

const KEYS: [&str; 15] = [
    "name",
    "version",
    "api",
    "hooks",
    "reads",
    "lookups",
    "keys",
    "state",
    "state-schema",
    "assets",
    "isolation",
    "headers",
    "contacts",
    "limits",
    "settings",
];
const LIMIT_KEYS: [&str; 4] = ["memory", "deadline", "state-keys", "state-bytes"];
const CONTACT_KEYS: [&str; 4] = ["kind", "label", "pattern", "purposes"];
const PURPOSES: [&str; 7] = ["escalation", "update", "approval", "reminder", "open-ticket", "open-channel", "test"];
/// Memory of an instance where the manifest says nothing, in bytes.
const DEFAULT_MEMORY_BYTES: usize = 16 << 20;
/// Keys of a name space of state where the manifest says nothing.
const DEFAULT_STATE_KEYS: usize = 10_000;
/// Bytes of a name space of state where the manifest says nothing.
const DEFAULT_STATE_BYTES: usize = 4 << 20;
/// Memory in bytes and deadline in milliseconds, as `[limits]` has them.
type Limits = (usize, Option<u64>);
/// Units of memory.
const SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// What `plugin.toml` says.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) reads: Reads,
    pub(crate) reads_names: Vec<String>,
    pub(crate) lookups: Vec<String>,
    /// Names of keys; `*`: whichever the operator grants.
    pub(crate) keys: Vec<String>,
    /// `None`: it does not remember.
    pub(crate) state: Option<StateLimits>,
    pub(crate) assets: Vec<glob::Pattern>,
    /// A fresh instance for every call.
    pub(crate) per_call: bool,
    /// Lower case.
    pub(crate) headers: Vec<String>,
    pub(crate) contacts: Vec<ContactKind>,
    pub(crate) memory_bytes: usize,
    /// `None`: the hook's default.
    pub(crate) deadline_ms: Option<u64>,
    /// JSON.
    pub(crate) settings_schema: String,
    /// The line of each key at the top, from 1.
    lines: BTreeMap<String, usize>,
}

impl Manifest {
    /// Reads the text of a manifest.
    ///
    /// # Errors
    /// One sentence with the line and the fix.
    pub(crate) fn parse(text: &str, limits: &SandboxLimits) -> Result<Self, String> {
        let source = Source { text };
        let parsed = DeTable::parse(text).map_err(|error| source.at(error.span().unwrap_or(0..0), error.message()))?;
        let table = parsed.get_ref();
        source.check_keys(table, &KEYS, "plugin.toml")?;
        let api = source.text(table, "api")?;
        contract::check(&api).map_err(|why| source.at_key(table, "api", &why))?;
        let reads_names = source.strings(table, "reads")?;
        let reads = Reads::parse(reads_names.iter().map(String::as_str)).map_err(|name| {
            let near = nearest(&name, Reads::names().iter().map(String::as_str));
            source.at_key(table, "reads", &format!("`{name}` is no field{near}"))
        })?;
        let limit_table = source.table(table, "limits")?;
        let (memory_bytes, deadline_ms) = limit_table.map_or(Ok((DEFAULT_MEMORY_BYTES, None)), |t| source.limits(t, limits))?;
        Ok(Self {
            name: source.text(table, "name")?,
            version: source.text(table, "version")?,
            hooks: source.hooks(table)?,
            reads,
            reads_names,
            lookups: source.strings(table, "lookups")?,
            keys: source.strings(table, "keys")?,
            state: source.state(table, limit_table, limits)?,
            assets: source.patterns(table)?,
            per_call: source.isolation(table)?,
            headers: source.strings(table, "headers")?.into_iter().map(|name| name.to_ascii_lowercase()).collect(),
            contacts: source.contacts(table)?,
            memory_bytes,
            deadline_ms,
            settings_schema: schema(text, &source)?,
            lines: table.keys().map(|key| (key.get_ref().to_string(), source.line(&key.span()))).collect(),
        })
    }

    /// How to allow `name` under `key`, for a message.
    pub(crate) fn allow(&self, key: &str, name: &str) -> String {
        match self.lines.get(key) {
            Some(line) => format!("add \"{name}\" to `{key}` (plugin.toml, line {line})"),
            None => format!("add `{key} = [\"{name}\"]` to plugin.toml"),
        }
    }
}

/// `, did you mean …?`, or nothing if nothing is near.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let best = known.into_iter().map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate)).min();
    match best {
        Some((distance, candidate)) if distance <= 2.max(name.len() / 3) => format!(", did you mean `{candidate}`?"),
        _ => String::new(),
    }
}

fn schema(text: &str, source: &Source<'_>) -> Result<String, String> {
    let mut whole: toml::Table = toml::from_str(text).map_err(|error| source.at(error.span().unwrap_or(0..0), error.message()))?;
    let settings = whole.remove("settings").unwrap_or_else(|| toml::Value::Table(toml::Table::new()));
    serde_json::to_string(&settings).map_err(|error| format!("plugin.toml: write [settings] as JSON: {error}"))
}

/// The text, for telling lines.
struct Source<'i> {
    text: &'i str,
}

impl Source<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.text.get(..span.start).unwrap_or(self.text).matches('\n').count() + 1
    }

    fn at(&self, span: Range<usize>, problem: &str) -> String {
        format!("plugin.toml, line {}: {problem}", self.line(&span))
    }

    fn at_key(&self, table: &DeTable<'_>, key: &str, problem: &str) -> String {
        match find(table, key) {
            Some(value) => self.at(value.span(), problem),
            None => format!("plugin.toml: {problem}"),
        }
    }

    fn check_keys(&self, table: &DeTable<'_>, known: &[&str], place: &str) -> Result<(), String> {
        for key in table.keys() {
            let name: &DeString<'_> = key.get_ref();
            if !known.contains(&name.as_ref()) {
                let near = nearest(name, known.iter().copied());
                let list = known.join(", ");
                return Err(self.at(key.span(), &format!("`{name}` is no key of {place}{near} There are: {list}")));
            }
        }
        Ok(())
    }

    fn text(&self, table: &DeTable<'_>, key: &str) -> Result<String, String> {
        let value = find(table, key).ok_or_else(|| format!("plugin.toml: `{key}` is missing"))?;
        let text = value.get_ref().as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| self.at(value.span(), &format!("`{key}` has to be a text")))
    }

    fn optional_text(&self, table: &DeTable<'_>, key: &str) -> Result<Option<String>, String> {
        find(table, key).map(|_| self.text(table, key)).transpose()
    }

    fn flag(&self, table: &DeTable<'_>, key: &str) -> Result<bool, String> {
        let Some(value) = find(table, key) else { return Ok(false) };
        value.get_ref().as_bool().ok_or_else(|| self.at(value.span(), &format!("`{key}` has to be true or false")))
    }

    fn strings(&self, table: &DeTable<'_>, key: &str) -> Result<Vec<String>, String> {
        let Some(value) = find(table, key) else { return Ok(Vec::new()) };
        let wrong = |span| self.at(span, &format!("`{key}` has to be a list of texts"));
        let list = value.get_ref().as_array().ok_or_else(|| wrong(value.span()))?;
        list.iter().map(|item| item.get_ref().as_str().map(str::to_owned).ok_or_else(|| wrong(item.span()))).collect()
    }

    fn table<'t, 'i>(&self, table: &'t DeTable<'i>, key: &str) -> Result<Option<&'t DeTable<'i>>, String> {
        let Some(value) = find(table, key) else { return Ok(None) };
        value.get_ref().as_table().map(Some).ok_or_else(|| self.at(value.span(), &format!("`{key}` has to be a table: [{key}]")))
    }

    fn hooks(&self, table: &DeTable<'_>) -> Result<Vec<Hook>, String> {
        let names = self.strings(table, "hooks")?;
        if names.is_empty() {
            return Err(self.at_key(table, "hooks", "`hooks` has to name at least one hook"));
        }
        let find = |name: String| {
            Hook::find(&name).ok_or_else(|| {
                let near = nearest(&name, Hook::ALL.map(Hook::name));
                self.at_key(table, "hooks", &format!("`{name}` is no hook{near}"))
            })
        };
        names.into_iter().map(find).collect()
    }

    fn isolation(&self, table: &DeTable<'_>) -> Result<bool, String> {
        match self.optional_text(table, "isolation")?.as_deref() {
            None | Some("warm") => Ok(false),
            Some("per-call") => Ok(true),
            Some(_) => Err(self.at_key(table, "isolation", "`isolation` has to be \"warm\" or \"per-call\"")),
        }
    }

    fn patterns(&self, table: &DeTable<'_>) -> Result<Vec<glob::Pattern>, String> {
        let parse = |text: String| {
            if text.starts_with('/') || text.split('/').any(|part| part == "..") {
                return Err(self.at_key(table, "assets", &format!("`{text}` leads out of the plugin's folder")));
            }
            glob::Pattern::new(&text).map_err(|error| self.at_key(table, "assets", &format!("`{text}` is no pattern: {error}")))
        };
        self.strings(table, "assets")?.into_iter().map(parse).collect()
    }

    fn contacts(&self, table: &DeTable<'_>) -> Result<Vec<ContactKind>, String> {
        let Some(value) = find(table, "contacts") else { return Ok(Vec::new()) };
        let wrong = || self.at(value.span(), "`contacts` has to be a list of tables: [[contacts]]");
        let list = value.get_ref().as_array().ok_or_else(wrong)?;
        let read = |item: &Entry<'_>| {
            let contact = item.get_ref().as_table().ok_or_else(wrong)?;
            self.check_keys(contact, &CONTACT_KEYS, "[[contacts]]")?;
            let purposes = self.strings(contact, "purposes")?;
            if let Some(unknown) = purposes.iter().find(|purpose| !PURPOSES.contains(&purpose.as_str())) {
                let near = nearest(unknown, PURPOSES);
                return Err(self.at_key(contact, "purposes", &format!("`{unknown}` is no purpose of a page{near}")));
            }
            let kind = self.text(contact, "kind")?;
            let label = self.optional_text(contact, "label")?.unwrap_or_else(|| kind.clone());
            Ok(ContactKind { kind, label, pattern: self.optional_text(contact, "pattern")?, purposes })
        };
        list.iter().map(read).collect()
    }

    fn number(&self, table: &DeTable<'_>, key: &str, most: u64) -> Result<Option<u64>, String> {
        let Some(value) = find(table, key) else { return Ok(None) };
        let wrong = || self.at(value.span(), &format!("`{key}` has to be a whole number from 1 to {most}"));
        let number = value.get_ref().as_integer().and_then(|digits| u64::from_str_radix(digits.as_str(), digits.radix()).ok());
        number.filter(|number| (1..=most).contains(number)).map(Some).ok_or_else(wrong)
    }

    /// What it may remember, if anything.
    fn state(&self, table: &DeTable<'_>, limits: Option<&DeTable<'_>>, most: &SandboxLimits) -> Result<Option<StateLimits>, String> {
        if !self.flag(table, "state")? {
            let idle = [(Some(table), "state-schema"), (limits, "state-keys"), (limits, "state-bytes")];
            let idle = idle.into_iter().find_map(|(table, key)| table.filter(|table| find(table, key).is_some()).map(|table| (table, key)));
            return match idle {
                Some((table, key)) => Err(self.at_key(table, key, &format!("`{key}` without `state = true` does nothing"))),
                None => Ok(None),
            };
        }
        let schema = self.number(table, "state-schema", u64::from(u32::MAX))?.unwrap_or(1);
        let keys = limits.map_or(Ok(None), |limits| self.number(limits, "state-keys", most.state_keys as u64))?;
        let bytes = limits.map_or(Ok(None), |limits| self.quantity(limits, "state-bytes", &SIZES, most.state_bytes as u64))?;
        Ok(Some(StateLimits {
            schema: schema as u32,
            keys: keys.map_or(DEFAULT_STATE_KEYS, |keys| keys as usize),
            bytes: bytes.map_or(DEFAULT_STATE_BYTES, |bytes| bytes as usize),
        }))
    }

    fn limits(&self, table: &DeTable<'_>, most: &SandboxLimits) -> Result<Limits, String> {
        self.check_keys(table, &LIMIT_KEYS, "[limits]")?;
        let memory = self.quantity(table, "memory", &SIZES, most.memory_bytes as u64)?.unwrap_or(DEFAULT_MEMORY_BYTES as u64);
        let deadline = self.quantity(table, "deadline", &[("ms", 1), ("s", 1000)], most.deadline_ms)?;
        Ok((memory as usize, deadline))
    }

    fn quantity(&self, table: &DeTable<'_>, key: &str, units: &[(&str, u64)], most: u64) -> Result<Option<u64>, String> {
        let Some(text) = self.optional_text(table, key)? else { return Ok(None) };
        let parse = |(unit, factor): &(&str, u64)| text.strip_suffix(unit)?.trim().parse::<u64>().ok()?.checked_mul(*factor);
        let Some(amount) = units.iter().find_map(parse).filter(|amount| *amount > 0) else {
            let names = units.iter().map(|(unit, _)| *unit).collect::<Vec<_>>().join(" or ");
            return Err(self.at_key(table, key, &format!("`{text}` has to be a whole number of {names}, such as \"16{}\"", units[0].0)));
        };
        if amount > most {
            let (unit, factor) =
                units.iter().filter(|(_, factor)| most.is_multiple_of(*factor)).max_by_key(|(_, factor)| *factor).unwrap_or(&units[0]);
            return Err(self.at_key(table, key, &format!("`{key}` is more than this host allows: {}{unit}", most / factor)));
        }
        Ok(Some(amount))
    }
}

fn find<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<&'t Entry<'i>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"a\"\nversion = \"1.0.0\"\napi = \"1.0\"\nhooks = [\"filter\"]\n";

    fn parse(more: &str) -> Result<Manifest, String> {
        Manifest::parse(&format!("{GOOD}{more}"), &SandboxLimits::default())
    }

    #[test]
    fn a_whole_manifest_is_read() {
        let more = "reads = [\"summary\"]\nlookups = [\"hosts\"]\nheaders = [\"X-Sig\"]\nisolation = \"per-call\"\n[limits]\nmemory = \"8MiB\"\n\
                    deadline = \"20ms\"\n[[contacts]]\nkind = \"sms\"\npurposes = [\"test\"]\n[settings]\ntype = \"object\"\n";
        let manifest = parse(more).unwrap();
        assert_eq!((manifest.memory_bytes, manifest.deadline_ms, manifest.per_call), (8 << 20, Some(20), true));
        assert_eq!((manifest.headers, manifest.settings_schema.as_str()), (vec!["x-sig".to_string()], r#"{"type":"object"}"#));
        assert_eq!(manifest.contacts[0].label, "sms");
        assert_eq!(manifest.lines["lookups"], 6);
    }

    #[test]
    fn mistakes_are_told_with_line_and_fix() {
        for (more, told) in [
            ("read = []", "plugin.toml, line 5: `read` is no key of plugin.toml, did you mean `reads`?"),
            ("reads = [\"sumary\"]", "plugin.toml, line 5: `sumary` is no field, did you mean `summary`?"),
            ("\n[limits]\nmemroy = \"1MiB\"", "plugin.toml, line 7: `memroy` is no key of [limits], did you mean `memory`?"),
            ("[limits]\nmemory = \"16MB\"", "plugin.toml, line 6: `16MB` has to be a whole number of GiB or MiB or KiB"),
            ("[limits]\nmemory = \"1GiB\"", "plugin.toml, line 6: `memory` is more than this host allows: 64MiB"),
            ("[limits]\ndeadline = \"5s\"", "plugin.toml, line 6: `deadline` is more than this host allows: 1s"),
            ("isolation = \"cold\"", "plugin.toml, line 5: `isolation` has to be"),
            ("assets = [\"../x\"]", "plugin.toml, line 5: `../x` leads out of the plugin's folder"),
            ("[[contacts]]\nkind = \"x\"\npurposes = [\"tests\"]", "`tests` is no purpose of a page, did you mean `test`?"),
            ("reads = [", "plugin.toml, line 5: "),
        ] {
            let error = parse(more).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn what_it_may_remember_is_read() {
        let limits = |more: &str| parse(more).unwrap().state;
        assert_eq!(limits(""), None);
        assert_eq!(limits("state = true"), Some(StateLimits { schema: 1, keys: 10_000, bytes: 4 << 20 }));
        let all = "state = true\nstate-schema = 3\n[limits]\nstate-keys = 50\nstate-bytes = \"64KiB\"";
        assert_eq!(limits(all), Some(StateLimits { schema: 3, keys: 50, bytes: 64 << 10 }));
        for (more, told) in [
            ("state-schema = 2", "line 5: `state-schema` without `state = true` does nothing"),
            ("[limits]\nstate-keys = 2", "line 6: `state-keys` without `state = true` does nothing"),
            ("state = true\nstate-schema = 0", "line 6: `state-schema` has to be a whole number from 1 to 4294967295"),
            ("state = true\n[limits]\nstate-keys = \"many\"", "line 7: `state-keys` has to be a whole number from 1 to 1000000"),
            ("state = true\n[limits]\nstate-bytes = \"1GiB\"", "line 7: `state-bytes` is more than this host allows: 256MiB"),
        ] {
            let error = parse(more).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn hooks_and_contract_are_checked() {
        let with = |from: &str, to: &str| Manifest::parse(&GOOD.replace(from, to), &SandboxLimits::default()).unwrap_err();
        assert!(with("filter", "filtre").contains("`filtre` is no hook, did you mean `filter`?"));
        assert!(with("\"1.0\"", "\"1.1\"").starts_with("plugin.toml, line 3: `1.1` is newer than this host"));
        assert!(with("name = \"a\"", "").contains("`name` is missing"));
    }
}
