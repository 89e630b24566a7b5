//! Days of a year, by rule: `jul 4`, `3rd mon of jan`, `easter -2`.
//!
//! A rule names a date in each year; what the moon of Mecca says may be none or two. Start at [`DayRule::parse`] and [`DayRule::in_year`].

use jiff::SignedDuration;
use jiff::civil::{Date, Weekday};

use super::almanac::{self, HebrewMonth};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A rule that names a date in each year; by the moon of Mecca none or two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DayRule {
    anchor: Anchor,
    /// Days after the anchor.
    offset: i8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anchor {
    /// `jul 4`
    Fixed {
        month: i8,
        day: i8,
    },
    /// `3rd mon of jan`; `last` is -1.
    Nth {
        nth: i8,
        weekday: Weekday,
        month: i8,
    },
    /// `tue from nov 2`: the first such weekday on or after it.
    From {
        weekday: Weekday,
        month: i8,
        day: i8,
    },
    /// `mon until may 24`: the last such weekday on or before it.
    Until {
        weekday: Weekday,
        month: i8,
        day: i8,
    },
    /// Western Easter Sunday.
    Easter,
    /// Easter Sunday of the Eastern churches.
    OrthodoxEaster,
    VernalEquinox,
    AutumnalEquinox,
    Qingming,
    /// `chinese 1 1`, `chinese 12 last`
    Chinese {
        month: i8,
        day: Moon,
    },
    /// `korean 8 15`
    Korean {
        month: i8,
        day: Moon,
    },
    /// `hijri 10 1`
    Hijri {
        month: i8,
        day: i8,
    },
    /// `hebrew tishri 1`
    Hebrew {
        month: HebrewMonth,
        day: i8,
    },
}

/// A day of a lunar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moon {
    Day(i8),
    Last,
}

impl DayRule {
    /// Reads a rule; `None` if it does not name a day.
    pub(crate) fn parse(text: &str) -> Option<DayRule> {
        let (words, offset) = words_and_offset(text)?;
        let anchor = match words[..] {
            ["easter"] => Anchor::Easter,
            ["orthodox", "easter"] => Anchor::OrthodoxEaster,
            ["vernal", "equinox"] => Anchor::VernalEquinox,
            ["autumnal", "equinox"] => Anchor::AutumnalEquinox,
            ["qingming"] => Anchor::Qingming,
            ["chinese", month, day] => Anchor::Chinese { month: lunar_month(month)?, day: moon(day)? },
            ["korean", month, day] => Anchor::Korean { month: lunar_month(month)?, day: moon(day)? },
            ["hijri", month, day] => Anchor::Hijri { month: lunar_month(month)?, day: lunar_day(day)? },
            ["hebrew", month, day] => Anchor::Hebrew { month: HebrewMonth::parse(month)?, day: lunar_day(day)? },
            [on, "from", of, number] => {
                let (month, day) = month_day(of, number)?;
                Anchor::From { weekday: weekday(on)?, month, day }
            }
            [on, "until", of, number] => {
                let (month, day) = month_day(of, number)?;
                Anchor::Until { weekday: weekday(on)?, month, day }
            }
            [nth, on, "of", of] => {
                let nth = match nth {
                    "1st" => 1,
                    "2nd" => 2,
                    "3rd" => 3,
                    "4th" => 4,
                    "last" => -1,
                    _ => return None,
                };
                Anchor::Nth { nth, weekday: weekday(on)?, month: month(of)? }
            }
            [of, number] => {
                let (month, day) = month_day(of, number)?;
                Anchor::Fixed { month, day }
            }
            _ => return None,
        };
        Some(DayRule { anchor, offset })
    }

