//! Profit and loss at a moment: ticks, points of the equity curve, the morning's snapshot, open positions.

use kobe_plan::Outcome;
use kobe_trade::fact::What;
use kobe_trade::kill::KillRecord;
use kobe_trade::money::{self, Decimal};
use kobe_trade::risk;
use serde_json::{Value, json};

use crate::call::Call;
use crate::early::Work;
use crate::marks::{Period, Worth, closed_since, percent};

/// Profit and loss at a moment.
pub(crate) struct Standing {
    /// What the account is worth.
    pub worth: Worth,
    /// Equity at the last close before today.
    pub day_start: Decimal,
    /// Equity at the last close before this week.
    pub week_start: Decimal,
    /// Results of the trades closed today.
    pub realised_today: Decimal,
}

impl Standing {
    /// Returns the gain since the last close.
    pub fn day_pnl(&self) -> Decimal {
        self.worth.equity - self.day_start
    }

    /// Returns the gain since the last close of the week before.
    pub fn week_pnl(&self) -> Decimal {
        self.worth.equity - self.week_start
    }

    /// Returns the figures as artifacts show them.
    pub fn json(&self) -> Value {
        let worth = &self.worth;
        json!({
            "equity": worth.equity, "cash": worth.book.cash(), "open_value": money::cents(worth.open_value), "positions": worth.marks.len(),
            "day_pnl": self.day_pnl(), "day_return_pct": percent(self.day_pnl(), self.day_start), "week_pnl": self.week_pnl(),
            "week_return_pct": percent(self.week_pnl(), self.week_start), "realised_today": self.realised_today, "unrealised": money::cents(worth.unrealised),
            "stale_marks": worth.stale,
        })
    }
}

/// Returns profit and loss now.
///
/// # Errors
/// The outcome to return where a position has no price.
pub(crate) fn standing(call: &Call<'_>) -> Result<Standing, Outcome> {
    let worth = call.worth()?;
    let day_start = call.since(&worth.book, Period::Day).equity;
    let week_start = call.since(&worth.book, Period::Week).equity;
    let realised_today = closed_since(worth.book.trades(), call.date).iter().map(|t| t.pnl).sum();
    Ok(Standing { worth, day_start, week_start, realised_today })
}

/// Says what was valued; where closes had to stand in for quotes, that nothing better was there.
fn said(standing: &Standing, note: String) -> Work {
    if standing.worth.stale {
        return Err(Outcome::Unavailable(format!("quotes: {note}, valued at the last close").into()));
    }
    Ok(Outcome::Ok(note.into()))
}

/// Recomputes profit and loss and holds it against the limits.
///
/// A replay trips at the close, with the settlement of the day. The desk of today trips here too, as soon as the quotes show it.
pub(super) fn update_pnl(call: &Call<'_>) -> Work {
    let standing = standing(call)?;
    let limit = Decimal::from(risk::DAY_LOSS);
    let start = standing.worth.book.week().start_equity;
    let breach = risk::trips(standing.worth.equity, standing.day_start, start);
    let mut body = standing.json();
    body["final"] = json!(call.flag_arg("final"));
    body["day_loss_limit"] = json!(money::cents(limit));
    body["day_loss_left"] = json!((limit + standing.day_pnl()).max(Decimal::ZERO));
    body["week_floor"] = json!(money::cents(start * Decimal::new(risk::WEEK_FLOOR_PERCENT, 2)));
    body["breach"] = json!(breach.as_ref().map(|b| &b.reason));
    call.put("pnl_tick", body)?;
    let book = &standing.worth.book;
    if let Some(breach) = breach
        && !call.desk.is_replay()
        && !standing.worth.stale
        && book.kill().active.is_none()
    {
        let record = KillRecord::new(&breach.reason, breach.trigger, call.now, "auto_trigger");
        call.desk.kill().trip(&record).map_err(|why| Outcome::Error(why.into()))?;
        // The switch is pulled; where the books moved meanwhile, the next order finds it and books it.
        let _ = call.desk.append(book, vec![call.desk.fact(call.now, What::KillTripped { record })]);
        return Err(Outcome::Error(format!("kill switch pulled: {}", breach.reason).into()));
    }
    let note =
        format!("equity {}, day {:+}, week {:+}", standing.worth.equity, standing.day_pnl(), standing.week_pnl());
    said(&standing, note)
}

/// Adds a point to the day's equity curve.
pub(super) fn log_pnl(call: &Call<'_>) -> Work {
    let standing = standing(call)?;
    let body = json!({ "at": call.now, "equity": standing.worth.equity, "cash": standing.worth.book.cash(), "day_pnl": standing.day_pnl() });
    call.put("equity_point", body)?;
    let note = format!("equity {}, day {:+}", standing.worth.equity, standing.day_pnl());
    said(&standing, note)
}

/// Freezes profit and loss at the end of the first window.
pub(super) fn pnl_snapshot(call: &Call<'_>) -> Work {
    let standing = standing(call)?;
    let mut body = standing.json();
    body["held"] = standing.worth.book.positions().map(|p| standing.worth.row(p)).collect();
    call.put("pnl_snapshot", body)?;
    let note = format!("{} held, day {:+}", standing.worth.marks.len(), standing.day_pnl());
    said(&standing, note)
}

/// Records the open result of each position in dollars, per cent and R; over a week also what it added since the week began.
pub(super) fn log_unrealized(call: &Call<'_>) -> Work {
    let period = call.period()?;
    let standing = standing(call)?;
    let worth = &standing.worth;
    let gains = call.gains(worth, call.since(&worth.book, period))?;
    let rows: Vec<Value> = worth
        .book
        .positions()
        .map(|position| {
            let mut row = worth.row(position);
            let gain = gains.iter().find(|gain| !gain.closed && gain.symbol == position.symbol);
            row["pnl_of_period"] = json!(gain.map(|gain| money::cents(gain.dollars)));
            row
        })
        .collect();
    let held = rows.len();
    let body = json!({ "period": period.word(), "positions": rows, "unrealised": money::cents(worth.unrealised), "stale_marks": worth.stale });
    call.put("pnl_unrealised", body)?;
    if held == 0 {
        return Err(Outcome::NoData("nothing is held".into()));
    }
    let note = format!("{held} held, open result {:+}", money::cents(worth.unrealised));
    said(&standing, note)
}
