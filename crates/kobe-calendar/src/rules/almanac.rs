//! The almanac: days that the sun, the moon or a decree names, as Gregorian dates.
//!
//! Lunar months, Qingming and Umm al-Qura come from `data/almanac.csv`, which `tools/almanac` writes; the Hebrew
//! calendar, Orthodox Easter and Japan's equinoxes are arithmetic. Outside its table or its formula a function answers
//! `None` and never guesses. A function knows nothing of exchanges: what a day means is said by their files.
//!
//! Start at [`chinese`] and [`hijri`].

use jiff::SignedDuration;
use jiff::civil::{Date, date};

/// Written by `tools/almanac`. Every row, the header too, is [`WIDTH`] bytes long, so that a year is found without a
/// search and nothing needs to be kept between two calls.
const TABLE: &str = include_str!("../../data/almanac.csv");
const WIDTH: usize = 39;

/// The rows of a table within the file: the line of its first year, the year itself, the number of years.
#[derive(Clone, Copy)]
struct Block {
    name: &'static str,
    line: usize,
    first: i16,
    years: usize,
}

const CHINA: Block = Block { name: "china", line: 1, first: 1952, years: 100 };
const KOREA: Block = Block { name: "korea", line: 101, first: 1952, years: 100 };
const QINGMING: Block = Block { name: "qming", line: 201, first: 1952, years: 100 };
const HIJRI: Block = Block { name: "hijri", line: 301, first: 1372, years: 103 };

/// A row of the file: when a year begins, how long its months are, which of them comes twice.
struct Row {
    begins: Date,
    /// `1` for 30 days, `0` for 29, in the order in which the months come; `-` fills up.
    months: &'static [u8],
    /// The number of the month that is followed by a leap month; 0 if none is.
    leap: i8,
}

impl Block {
    fn row(self, year: i16) -> Option<Row> {
        let at = usize::try_from(year.checked_sub(self.first)?).ok().filter(|at| *at < self.years)?;
        let row = TABLE.get((self.line + at) * WIDTH..)?.get(..WIDTH - 1)?;
        let mut cells = row.split(',');
        if cells.next()? != self.name || cells.next()?.parse() != Ok(year) {
            return None;
        }
        let begins = cells.next()?.parse().ok()?;
        let months = cells.next()?.trim_end_matches('-').as_bytes();
        Some(Row { begins, months, leap: cells.next()?.parse().ok()? })
    }
}

impl Row {
    /// Returns how many months of the year come before month `month`, the leap month counted.
    fn place(&self, month: i8) -> Option<usize> {
        let regular = self.months.len() - usize::from(self.leap > 0);
        let before = usize::try_from(month).ok()?.checked_sub(1).filter(|before| *before < regular)?;
        Some(before + usize::from(self.leap > 0 && month > self.leap))
    }

    fn days(&self, place: usize) -> Option<i64> {
        self.months.get(place).map(|length| if *length == b'1' { 30 } else { 29 })
    }

    /// Returns the date on which the month at `place` begins.
    fn first(&self, place: usize) -> Option<Date> {
        let days = (0..place).map(|earlier| self.days(earlier)).sum::<Option<i64>>()?;
        later(self.begins, days)
    }

    fn date(&self, month: i8, day: i8) -> Option<Date> {
        let place = self.place(month)?;
        (1..=self.days(place)?).contains(&i64::from(day)).then(|| later(self.first(place)?, i64::from(day) - 1))?
    }

    fn last(&self, month: i8) -> Option<Date> {
        let place = self.place(month)? + usize::from(self.leap > 0 && month == self.leap);
        later(self.first(place)?, self.days(place)? - 1)
    }
}

fn later(date: Date, days: i64) -> Option<Date> {
    date.checked_add(SignedDuration::from_hours(24 * days)).ok()
}

/// Returns the date of a day of a month, never of a leap month, in the Chinese year that begins in Gregorian `year`
/// (1952 to 2051). Month 12 lies in the Gregorian year after it.
pub(crate) fn chinese(year: i16, month: i8, day: i8) -> Option<Date> {
    CHINA.row(year)?.date(month, day)
}

/// Returns the last day of a month of the Chinese year that begins in Gregorian `year`: that of the leap month of the
/// same number if one follows.
pub(crate) fn chinese_last(year: i16, month: i8) -> Option<Date> {
    CHINA.row(year)?.last(month)
}

