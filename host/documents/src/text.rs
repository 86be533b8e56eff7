//! The small languages inside documents: ids, delays, sizes, turns, zones, wall-clock times and targets. Each has one parser, used for
//! messages with a place, for the typed value, and named in the JSON Schema as its `format`.

use crate::hours::OpeningHours;
use crate::limits::{DELAY_LIMIT_SECONDS, ID_LIMIT_BYTES};
use crate::problem::hint;
use domain::contact::Contact;
use domain::escalation::Target;
use domain::matcher::{self, Matcher};
use domain::schedule::Turn;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// A value that documents write as text.
pub trait Text: Sized {
    /// Its name as a `format` in schemas.
    const FORMAT: &'static str;
    /// A regular expression for editors; not narrower than [`Text::parse`].
    const PATTERN: &'static str;

    /// What the text means, or what is wrong with it.
    fn parse(text: &str) -> Result<Self, String>;
    /// The text that means this.
    fn print(&self) -> String;
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident($inner:ty)),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.print())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
        impl JsonSchema for $name {
            fn inline_schema() -> bool { true }
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": Self::FORMAT, "pattern": Self::PATTERN })
            }
        }
    )*

    /// What is wrong with a text of this format; `None`: nothing, or no format of ours.
    pub(crate) fn problem_of(format: &str, text: &str) -> Option<String> {
        match format {
            $(<$name as Text>::FORMAT => <$name as Text>::parse(text).err(),)*
            _ => None,
        }
    }
    };
}

texts! {
    /// The name of something configured.
    Name(String),
    /// A delay, in seconds: `90s`, `5m`, `1h 30m`.
    Delay(u32),
    /// A size, in bytes: `512KiB`, `5MiB`.
    Size(usize),
    /// How long a turn of a rotation is: `1d`, `2w`.
    TurnLength(Turn),
    /// A time zone by its IANA name.
    Zone(String),
    /// A wall-clock date and time: `2026-01-05T09:00`.
    LocalTime(jiff::civil::DateTime),
    /// Whom a step pages: `rotation/primary`, `user/alice`, `mail/ops@example.org`.
    PageTarget(Target),
    /// Hours of a day: `22:00-06:00`.
    DayHours(domain::when::Hours),
    /// Hours of the week: `mon-fri 09:00-17:00`, `fri 17:00 - mon 09:00`.
    Hours(OpeningHours),
    /// A recurrence rule of RFC 5545: `FREQ=MONTHLY;BYDAY=1MO`.
    Rule(String),
    /// A condition on an alert: `service="checkout"`, `host=~"web-.*"`.
    MatcherText(Matcher),
}

impl Text for Name {
    const FORMAT: &'static str = "name";
    const PATTERN: &'static str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";

    fn parse(text: &str) -> Result<Self, String> {
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if starts && rest && text.len() <= ID_LIMIT_BYTES {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is no name: letters, digits, `.`, `_` and `-`, at most {ID_LIMIT_BYTES}, a letter or digit first"))
        }
    }

    fn print(&self) -> String {
        self.0.clone()
    }
}

impl Text for Delay {
    const FORMAT: &'static str = "delay";
    const PATTERN: &'static str = "^ *([0-9]+ *[hms] *)+$";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no delay: write it as `90s`, `5m` or `1h 30m`");
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b"hms ".contains(&b)) && !text.contains("ms");
        let duration: jiff::SignedDuration = text.trim().parse().ok().filter(|_| plain).ok_or_else(wrong)?;
        match u32::try_from(duration.as_secs()) {
            Ok(seconds) if seconds <= DELAY_LIMIT_SECONDS => Ok(Self(seconds)),
            _ => Err(format!("`{text}` is too long: at most {} h", DELAY_LIMIT_SECONDS / 3600)),
        }
    }

    fn print(&self) -> String {
        format!("{:#}", jiff::SignedDuration::from_secs(i64::from(self.0)))
    }
}