    /// Lists its dates in `year`, at most two: none for a February 29 that the year does not have, or outside the almanac.
    pub(crate) fn in_year(self, year: i16) -> impl Iterator<Item = Date> {
        let one = |date: Option<Date>| [date, None];
        let dates = match self.anchor {
            Anchor::Fixed { month, day } => one(Date::new(year, month, day).ok()),
            Anchor::Nth { nth, weekday, month } => {
                one(Date::new(year, month, 1).and_then(|first| first.nth_weekday_of_month(nth, weekday)).ok())
            }
            Anchor::From { weekday, month, day } => one(Date::new(year, month, day).ok().and_then(|first| {
                let ahead = (monday_zero(weekday) - monday_zero(first.weekday())).rem_euclid(7);
                shift(first, ahead)
            })),
            Anchor::Until { weekday, month, day } => one(Date::new(year, month, day).ok().and_then(|last| {
                let behind = (monday_zero(last.weekday()) - monday_zero(weekday)).rem_euclid(7);
                shift(last, -behind)
            })),
            Anchor::Easter => one(easter(year)),
            Anchor::OrthodoxEaster => one(almanac::orthodox_easter(year)),
            Anchor::VernalEquinox => one(almanac::vernal_equinox(year)),
            Anchor::AutumnalEquinox => one(almanac::autumnal_equinox(year)),
            Anchor::Qingming => one(almanac::qingming(year)),
            Anchor::Chinese { month, day: Moon::Day(day) } => one(almanac::chinese(year, month, day)),
            Anchor::Chinese { month, day: Moon::Last } => one(almanac::chinese_last(year, month)),
            Anchor::Korean { month, day: Moon::Day(day) } => one(almanac::korean(year, month, day)),
            Anchor::Korean { month, day: Moon::Last } => one(almanac::korean_last(year, month)),
            Anchor::Hijri { month, day } => almanac::hijri(year, month, day),
            Anchor::Hebrew { month, day } => one(almanac::hebrew(year, month, day)),
        };
        dates.into_iter().flatten().filter_map(move |date| shift(date, self.offset))
    }
}

/// A rule that names a session of each year, once it is known which days are sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionRule {
    /// `first session of jan`
    First { month: i8 },
    /// `last session of dec`
    Last { month: i8 },
    /// `last session until dec 24`: the last one on or before it.
    Until { month: i8, day: i8 },
}

/// A rule for changed hours: a day of the year, or a session of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    Day(DayRule),
    Session(SessionRule, i8),
}

impl Occasion {
    /// Reads a rule; `None` if it names neither.
    pub(crate) fn parse(text: &str) -> Option<Occasion> {
        let (words, offset) = words_and_offset(text)?;
        let rule = match words[..] {
            ["first", "session", "of", of] => SessionRule::First { month: month(of)? },
            ["last", "session", "of", of] => SessionRule::Last { month: month(of)? },
            ["last", "session", "until", of, number] => {
                let (month, day) = month_day(of, number)?;
                SessionRule::Until { month, day }
            }
            _ => return DayRule::parse(text).map(Occasion::Day),
        };
        Some(Occasion::Session(rule, offset))
    }
}

impl SessionRule {
    /// Returns its date in `year`, asking of each day whether it is a session; looks at no more than two months.
    pub(crate) fn in_year(self, year: i16, is_session: impl Fn(Date) -> bool) -> Option<Date> {
        let (from, step) = match self {
            SessionRule::First { month } => (Date::new(year, month, 1).ok()?, 1),
            SessionRule::Last { month } => (Date::new(year, month, 1).ok()?.last_of_month(), -1),
            SessionRule::Until { month, day } => (Date::new(year, month, day).ok()?, -1),
        };
        let days = (0..LOOKED_AT).filter_map(|n| shift(from, n * step));
        days.into_iter().find(|date| is_session(*date))
    }
}

/// Days that are looked at for a session.
const LOOKED_AT: i8 = 60;

/// Splits a rule into its words and the number of days after it.
fn words_and_offset(text: &str) -> Option<(Vec<&str>, i8)> {
    let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
    let mut offset = 0;
    if let Some(last) = words.last()
        && last.starts_with(['+', '-'])
    {
        offset = last.parse().ok()?;
        words.pop();
    }
    Some((words, offset))
}

fn lunar_month(word: &str) -> Option<i8> {
    word.parse().ok().filter(|month| (1..=12).contains(month))
}

fn lunar_day(word: &str) -> Option<i8> {
    word.parse().ok().filter(|day| (1..=30).contains(day))
}

fn moon(word: &str) -> Option<Moon> {
    if word == "last" { Some(Moon::Last) } else { lunar_day(word).map(Moon::Day) }
}

/// Returns the date `days` after `date`.
pub(crate) fn shift(date: Date, days: i8) -> Option<Date> {
    date.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()
}

