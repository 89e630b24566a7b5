//! The report of a day: what was won, what was traded, why the rest was not, what is held and what is at risk.
//!
//! It is left as an artifact; where the desk has a folder for reports it is also written there, as JSON and as Markdown for people. Every figure is one that the books or an
//! earlier function of the day gave; what nobody gave is null. A desk whose switch is pulled says so on the first line.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use kobe_plan::Outcome;
use kobe_trade::kill;
use kobe_trade::money::{self, Decimal};
use kobe_trade::order::Intent;
use serde_json::{Value, json};

use crate::call::Call;
use crate::early::Work;
use crate::functions::pnl_metrics::period::trade_row;
use crate::functions::pnl_metrics::ticks::standing;
use crate::funnel;
use crate::marks::closed_since;
use crate::room::room;

/// Writes the report of the date.
pub(super) fn generate_report(call: &Call<'_>) -> Work {
    let day = call.market_day()?;
    let standing = standing(call)?;
    let book = &standing.worth.book;
    let decided = call.decided_since(day.from)?;
    let switch = kill::judge(&call.desk.kill().read(call.now), book.kill(), call.now, Intent::Entry);
    let head = call.desk.books().head().map_err(|e| Outcome::Error(e.to_string().into()))?;
    let closed = closed_since(book.trades(), call.date);
    let trades: Vec<Value> = closed.iter().map(trade_row).collect();
    let incidents: Vec<Value> = book
        .incidents()
        .iter()
        .rev()
        .take_while(|i| i.at >= day.from)
        .map(|i| json!({ "at": i.at, "what": i.what }))
        .collect();
    let room = room(book, call.desk.broker().endpoint().mode(), call.date);
    let body_of = |name: &str| Ok::<_, Outcome>(call.today(name)?.map_or(Value::Null, |artifact| artifact.body));
    let (daily, regime) = (body_of("daily_pnl")?, body_of("regime")?);
    let body = json!({
        "date": call.date, "day_kind": day.kind(), "day_name": day.name(), "generated_at": call.now, "replay": call.desk.is_replay(), "build": call.desk.build(),
        "configuration": call.attempt.desk.hash, "kill": { "pulled": !switch.passes(), "state": switch.to_string() }, "pnl": standing.json(),
        "tied": daily["tied"], "tie_error": daily["tie_error"], "by_symbol": daily["by_symbol"],
        "regime": regime["regime"],
        "trades": { "closed": trades, "entries_today": room.entries_today(), "closed_in_all": book.trades().len(), "realised_in_all": money::cents(book.realised()) },
        "funnel": funnel::counts(&decided), "positions": book.positions().map(|p| standing.worth.row(p)).collect::<Vec<_>>(),
        "risk": { "room": room.json(), "max_drawdown_pct": money::round(book.max_drawdown() * Decimal::ONE_HUNDRED, 4) },
        "entries_closed_by": call.desk.blocks(), "incidents": incidents, "chain": head,
        // How the rows of the day came out stands in the table of runs, which no function can read.
        "tasks": null,
    });
    let note = format!(
        "{}: {} closed, {} held, day {:+}",
        call.date,
        closed.len(),
        book.positions().len(),
        standing.day_pnl()
    );
    if let Some(dir) = call.desk.reports() {
        let written = write(dir, &format!("daily_{}", call.date), &body);
        written
            .map_err(|e| Outcome::Error(format!("the report could not be written to {}: {e}", dir.display()).into()))?;
    }
    Ok(call.leave("daily_report", body, note))
}

/// Writes both files, each whole or not at all.
fn write(dir: &Path, name: &str, body: &Value) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    replace(&dir.join(format!("{name}.json")), &format!("{body:#}\n"))?;
    replace(&dir.join(format!("{name}.md")), &markdown(body))?;
    File::open(dir)?.sync_all()
}

/// Puts a text in the place of a file: beside it first, then in one step.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let half = path.with_extension(format!("{}.tmp", path.extension().and_then(|e| e.to_str()).unwrap_or_default()));
    let mut file = File::create(&half)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&half, path)
}

