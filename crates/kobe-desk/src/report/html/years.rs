//! Year by year: two rows of bars, each on its own scale, because the index would hide the desk.

use std::fmt::Write as _;

use super::super::story::float;
use super::super::text::{about, change};
use super::super::{Report, Year};
use super::equity::{LEFT, RIGHT, WIDTH};
use super::svg::{self, Scale, px};

const PANEL: f64 = 120.0;
const GAP: f64 = 62.0;
const TOP: f64 = 38.0;

/// Draws what the desk made in each year, and below it what the index did; one year alone needs no picture.
pub(super) fn bars(report: &Report) -> String {
    if report.years.len() < 2 {
        return String::new();
    }
    let with_index = report.years.iter().any(|year| year.index.is_some());
    let height = TOP + PANEL + if with_index { GAP + PANEL } else { 0.0 } + 44.0;
    let mut out = format!(
        r#"<svg id="years" viewBox="0 0 {} {}" role="img" aria-label="Change of equity and of the index in each year">"#,
        px(WIDTH),
        px(height)
    );
    let dollars = |year: &Year| Some((float(year.gain), plus(float(year.gain), about(float(year.gain)))));
    let own: Vec<Bar> = report.years.iter().map(dollars).collect();
    out += &panel("Desk, dollars", &own, TOP, "own");
    if let Some(index) = report.figures.index.as_ref().filter(|_| with_index) {
        let per_cent = |year: &Year| year.index.map(|share| (share, change(share).replace(" %", "")));
        let bars: Vec<Bar> = report.years.iter().map(per_cent).collect();
        out += &panel(&format!("{}, per cent", index.name), &bars, TOP + PANEL + GAP, "index");
    }
    for (i, year) in report.years.iter().enumerate() {
        let x = px(middle(i, report.years.len()));
        let _ = write!(
            out,
            r#"<text class="tick" x="{x}" y="{}" text-anchor="middle">{}</text>"#,
            px(height - 8.0),
            year.year
        );
    }
    out += "</svg>";
    out
}

/// A height and what stands at its end; nothing where nothing is known.
type Bar = Option<(f64, String)>;

fn plus(value: f64, text: String) -> String {
    if value > 0.0 && text != "0" { format!("+{text}") } else { text }
}

fn step(n: usize) -> f64 {
    ((WIDTH - LEFT - RIGHT) / n.max(1) as f64).min(160.0)
}

fn middle(i: usize, n: usize) -> f64 {
    LEFT + step(n) * (i as f64 + 0.5)
}

fn panel(title: &str, bars: &[Bar], top: f64, class: &str) -> String {
    let values = bars.iter().flatten().map(|(value, _)| *value);
    let Some((low, high)) = svg::range(values.chain([0.0]), 0.0) else { return String::new() };
    let scale = Scale::new((low, high), (top + PANEL, top));
    let zero = scale.at(0.0_f64.clamp(low, high));
    let mut out = format!(
        r#"<text class="note" x="{}" y="{}">{}</text><path class="axis" d="M{0} {}H{}"/>"#,
        px(LEFT),
        px(top - 24.0),
        super::super::text::html(title),
        px(zero),
        px(LEFT + step(bars.len()) * bars.len() as f64)
    );
    let width = (step(bars.len()) * 0.56).min(64.0);
    for (i, bar) in bars.iter().enumerate() {
        let Some((value, label)) = bar else { continue };
        let (x, y) = (middle(i, bars.len()), scale.at(*value));
        let sign = if *value < 0.0 { "down" } else { "up" };
        let _ = write!(
            out,
            r#"<rect class="{class} bar {sign}" x="{}" y="{}" width="{}" height="{}"/><text class="value" x="{}" y="{}" text-anchor="middle">{}</text>"#,
            px(x - width / 2.0),
            px(y.min(zero)),
            px(width),
            px((y - zero).abs()),
            px(x),
            px(if *value < 0.0 { y + 14.0 } else { y - 5.0 }),
            super::minus(label)
        );
    }
    out
}
