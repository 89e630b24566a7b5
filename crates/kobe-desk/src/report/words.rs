//! Words: what the codes of the desk mean, in sentences for people.
//!
//! Every reason of a skip has a sentence; a new one does not compile without. The tone is that of an auditor: what is not known is said.

use kobe_plan::run::Reason;
use kobe_trade::case::{Earnings, Fomc};
use kobe_trade::order::ExitReason;

use super::figures::ENOUGH_TRADES;
use super::story::Story;
use super::text::{self, change, dollars, many, or_none, percent, percent_to};
use super::{Assumption, Figures, GateRow, Halt, Lived, Report};
use crate::data::Origin;
use crate::trading::universe;

/// What stands beside a refusal that this page has no sentence for.
const UNNAMED: &str = "see the rule of that name";

/// Says why slots with this reason did not run.
pub(super) fn skip(reason: &str) -> &'static str {
    let Ok(reason) = reason.parse::<Reason>() else { return "A reason that this build does not know." };
    match reason {
        Reason::Holiday => "The exchange was closed all day, and the task needs a session.",
        Reason::EarlyClose => "The session ended before this time.",
        Reason::LateOpen => "The session had not begun yet at this time.",
        Reason::Phase => "The market was in another phase than the task asks for.",
        Reason::Mode => "The desk was in another work mode than the task asks for.",
        Reason::Day => "It was another kind of day than the task asks for.",
        Reason::Overlap => "The run before was still going on.",
        Reason::Paused => "An operator had paused the task.",
        Reason::Disabled => "The desk file switches the task off.",
        Reason::GraceExpired => "The slot was missed and is too old to be made good.",
        Reason::UselessAfter => "Running this late would have served nobody.",
        Reason::QueueFull => "The lane had no room for another run.",
        Reason::UpstreamFailed => "A function that must come first had failed.",
        Reason::Gate => {
            "A rule of the desk said no, for example no entry outside its hours or nothing new to decide on."
        }
        Reason::GateTimeout => "A rule of the desk gave no answer in time.",
        Reason::Halted => "The lane was halted.",
        Reason::DstGap => "Clocks skipped this time.",
        Reason::Cooldown => "Too little time had passed since the run before.",
        Reason::Horizon => "The calendar does not reach so far.",
        Reason::Operator => "An operator skipped it.",
        Reason::Interrupted => "It was told to stop.",
        Reason::Lost => "Its end is not known.",
        Reason::Held => "It waits for a person to decide.",
        Reason::Unavailable => {
            "Something it needs does not exist in a replay, for example intraday bars, news or pre-market quotes."
        }
        Reason::Profile => "The work profile leaves research, learning and heavy upkeep out.",
        Reason::NotBuilt => "The function is registered and not built yet: it answers so, and never ok.",
    }
}

/// Says in short what a refusal means.
pub(super) fn refusal(name: &str) -> &'static str {
    let (name, _) = name.split_once(':').unwrap_or((name, ""));
    match name {
        "killed" => "the kill switch was pulled",
        "rearm_cooldown" => "an hour after a re-arm only exits pass",
        "endpoint_not_paper" => "the broker was no paper broker",
        "policy_mode" => "policy and broker do not belong together",
        "kill_zone" => "outside the hours for entries",
        "clock_skew" => "the clock was off by more than 2 s",
        "slot_already_ran" => "this slot had run already",
        "no_new_information" => "nothing is known that the window before did not know",
        "preflight" => "the day's preflight had not passed",
        "reconciliation_dirty" => "books and broker had not agreed since the last fill",
        "chain_broken" => "the audit chain did not verify",
        "blocked" => "a function whose failure closes entries had failed",
        "bar_stale" | "signal_stale" => "the signal was too old",
        "quote_stale" | "quote_crossed" | "spread_too_wide" | "replay_quote" | "quote_source_unknown" => {
            "the quote was unfit"
        }
        "price_out_of_bounds" => "price outside 3 to 1,000 dollars",
        "price_below_15" => "close under 15 dollars",
        "not_in_universe" => "not a valid name of the universe",
        "not_tradable" => "the broker did not trade it",
        "prohibited" => "on the list of what is never traded",
        "earnings_blackout" => "an earnings report is near",
        "shorts_disabled" => "a short sale, which this desk never makes",
        "adv_below_5m" => "under 5 million dollars traded a day",
        "vix_above_25" => "VIX above 25",
        "index_below_sma200" => "index below its 200-day mean",
        "index_vol20" => "index volatility of 25 % or more",
        "fomc_day" => "the Federal Reserve decides that day",
        "cognitive_breaker" => "the desk did not trust its own judgement",
        "drift_critical" => "results had drifted too far from what was expected",
        "score" => "quality score under 70",
        "confidence" => "conviction under 60",
        "rr" => "reward over risk under 1.5",
        "no_shares" => "a cap leaves no whole share",
        "already_have_position" => "the symbol is held already",
        "max_positions" => "five positions are open",
        "max_new_per_day" => "two entries that day already",
        "max_new_per_week" => "ten entries that week already",
        "risk_above_mode" => "more risk than the policy allows",
        "notional_above_20pct" => "over a fifth of the account in one order",
        "position_above_10pct" => "over a tenth of the account in one position",
        "exceeds_per_order_budget" => "over the policy's dollars an order",
        "exceeds_daily_budget" => "over the policy's dollars a day",
        "sector_above_40pct" => "over 40 % of the book in one sector",
        "day_above_20pct" => "over a fifth of the account bought that day",
        "open_above_40pct" => "over 40 % of the account in positions",
        "gross_above_100pct" | "net_above_80pct" => "more exposure than the account may have",
        "sector_above_30pct" => "over 30 % of the account in one sector",
        "basket_above_40pct" => "over 40 % of the account in names that move together",
        "names_above_20" => "over 20 names",
        "var_above_5pct" => "value at risk over 5 % of the account",
        "heat_above_80" => "heat of the book over 80",
        "outside_luld" => "outside the exchange's price band",
        "notional_out_of_bounds" => "the order is too small or too large",
        "above_1pct_adv" => "over a hundredth of a day's volume",
        "limit_off_quote" => "the limit lies too far from the quote",
        "order_rate" => "too many orders within a minute",
        "broker_rejects" => "the broker had rejected several orders in a row",
        _ if name.ends_with("_unknown") => "what the gate needs was not known, and unknown is unsafe",
        _ => UNNAMED,
    }
}