/// Writes the report for people.
fn markdown(body: &Value) -> String {
    let mut page = String::new();
    let text = |value: &Value| {
        value.as_str().map_or_else(|| if value.is_null() { "–".to_owned() } else { value.to_string() }, str::to_owned)
    };
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{words}");
    };
    if body["kill"]["pulled"] == true {
        line(format_args!("**The kill switch is pulled:** {}\n", text(&body["kill"]["state"])));
    }
    let name = body["day_name"].as_str().map_or_else(String::new, |name| format!(", {name}"));
    line(format_args!("# {} ({}{name})\n", text(&body["date"]), text(&body["day_kind"])));
    if body["replay"] == true {
        line(format_args!("A replay of historical bars. Nothing here was traded.\n"));
    }
    let pnl = &body["pnl"];
    line(format_args!("## Profit and loss\n"));
    line(format_args!(
        "| equity | cash | day | day % | week | realised today | open result |\n|---:|---:|---:|---:|---:|---:|---:|"
    ));
    let columns = ["equity", "cash", "day_pnl", "day_return_pct", "week_pnl", "realised_today", "unrealised"]
        .map(|key| text(&pnl[key]));
    line(format_args!("| {} |\n", columns.join(" | ")));
    let tied = match &body["tied"] {
        Value::Bool(true) => "The books tie to equity within a cent.",
        Value::Bool(false) => "**The books do not tie to equity.**",
        _ => "The books were not tied today.",
    };
    line(format_args!("{tied}\n\n## Trades\n"));
    table(
        &mut line,
        &body["trades"]["closed"],
        &["symbol", "strategy", "qty", "entry", "exit", "exit_reason", "sessions_held", "fees", "pnl"],
        "No trade was closed.",
    );
    let funnel = &body["funnel"];
    line(format_args!("## Setups\n\n{} judged, {} admitted.\n", text(&funnel["judged"]), text(&funnel["admitted"])));
    for (gate, n) in funnel["refused_by"].as_object().into_iter().flatten() {
        line(format_args!("- refused by {gate}: {n}"));
    }
    line(format_args!("\n## Positions\n"));
    table(
        &mut line,
        &body["positions"],
        &["symbol", "strategy", "qty", "entry", "stop", "mark", "sessions_held", "unrealised", "r_multiple"],
        "Nothing is held.",
    );
    let room = &body["risk"]["room"];
    line(format_args!(
        "## Risk\n\n- budget left: {} of {}\n- entries today: {} of {}, this week: {} of {}\n- positions: {} of {}\n- largest drawdown: {} %\n- regime: {}\n",
        text(&room["budget_left"]),
        text(&room["day_budget"]),
        text(&room["entries_today"]),
        text(&room["max_entries_today"]),
        text(&room["entries_this_week"]),
        text(&room["max_entries_this_week"]),
        text(&room["positions"]),
        text(&room["max_positions"]),
        text(&body["risk"]["max_drawdown_pct"]),
        text(&body["regime"]),
    ));
    line(format_args!("## Incidents\n"));
    for block in body["entries_closed_by"].as_array().into_iter().flatten() {
        line(format_args!("- entries are closed by {}", text(block)));
    }
    table(&mut line, &body["incidents"], &["at", "what"], "No incident.");
    line(format_args!(
        "## Audit\n\n{} blocks, head `{}`, build {}, configuration `{}`",
        text(&body["chain"]["count"]),
        text(&body["chain"]["hash"]),
        text(&body["build"]),
        text(&body["configuration"])
    ));
    page
}

/// Writes rows as a table, or the sentence that there are none.
fn table(line: &mut impl FnMut(std::fmt::Arguments<'_>), rows: &Value, columns: &[&str], none: &str) {
    let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
    if rows.is_empty() {
        return line(format_args!("{none}\n"));
    }
    line(format_args!("| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len())));
    for row in rows {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| {
                row[*column].as_str().map_or_else(|| row[*column].to_string(), |text| text.replace('|', "\\|"))
            })
            .collect();
        line(format_args!("| {} |", cells.join(" | ")));
    }
    line(format_args!(""));
}
