//! The integrity of the bars: every file as the manifest means it, every bar sane, no session missing, no move that nobody can explain.
//!
//! Loading is the first half of the check: a data set with a damaged file, a doubled date or a bar that contradicts itself does not load. The second half compares what was
//! loaded with the exchange calendar and looks for jumps. Both are functions of the data alone, so an answer holds as long as the data has the same hash.

use kobe_calendar::Exchange;
use kobe_plan::Outcome;
use kobe_quant::Series;
use serde_json::{Value, json};

use crate::call::Call;
use crate::data::DataSet;
use crate::early::Work;
use crate::marks::no_calendar;

/// Name of the artifact, and of what it closes entries by.
const NAME: &str = "data_integrity";
/// A symbol may lack this share of its sessions.
const MOST_GAPS: f64 = 0.05;
/// This share of all bars may be bad.
const MOST_BAD: f64 = 0.01;

/// Reads the bars through. Backups and data sets of models are the work of functions that are not built.
pub(super) fn data_integrity(call: &Call<'_>) -> Work {
    if !matches!(call.text_arg("what"), None | Some("bars")) {
        return Err(Outcome::NotBuilt);
    }
    let data = match call.desk.data() {
        Ok(data) => data,
        Err(e) => {
            call.desk.block(NAME, e.to_string());
            call.put(NAME, json!({ "what": "bars", "error": e.to_string(), "hint": e.hint(), "bad_share": 1.0 }))?;
            return Err(Outcome::Error(format!("the data cannot be used: {e}").into()));
        }
    };
    let hash = data.hash();
    let known = call.desk.latest(NAME).map_err(|e| Outcome::Error(e.to_string().into()))?;
    let mut body = match known {
        Some(artifact)
            if artifact.body["data_hash"] == *hash && artifact.body["calendar"] == call.desk.market().version() =>
        {
            artifact.body
        }
        _ => examine(data, call.desk.market().exchange(), &hash, call.desk.market().version())?,
    };
    let share = body["bad_share"].as_f64().unwrap_or(1.0);
    body["checked_at"] = json!(call.now);
    call.put(NAME, body)?;
    if share > MOST_BAD {
        let why = format!("{:.2} % of the bars are bad", share * 100.0);
        call.desk.block(NAME, why.clone());
        return Err(Outcome::Error(why.into()));
    }
    call.desk.unblock(NAME);
    Ok(Outcome::Ok(
        format!(
            "{} files, {} symbols up to {}, {:.3} % bad",
            data.files.len(),
            data.series.len(),
            data.as_of,
            share * 100.0
        )
        .into(),
    ))
}

fn examine(data: &DataSet, exchange: &Exchange, hash: &str, calendar: &str) -> Result<Value, Outcome> {
    let (mut rows, mut bars, mut bad) = (Vec::new(), 0, 0);
    for series in data.series.values() {
        let (row, bad_here) = symbol(series, exchange)?;
        bars += series.len();
        bad += bad_here;
        rows.push(row);
    }
    Ok(json!({
        "what": "bars", "data_hash": hash, "calendar": calendar, "as_of": data.as_of, "origin": data.origin, "files": data.files, "symbols": rows, "bars": bars, "bad": bad,
        "bad_share": bad as f64 / bars.max(1) as f64,
    }))
}

/// Examines one symbol; a symbol with too many gaps counts with all its bars, a suspect jump with one.
fn symbol(series: &Series, exchange: &Exchange) -> Result<(Value, usize), Outcome> {
    let sessions = exchange.session_dates(series.first_date(), series.last_date()).map_err(no_calendar)?;
    let missing = sessions.iter().filter(|date| series.index_of(**date).is_none()).count();
    let strays = series.bars().iter().filter(|bar| sessions.binary_search(&bar.date).is_err()).count();
    let gap_share = missing as f64 / sessions.len().max(1) as f64;
    let jumps = series.jumps();
    let passes = gap_share <= MOST_GAPS;
    let bad = if passes { jumps.len() + strays } else { series.len() };
    let row = json!({
        "symbol": series.symbol(), "bars": series.len(), "first": series.first_date(), "last": series.last_date(), "missing_sessions": missing, "gap_share": gap_share,
        "bars_without_session": strays, "suspect_jumps": jumps, "passes": passes,
    });
    Ok((row, bad))
}