/// Says why a position was closed.
pub(super) fn exit(reason: ExitReason) -> &'static str {
    match reason {
        ExitReason::Stop => "the day's low reached the stop",
        ExitReason::Indicator => "strong close: IBS over 0.80 or RSI2 over 70",
        ExitReason::Time => "held as long as the rule allows",
        ExitReason::Operator => "an operator wished it",
    }
}

/// Says what a gate asks, where its name is not enough.
pub(super) fn not_applicable(row: &GateRow) -> String {
    match row.because.as_deref() {
        Some("not_built") => "what it asks is not built yet".to_owned(),
        Some("one_sector") => "all symbols belong to one sector".to_owned(),
        Some(why) => why.to_owned(),
        None => "the question has no meaning here".to_owned(),
    }
}

/// Says what a file of the data holds.
pub(super) fn file(name: &str, origin: Origin) -> &'static str {
    let stem = name.split('.').next().unwrap_or_default();
    match (stem, origin) {
        ("fees", Origin::Embedded) => "Fees of a sale by date, compiled from notices of SEC and FINRA",
        ("sectors", Origin::Embedded) => "Sectors by date, compiled by hand",
        ("equities_daily", Origin::Embedded) => "Daily bars as traded: Quandl WIKI Prices, public domain",
        ("spx_closes", Origin::Embedded) => "S&P 500 closes, an export from Yahoo",
        ("treasury_daily", Origin::Embedded) => "Treasury par yields: US Treasury, public domain",
        ("vix_daily", Origin::Embedded) => "VIX closes: FRED, source Cboe; begins after these years",
        ("corporate_actions", Origin::Embedded) => "Splits and dividends, derived from the bars",
        (_, Origin::Embedded) => "Built into the program",
        (_, Origin::Directory) => "Given with --data; Kobe does not know its source",
    }
}

/// Says in one line that the kill switch was pulled, when, why and how it ended.
pub(super) fn halt(halt: &Halt) -> String {
    let end = match &halt.rearmed {
        Some(at) => format!("An operator re-armed at {at}."),
        None => "It stayed pulled to the end of the run.".to_owned(),
    };
    format!("KILL SWITCH PULLED at {}: {} (by {}). {end}", halt.local, halt.reason, halt.by)
}

/// Says what still moved while the switch was pulled.
pub(super) fn after_halt(halt: &Halt) -> String {
    let entries = match halt.entries_after {
        0 => "No entry followed".to_owned(),
        n => format!("{} FOLLOWED, which must not be", many(n, "ENTRY", "ENTRIES")),
    };
    let exits = match (halt.exits_after, halt.last_exit_after_s) {
        (0, _) | (_, None) => "no exit was sent".to_owned(),
        (n, Some(s)) => format!("{} within {s} s", many(n, "exit was sent", "exits were sent")),
    };
    let stops = match halt.stops_after {
        0 => "no stop at the broker filled".to_owned(),
        n => format!("{} at the broker filled", many(n, "protective stop", "protective stops")),
    };
    let left = match halt.left.as_slice() {
        [] => "nothing is held at the end".to_owned(),
        left => format!("still held at the end: {}", left.join(", ")),
    };
    format!("{entries}; {exits}; {stops}; {left}.")
}