/// Returns Western Easter Sunday by the anonymous Gregorian computus (Nature, 1876; Meeus, Astronomical Algorithms,
/// chapter 8).
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let golden = y % 19;
    let (century, year_of) = (y / 100, y % 100);
    let skipped = century - century / 4 - (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + skipped + 15) % 30;
    let to_sunday = (32 + 2 * (century % 4) + 2 * (year_of / 4) - epact - year_of % 4) % 7;
    let late = (golden + 11 * epact + 22 * to_sunday) / 451;
    let days = epact + to_sunday - 7 * late + 114;
    Date::new(year, (days / 31) as i8, (days % 31 + 1) as i8).ok()
}

fn month_day(of: &str, number: &str) -> Option<(i8, i8)> {
    let (month, day) = (month(of)?, number.parse().ok()?);
    // 2024 is a leap year: a rule may name February 29.
    Date::new(2024, month, day).ok()?;
    Some((month, day))
}

fn month(word: &str) -> Option<i8> {
    MONTHS.iter().position(|name| *name == word).map(|at| at as i8 + 1)
}

fn weekday(word: &str) -> Option<Weekday> {
    let at = DAYS.iter().position(|name| *name == word)?;
    Weekday::from_monday_zero_offset(at as i8).ok()
}

fn monday_zero(weekday: Weekday) -> i8 {
    weekday.to_monday_zero_offset()
}

/// A set of weekdays: `mon-fri`, `mon tue thu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weekdays(u8);

impl Weekdays {
    pub(crate) const fn all() -> Weekdays {
        Weekdays(0b111_1111)
    }

    pub(crate) fn parse(text: &str) -> Option<Weekdays> {
        let mut set = 0;
        for word in text.split_ascii_whitespace() {
            let (from, to) = word.split_once('-').unwrap_or((word, word));
            let (from, to) = (monday_zero(weekday(from)?), monday_zero(weekday(to)?));
            if from > to {
                return None;
            }
            (from..=to).for_each(|day| set |= 1 << day);
        }
        (set != 0).then_some(Weekdays(set))
    }

    pub(crate) fn contains(self, weekday: Weekday) -> bool {
        self.0 & (1 << monday_zero(weekday)) != 0
    }

    pub(crate) const fn none() -> Weekdays {
        Weekdays(0)
    }

    pub(crate) fn meets(self, other: Weekdays) -> bool {
        self.0 & other.0 != 0
    }
}

/// Ranges of years: `1998..`, `..1963`, `1964..1970`, `1992`, `1968..1980/4`, or several: `2000..2019 2022..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Years(Vec<Range>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    from: i16,
    to: i16,
    every: i16,
}

impl Years {
    pub(crate) fn always() -> Years {
        Years(vec![Range { from: i16::MIN, to: i16::MAX, every: 1 }])
    }

    pub(crate) const fn never() -> Years {
        Years(Vec::new())
    }

    pub(crate) fn parse(text: &str) -> Option<Years> {
        let ranges = text.split_ascii_whitespace().map(Range::parse).collect::<Option<Vec<_>>>()?;
        let rising = ranges.windows(2).all(|pair| pair[0].to < pair[1].from);
        (!ranges.is_empty() && rising).then_some(Years(ranges))
    }

    /// Returns the same ranges so many years later; open ends stay open.
    #[cfg(test)]
    pub(crate) fn shifted(&self, by: i16) -> Years {
        let end = |year: i16| if matches!(year, i16::MIN | i16::MAX) { year } else { year + by };
        Years(self.0.iter().map(|range| Range { from: end(range.from), to: end(range.to), ..*range }).collect())
    }

    pub(crate) fn contains(&self, year: i16) -> bool {
        self.0.iter().any(|range| range.contains(year))
    }
}

impl Range {
    fn parse(text: &str) -> Option<Range> {
        let (range, every) = match text.split_once('/') {
            Some((range, every)) => (range, every.parse().ok().filter(|every| *every > 0)?),
            None => (text, 1),
        };
        let (from, to) = match range.split_once("..") {
            None => (year(range)?, year(range)?),
            Some(("", "")) => return None,
            Some(("", to)) if every == 1 => (i16::MIN, year(to)?),
            Some((from, "")) => (year(from)?, i16::MAX),
            Some((from, to)) => (year(from)?, year(to)?),
        };
        (from <= to).then_some(Range { from, to, every })
    }

