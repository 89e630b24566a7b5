//! The pictures over time: equity beside the index, the result of each trade, both lines on one scale, and the drawdown.

use std::fmt::Write as _;

use jiff::civil::Date;
use kobe_trade::money::Decimal;

use super::super::story::{Point, float};
use super::super::text::{self, dollars, percent, percent_to, signed};
use super::super::{Report, TradeRow};
use super::svg::{self, Scale, px};

pub(super) const WIDTH: f64 = 1080.0;
pub(super) const LEFT: f64 = 76.0;
pub(super) const RIGHT: f64 = 64.0;

/// The days of the run from left to right, one step a session.
struct Days<'a> {
    points: &'a [Point],
    dates: Vec<Date>,
    scale: Scale,
}

impl<'a> Days<'a> {
    fn of(points: &'a [Point]) -> Days<'a> {
        let scale = Scale::new((0.0, points.len().saturating_sub(1) as f64), (LEFT, WIDTH - RIGHT));
        Days { points, dates: points.iter().map(|point| point.date).collect(), scale }
    }

    fn x(&self, at: usize) -> f64 {
        self.scale.at(at as f64)
    }

    /// Returns the place of a date, or of the session after it.
    fn place(&self, date: Date) -> Option<usize> {
        let at = self.dates.partition_point(|d| *d < date);
        (at < self.dates.len()).then_some(at)
    }

    /// Draws the grid of days over a panel and, on demand, its labels.
    fn grid(&self, top: f64, bottom: f64, labels: bool) -> String {
        let mut text = String::new();
        for tick in svg::day_ticks(&self.dates) {
            let x = px(self.x(tick.at));
            let _ = write!(text, r#"<path class="grid" d="M{x} {}V{}"/>"#, px(top), px(bottom));
            if labels {
                let _ = write!(
                    text,
                    r#"<text class="tick" x="{x}" y="{}" text-anchor="middle">{}</text>"#,
                    px(bottom + 18.0),
                    text::html(&tick.label)
                );
            }
        }
        text
    }
}

/// The values of one axis with its labels.
struct Axis {
    scale: Scale,
    ticks: Vec<f64>,
}

impl Axis {
    fn new(range: (f64, f64), (top, bottom): (f64, f64), count: usize) -> Axis {
        Axis { scale: Scale::new(range, (bottom, top)), ticks: svg::ticks(range, count) }
    }

    fn lines(&self) -> String {
        self.ticks.iter().fold(String::new(), |mut text, tick| {
            let _ = write!(
                text,
                r#"<path class="grid" d="M{} {}H{}"/>"#,
                px(LEFT),
                px(self.scale.at(*tick)),
                px(WIDTH - RIGHT)
            );
            text
        })
    }

    fn labels(&self, left: bool, class: &str, write: impl Fn(f64, usize) -> String) -> String {
        let places = svg::places(&self.ticks);
        let (x, anchor) = if left { (LEFT - 10.0, "end") } else { (WIDTH - RIGHT + 10.0, "start") };
        self.ticks.iter().fold(String::new(), |mut text, tick| {
            let y = px(self.scale.at(*tick) + 4.0);
            let _ = write!(
                text,
                r#"<text class="tick {class}" x="{}" y="{y}" text-anchor="{anchor}">{}</text>"#,
                px(x),
                write(*tick, places)
            );
            text
        })
    }
}

fn grouped(value: f64, places: usize) -> String {
    let decimal = Decimal::try_from(value).unwrap_or_default();
    let text = dollars(decimal);
    if places == 0 { text.trim_end_matches(".00").to_owned() } else { text }
}

fn open(height: f64, id: &str, label: &str) -> String {
    format!(
        r#"<svg id="{id}" viewBox="0 0 {} {}" role="img" aria-label="{}">"#,
        px(WIDTH),
        px(height),
        text::html(label)
    )
}

/// Draws equity on its own axis beside the index on another, with every trade marked and its result below.
pub(super) fn equity(report: &Report) -> String {
    let days = Days::of(&report.curve);
    let equity = |point: &Point| float(point.equity);
    let Some(range) = svg::range(report.curve.iter().map(equity), 0.09) else { return String::new() };
    let (top, bottom) = (18.0, 322.0);
    let lane = (bottom + 26.0, bottom + 104.0);
    let trades = !report.trades.is_empty();
    let height = if trades { lane.1 + 30.0 } else { bottom + 30.0 };
    let own = Axis::new(range, (top, bottom), 8);
    let mut out = open(
        height,
        "equity",
        "Equity of the desk on the left axis, the index on the right axis, trades marked on the equity line",
    );
    out += &days.grid(top, if trades { lane.1 } else { bottom }, true);
    out += &own.lines();
    out += &own.labels(true, "own", grouped);
    out += &marks(report, &days, top, bottom);
    if let Some(range) = svg::range(report.curve.iter().filter_map(|point| point.index), 0.09) {
        let index = Axis::new(range, (top, bottom), 8);
        out += &index.labels(false, "index", grouped);
        let path = svg::line(days.points.iter().enumerate().map(|(i, p)| Some((days.x(i), index.scale.at(p.index?)))));
        let _ = write!(out, r#"<path class="index line" d="{path}"/>"#);
    }
    let path = svg::line(days.points.iter().enumerate().map(|(i, p)| Some((days.x(i), own.scale.at(equity(p))))));
    let _ = write!(out, r#"<path class="own line" d="{path}"/>"#);
    if let (1, Some(point)) = (report.curve.len(), report.curve.first()) {
        let _ = write!(
            out,
            r#"<circle class="own dot" cx="{}" cy="{}" r="4"/>"#,
            px(days.x(0)),
            px(own.scale.at(equity(point)))
        );
    }
    for trade in &report.trades {
        out += &entry(&days, &own, trade.entered, &told(trade));
    }
    for open in &report.open {
        let told = format!(
            "{} {}: {} bought at {} on {}, still held",
            open.symbol, open.strategy, open.qty, open.entry, open.entered
        );
        out += &entry(&days, &own, open.entered, &told);
    }
    for trade in &report.trades {
        let Some(at) = days.place(trade.exited) else { continue };
        let (x, y) = (days.x(at), own.scale.at(equity(&days.points[at])));
        let (class, up) = if trade.pnl > Decimal::ZERO { ("win", -1.0) } else { ("loss", 1.0) };
        let (tip, foot) = (px(y + up * 14.0), px(y + up * 5.0));
        let _ = write!(
            out,
            r#"<path class="{class} mark" d="M{} {tip}L{} {foot}H{}Z"><title>{}</title></path>"#,
            px(x),
            px(x + 5.0),
            px(x - 5.0),
            text::html(&told(trade))
        );
    }
    if trades {
        out += &results(report, &days, lane);
    }
    out += &crosshair(top, if trades { lane.1 } else { bottom });
    out += "</svg>";
    out
}

fn entry(days: &Days<'_>, own: &Axis, date: Date, told: &str) -> String {
    let Some(at) = days.place(date) else { return String::new() };
    let (x, y) = (px(days.x(at)), px(own.scale.at(float(days.points[at].equity))));
    format!(r#"<circle class="entry mark" cx="{x}" cy="{y}" r="3.4"><title>{}</title></circle>"#, text::html(told))
}

/// Says everything about a trade in one line.
fn told(trade: &TradeRow) -> String {
    format!(
        "{} {}: {} bought at {} on {}, sold at {} on {} ({}), {}",
        trade.symbol,
        trade.strategy,
        trade.qty,
        trade.entry,
        trade.entered,
        trade.exit,
        trade.exited,
        trade.reason,
        signed(trade.pnl)
    )
}

/// Marks the days of the Federal Reserve, and the time in which the kill switch was pulled.
fn marks(report: &Report, days: &Days<'_>, top: f64, bottom: f64) -> String {
    let mut out = String::new();
    for date in &report.fomc {
        let Some(at) = days.place(*date) else { continue };
        let x = px(days.x(at));
        let _ = write!(
            out,
            r#"<path class="fomc" d="M{x} {}V{}"><title>FOMC decision on {date}: no entry</title></path>"#,
            px(bottom - 7.0),
            px(bottom)
        );
    }
    let halted = report.halt.as_ref().and_then(|halt| Some((halt, days.place(halt.day)?)));
    if let Some((halt, at)) = halted {
        let (x, end) = (days.x(at), WIDTH - RIGHT);
        let _ = write!(
            out,
            r#"<rect class="halted" x="{}" y="{}" width="{}" height="{}"/><path class="halt" d="M{0} {1}V{}"/>"#,
            px(x),
            px(top),
            px((end - x).max(0.0)),
            px(bottom - top),
            px(bottom)
        );
        let (anchor, x) = if x > WIDTH * 0.7 { ("end", x - 6.0) } else { ("start", x + 6.0) };
        let _ = write!(
            out,
            r#"<text class="halt-label" x="{}" y="{}" text-anchor="{anchor}">kill switch pulled {}</text>"#,
            px(x),
            px(top + 14.0),
            text::html(&halt.local)
        );
    }
    out
}

/// Draws the result of every trade at the day of its exit.
fn results(report: &Report, days: &Days<'_>, (top, bottom): (f64, f64)) -> String {
    let results = report.trades.iter().map(|trade| float(trade.pnl));
    let Some((low, high)) = svg::range(results.chain([0.0]), 0.06) else { return String::new() };
    let scale = Scale::new((low, high), (bottom, top));
    let zero = scale.at(0.0);
    let mut out = format!(r#"<path class="axis" d="M{} {}H{}"/>"#, px(LEFT), px(zero), px(WIDTH - RIGHT));
    for (value, y) in [(high, top + 8.0), (low, bottom)] {
        let peak = report.trades.iter().map(|t| t.pnl).filter(|p| (float(*p) > 0.0) == (value > 0.0) && !p.is_zero());
        let extreme = if value > 0.0 { peak.max() } else { peak.min() };
        if let Some(extreme) = extreme {
            let _ = write!(
                out,
                r#"<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>"#,
                px(LEFT - 10.0),
                px(y),
                super::minus(&signed(extreme))
            );
        }
    }
    let _ = write!(
        out,
        r#"<text class="tick" x="{}" y="{}" text-anchor="start">$ a trade</text>"#,
        px(WIDTH - RIGHT + 10.0),
        px(zero + 4.0)
    );
    for trade in &report.trades {
        let Some(at) = days.place(trade.exited) else { continue };
        let class = if trade.pnl > Decimal::ZERO { "win" } else { "loss" };
        let (x, y) = (px(days.x(at)), scale.at(float(trade.pnl)));
        let _ = write!(
            out,
            r#"<g class="{class}"><title>{}</title><path class="stem" d="M{x} {}V{}"/><circle cx="{x}" cy="{}" r="3"/></g>"#,
            text::html(&told(trade)),
            px(zero),
            px(y),
            px(y)
        );
    }
    out
}

/// What the script moves with the pointer; nothing is seen of it without.
fn crosshair(top: f64, bottom: f64) -> String {
    format!(
        r#"<path class="cross" d="M0 {}V{}" visibility="hidden"/><rect class="hit" x="{}" y="{0}" width="{}" height="{}"/>"#,
        px(top),
        px(bottom),
        px(LEFT),
        px(WIDTH - LEFT - RIGHT),
        px(bottom - top)
    )
}

/// Draws desk and index on one scale, both 100 at the start.
pub(super) fn same_scale(report: &Report) -> String {
    let Some(index) = &report.figures.index else { return String::new() };
    let start = float(report.figures.equity_start);
    if report.curve.len() < 2 || start <= 0.0 {
        return String::new();
    }
    let days = Days::of(&report.curve);
    let own = |point: &Point| float(point.equity) / start * 100.0;
    let other = |point: &Point| point.index.map(|close| close / index.start * 100.0);
    let Some(range) = svg::range(report.curve.iter().flat_map(|p| [Some(own(p)), other(p)]).flatten(), 0.06) else {
        return String::new();
    };
    let (top, bottom) = (10.0, 132.0);
    let axis = Axis::new(range, (top, bottom), 4);
    let mut out = open(bottom + 28.0, "same", "Desk and index on one scale, both 100 at the start");
    out += &days.grid(top, bottom, true);
    out += &axis.lines();
    out += &axis.labels(true, "", |value, places| format!("{value:.places$}"));
    let path = svg::line(days.points.iter().enumerate().map(|(i, p)| Some((days.x(i), axis.scale.at(other(p)?)))));
    let _ = write!(out, r#"<path class="index line" d="{path}"/>"#);
    let path = svg::line(days.points.iter().enumerate().map(|(i, p)| Some((days.x(i), axis.scale.at(own(p))))));
    let _ = write!(out, r#"<path class="own line" d="{path}"/></svg>"#);
    out
}

/// Draws how far equity stood below its highest point.
pub(super) fn drawdown(report: &Report) -> String {
    let deepest = report.curve.iter().map(|point| point.drawdown).fold(0.0, f64::max);
    if report.curve.len() < 2 || deepest <= 0.0 {
        return String::new();
    }
    let days = Days::of(&report.curve);
    let (top, bottom) = (12.0, 150.0);
    let axis = Axis::new((-deepest * 1.12, 0.0), (top, bottom), 4);
    let mut out = open(bottom + 28.0, "drawdown", "Fall of equity from its highest point so far");
    out += &days.grid(top, bottom, true);
    out += &axis.lines();
    out += &axis.labels(true, "", |value, _| {
        super::minus(&percent_to(value, svg::places(&axis.ticks.iter().map(|t| t * 100.0).collect::<Vec<f64>>())))
    });
    let path = svg::line(days.points.iter().enumerate().map(|(i, p)| Some((days.x(i), axis.scale.at(-p.drawdown)))));
    let (first, last, zero) = (px(days.x(0)), px(days.x(report.curve.len() - 1)), px(axis.scale.at(0.0)));
    let _ = write!(
        out,
        r#"<path class="under" d="{path}L{last} {zero}H{first}Z"/><path class="loss line" d="{path}"/><path class="axis" d="M{} {zero}H{}"/>"#,
        px(LEFT),
        px(WIDTH - RIGHT)
    );
    let lowest = report
        .curve
        .iter()
        .enumerate()
        .fold(0, |best, (i, p)| if p.drawdown > report.curve[best].drawdown { i } else { best });
    let (x, y) = (days.x(lowest), axis.scale.at(-report.curve[lowest].drawdown));
    let (anchor, beside) = if x > WIDTH * 0.75 { ("end", x - 9.0) } else { ("start", x + 9.0) };
    let _ = write!(
        out,
        r#"<circle class="loss dot" cx="{}" cy="{}" r="3.4"/><text class="note" x="{}" y="{}" text-anchor="{anchor}">{} on {}</text></svg>"#,
        px(x),
        px(y),
        px(beside),
        px(y + 4.0),
        super::minus(&percent(-report.curve[lowest].drawdown)),
        text::day(report.curve[lowest].date)
    );
    out
}
