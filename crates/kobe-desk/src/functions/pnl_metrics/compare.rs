//! Strategies side by side: count, rate, factor, expectancy, and whether their means differ.

use kobe_plan::Outcome;
use kobe_quant::{Strategy, stats};
use kobe_trade::book::Trade;
use serde_json::{Map, Value, json};

use super::figures::{Tally, results, welch};
use crate::call::Call;
use crate::early::Work;

/// The word for all strategies together.
const DUAL: &str = "dual";

/// Compares the strategies that the row names, all of them where it names none, by the trades of the ledger. Backtests are the work of functions that are not built.
pub(super) fn compare_strategies(call: &Call<'_>) -> Work {
    let names = names(call)?;
    let book = call.desk.book();
    let mut rows = Map::new();
    let mut told = Vec::new();
    for name in &names {
        let chosen: Vec<&Trade> = book.trades().iter().filter(|trade| belongs(trade, name)).collect();
        let tally = Tally::of(chosen.iter().copied());
        let mut row = tally.json();
        let results = results(chosen);
        row["standard_error"] = json!(stats::std(&results).map(|std| std / (results.len() as f64).sqrt()));
        told.push(format!("{name} {} trades {:+}", tally.trades, tally.net()));
        rows.insert(name.clone(), row);
    }
    let singles: Vec<Strategy> =
        Strategy::ALL.into_iter().filter(|s| names.iter().any(|name| *name == lower(*s))).collect();
    let test = match singles.as_slice() {
        [a, b] => {
            let of = |strategy: &Strategy| results(book.trades().iter().filter(|t| t.strategy == *strategy));
            match welch(&of(a), &of(b)) {
                Some(found) => json!({ "a": lower(*a), "b": lower(*b), "t": found.t, "df": found.df, "p": found.p }),
                None => json!({ "a": lower(*a), "b": lower(*b), "insufficient": true }),
            }
        }
        _ => Value::Null,
    };
    let body = json!({ "source": "ledger", "backtests": "not_built", "strategies": rows, "welch": test });
    call.put("strategy_comparison", body)?;
    if book.trades().is_empty() {
        return Err(Outcome::NoData("no trade has closed yet".into()));
    }
    Ok(Outcome::Ok(told.join(", ").into()))
}

fn lower(strategy: Strategy) -> String {
    strategy.name().to_ascii_lowercase()
}

fn belongs(trade: &Trade, name: &str) -> bool {
    name == DUAL || trade.strategy.name().eq_ignore_ascii_case(name)
}

fn names(call: &Call<'_>) -> Result<Vec<String>, Outcome> {
    let all = || Strategy::ALL.map(lower).into_iter().chain([DUAL.to_owned()]);
    match call.args().get("strategies") {
        None => Ok(all().collect()),
        Some(Value::Array(asked)) => {
            asked.iter().map(|name| all().find(|known| name == known.as_str()).ok_or(Outcome::NotBuilt)).collect()
        }
        Some(_) => Err(Outcome::NotBuilt),
    }
}