/// Returns what [`chinese`] does, by the sky over Korea.
pub(crate) fn korean(year: i16, month: i8, day: i8) -> Option<Date> {
    KOREA.row(year)?.date(month, day)
}

/// Returns what [`chinese_last`] does, by the sky over Korea.
pub(crate) fn korean_last(year: i16, month: i8) -> Option<Date> {
    KOREA.row(year)?.last(month)
}

/// Returns the dates within the Gregorian `year` (1953 to 2051) that are this day of this month by Umm al-Qura, the
/// civil calendar of Saudi Arabia. A lunar year is eleven days shorter, so that there can be two of them; there is none
/// only for a day 30 that the month lacks.
pub(crate) fn hijri(year: i16, month: i8, day: i8) -> [Option<Date>; 2] {
    // The first year of the table begins in 1952: of that year not all is known.
    if !(1953..=2051).contains(&year) {
        return [None, None];
    }
    let near = ((i32::from(year) - 622) * 33 / 32) as i16;
    let mut found =
        (near - 1..=near + 2).filter_map(|hijri| HIJRI.row(hijri)?.date(month, day)).filter(|date| date.year() == year);
    [found.next(), found.next()]
}

/// Returns the day of Qingming, when the sun reaches 15 degrees by China's clock (1952 to 2051).
pub(crate) fn qingming(year: i16) -> Option<Date> {
    Some(QINGMING.row(year)?.begins)
}

/// A month of the Hebrew calendar, as exchanges name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HebrewMonth {
    Tishri,
    Heshvan,
    Kislev,
    Tevet,
    Shevat,
    /// Adar II in a leap year: the month of Purim.
    Adar,
    Nisan,
    Iyyar,
    Sivan,
    Tammuz,
    Av,
    Elul,
}

impl HebrewMonth {
    const NAMED: [(&str, HebrewMonth); 12] = [
        ("tishri", HebrewMonth::Tishri),
        ("heshvan", HebrewMonth::Heshvan),
        ("kislev", HebrewMonth::Kislev),
        ("tevet", HebrewMonth::Tevet),
        ("shevat", HebrewMonth::Shevat),
        ("adar", HebrewMonth::Adar),
        ("nisan", HebrewMonth::Nisan),
        ("iyyar", HebrewMonth::Iyyar),
        ("sivan", HebrewMonth::Sivan),
        ("tammuz", HebrewMonth::Tammuz),
        ("av", HebrewMonth::Av),
        ("elul", HebrewMonth::Elul),
    ];

    /// Reads the name of a month; `None` if it is none.
    pub(crate) fn parse(word: &str) -> Option<HebrewMonth> {
        HebrewMonth::NAMED.iter().find(|(name, _)| *name == word).map(|(_, month)| *month)
    }
}

/// Returns the date within the Gregorian `year` (1900 to 2100) that is this day of this Hebrew month; the first of two,
/// which only the end of Kislev and days of Tevet can have. `None` for a day that the month does not have in that year.
///
/// The arithmetic is that of the fixed calendar: the mean conjunction of Tishri decides the new year, and four
/// postponements keep feasts from falling beside a Sabbath (Reingold and Dershowitz, Calendrical Calculations).
pub(crate) fn hebrew(year: i16, month: HebrewMonth, day: i8) -> Option<Date> {
    if !(1900..=2100).contains(&year) {
        return None;
    }
    let anno_mundi = i64::from(year) + 3760;
    [anno_mundi, anno_mundi + 1]
        .into_iter()
        .filter_map(|of| hebrew_date(of, month, day))
        .find(|date| date.year() == year)
}

fn hebrew_date(year: i64, month: HebrewMonth, day: i8) -> Option<Date> {
    let (start, end) = (hebrew_new_year(year), hebrew_new_year(year + 1));
    let length = end - start;
    // 353, 354, 355 days, or 30 more in a leap year: two months give way.
    let heshvan = if length % 10 == 5 { 30 } else { 29 };
    let kislev = if length % 10 == 3 { 29 } else { 30 };
    let adar_one = if length > 380 { 30 } else { 0 };
    // Adar I stands before Adar as a month of its own that no name reaches.
    let lengths = [30, heshvan, kislev, 29, 30, adar_one, 29, 30, 29, 30, 29, 30, 29];
    let place = month as usize + usize::from(month as usize >= HebrewMonth::Adar as usize);
    let before: i64 = lengths[..place].iter().sum();
    (1..=lengths[place]).contains(&i64::from(day)).then(|| later(HEBREW_EPOCH, start + before + i64::from(day) - 1))?
}

