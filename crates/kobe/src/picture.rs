//! The picture of a market day: half an hour a character, in text.
//!
//! One line for the phase, one for the zones in which entries pass, one for how many slots are due and one for how many of them run. The axis is the wall clock: on the day
//! clocks spring forward an hour of it is blank.

use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use kobe_calendar::{Market, MarketDay, Phase};
use kobe_trade::zone::{self, ZoneRules};

use crate::output::Paint;
use crate::when;

/// Half hours of a wall clock's day.
const CELLS: usize = 48;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How many slots are due in each half hour of a date.
#[derive(Debug, Clone, Copy)]
pub struct Density([usize; CELLS]);

impl Density {
    /// Counts instants of a date by their half hour on the wall clock.
    pub fn of(instants: impl Iterator<Item = Timestamp>, market: &Market) -> Density {
        let mut cells = [0; CELLS];
        for at in instants {
            let local = market.local(at);
            cells[local.hour() as usize * 2 + local.minute() as usize / 30] += 1;
        }
        Density(cells)
    }

    fn bars(&self, most: usize) -> String {
        self.0
            .iter()
            .map(|n| match n {
                0 => ' ',
                n => BARS[((n * BARS.len()).div_ceil(most.max(1)) - 1).min(BARS.len() - 1)],
            })
            .collect()
    }
}

/// Returns the words over a day: its date, what kind of day it is, its hours.
pub fn title(day: &MarketDay, market: &Market, paint: Paint) -> String {
    let mut text = paint.bold(when::long_date(day.date));
    let kind = match (&day.session, &day.holiday) {
        (None, Some(name)) => format!("closed: {name}"),
        (None, None) => "weekend".to_owned(),
        (Some(session), _) => {
            let mut words = match (session.early_close, session.late_open) {
                (true, _) => "half day".to_owned(),
                (false, true) => "late open".to_owned(),
                (false, false) => "full session".to_owned(),
            };
            if let Some(note) = &session.note {
                let _ = write!(words, ": {note}");
            }
            let hours = format!("{}-{}", when::clock(session.open, market), when::clock(session.close, market));
            format!("{words}, {hours}")
        }
    };
    let _ = write!(text, " · {kind}");
    let hours = day.to.duration_since(day.from).as_hours();
    match hours {
        23 => text.push_str(" · clocks go forward at 02:00, the day has 23 hours"),
        25 => text.push_str(" · clocks go back at 02:00, the day has 25 hours"),
        _ => {}
    }
    text.push('\n');
    let tags = day.tags.names();
    if !tags.is_empty() {
        let _ = writeln!(text, "{}", paint.dim(format!("  {}", tags.join(", "))));
    }
    text
}

/// Draws the bands of a day.
pub fn bands(day: &MarketDay, market: &Market, due: Density, runs: Density, paint: Paint) -> String {
    let zones = zone::table(market, day, ZoneRules::STANDARD);
    let axis: String = (0..12).map(|i| format!("{:02}  ", i * 2)).collect();
    let (mut phases, mut entries) = (String::new(), String::new());
    for cell in 0..CELLS {
        let Some(at) = instant_of(day.date, cell, market) else {
            phases.push(' ');
            entries.push(' ');
            continue;
        };
        phases.push(sign(day.at(at).phase));
        let open = zones.iter().any(|z| z.entries && z.from <= at && at < z.to);
        entries.push(if open { '━' } else { ' ' });
    }
    let most = due.0.iter().copied().max().unwrap_or(0);
    let mut text = format!("         {}\n", paint.dim(axis.trim_end()));
    let mut line = |name: &str, band: &str, colour: fn(Paint, &str) -> String| {
        let band = band.trim_end();
        if !band.is_empty() {
            let _ = writeln!(text, "{name:>7}  {}", colour(paint, band));
        }
    };
    line("phase", &phases, |p, t| p.cyan(t));
    line("entries", &entries, |p, t| p.green(t));
    line("slots", &due.bars(most), |p, t| p.dim(t));
    line("run", &runs.bars(most), |p, t| p.green(t));
    text
}

/// Explains the signs.
pub fn legend(paint: Paint) -> String {
    let text = "         · closed  ░ early, after hours  ▒ pre-market  ▓ opening, closing half hour  █ session";
    format!("{}\n", paint.dim(text))
}

/// Returns the first instant of a half hour, or nothing where clocks skip it.
fn instant_of(date: Date, cell: usize, market: &Market) -> Option<Timestamp> {
    let resolved = market.instant(date.at((cell / 2) as i8, (cell % 2 * 30) as i8, 0, 0));
    (!resolved.shifted).then_some(resolved.at)
}

fn sign(phase: Phase) -> char {
    match phase {
        Phase::Night | Phase::Weekend | Phase::Holiday => '·',
        Phase::PreMarketEarly | Phase::AfterHours => '░',
        Phase::PreMarketActive => '▒',
        Phase::MarketOpening | Phase::MarketClose => '▓',
        Phase::MarketMorning | Phase::MarketLunch | Phase::MarketAfternoon => '█',
    }
}

/// Returns the segments of a day joined by phase: its first instant, the first after it, and the phase.
pub fn phases(day: &MarketDay) -> Vec<(Timestamp, Timestamp, Phase)> {
    let mut found: Vec<(Timestamp, Timestamp, Phase)> = Vec::new();
    for segment in &day.segments {
        match found.last_mut() {
            Some(last) if last.2 == segment.phase => last.1 = segment.to,
            _ => found.push((segment.from, segment.to, segment.phase)),
        }
    }
    found
}

/// Writes the end of a stretch on the wall clock; midnight at its end is 24:00.
pub fn end_clock(at: Timestamp, market: &Market) -> String {
    let before = market.local(at - SignedDuration::from_nanos(1)).date();
    if market.local(at).date() == before { when::clock(at, market) } else { "24:00".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(date: &str) -> String {
        let market = Market::bundled().unwrap();
        let day = market.day(date.parse().unwrap()).unwrap();
        let none = Density([0; CELLS]);
        format!("{}{}", title(&day, &market, Paint::NONE), bands(&day, &market, none, none, Paint::NONE))
    }

    #[test]
    fn days_look_like_themselves() {
        insta::assert_snapshot!(
            ["2026-11-23", "2026-11-26", "2026-11-27", "2002-09-11", "2026-03-08"].map(drawn).join("\n")
        );
    }

    #[test]
    fn bars_show_one_of_many_and_all() {
        let mut cells = [0; CELLS];
        (cells[0], cells[1], cells[2]) = (1, 50, 100);
        assert_eq!(Density(cells).bars(100).trim_end(), "▁▄█");
    }
}