/// Sums the run up in a few sentences, without ornament.
pub(super) fn summary(report: &Report) -> String {
    let f = &report.figures;
    if f.sessions == 0 {
        return "No session was closed in this stretch of time: there is nothing to report on trading.".to_owned();
    }
    let over = many(f.sessions as u64, "session", "sessions");
    let mut told = match f.trades {
        0 => format!(
            "No trade was closed in {over}. Equity went from {} to {}",
            dollars(f.equity_start),
            dollars(f.equity_end)
        ),
        n => format!(
            "{} in {over} turned {} into {}",
            many(n as u64, "closed trade", "closed trades"),
            dollars(f.equity_start),
            dollars(f.equity_end)
        ),
    };
    if let Some(total) = f.total_return {
        told.push_str(&format!(", {}", change(total)));
    }
    // Over about a year the yearly rate is the same figure once more.
    if let Some(cagr) = f.cagr.filter(|_| f.calendar_days > 400) {
        told.push_str(&format!(" or {} a year", change(cagr)));
    }
    told.push('.');
    if let Some(index) = &f.index {
        let moved = if index.total_return < 0.0 { "lost" } else { "gained" };
        told.push_str(&format!(" {} {moved} {} in the same time", index.name, percent(index.total_return.abs())));
        if let Some(bills) = &f.bills {
            told.push_str(&format!(
                ", three-month Treasury bills paid about {}",
                if bills.total_return < 0.005 {
                    percent(bills.total_return)
                } else {
                    percent_to(bills.total_return, 1)
                }
            ));
        }
        told.push('.');
    }
    told
}

/// Says how much weight the figures bear.
pub(super) fn caution(report: &Report) -> String {
    let f = &report.figures;
    if f.trades == 0 {
        return "Without a trade nothing can be said about the rules; that they kept out is an answer too.".to_owned();
    }
    let mut told = if f.trades < ENOUGH_TRADES {
        format!(
            "This is very little to judge by: {} of the {ENOUGH_TRADES} trades below which no ratio is firm.",
            f.trades
        )
    } else {
        format!("These are few trades, and {}.", if f.gain.is_sign_negative() { "a loss" } else { "a small gain" })
    };
    if let Some((low, high)) = f.average_trade_95 {
        let mean = or_none(f.average_trade, |x| format!("{x:.2}"));
        told.push_str(&format!(
            " A trade made {mean} dollars on average; the 95 % interval runs from {low:.0} to {high:.0}"
        ));
        told.push_str(if low <= 0.0 && high >= 0.0 {
            ", so chance alone could have done it."
        } else {
            ", which leaves zero outside, in this sample."
        });
    }
    if let Some(idle) = f.idle {
        told.push_str(&format!(" {} of the account lay idle on average, by rule", percent_to(idle, 1)));
        match &f.bills {
            Some(bills) => told.push_str(&format!(
                "; in Treasury bills that cash would have earned about {} dollars, which this run does not count.",
                text::about(bills.on_idle_cash)
            )),
            None => told.push('.'),
        }
    }
    told
}

