//! Text: numbers for people, and foreign words made harmless.

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::Market;
use kobe_trade::money::{self, Decimal};

/// What stands where a figure does not exist.
pub(super) const NONE: &str = "–";

/// Makes text harmless inside HTML, also inside a quoted attribute; control characters become visible.
pub(super) fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(' '),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Makes text harmless inside a paragraph or a table cell of Markdown.
pub(super) fn markdown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' => {
                safe.push('\\');
                safe.push(c);
            }
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\n' | '\r' | '\t' => safe.push(' '),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Makes text a code span of Markdown; what could end the span, the cell or the paragraph becomes a space.
pub(super) fn code(text: &str) -> String {
    let plain = |c: char| if matches!(c, '`' | '|' | '<' | '>') || c.is_control() { ' ' } else { c };
    format!("`{}`", text.chars().map(plain).collect::<String>())
}

/// Writes a count with commas: 1,760,516.
pub(super) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// Writes dollars with commas and cents: 101,554.85.
pub(super) fn dollars(amount: Decimal) -> String {
    let text = money::cents(amount).to_string();
    match text.strip_prefix('-') {
        Some("0.00") => "0.00".to_owned(),
        Some(rest) => format!("-{}", grouped(rest)),
        None => grouped(&text),
    }
}

/// Writes dollars that were won or lost, always with their sign: +22.98.
pub(super) fn signed(amount: Decimal) -> String {
    let text = dollars(amount);
    if amount > Decimal::ZERO && text != "0.00" { format!("+{text}") } else { text }
}

/// Writes dollars that were computed and not booked, without cents.
pub(super) fn about(amount: f64) -> String {
    match format!("{amount:.0}").strip_prefix('-') {
        Some("0") => "0".to_owned(),
        Some(rest) => format!("-{}", grouped(rest)),
        None => grouped(&format!("{amount:.0}")),
    }
}

/// Writes a share as a percentage: 0.0143 is 1.43 %.
pub(super) fn percent(share: f64) -> String {
    percent_to(share, 2)
}

/// Writes a share as a percentage with as many places.
pub(super) fn percent_to(share: f64, places: usize) -> String {
    let text = format!("{:.places$}", share * 100.0);
    format!("{} %", unsigned_zero(&text))
}

/// Writes a change as a percentage, always with its sign.
pub(super) fn change(share: f64) -> String {
    let text = percent(share);
    if share > 0.0 && text != "0.00 %" { format!("+{text}") } else { text }
}

/// Writes a number that may not exist.
pub(super) fn number(x: Option<f64>, places: usize) -> String {
    x.map_or_else(|| NONE.to_owned(), |x| unsigned_zero(&format!("{x:.places$}")))
}

/// Writes something that may not exist.
pub(super) fn or_none<T>(x: Option<T>, write: impl FnOnce(T) -> String) -> String {
    x.map_or_else(|| NONE.to_owned(), write)
}

/// Writes one thing or many: 1 trade, 2 trades.
pub(super) fn many(n: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { more })
}

/// Writes a day for people: 5 Aug 2008.
pub(super) fn day(date: Date) -> String {
    date.strftime("%-d %b %Y").to_string()
}

/// Writes an instant on the market's clock, to the minute or, where it matters, the second.
pub(super) fn local(market: &Market, at: Timestamp) -> String {
    let local = market.local(at);
    let form = if local.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    let place = market.zone_name().rsplit('/').next().unwrap_or_default().replace('_', " ");
    format!("{} {place}", local.strftime(form))
}

fn unsigned_zero(text: &str) -> String {
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
        _ => text.to_owned(),
    }
}

/// Puts a comma before every third digit of the whole part.
fn grouped(number: &str) -> String {
    let (whole, rest) = number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let mut text = String::with_capacity(number.len() + 4);
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(c);
    }
    if let Some(rest) = rest {
        text.push('.');
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_for_people() {
        for (what, got, want) in [
            ("a million", count(1_760_516), "1,760,516"),
            ("three digits need no comma", count(999), "999"),
            ("dollars", dollars(d("101554.8488")), "101,554.85"),
            ("a loss", signed(d("-1266.134")), "-1,266.13"),
            ("a win", signed(d("22.98")), "+22.98"),
            ("nothing has no sign", signed(d("0.001")), "0.00"),
            ("nor has almost nothing lost", signed(d("-0.001")), "0.00"),
            ("a fall that rounds away", change(-0.000_001), "0.00 %"),
            ("a share", percent(0.014_31), "1.43 %"),
            ("a figure that does not exist", number(None, 2), NONE),
            ("minus nothing", number(Some(-0.001), 2), "0.00"),
            ("about", about(-17_890.6), "-17,891"),
            ("one", many(1, "trade", "trades"), "1 trade"),
            ("none", many(0, "trade", "trades"), "0 trades"),
        ] {
            assert_eq!(got, want, "{what}");
        }
    }

    #[test]
    fn foreign_text_is_harmless() {
        assert_eq!(html("<a href='x'>\"&\0\n"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;\u{fffd} ");
        assert_eq!(markdown("a|b\n*c* <i>`"), "a\\|b \\*c\\* &lt;i&gt;\\`");
    }
}
