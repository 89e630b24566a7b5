//! Bars: is the newest one here, is it sane, and how many are missing.
//!
//! No provider is configured in this build: the bars are those of the bundled set or of a directory. A replay asks for the last session that is over at its clock; the desk of
//! today says how many sessions its data is behind.

use jiff::ToSpan;
use jiff::civil::Date;
use kobe_plan::Outcome;
use kobe_quant::Series;
use kobe_trade::money;
use serde_json::{Value, json};

use crate::call::Call;
use crate::data::DataSet;
use crate::early::Work;
use crate::marks::no_calendar;

/// Entries are closed by data that is older than this many sessions.
const MOST_BEHIND: usize = 1;
/// A close that moved by more than this with no split is suspect.
const SPIKE: f64 = 0.5;
/// Calendar days that the coverage table looks back.
const COVERAGE_DAYS: i64 = 90;

/// Looks for the bar of the last completed session of every listed symbol.
pub(super) fn refresh_polygon(call: &Call<'_>) -> Work {
    let (data, completed) = (call.data_set()?, call.completed()?);
    let newest = data.as_of.min(completed);
    let behind = call.desk.market().exchange().sessions_between(newest, completed).map_err(no_calendar)?;
    let listed: Vec<&Series> = data.series.values().filter(|s| s.first_date() <= completed).collect();
    let missing: Vec<&str> = listed.iter().filter(|s| s.index_of(completed).is_none()).map(|s| s.symbol()).collect();
    let body = json!({
        "source": source(data), "provider": null, "as_of": newest, "last_session": completed, "sessions_behind": behind, "symbols_listed": listed.len(),
        "symbols_present": listed.len() - missing.len(), "missing": missing, "not_listed_yet": data.series.len() - listed.len(),
    });
    call.put("fetch_log", body)?;
    if behind > MOST_BEHIND {
        call.desk.block("data_age", format!("the newest bar is of {newest}, {behind} sessions ago"));
    } else {
        call.desk.unblock("data_age");
    }
    if behind > 0 {
        let why = format!(
            "market data: no provider key is configured, and the {} ends on {newest}, {behind} sessions behind",
            source(data)
        );
        return Err(Outcome::Unavailable(why.into()));
    }
    let absent = if missing.is_empty() { String::new() } else { format!(", without {}", missing.join(", ")) };
    Ok(Outcome::Ok(
        format!(
            "{}: {} of {} symbols have {completed}{absent}",
            source(data),
            listed.len() - missing.len(),
            listed.len()
        )
        .into(),
    ))
}

fn source(data: &DataSet) -> &'static str {
    match data.origin {
        crate::data::Origin::Embedded => "bundled set",
        crate::data::Origin::Directory => "data directory",
    }
}

/// Holds the bars of today against the rules: all there, something traded, no move that nobody can explain.
pub(super) fn validate_eod(call: &Call<'_>) -> Work {
    let (data, completed) = (call.data_set()?, call.completed()?);
    if completed != call.date {
        return Err(Outcome::NoData("no session of this date is over".into()));
    }
    let (mut issues, mut checked) = (Vec::new(), 0u32);
    for series in data.series.values().filter(|s| s.first_date() <= completed) {
        checked += 1;
        for issue in issues_of(series, completed) {
            issues.push(json!({ "symbol": series.symbol(), "date": completed, "issue": issue }));
        }
    }
    let (all_missing, found) = (data.as_of < completed, issues.len());
    call.put("bar_issues", json!({ "date": completed, "symbols": checked, "issues": issues }))?;
    if all_missing {
        return Err(Outcome::Unavailable(
            format!("market data: no provider is configured, and the {} ends on {}", source(data), data.as_of).into(),
        ));
    }
    Ok(Outcome::Ok(format!("{checked} bars of {completed}, {found} issues").into()))
}

/// What is wrong with a bar that loaded: the single bar is sane, so only what surrounds it can be strange.
fn issues_of(series: &Series, date: Date) -> Vec<&'static str> {
    let Some(i) = series.index_of(date) else { return vec!["missing"] };
    let mut found = Vec::new();
    if series.bar(i).is_some_and(|bar| bar.volume == 0.0) {
        found.push("zero_volume");
    }
    // Splits and dividends are taken out of the return, so a jump is a jump.
    let moved = series.logret(i).map_or(0.0, |r| r.exp() - 1.0);
    if moved.abs() > SPIKE {
        found.push("spike");
    }
    found
}

/// Counts which symbols have the bars that the calendar asks for: that of today (`eod`), or those of the last three months (`cache`).
pub(super) fn check_polygon(call: &Call<'_>) -> Work {
    let what = call.text_arg("what").unwrap_or("eod");
    let (data, completed) = (call.data_set()?, call.completed()?);
    let from = match what {
        "eod" => completed,
        "cache" => completed.saturating_sub(COVERAGE_DAYS.days()),
        _ => return Err(Outcome::NotBuilt),
    };
    let sessions = call.desk.market().exchange().session_dates(from, completed).map_err(no_calendar)?;
    let (mut rows, mut expected, mut present) = (Vec::new(), 0, 0);
    for series in data.series.values().filter(|s| s.first_date() <= completed) {
        let wanted = sessions.len() - sessions.partition_point(|date| *date < series.first_date());
        let has = series
            .index_until(completed)
            .map_or(0, |last| last + 1 - series.bars().partition_point(|bar| bar.date < from));
        (expected, present) = (expected + wanted, present + has.min(wanted));
        rows.push(json!({ "symbol": series.symbol(), "last_date": series.last_date().min(completed), "expected": wanted, "present": has }));
    }
    let share = (expected > 0).then(|| present as f64 / expected as f64);
    let behind = data.as_of < completed;
    call.put("coverage", json!({ "what": what, "from": from, "to": completed, "coverage": share, "symbols": rows, "provider": null, "provider_success": null }))?;
    if behind {
        return Err(Outcome::Unavailable(
            format!("market data: no provider is configured, and the {} ends on {}", source(data), data.as_of).into(),
        ));
    }
    Ok(Outcome::Ok(format!("{present} of {expected} bars from {from} to {completed}").into()))
}

/// Returns a close as money.
pub(super) fn close(series: &Series, i: usize) -> Value {
    series.bar(i).map_or(Value::Null, |bar| json!(money::px(bar.close)))
}
