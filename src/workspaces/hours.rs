//! When a workspace is open: spans of local time for each day of the week, and days on which it is closed. Time is counted
//! in what really passes, so that a change of the clocks lengthens or shortens a night and no target.

use jiff::{
    ToSpan,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    error::{Error, Result},
};

/// From one local time to another on the same day, as `HH:MM`; `24:00` is the day's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSpan {
    pub from: String,
    pub to: String,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename = "Weekday", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    const ALL: [Day; 7] = [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday];
}

/// The same span of time on several days, as settings have it.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct OpenTimes {
    pub days: Vec<Day>,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`; `24:00` is the day's end.
    pub to: String,
}

/// A week, by its days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpeningHours {
    pub monday: Vec<OpenSpan>,
    pub tuesday: Vec<OpenSpan>,
    pub wednesday: Vec<OpenSpan>,
    pub thursday: Vec<OpenSpan>,
    pub friday: Vec<OpenSpan>,
    pub saturday: Vec<OpenSpan>,
    pub sunday: Vec<OpenSpan>,
    pub closed_on: Vec<String>,
}

/// How far ahead is looked: a workspace that opens later than this does not open.
const MOST_DAYS: i32 = 800;

impl OpeningHours {
    /// From the form that settings have; none where nothing is said, which is always.
    pub fn of(times: &[OpenTimes], closed_on: &[String]) -> Option<Self> {
        let around_the_clock = OpenTimes { days: Day::ALL.to_vec(), from: "00:00".to_owned(), to: "24:00".to_owned() };
        let times = match (times, closed_on) {
            ([], []) => return None,
            ([], _) => std::slice::from_ref(&around_the_clock),
            (times, _) => times,
        };
        let mut hours = OpeningHours { closed_on: closed_on.to_vec(), ..OpeningHours::default() };
        for OpenTimes { days, from, to } in times {
            for day in days {
                let spans = match day {
                    Day::Monday => &mut hours.monday,
                    Day::Tuesday => &mut hours.tuesday,
                    Day::Wednesday => &mut hours.wednesday,
                    Day::Thursday => &mut hours.thursday,
                    Day::Friday => &mut hours.friday,
                    Day::Saturday => &mut hours.saturday,
                    Day::Sunday => &mut hours.sunday,
                };
                spans.push(OpenSpan { from: from.clone(), to: to.clone() });
            }
        }
        let week = [&mut hours.monday, &mut hours.tuesday, &mut hours.wednesday, &mut hours.thursday, &mut hours.friday, &mut hours.saturday, &mut hours.sunday];
        week.into_iter().for_each(|spans| spans.sort_by(|one, other| one.from.cmp(&other.from)));
        Some(hours)
    }

    fn spans(&self, weekday: Weekday) -> &[OpenSpan] {
        match weekday {
            Weekday::Monday => &self.monday,
            Weekday::Tuesday => &self.tuesday,
            Weekday::Wednesday => &self.wednesday,
            Weekday::Thursday => &self.thursday,
            Weekday::Friday => &self.friday,
            Weekday::Saturday => &self.saturday,
            Weekday::Sunday => &self.sunday,
        }
    }

    pub fn check(&self) -> Result<()> {
        let mut any = false;
        for (name, spans) in [("monday", &self.monday), ("tuesday", &self.tuesday), ("wednesday", &self.wednesday), ("thursday", &self.thursday), ("friday", &self.friday), ("saturday", &self.saturday), ("sunday", &self.sunday)] {
            let field = || format!("settings.openingHours.{name}");
            let mut end = -1;
            for span in spans {
                let (Some(from), Some(to)) = (minutes(&span.from), minutes(&span.to)) else {
                    return Err(Error::invalid(field(), "must have times like 09:00"));
                };
                if from >= to || from < end {
                    return Err(Error::invalid(field(), "must have spans that end after they begin and do not overlap"));
                }
                end = to;
                any = true;
            }
        }
        if self.closed_on.iter().any(|date| date.parse::<Date>().is_err()) || self.closed_on.len() > 400 {
            return Err(Error::invalid("settings.closedOn", "must have dates like 2026-12-25, at most 400"));
        }
        if !any {
            return Err(Error::invalid("settings.openingHours", "must be open at some time; an empty list means always"));
        }
        Ok(())
    }

    /// The open spans of one local day, as moments.
    fn on(&self, date: Date, zone: &TimeZone) -> Vec<(i64, i64)> {
        if self.closed_on.iter().any(|closed| closed.parse().is_ok_and(|closed: Date| closed == date)) {
            return Vec::new();
        }
        let moment = |minutes: i64| -> Option<i64> {
            let (date, minutes) = if minutes == 24 * 60 { (date.tomorrow().ok()?, 0) } else { (date, minutes) };
            let time = Time::new(i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?, 0, 0).ok()?;
            // A time that the clocks skip is read as what it would have been; one that comes twice as its first.
            Some(date.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp().as_millisecond())
        };
        self.spans(date.weekday()).iter().filter_map(|span| Some((moment(minutes(&span.from)?)?, moment(minutes(&span.to)?)?))).filter(|(from, to)| from < to).collect()
    }

    /// The spans that end after `from`, day by day.
    fn after(&self, from: Timestamp, zone: &TimeZone) -> impl Iterator<Item = (i64, i64)> {
        let today = jiff::Timestamp::from_millisecond(from.millis()).map(|time| time.to_zoned(zone.clone()).date()).unwrap_or_default();
        (0..MOST_DAYS).filter_map(move |days| today.checked_add(days.days()).ok()).flat_map(move |date| self.on(date, zone)).filter(move |(_, end)| *end > from.millis())
    }

    pub fn is_open(&self, at: Timestamp, zone: &TimeZone) -> bool {
        self.after(at, zone).next().is_some_and(|(from, _)| from <= at.millis())
    }

    /// When it opens next; now, where it is open.
    pub fn next_opening(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.after(at, zone).next().map(|(from, _)| Timestamp::from_millis(from.max(at.millis())))
    }

    /// The moment at which it has been open for `minutes` since `from`.
    pub fn add_open_time(&self, from: Timestamp, minutes: i64, zone: &TimeZone) -> Timestamp {
        let mut left = minutes.saturating_mul(60_000);
        let mut last = from.millis();
        for (begin, end) in self.after(from, zone) {
            let begin = begin.max(from.millis());
            if end - begin >= left {
                return Timestamp::from_millis(begin + left);
            }
            left -= end - begin;
            last = end;
        }
        Timestamp::from_millis(last.saturating_add(left))
    }
}

/// `HH:MM` as minutes of the day, up to 24:00.
fn minutes(text: &str) -> Option<i64> {
    let (hours, rest) = text.split_once(':')?;
    let digits = |part: &str| (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse::<i64>().ok()).flatten();
    let (hours, minutes) = (digits(hours)?, digits(rest)?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: &str, to: &str) -> Vec<OpenSpan> {
        vec![OpenSpan { from: from.into(), to: to.into() }]
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn open_time_is_counted_over_nights_weekends_and_holidays() {
        let day = || span("09:00", "17:00");
        let hours = OpeningHours { monday: day(), tuesday: day(), wednesday: day(), thursday: day(), friday: day(), closed_on: vec!["2026-12-25".into()], ..OpeningHours::default() };
        hours.check().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // Thursday 24 December, 16:00 in Berlin: one hour that day, Friday is closed, the rest on Monday.
        assert_eq!(hours.add_open_time(at("2026-12-24T15:00:00Z"), 120, &zone), at("2026-12-28T09:00:00Z"));
        assert!(!hours.is_open(at("2026-12-25T10:00:00Z"), &zone) && hours.is_open(at("2026-12-24T15:59:00Z"), &zone));
        assert_eq!(hours.next_opening(at("2026-12-24T16:00:00Z"), &zone), Some(at("2026-12-28T08:00:00Z")));
    }

    #[test]
    fn a_change_of_the_clocks_changes_the_day_and_not_the_time_that_passes() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let day = || span("09:00", "17:00");
        let hours = OpeningHours { friday: day(), monday: day(), ..OpeningHours::default() };
        // The clocks go forward on Sunday, 29 March 2026: 09:00 is 08:00 UTC before and 07:00 UTC after.
        assert_eq!(hours.add_open_time(at("2026-03-27T15:30:00Z"), 60, &zone), at("2026-03-30T07:30:00Z"));
        // And back on 25 October: 07:00 UTC before, 08:00 UTC after.
        assert_eq!(hours.add_open_time(at("2026-10-23T14:30:00Z"), 60, &zone), at("2026-10-26T08:30:00Z"));
        // Open around the clock, the night of 23 hours still has 1,440 minutes in 24 hours of real time.
        let all = OpeningHours { saturday: span("00:00", "24:00"), sunday: span("00:00", "24:00"), monday: span("00:00", "24:00"), ..OpeningHours::default() };
        assert_eq!(all.add_open_time(at("2026-03-28T12:00:00Z"), 1440, &zone), at("2026-03-29T12:00:00Z"));
        // A span that begins in the skipped hour begins when the clocks have jumped.
        let skipped = OpeningHours { sunday: span("02:30", "04:00"), ..OpeningHours::default() };
        assert_eq!(skipped.next_opening(at("2026-03-29T00:00:00Z"), &zone), Some(at("2026-03-29T01:30:00Z")));
    }

    #[test]
    fn hours_that_make_no_sense_are_refused() {
        for hours in [
            OpeningHours::default(),
            OpeningHours { monday: span("17:00", "09:00"), ..OpeningHours::default() },
            OpeningHours { monday: span("9", "17:00"), ..OpeningHours::default() },
            OpeningHours { monday: span("09:00", "25:00"), ..OpeningHours::default() },
            OpeningHours { monday: span("09:00", "17:00"), closed_on: vec!["Christmas".into()], ..OpeningHours::default() },
        ] {
            assert!(hours.check().is_err(), "{hours:?}");
        }
    }
}
