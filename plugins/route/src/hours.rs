//! Hours of the week on the clock of a place: business hours, nights, weekends.

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use reveille_sdk::{Error, Result};
use serde::Deserialize;

/// As the operator writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoursSettings {
    /// IANA zone.
    pub zone: String,
    /// Days and spans of days, such as `mon-fri` or `sat`; none: every day.
    #[serde(default)]
    pub days: Vec<String>,
    /// `HH:MM`; none: midnight.
    #[serde(default)]
    pub from: Option<String>,
    /// `HH:MM`, not included; none: the end of the day. Before `from`: on the next day.
    #[serde(default)]
    pub to: Option<String>,
    /// Whether the rest of the week is meant instead.
    #[serde(default)]
    pub outside: bool,
}

/// Ready to ask.
#[derive(Debug, Clone)]
pub struct Hours {
    zone: TimeZone,
    /// By days since Monday; of a window over midnight, the day that it begins on.
    days: [bool; 7],
    from_minute: u16,
    /// Of the day, 1 to 1,440; at most `from_minute`: of the next day.
    to_minute: u16,
    outside: bool,
}

const DAY_MINUTES: u16 = 1_440;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Hours {
    /// Checks the settings; pointers begin at this window.
    pub fn compile(settings: &HoursSettings) -> Result<Self> {
        let zone = TimeZoneDatabase::bundled()
            .get(&settings.zone)
            .map_err(|_| Error::setting("/zone", format!("`{}` is no IANA time zone", settings.zone)))?;
        let mut days = [settings.days.is_empty(); 7];
        for (place, span) in settings.days.iter().enumerate() {
            mark(&mut days, span).map_err(|why| Error::setting(format!("/days/{place}"), why))?;
        }
        let from_minute = settings.from.as_deref().map_or(Ok(0), |text| minute(text, "/from"))?;
        let to_minute = settings.to.as_deref().map_or(Ok(DAY_MINUTES), |text| minute(text, "/to"))?;
        if from_minute == DAY_MINUTES {
            return Err(Error::setting("/from", "a window cannot begin at 24:00: write 00:00"));
        }
        if from_minute == to_minute {
            return Err(Error::setting("/to", "the window is empty: `from` and `to` are the same"));
        }
        Ok(Self { zone, days, from_minute, to_minute, outside: settings.outside })
    }

    /// Whether this instant (milliseconds since 1970) is meant. One that no calendar holds is not.
    pub fn hold(&self, at_ms: i64) -> bool {
        let Ok(at) = Timestamp::from_millisecond(at_ms) else { return false };
        let local = at.to_zoned_datetime(self.zone.clone());
        self.inside(local.weekday(), minute_of(local.time())) != self.outside
    }

    fn inside(&self, weekday: Weekday, minute: u16) -> bool {
        let today = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0) % 7;
        let yesterday = (today + 6) % 7;
        if self.from_minute < self.to_minute {
            self.days[today] && (self.from_minute..self.to_minute).contains(&minute)
        } else {
            (self.days[today] && minute >= self.from_minute) || (self.days[yesterday] && minute < self.to_minute)
        }
    }
}

fn minute_of(time: Time) -> u16 {
    u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs())
}

/// `HH:MM`, up to `24:00`.
fn minute(text: &str, pointer: &str) -> Result<u16> {
    let parsed = text.split_once(':').and_then(|(hours, minutes)| {
        let digits = |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u16>().ok())?;
        let (hours, minutes) = (digits(hours)?, digits(minutes)?);
        (minutes < 60 && hours * 60 + minutes <= DAY_MINUTES).then_some(hours * 60 + minutes)
    });
    parsed.ok_or_else(|| Error::setting(pointer, format!("`{text}` is no time of day: write it as `08:30`")))
}

/// `fri` or `fri-mon`.
fn mark(days: &mut [bool; 7], span: &str) -> std::result::Result<(), String> {
    let day = |name: &str| DAYS.iter().position(|known| known.eq_ignore_ascii_case(name.trim()));
    let (first, last) = span.split_once('-').unwrap_or((span, span));
    let (Some(first), Some(last)) = (day(first), day(last)) else {
        return Err(format!("`{span}` is no day: known are {}, and spans such as `mon-fri`", DAYS.join(", ")));
    };
    let count = (last + 7 - first) % 7;
    for offset in 0..=count {
        days[(first + offset) % 7] = true;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(zone: &str, days: &[&str], from: Option<&str>, to: Option<&str>) -> Hours {
        Hours::compile(&HoursSettings {
            zone: zone.into(),
            days: days.iter().map(|day| (*day).to_owned()).collect(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            outside: false,
        })
        .unwrap()
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn business_hours_end_on_the_minute() {
        let office = hours("Europe/Rome", &["mon-fri"], Some("09:00"), Some("17:00"));
        // Monday 2026-07-13; Rome is two hours ahead of UTC in summer, one in winter.
        assert!(office.hold(at("2026-07-13T07:00:00Z")));
        assert!(!office.hold(at("2026-07-13T06:59:59Z")));
        assert!(!office.hold(at("2026-07-13T15:00:00Z")));
        assert!(!office.hold(at("2026-07-12T10:00:00Z")), "a Sunday");
        assert!(office.hold(at("2026-01-12T08:00:00Z")));
        assert!(!office.hold(at("2026-01-12T07:59:00Z")));
    }

    #[test]
    fn a_night_belongs_to_the_day_it_begins_on() {
        let friday_night = hours("UTC", &["fri"], Some("22:00"), Some("06:00"));
        assert!(friday_night.hold(at("2026-07-17T23:00:00Z")));
        assert!(friday_night.hold(at("2026-07-18T05:59:00Z")));
        assert!(!friday_night.hold(at("2026-07-18T06:00:00Z")));
        assert!(!friday_night.hold(at("2026-07-18T23:00:00Z")));
        assert!(!friday_night.hold(at("2026-07-17T05:00:00Z")), "that night began on Thursday");
    }

    #[test]
    fn spans_of_days_may_go_over_sunday() {
        let weekend = hours("UTC", &["sat-mon"], None, None);
        for (date, held) in [("17", false), ("18", true), ("19", true), ("20", true), ("21", false)] {
            assert_eq!(weekend.hold(at(&format!("2026-07-{date}T12:00:00Z"))), held, "{date}");
        }
    }

    #[test]
    fn the_rest_of_the_week() {
        let mut nights = hours("UTC", &["mon-fri"], Some("09:00"), Some("17:00"));
        nights.outside = true;
        assert!(nights.hold(at("2026-07-13T03:00:00Z")));
        assert!(!nights.hold(at("2026-07-13T10:00:00Z")));
    }

    #[test]
    fn bad_settings_name_their_place() {
        let base = HoursSettings { zone: "UTC".into(), days: vec![], from: None, to: None, outside: false };
        let cases = [
            (HoursSettings { zone: "Europe/Atlantis".into(), ..base.clone() }, "/zone: "),
            (HoursSettings { days: vec!["mon".into(), "funday".into()], ..base.clone() }, "/days/1: "),
            (HoursSettings { from: Some("9:00".into()), ..base.clone() }, "/from: "),
            (HoursSettings { to: Some("24:01".into()), ..base.clone() }, "/to: "),
            (HoursSettings { from: Some("10:00".into()), to: Some("10:00".into()), ..base.clone() }, "/to: "),
        ];
        for (settings, pointer) in cases {
            let error = Hours::compile(&settings).unwrap_err().to_string();
            assert!(error.starts_with(pointer), "{error}");
        }
    }
}
