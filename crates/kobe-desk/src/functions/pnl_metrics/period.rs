//! Profit and loss of a day or a week: attributed, tied to the change of equity, trade by trade.

use std::collections::BTreeMap;

use kobe_plan::Outcome;
use kobe_trade::book::Trade;
use kobe_trade::money::{self, Decimal};
use serde_json::{Value, json};

use super::figures::r_multiple;
use crate::call::Call;
use crate::early::Work;
use crate::marks::{Period, closed_since, percent};

/// Computes the gain of the period by symbol and strategy and ties the books: cash and positions on one side, the results of all trades on the other.
///
/// A difference of more than a cent closes entries until a later run ties.
pub(super) fn calc_daily_pnl(call: &Call<'_>) -> Work {
    let period = call.period()?;
    let worth = call.worth()?;
    let book = &worth.book;
    let since = call.since(book, period);
    let gains = call.gains(&worth, since)?;
    let (mut by_symbol, mut by_strategy) = (BTreeMap::<&str, Decimal>::new(), BTreeMap::<&str, Decimal>::new());
    for gain in &gains {
        *by_symbol.entry(gain.symbol.as_str()).or_default() += gain.dollars;
        *by_strategy.entry(gain.strategy.name()).or_default() += gain.dollars;
    }
    let attributed: Decimal = gains.iter().map(|gain| gain.dollars).sum();
    let change = worth.equity - since.equity;
    let ledger = book.ledger_equity(|symbol| worth.price(symbol)).map_err(|e| Outcome::Error(e.to_string().into()))?;
    let closed_at = book.curve().last().filter(|row| row.date == call.date).map(|row| row.equity);
    let tie_error = [Some(ledger), closed_at]
        .into_iter()
        .flatten()
        .map(|other| (worth.equity - other).abs())
        .max()
        .unwrap_or_default();
    let tied = tie_error <= Decimal::new(1, 2);
    let trades = closed_since(book.trades(), since.first);
    let cents = |sums: BTreeMap<&str, Decimal>| {
        sums.into_iter()
            .map(|(name, sum)| (name.to_owned(), json!(money::cents(sum))))
            .collect::<serde_json::Map<_, _>>()
    };
    let body = json!({
        "period": period.word(), "from": since.first, "to": call.date, "start_equity": since.equity, "end_equity": worth.equity, "pnl": change,
        "return_pct": percent(change, since.equity), "by_symbol": cents(by_symbol), "by_strategy": cents(by_strategy),
        "realised": trades.iter().map(|t| t.pnl).sum::<Decimal>(), "fees": trades.iter().map(|t| t.fees).sum::<Decimal>(), "trades_closed": trades.len(),
        "unrealised": money::cents(worth.unrealised), "ledger_equity": money::cents(ledger), "tie_error": money::round(tie_error, 4), "tied": tied,
        // Fractions of shares that splits dropped belong to no trade.
        "unattributed": money::cents(change - attributed),
    });
    call.put(if period == Period::Day { "daily_pnl" } else { "weekly_pnl" }, body)?;
    if !tied {
        let why = format!(
            "equity {} and the ledger's {} differ by {}",
            worth.equity,
            money::cents(ledger),
            money::round(tie_error, 4)
        );
        call.desk.block("pnl_not_tied", why.clone());
        return Err(Outcome::Error(why.into()));
    }
    call.desk.unblock("pnl_not_tied");
    Ok(Outcome::Ok(format!("{} {change:+}, equity {}, tied", period.word(), worth.equity).into()))
}

/// Records the trades closed in the period, with their fees.
pub(super) fn log_realized(call: &Call<'_>) -> Work {
    let period = call.period()?;
    let book = call.desk.book();
    let trades = closed_since(book.trades(), period.first(call.date));
    let (net, fees) = (trades.iter().map(|t| t.pnl).sum::<Decimal>(), trades.iter().map(|t| t.fees).sum::<Decimal>());
    let rows: Vec<Value> = trades.iter().map(trade_row).collect();
    call.put("pnl_realised", json!({ "period": period.word(), "from": period.first(call.date), "trades": rows, "realised": net, "fees": fees }))?;
    if trades.is_empty() {
        return Err(Outcome::NoData(format!("no trade closed in this {}", period.word()).into()));
    }
    Ok(Outcome::Ok(format!("{} trades, {net:+} after fees of {fees}", trades.len()).into()))
}