/// Day 0 of the count of [`hebrew_new_year`]: 1 Tishri 5661, the first new year of the 20th century.
const HEBREW_EPOCH: Date = date(1900, 9, 24);

/// Returns the first day of a Hebrew year in days after [`HEBREW_EPOCH`].
fn hebrew_new_year(year: i64) -> i64 {
    let [before, here, after] = [year - 1, year, year + 1].map(conjunction_day);
    // No year may have 356 days, nor the one after a leap year 382.
    let delay = if after - here == 356 {
        2
    } else if here - before == 382 {
        1
    } else {
        0
    };
    here + delay - 2_067_289
}

/// Returns the day on which a Hebrew year begins by the mean conjunction and by what keeps it off Sunday, Wednesday and
/// Friday, in days after the day of the first conjunction of the count.
fn conjunction_day(year: i64) -> i64 {
    let months = (235 * year - 234) / 19;
    // A month has 29 days and 13,753 parts of 25,920 to a day; the first conjunction came 12,084 parts after noon.
    let day = 29 * months + (12_084 + 13_753 * months) / 25_920;
    day + i64::from((3 * (day + 1)) % 7 < 3)
}

/// Returns Orthodox Easter Sunday (1900 to 2099) as a Gregorian date: the computus of the Julian calendar (Meeus,
/// Astronomical Algorithms, chapter 8), 13 days later.
pub(crate) fn orthodox_easter(year: i16) -> Option<Date> {
    if !(1900..=2099).contains(&year) {
        return None;
    }
    let y = i32::from(year);
    let moon = (19 * (y % 19) + 15) % 30;
    let to_sunday = (2 * (y % 4) + 4 * (y % 7) - moon + 34) % 7;
    let days = moon + to_sunday + 114;
    later(Date::new(year, (days / 31) as i8, (days % 31 + 1) as i8).ok()?, 13)
}

/// Returns the vernal equinox by Tokyo's clock (1900 to 2099).
///
/// The law names the day of the equinox and the observatory announces it in February of the year before. The formula is
/// that of the Hydrographic Department of Japan's Coast Guard (Shin koyomi benri cho); it agrees with every announced day.
pub(crate) fn vernal_equinox(year: i16) -> Option<Date> {
    Date::new(year, 3, equinox_day(year, 20.8357, 20.8431)?).ok()
}

/// Returns the autumnal equinox by Tokyo's clock (1900 to 2099), by the formula of [`vernal_equinox`].
pub(crate) fn autumnal_equinox(year: i16) -> Option<Date> {
    Date::new(year, 9, equinox_day(year, 23.2588, 23.2488)?).ok()
}