/// Lists what was not simulated, or taken for granted, in this run.
pub(super) fn assumptions(lived: &Lived<'_>, story: &Story<'_>, figures: &Figures) -> Vec<Assumption> {
    let mut rows = Vec::new();
    let mut say = |topic: &str, says: String| rows.push(Assumption { topic: topic.to_owned(), says });
    let data = lived.data;

    let names: Vec<&str> = data.series.keys().map(String::as_str).collect();
    let warming: Vec<&str> = {
        let last = story.curve.last().map(|point| point.date);
        let never =
            |s: &&kobe_quant::Series| last.is_some_and(|d| universe::standing(s, d) != universe::Standing::Valid);
        data.series.values().filter(never).map(kobe_quant::Series::symbol).collect()
    };
    let mut universe = format!("{}: {}.", many(names.len() as u64, "symbol", "symbols"), names.join(", "));
    if data.origin == Origin::Embedded {
        universe.push_str(
            " They are here because their bars are in the public domain. They are large companies of which one knows today that they lasted: no result says anything about the rules at large.",
        );
    }
    if !warming.is_empty() {
        universe.push_str(&format!(" Not ready for signals at the end of the run: {}.", warming.join(", ")));
    }
    say("Universe", universe);
    say(
        "Out of sample",
        "Nothing was fitted in this run, but whoever wrote the rules knew these years. Do not read it as an out-of-sample test.".to_owned(),
    );
    say(
        "Quotes and fills",
        "A day has one quote: its open less and plus 2.5 basis points, the same until the close. An order fills at once and whole, 5 basis points worse than the quote. There are no partial fills, no queue, no market impact, no outage and no trading halt.".to_owned(),
    );
    say(
        "Stops",
        "A stop stands at the broker and is settled on the day's bar: where the low reaches it, it sells at the stop or at a lower open, less spread and slippage. The path within the day is not known; the stop is taken before anything else.".to_owned(),
    );
    say(
        "Not there",
        "Pre-market quotes, intraday bars, imbalance, order flow, news, options, and the dates of earnings, CPI and payrolls. Functions that need them answer unavailable; nothing is made up.".to_owned(),
    );
    let unknown = story.first.iter().filter(|(_, case)| case.name.earnings == Earnings::Unknown).count();
    if unknown > 0 {
        say(
            "Earnings",
            format!(
                "No source of earnings dates: unknown for {unknown} of {}. Such an entry has half its size.",
                many(story.first.len() as u64, "setup", "setups")
            ),
        );
    }
    let estimated = story.first.iter().filter(|(_, case)| case.regime.vix_estimated).count();
    if estimated > 0 {
        say(
            "VIX",
            format!(
                "Estimated for {estimated} of {}, from the index: 0.9 x its 21-day volatility + 2, between 10 and 80.",
                many(story.first.len() as u64, "setup", "setups")
            ),
        );
    }
    let beyond = story.first.iter().filter(|(_, case)| case.regime.fomc == Fomc::Unknown).count();
    let fomc = match beyond {
        0 => "Only scheduled decision days gate entries; what nobody knew the day before never does.".to_owned(),
        n => format!(
            "{} fell outside the table of decision days and passed with a note.",
            many(n as u64, "setup", "setups")
        ),
    };
    say("Federal Reserve", fomc);
    let mut index = format!("{} closes without dividends; the index is looked at and never traded.", data.index.name());
    if data.index.is_proxy() {
        index.push_str(" It is an equal-weight stand-in made of the symbols themselves.");
    }
    say("Index", index);
    let sectors = story.curve.last().map_or(0, |point| universe::sectors(data, point.date));
    if sectors < 2 && !story.curve.is_empty() {
        say(
            "Sectors",
            "All symbols belong to one sector, so the rules about sectors had nothing to compare.".to_owned(),
        );
    }
    let cash = format!(
        "Idle cash earns no interest. Sales pay the fees of their day ({} in all), purchases pay no commission. Taxes, market data and machines cost nothing here.",
        dollars(figures.fees)
    );
    say("Cash and costs", cash);
    say(
        "Machine",
        "The clock is exact, the disk is free, the network and the broker always answer. Nobody is there to pull or re-arm anything.".to_owned(),
    );
    say(
        "Exits",
        "The frozen rules only: stop, indicator, time. Trailing, partial and structural exits are computed as advice where they are built, and do not act.".to_owned(),
    );
    let (absent, profile) = (
        lived.counts.skipped.get("not_built").copied().unwrap_or(0),
        lived.counts.skipped.get("profile").copied().unwrap_or(0),
    );
    if absent + profile > 0 {
        let of = percent_to((absent + profile) as f64 / lived.counts.slots.max(1) as f64, 0);
        say(
            "Work left out",
            format!(
                "{of} of all slots did no work: {} belong to functions that are not built yet, {} to work that the profile leaves out.",
                text::count(absent),
                text::count(profile)
            ),
        );
    }
    let last = story.curve.last().map(|point| point.date);
    if last.is_some_and(|last| data.as_of < last) {
        say("End of the data", format!("The newest bar is of {}; after it nothing could be traded.", data.as_of));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_the_gates_has_a_sentence() {
        for gate in kobe_trade::gate::entry_gates() {
            assert_ne!(refusal(gate.refusal), UNNAMED, "{}", gate.refusal);
        }
        for (name, want) in [
            ("no_shares:cash", "a cap leaves no whole share"),
            ("quote_age_unknown", "what the gate needs was not known, and unknown is unsafe"),
            ("invented", UNNAMED),
        ] {
            assert_eq!(refusal(name), want, "{name}");
        }
    }

    #[test]
    fn a_word_that_is_no_reason_is_called_so() {
        assert_eq!(skip("sunspots"), "A reason that this build does not know.");
        assert_ne!(skip("not_built"), skip("sunspots"));
    }
}