/// Returns a closed trade as artifacts show it.
pub(crate) fn trade_row(trade: &Trade) -> Value {
    json!({
        "position": trade.position, "decision_id": trade.decision, "symbol": trade.symbol, "strategy": trade.strategy, "qty": trade.qty, "entered": trade.entered,
        "entry": trade.entry, "exited": trade.exited, "exit": trade.exit, "exit_reason": trade.reason, "sessions_held": trade.held, "fees": trade.fees,
        "dividends": trade.dividends, "pnl": trade.pnl, "pnl_pct": percent(trade.pnl, money::count(trade.qty) * trade.entry),
        "r_multiple": r_multiple(trade).map(|r| money::round(r, 2)),
    })
}

/// Hands the trades that closed since the last run to the log, each once.
///
/// The lines are rows of the books' artifacts; the files that others read are exports of them.
pub(super) fn update_trade_log(call: &Call<'_>) -> Work {
    const NAME: &str = "trade_log";
    let book = call.desk.book();
    let before = call.desk.latest(NAME).map_err(|e| Outcome::Error(e.to_string().into()))?;
    let logged = before.as_ref().and_then(|a| a.body["logged"].as_u64()).unwrap_or(0) as usize;
    let last_known = before.as_ref().and_then(|a| a.body["last_position"].as_str());
    let trades = book.trades();
    // The count is only good for the books that it was taken of.
    if logged > trades.len()
        || logged.checked_sub(1).is_some_and(|last| Some(trades[last].position.as_str()) != last_known)
    {
        return Err(Outcome::Error(format!("the log has {logged} trades that the books do not have").into()));
    }
    let new = &trades[logged..];
    let rows: Vec<Value> = new.iter().map(log_line).collect();
    call.put(
        NAME,
        json!({ "appended": rows, "logged": trades.len(), "last_position": trades.last().map(|t| &t.position) }),
    )?;
    if new.is_empty() {
        return Err(Outcome::NoData("no trade closed since the last run".into()));
    }
    Ok(Outcome::Ok(format!("{} trades appended, {} in all", new.len(), trades.len()).into()))
}

/// A line of `logs/trades.jsonl`.
fn log_line(trade: &Trade) -> Value {
    json!({
        "timestamp": trade.exited_at, "decision_id": trade.decision, "packet_id": trade.packet, "position": trade.position, "symbol": trade.symbol, "side": "sell",
        "qty": trade.qty, "filled_qty": trade.qty, "fill_price": trade.exit, "entry_price": trade.entry, "entered_at": trade.entered_at, "status": "CLOSED",
        "strategy": trade.strategy, "entry_reason": trade.strategy, "exit_reason": trade.reason, "pnl": trade.pnl,
        "pnl_pct": percent(trade.pnl, money::count(trade.qty) * trade.entry), "fees": trade.fees, "dividends": trade.dividends,
    })
}

/// Computes the week's return, its best and worst day, and the index beside it.
pub(super) fn calc_weekly_perf(call: &Call<'_>) -> Work {
    let book = call.desk.book();
    let since = call.since(&book, Period::Week);
    let mut days = Vec::new();
    let mut before = since.equity;
    let first = book.curve().partition_point(|row| row.date < since.first);
    for row in &book.curve()[first..] {
        days.push((row.date, row.equity - before, percent(row.equity - before, before)));
        before = row.equity;
    }
    let (Some(best), Some(worst)) = (days.iter().max_by_key(|day| day.1), days.iter().min_by_key(|day| day.1)) else {
        return Err(Outcome::NoData("no session of this week is over".into()));
    };
    let data = call.data_set()?;
    let closes = |date| data.index.index_until(date).map(|i| (data.index.dates()[i], data.index.closes()[i]));
    let last = days[days.len() - 1].0;
    let base = match since.base {
        Some(date) => Some(date),
        None => call.desk.market().exchange().previous_session_date(since.first).ok(),
    };
    // A close that is not of the week's own days says nothing about the week.
    let of_index = base
        .and_then(closes)
        .zip(closes(last))
        .filter(|(_, end)| end.0 == last)
        .map(|(start, end)| (end.1 / start.1 - 1.0) * 100.0);
    let pnl = before - since.equity;
    let day = |d: &(jiff::civil::Date, Decimal, Option<Decimal>)| json!({ "date": d.0, "pnl": d.1, "return_pct": d.2 });
    let body = json!({
        "week": since.first, "sessions": days.len(), "start_equity": since.equity, "end_equity": before, "pnl": pnl, "return_pct": percent(pnl, since.equity),
        "best_day": day(best), "worst_day": day(worst), "days": days.iter().map(day).collect::<Vec<_>>(), "index": data.index.name(), "index_return_pct": of_index,
        "trades_closed": closed_since(book.trades(), since.first).len(),
    });
    call.put("weekly_performance", body)?;
    let beside = of_index.map_or_else(String::new, |x| format!(", {} {x:+.2} %", data.index.name()));
    Ok(Outcome::Ok(format!("week {pnl:+}{beside}").into()))
}