fn equinox_day(year: i16, until_1979: f64, from_1980: f64) -> Option<i8> {
    let after = i32::from(year) - 1980;
    let (base, leap_days) = match year {
        // Both divisions go towards zero: that is how the formula is printed.
        1900..=1979 => (until_1979, (after - 3) / 4),
        1980..=2099 => (from_1980, after / 4),
        _ => return None,
    };
    Some((base + 0.242_194 * f64::from(after) - f64::from(leap_days)).floor() as i8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_file_is_read_and_meets_the_next() {
        assert!(TABLE.lines().all(|line| line.len() == WIDTH - 1), "a row has another width");
        assert_eq!(
            TABLE.lines().count(),
            1 + [CHINA, KOREA, QINGMING, HIJRI].map(|block| block.years).iter().sum::<usize>()
        );
        for block in [CHINA, KOREA, HIJRI] {
            for year in block.first..block.first + block.years as i16 {
                let row = block.row(year).unwrap_or_else(|| panic!("{} {year}", block.name));
                let end = row.first(row.months.len()).unwrap();
                if let Some(next) = block.row(year + 1) {
                    assert_eq!(end, next.begins, "{} {year} ends where {} begins", block.name, year + 1);
                }
            }
        }
        for outside in [1951, 2052] {
            assert_eq!((chinese(outside, 1, 1), korean(outside, 1, 1), qingming(outside)), (None, None, None));
            assert_eq!(hijri(outside, 1, 1), [None, None]);
        }
        assert_eq!(hijri(1952, 12, 1), [None, None], "of 1952 the table has only the end");
    }

    /// Lists the days from 1953 to 2051, each in another calendar of the crate icu_calendar.
    fn every_day<C: icu_calendar::AsCalendar + Copy>(calendar: C) -> Vec<(Date, icu_calendar::Date<C>)> {
        let days = (0..).map_while(|n| later(date(1953, 1, 1), n).filter(|day| day.year() <= 2051));
        let there = |day: Date| {
            let iso = icu_calendar::Date::try_new_iso(day.year().into(), day.month() as u8, day.day() as u8);
            iso.unwrap().to_calendar(calendar)
        };
        days.map(|day| (day, there(day))).collect()
    }

    #[test]
    fn chinese_and_korean_days_agree_with_icu_calendar_on_every_day() {
        use icu_calendar::cal::{ChineseTraditional, KoreanTraditional};

        let mut leap = 0;
        for (day, there) in every_day(ChineseTraditional::new()) {
            let (year, month) = (there.cyclic_year().related_iso as i16, there.month());
            leap += usize::from(month.to_input().is_leap());
            let found = chinese(year, month.number() as i8, there.day_of_month().0 as i8);
            assert_eq!(
                found == Some(day),
                !month.to_input().is_leap(),
                "{day} is {month:?} of {year}, found {found:?}"
            );
        }
        // 36 leap months in 99 years, of 29 or 30 days.
        assert!((36 * 29..=37 * 30).contains(&leap), "{leap} days in leap months");
        for (day, there) in every_day(KoreanTraditional::new()) {
            let (year, month) = (there.cyclic_year().related_iso as i16, there.month());
            let found = korean(year, month.number() as i8, there.day_of_month().0 as i8);
            assert_eq!(
                found == Some(day),
                !month.to_input().is_leap(),
                "{day} is {month:?} of {year}, found {found:?}"
            );
        }
    }

    /// Both tables are the decreed one from 1420 to 1450. Before, icu_calendar has an older reconstruction; after, it
    /// leaves the rule that has held since 1423, and this table keeps to it.
    #[test]
    fn umm_al_qura_agrees_with_icu_calendar_on_every_day_of_the_years_1420_to_1450() {
        let mut compared = 0;
        for (day, there) in every_day(icu_calendar::cal::Hijri::new_umm_al_qura()) {
            if !(1420..=1450).contains(&there.year().extended_year()) {
                continue;
            }
            let found = hijri(day.year(), there.month().number() as i8, there.day_of_month().0 as i8);
            assert!(found.contains(&Some(day)), "{day}, found {found:?}");
            compared += 1;
        }
        assert_eq!(compared, 10_985, "days in 31 years");
    }

    #[test]
    fn hebrew_days_agree_with_icu_calendar_on_every_day() {
        for (day, there) in every_day(icu_calendar::cal::Hebrew) {
            let month = there.month();
            // Adar I has no name here.
            if month.to_input().is_leap() {
                continue;
            }
            let named = HebrewMonth::NAMED[usize::from(month.number()) - 1].1;
            let found = hebrew(day.year(), named, there.day_of_month().0 as i8);
            let late = matches!(named, HebrewMonth::Kislev | HebrewMonth::Tevet);
            let first_of_two = late && found.is_some_and(|found| found < day);
            assert!(
                found == Some(day) || first_of_two,
                "{day} is {} {named:?}, found {found:?}",
                there.day_of_month().0
            );
        }
    }

    #[test]
    fn chinese_days_fall_on_their_published_dates() {
        let rows = [
            ("New Year of 1953", chinese(1953, 1, 1), date(1953, 2, 14)),
            ("New Year of 1985, a new moon before midnight", chinese(1985, 1, 1), date(1985, 2, 20)),
            ("New Year of 1997", chinese(1997, 1, 1), date(1997, 2, 7)),
            ("New Year of 2007", chinese(2007, 1, 1), date(2007, 2, 18)),
            ("New Year of 2020", chinese(2020, 1, 1), date(2020, 1, 25)),
            ("New Year of 2026", chinese(2026, 1, 1), date(2026, 2, 17)),
            ("New Year of 2027", chinese(2027, 1, 1), date(2027, 2, 6)),
            ("New Year of 2030", chinese(2030, 1, 1), date(2030, 2, 3)),
            ("New Year of 2033, before the year with the late leap month", chinese(2033, 1, 1), date(2033, 1, 31)),
            ("New Year of 2034, after it", chinese(2034, 1, 1), date(2034, 2, 19)),
            ("New Year's Eve of 2025", chinese_last(2024, 12), date(2025, 1, 28)),
            ("New Year's Eve of 2026, after a month of 29 days", chinese_last(2025, 12), date(2026, 2, 16)),
            ("Dragon Boat of 2020, after a leap month 4", chinese(2020, 5, 5), date(2020, 6, 25)),
            ("Dragon Boat of 2026", chinese(2026, 5, 5), date(2026, 6, 19)),
            ("Buddha's Birthday of 2025", chinese(2025, 4, 8), date(2025, 5, 5)),
            ("Mid-Autumn of 2025, after a leap month 6", chinese(2025, 8, 15), date(2025, 10, 6)),
            ("Mid-Autumn of 2026", chinese(2026, 8, 15), date(2026, 9, 25)),
            ("Chung Yeung of 2014, in the year of a leap month 9", chinese(2014, 9, 9), date(2014, 10, 2)),
            ("the end of month 9 of 2014, its leap month counted", chinese_last(2014, 9), date(2014, 11, 21)),
            ("Qingming of 2024", qingming(2024), date(2024, 4, 4)),
            ("Qingming of 2026", qingming(2026), date(2026, 4, 5)),
            ("Qingming of 2027", qingming(2027), date(2027, 4, 5)),
        ];
        for (what, found, expected) in rows {
            assert_eq!(found, Some(expected), "{what}");
        }
        assert_eq!(chinese(2026, 1, 31), None, "no month has 31 days");
        assert_eq!(
            (chinese(2026, 12, 30), chinese_last(2026, 12)),
            (None, Some(date(2027, 2, 5))),
            "a month of 29 days"
        );
        assert_eq!((chinese(2026, 13, 1), chinese(2026, 0, 1), chinese(2026, 1, 0)), (None, None, None));
    }

    #[test]
    fn korean_days_fall_on_their_published_dates() {
        let rows = [
            ("Seollal of 1997, a day after China's new year", korean(1997, 1, 1), date(1997, 2, 8)),
            ("Seollal of 2026", korean(2026, 1, 1), date(2026, 2, 17)),
            ("Seollal of 2027, a day after China's new year", korean(2027, 1, 1), date(2027, 2, 7)),
            ("Seollal of 2028, a day after China's new year", korean(2028, 1, 1), date(2028, 1, 27)),
            ("the eve of Seollal of 2025", korean_last(2024, 12), date(2025, 1, 28)),
            ("Buddha's Birthday of 2012, after a leap month 3", korean(2012, 4, 8), date(2012, 5, 28)),
            ("Buddha's Birthday of 2026", korean(2026, 4, 8), date(2026, 5, 24)),
            ("Chuseok of 2017, after a leap month 5", korean(2017, 8, 15), date(2017, 10, 4)),
            ("Chuseok of 2025", korean(2025, 8, 15), date(2025, 10, 6)),
            ("Chuseok of 2026", korean(2026, 8, 15), date(2026, 9, 25)),
        ];
        for (what, found, expected) in rows {
            assert_eq!(found, Some(expected), "{what}");
        }
    }

    #[test]
    fn umm_al_qura_gives_none_one_or_two_days_a_year() {
        let rows = [
            ("Eid al-Fitr of 2000, twice", hijri(2000, 10, 1), [Some(date(2000, 1, 8)), Some(date(2000, 12, 27))]),
            ("Eid al-Fitr of 2021", hijri(2021, 10, 1), [Some(date(2021, 5, 13)), None]),
            ("Eid al-Fitr of 2024", hijri(2024, 10, 1), [Some(date(2024, 4, 10)), None]),
            ("Eid al-Fitr of 2026", hijri(2026, 10, 1), [Some(date(2026, 3, 20)), None]),
            ("Eid al-Adha of 2006, twice", hijri(2006, 12, 10), [Some(date(2006, 1, 10)), Some(date(2006, 12, 31))]),
            ("Eid al-Adha of 2025", hijri(2025, 12, 10), [Some(date(2025, 6, 6)), None]),
            ("Eid al-Adha of 2026", hijri(2026, 12, 10), [Some(date(2026, 5, 27)), None]),
            ("New Year 1446", hijri(2024, 1, 1), [Some(date(2024, 7, 7)), None]),
            ("30 Shawwal of 2026, which has 29 days", hijri(2026, 10, 30), [None, None]),
        ];
        for (what, found, expected) in rows {
            assert_eq!(found, expected, "{what}");
        }
        // 99 Gregorian years hold 102 lunar ones.
        let eids = (1953..=2051).flat_map(|year| hijri(year, 10, 1)).flatten().count();
        assert_eq!(eids, 102);
    }

    #[test]
    fn hebrew_days_fall_on_their_published_dates() {
        use HebrewMonth::*;
        let rows = [
            ("Rosh Hashanah of 1900", hebrew(1900, Tishri, 1), date(1900, 9, 24)),
            ("Yom Kippur of 1973", hebrew(1973, Tishri, 10), date(1973, 10, 6)),
            ("Independence Day of 1948", hebrew(1948, Iyyar, 5), date(1948, 5, 14)),
            ("Passover of 2013", hebrew(2013, Nisan, 15), date(2013, 3, 26)),
            ("Rosh Hashanah of 2013, its earliest", hebrew(2013, Tishri, 1), date(2013, 9, 5)),
            ("Purim of 2024, in Adar II", hebrew(2024, Adar, 14), date(2024, 3, 24)),
            ("Passover of 2024", hebrew(2024, Nisan, 15), date(2024, 4, 23)),
            ("Shavuot of 2024", hebrew(2024, Sivan, 6), date(2024, 6, 12)),
            ("Rosh Hashanah of 2024", hebrew(2024, Tishri, 1), date(2024, 10, 3)),
            ("Purim of 2025", hebrew(2025, Adar, 14), date(2025, 3, 14)),
            ("Tisha B'Av of 2025", hebrew(2025, Av, 9), date(2025, 8, 3)),
            ("Rosh Hashanah of 2026", hebrew(2026, Tishri, 1), date(2026, 9, 12)),
            ("Hanukkah of 2026", hebrew(2026, Kislev, 25), date(2026, 12, 5)),
            ("10 Tevet of 2025, in its last week", hebrew(2025, Tevet, 10), date(2025, 1, 10)),
            ("Tu BiShvat of 2026", hebrew(2026, Shevat, 15), date(2026, 2, 2)),
            ("Rosh Hashanah of 2050", hebrew(2050, Tishri, 1), date(2050, 9, 17)),
        ];
        for (what, found, expected) in rows {
            assert_eq!(found, Some(expected), "{what}");
        }
        assert_eq!((hebrew(2026, Elul, 30), hebrew(1899, Tishri, 1)), (None, None));
        assert_eq!((HebrewMonth::parse("tammuz"), HebrewMonth::parse("adar2")), (Some(Tammuz), None));
        // A new year never falls on a Sunday, a Wednesday or a Friday.
        for year in 1900..=2100 {
            let day = hebrew(year, Tishri, 1).unwrap().weekday().to_monday_zero_offset();
            assert!(![6, 2, 4].contains(&day), "{year}");
        }
    }

    #[test]
    fn orthodox_easter_falls_on_its_published_dates() {
        let rows = [
            (1954, date(1954, 4, 25)),
            (1983, date(1983, 5, 8)),
            (2000, date(2000, 4, 30)),
            (2010, date(2010, 4, 4)),
            (2013, date(2013, 5, 5)),
            (2024, date(2024, 5, 5)),
            (2025, date(2025, 4, 20)),
            (2026, date(2026, 4, 12)),
            (2050, date(2050, 4, 17)),
        ];
        for (year, expected) in rows {
            assert_eq!(orthodox_easter(year), Some(expected), "{year}");
        }
        assert_eq!((orthodox_easter(1899), orthodox_easter(2100)), (None, None));
    }

    #[test]
    fn equinoxes_fall_on_the_days_that_japan_announced() {
        let rows = [
            (1953, date(1953, 3, 21), date(1953, 9, 23)),
            (1960, date(1960, 3, 20), date(1960, 9, 23)),
            (1979, date(1979, 3, 21), date(1979, 9, 24)),
            (1980, date(1980, 3, 20), date(1980, 9, 23)),
            (1991, date(1991, 3, 21), date(1991, 9, 23)),
            (2012, date(2012, 3, 20), date(2012, 9, 22)),
            (2013, date(2013, 3, 20), date(2013, 9, 23)),
            (2024, date(2024, 3, 20), date(2024, 9, 22)),
            (2026, date(2026, 3, 20), date(2026, 9, 23)),
            (2027, date(2027, 3, 21), date(2027, 9, 23)),
        ];
        for (year, spring, autumn) in rows {
            assert_eq!((vernal_equinox(year), autumnal_equinox(year)), (Some(spring), Some(autumn)), "{year}");
        }
        assert_eq!((vernal_equinox(1899), autumnal_equinox(2100)), (None, None));
    }
}