    fn contains(self, year: i16) -> bool {
        self.from <= year && year <= self.to && (self.every == 1 || (year - self.from) % self.every == 0)
    }
}

fn year(text: &str) -> Option<i16> {
    (text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_rule_names_one_day_a_year() {
        let rows = [
            ("jul 4", 2026, Some(date(2026, 7, 4))),
            ("feb 29", 2023, None),
            ("feb 29", 2024, Some(date(2024, 2, 29))),
            ("3rd mon of jan", 1998, Some(date(1998, 1, 19))),
            ("last mon of may", 2027, Some(date(2027, 5, 31))),
            ("4th thu of nov +1", 2026, Some(date(2026, 11, 27))),
            ("tue from nov 2", 1960, Some(date(1960, 11, 8))),
            ("tue from nov 2", 1976, Some(date(1976, 11, 2))),
            ("mon until may 24", 2026, Some(date(2026, 5, 18))),
            ("mon until may 24", 2027, Some(date(2027, 5, 24))),
            ("orthodox easter -2", 2024, Some(date(2024, 5, 3))),
            ("vernal equinox", 2026, Some(date(2026, 3, 20))),
            ("qingming", 2026, Some(date(2026, 4, 5))),
            ("chinese 1 1", 2026, Some(date(2026, 2, 17))),
            ("chinese 12 last", 2025, Some(date(2026, 2, 16))),
            ("korean 8 15", 2026, Some(date(2026, 9, 25))),
            ("hijri 10 1", 2026, Some(date(2026, 3, 20))),
            ("hebrew tishri 1", 2026, Some(date(2026, 9, 12))),
            ("easter -2", 2019, Some(date(2019, 4, 19))),
            ("easter", 1954, Some(date(1954, 4, 18))),
            ("easter", 1981, Some(date(1981, 4, 19))),
            ("easter", 2038, Some(date(2038, 4, 25))),
            ("easter", 2049, Some(date(2049, 4, 18))),
        ];
        for (text, year, expected) in rows {
            let rule = DayRule::parse(text).unwrap_or_else(|| panic!("{text} is a rule"));
            assert_eq!(rule.in_year(year).next(), expected, "{text} in {year}");
        }
    }

    #[test]
    fn what_names_no_day_is_refused() {
        for text in [
            "",
            "jul",
            "jul 32",
            "feb 30",
            "5th mon of jan",
            "3rd mon jan",
            "mon from",
            "easter +x",
            "july 4",
            "chinese 13 1",
            "hebrew may 1",
        ] {
            assert_eq!(DayRule::parse(text), None, "{text}");
        }
        for text in ["", "fri-mon", "mo", "mon,tue"] {
            assert_eq!(Weekdays::parse(text), None, "{text}");
        }
        for text in ["", "..", "98", "2000..1999", "1968..1980/0", "..1980/4", "1968/x", "2000.. 1990"] {
            assert_eq!(Years::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_rule_names_a_session_of_the_year() {
        // A year in which nothing trades on the first three days of January and the last two of December.
        let open = |date: Date| !(date.month() == 1 && date.day() <= 3 || date.month() == 12 && date.day() >= 30);
        let rows = [
            ("first session of jan", date(2026, 1, 4)),
            ("last session of dec", date(2026, 12, 29)),
            ("last session until dec 24", date(2026, 12, 24)),
            ("last session until dec 31", date(2026, 12, 29)),
        ];
        for (text, expected) in rows {
            let Some(Occasion::Session(rule, 0)) = Occasion::parse(text) else { panic!("{text} names a session") };
            assert_eq!(rule.in_year(2026, open), Some(expected), "{text}");
        }
        assert_eq!(Occasion::parse("first session of year"), None);
    }

    #[test]
    fn years_count_from_their_first() {
        let presidential = Years::parse("1968..1980/4").unwrap();
        let held: Vec<i16> = (1960..1990).filter(|year| presidential.contains(*year)).collect();
        assert_eq!(held, [1968, 1972, 1976, 1980]);
        assert!(Years::parse("..1963").unwrap().contains(1953) && !Years::parse("..1963").unwrap().contains(1964));
        assert!(Years::parse("1992").unwrap().contains(1992) && !Years::parse("1992").unwrap().contains(1993));
    }
}
