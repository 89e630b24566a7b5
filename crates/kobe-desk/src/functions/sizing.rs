//! Sizing: from intents to shares.

use kobe_plan::Outcome;
use serde_json::json;

use super::execution;
use super::ranking_gate::signals_of;
use crate::call::Call;

use super::{Function, Group::Sizing, N, f};
use kobe_plan::task::Lane::Trading;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("calc_position_sizes", Sizing, Trading, N, 30, "sizes").session_bound().stage(4).after(&["validate_watchlist"])
        .does("Sizes the watchlist ahead of the session, with dollars at risk and the cap that binds."),
    f("calc_size", Sizing, Trading, N, 30, "sized intents").session_bound().stage(4).after(&["calc_rr"])
        .does("Sizes gated intents on live price and equity, clips them to every cap and names the one that bound.").built(calc_size),
];

/// Sizes what was gated on price and equity of the moment, and names the cap that binds.
fn calc_size(call: &Call<'_>) -> Outcome {
    let gated = match signals_of(call, "gated:primary") {
        Ok(Some(gated)) if !gated.is_empty() => gated,
        Ok(_) => return Outcome::NoData("nothing gated today".into()),
        Err(outcome) => return outcome,
    };
    match execution::size_signals(call, &gated) {
        Ok(rows) => {
            let approved = rows.iter().filter(|r| r["verdict"] == "pass").count();
            let note = format!("{approved} of {} approved", rows.len());
            match call.put("intents:primary", json!({ "intents": rows })) {
                Err(outcome) => outcome,
                Ok(()) if approved == 0 => Outcome::NoData(note.into()),
                Ok(()) => Outcome::Ok(note.into()),
            }
        }
        Err(e) => Outcome::Error(e.to_string().into()),
    }
}