const SIZE_UNITS: [(&str, usize); 4] = [("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1), ("", 1)];

impl Text for Size {
    const FORMAT: &'static str = "size";
    const PATTERN: &'static str = "^[0-9]+ *(B|KiB|MiB)$";

    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = SIZE_UNITS[..3].iter().find(|(name, _)| *name == unit.trim()).map(|(_, factor)| *factor);
        let size = factor.and_then(|factor| number.parse::<usize>().ok()?.checked_mul(factor));
        size.map(Self).ok_or_else(|| format!("`{text}` is no size: write it as `512KiB` or `5MiB`"))
    }

    fn print(&self) -> String {
        let unit = SIZE_UNITS.iter().find(|(_, factor)| self.0.is_multiple_of(*factor) && self.0 > 0);
        let (name, factor) = unit.unwrap_or(&("B", 1));
        format!("{}{name}", self.0 / factor)
    }
}

impl Text for TurnLength {
    const FORMAT: &'static str = "turn";
    const PATTERN: &'static str = "^[1-9][0-9]{0,2}[dw]$";

    fn parse(text: &str) -> Result<Self, String> {
        let count = |unit: char| text.strip_suffix(unit).and_then(|n| n.parse::<u32>().ok());
        match (count('d'), count('w')) {
            (Some(days @ 1..=364), _) => Ok(Self(Turn::Days(days))),
            (_, Some(weeks @ 1..=52)) => Ok(Self(Turn::Weeks(weeks))),
            _ => Err(format!("`{text}` is no turn: write it as `1d` or `1w`, at most 52 weeks")),
        }
    }

    fn print(&self) -> String {
        match self.0 {
            Turn::Days(days) => format!("{days}d"),
            Turn::Weeks(weeks) => format!("{weeks}w"),
        }
    }
}

impl Text for Zone {
    const FORMAT: &'static str = "time-zone";
    const PATTERN: &'static str = "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$";

    fn parse(text: &str) -> Result<Self, String> {
        let zones = jiff::tz::db();
        // The database looks names up in any case; what is stored is the name as it is spelt there.
        match zones.get(text) {
            Ok(zone) => Ok(Self(zone.iana_name().unwrap_or(text).to_owned())),
            Err(_) => {
                let names: Vec<String> = zones.available().map(|name| name.to_string()).collect();
                Err(format!("`{text}` is no time zone{}", hint(text, names.iter().map(String::as_str))))
            }
        }
    }

    fn print(&self) -> String {
        self.0.clone()
    }
}

impl Text for LocalTime {
    const FORMAT: &'static str = "local-time";
    const PATTERN: &'static str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$";

    fn parse(text: &str) -> Result<Self, String> {
        let shaped = (text.len() == 16 || text.len() == 19) && text.as_bytes()[10] == b'T';
        let time = text.parse().ok().filter(|_| shaped);
        time.map(Self).ok_or_else(|| format!("`{text}` is no date and time: write it as `2026-01-05T09:00`"))
    }

    fn print(&self) -> String {
        let form = if self.0.second() == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" };
        self.0.strftime(form).to_string()
    }
}

impl Text for MatcherText {
    const FORMAT: &'static str = "matcher";
    const PATTERN: &'static str = "^.+(=|!=|=~|!~).*$";

    fn parse(text: &str) -> Result<Self, String> {
        let mut list = matcher::parse(text).map_err(|error| error.to_string())?;
        match (list.pop(), list.is_empty()) {
            (Some(one), true) => Ok(Self(one)),
            _ => Err(format!("`{text}` holds several matchers: write each as an item of the list")),
        }
    }

    fn print(&self) -> String {
        self.0.to_string()
    }
}

/// Longest address that a step can name, in bytes.
const ADDRESS_LIMIT_BYTES: usize = 512;

/// What a page can be aimed at, as documents write it.
pub(crate) const TARGETS: [&str; 6] = ["policy", "previous", "next", "rotation", "team", "user"];

impl Text for PageTarget {
    const FORMAT: &'static str = "target";
    const PATTERN: &'static str =
        "^((policy|rotation|next|previous|team|user)/[A-Za-z0-9][A-Za-z0-9._-]{0,63}|[A-Za-z0-9._-]+/.*[@:+#{].*)$";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no target: write it as `rotation/NAME`, `user/NAME`, `team/NAME` or `policy/NAME`");
        let (what, name) = text.split_once('/').ok_or_else(wrong)?;
        if !TARGETS.contains(&what) && name.contains(['@', ':', '+', '#', '{']) {
            let kind = Name::parse(what)?.0;
            if name.len() > ADDRESS_LIMIT_BYTES || name.chars().any(|c| c.is_control() || c == ' ') {
                return Err(format!("`{text}` has no address: at most {ADDRESS_LIMIT_BYTES} bytes without spaces"));
            }
            return Ok(Self(Target::Address(Contact { kind, address: name.to_owned() })));
        }
        let name = Name::parse(name)?.0;
        match what {
            "policy" => Ok(Self(Target::Policy(name.into()))),
            "rotation" => Ok(Self(Target::Rotation(name.into()))),
            "next" => Ok(Self(Target::Next(name.into()))),
            "previous" => Ok(Self(Target::Previous(name.into()))),
            "team" => Ok(Self(Target::Team(name.into()))),
            "user" => Ok(Self(Target::User(name.into()))),
            other => Err(format!("a step cannot page a `{other}`{}", hint(other, TARGETS))),
        }
    }

    fn print(&self) -> String {
        match &self.0 {
            Target::Next(id) => format!("next/{id}"),
            Target::Previous(id) => format!("previous/{id}"),
            Target::Address(contact) => format!("{}/{}", contact.kind, contact.address),
            other => target_words(other).replacen(' ', "/", 1),
        }
    }
}

/// `rotation primary`.
pub(crate) fn target_words(target: &Target) -> String {
    match target {
        Target::Policy(id) => format!("policy {id}"),
        Target::Rotation(id) => format!("rotation {id}"),
        Target::Team(id) => format!("team {id}"),
        Target::User(id) => format!("user {id}"),
        Target::Next(id) => format!("the next of rotation {id}"),
        Target::Previous(id) => format!("the previous of rotation {id}"),
        Target::Address(contact) => format!("{} {}", contact.kind, contact.address),
    }
}

impl Text for DayHours {
    const FORMAT: &'static str = "day-hours";
    const PATTERN: &'static str = "^[0-2][0-9]:[0-5][0-9] *- *[0-2][0-9]:[0-5][0-9]$";

    fn parse(text: &str) -> Result<Self, String> {
        let time = |part: &str| {
            let part = part.trim();
            // The end of a day is the beginning of the next.
            let part = if part == "24:00" { "00:00" } else { part };
            part.parse::<jiff::civil::Time>().ok().filter(|_| part.len() == 5)
        };
        let both = text.split_once('-').and_then(|(from, until)| Some((time(from)?, time(until)?)));
        let wrong = || format!("`{text}` are no hours: write them as `09:00-17:00`, or `22:00-06:00` over midnight");
        both.map(|(from, until)| Self(domain::when::Hours { from, until })).ok_or_else(wrong)
    }

    fn print(&self) -> String {
        self.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same<T: Text>(text: &str) -> String {
        T::parse(text).unwrap_or_else(|problem| panic!("{problem}")).print()
    }

    #[test]
    fn delays_are_whole_seconds() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h 30m", 5400), ("1h30m", 5400), ("0s", 0)] {
            assert_eq!(Delay::parse(text).map(|d| d.0), Ok(seconds), "{text}");
        }
        for text in ["", "5", "5 parsecs", "1.5h", "5ms", "1000ms", "-5m", "721h", "PT5M", "99999999999999h"] {
            assert!(Delay::parse(text).is_err(), "{text}");
        }
        assert_eq!(same::<Delay>("90s"), "1m 30s");
        assert_eq!(same::<Delay>("0s"), "0s");
    }

    #[test]
    fn sizes_turns_and_times_read_back() {
        for (text, printed) in [("5MiB", "5MiB"), ("1024KiB", "1MiB"), ("100B", "100B"), ("0B", "0B")] {
            assert_eq!(same::<Size>(text), printed);
        }
        assert!(Size::parse("5").is_err());
        assert!(Size::parse("5GB").is_err());
        assert_eq!(same::<TurnLength>("2w"), "2w");
        assert!(TurnLength::parse("0d").is_err());
        assert!(TurnLength::parse("53w").is_err());
        assert_eq!(same::<LocalTime>("2026-01-05T09:00"), "2026-01-05T09:00");
        assert!(LocalTime::parse("2026-02-30T09:00").is_err());
        assert!(LocalTime::parse("2026-01-05").is_err());
        assert_eq!(same::<PageTarget>("rotation/primary"), "rotation/primary");
        assert!(PageTarget::parse("primary").is_err());
        for text in ["next/primary", "previous/primary", "mail/ops@example.org", "webhook/https://hooks.example.org/a?b=c"] {
            assert_eq!(same::<PageTarget>(text), text);
        }
        for (text, printed) in [("22:00-06:00", "22:00-06:00"), ("08:30 - 24:00", "08:30-00:00")] {
            assert_eq!(same::<DayHours>(text), printed);
        }
        for text in ["", "9-17", "09:00", "25:00-26:00", "09:00-17:00-18:00"] {
            assert!(DayHours::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn zones_are_known_with_their_spelling() {
        assert_eq!(same::<Zone>("Europe/Rome"), "Europe/Rome");
        assert_eq!(same::<Zone>("europe/rome"), "Europe/Rome");
        assert_eq!(Zone::parse("Europe/Roma"), Err("`Europe/Roma` is no time zone; did you mean `Europe/Rome`?".into()));
    }
}
