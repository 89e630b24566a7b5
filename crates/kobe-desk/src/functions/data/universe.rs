//! The universe and its indicators on the last completed bar.

use kobe_plan::Outcome;
use kobe_quant::{Features, Px};
use kobe_trade::chain::sha256;
use kobe_trade::check::Figure;
use serde_json::json;

use super::bars::close;
use crate::call::Call;
use crate::early::Work;
use crate::trading::universe::{BEHIND, LEAST_VALID, Standing, refusal, standing, valid};

/// Tests each symbol for price, turnover and history.
pub(super) fn validate_universe(call: &Call<'_>) -> Work {
    let (data, completed) = (call.data_set()?, call.completed()?);
    let (mut rows, mut good, mut bad, mut warming, mut behind) = (Vec::new(), 0u32, 0u32, 0u32, 0u32);
    for series in data.series.values() {
        let at = series.index_of(completed);
        let (status, why) = match standing(series, completed) {
            Standing::NotListed => continue,
            Standing::Warming => ("warming", None),
            Standing::Behind => ("invalid", Some(BEHIND)),
            Standing::Valid => match at.and_then(|i| refusal(series, i)) {
                None => ("valid", None),
                why => ("invalid", why),
            },
        };
        match (status, why) {
            ("valid", _) => good += 1,
            ("warming", _) => warming += 1,
            (_, Some(BEHIND)) => (bad, behind) = (bad + 1, behind + 1),
            _ => bad += 1,
        }
        let adv = at.and_then(|i| series.adv60(i)).map(|dollars| Figure(dollars.round()));
        rows.push(json!({ "symbol": series.symbol(), "status": status, "why": why, "close": at.map(|i| close(series, i)), "adv60": adv }));
    }
    let counted = good + bad;
    let share = (counted > 0).then(|| f64::from(good) / f64::from(counted));
    let body = json!({
        "date": completed, "configured": data.series.len(), "valid": good, "invalid": bad, "warming": warming, "not_listed": data.series.len() - rows.len(),
        "valid_share": share, "symbols": rows,
    });
    call.put("universe_status", body)?;
    if counted == 0 && bad == 0 {
        // Nothing is listed long enough yet: that is no fault, and there is nothing to trade.
        let why = "no symbol has bars enough to count";
        call.desk.block("universe", why.to_owned());
        return Ok(Outcome::NoData(why.into()));
    }
    match share {
        Some(share) if share >= LEAST_VALID => {
            call.desk.unblock("universe");
            Ok(Outcome::Ok(format!("{good} of {counted} valid, {warming} warming").into()))
        }
        share => {
            let why = match share {
                Some(_) => format!("only {good} of {counted} symbols are valid"),
                None => "no symbol has bars enough to count".to_owned(),
            };
            call.desk.block("universe", why.clone());
            // What is only old is missing, not wrong.
            Err(if behind == bad && bad > 0 {
                Outcome::Unavailable(format!("bars of {completed}: {why}").into())
            } else {
                Outcome::Error(why.into())
            })
        }
    }
}

/// Computes every indicator of every valid symbol on the last completed bar; the features of models are the work of a function that is not built.
pub(super) fn precalc_indicators(call: &Call<'_>) -> Work {
    if !matches!(call.text_arg("what"), None | Some("indicators")) {
        return Err(Outcome::NotBuilt);
    }
    let (data, completed) = (call.data_set()?, call.completed()?);
    let mut bits: Vec<u8> = Vec::new();
    let (mut symbols, mut incomplete) = (Vec::new(), Vec::new());
    for series in valid(data, completed) {
        let row = series.index_of(completed).and_then(|i| series.features(i));
        match row.as_ref().and_then(figures) {
            Some(figures) => {
                bits.extend_from_slice(series.symbol().as_bytes());
                figures.iter().for_each(|x| bits.extend_from_slice(&x.to_bits().to_le_bytes()));
                symbols.push(series.symbol());
            }
            None => incomplete.push(series.symbol()),
        }
    }
    let count = |wanted: Standing| data.series.values().filter(|s| standing(s, completed) == wanted).count();
    let (warming, behind) = (count(Standing::Warming), count(Standing::Behind));
    let hash = sha256(&bits);
    let (done, failed) = (symbols.len(), incomplete.join(", "));
    let body = json!({ "what": "indicators", "date": completed, "count": done, "symbols": symbols, "warming": warming, "incomplete": incomplete, "hash": hash });
    call.put("indicators", body)?;
    let early = match (done, failed.is_empty()) {
        (1.., true) => None,
        (0, true) if behind > 0 => Some(Outcome::Unavailable(format!("bars of {completed}").into())),
        (0, true) => Some(Outcome::NoData(format!("no symbol has bars enough, {warming} are warming").into())),
        (_, false) => Some(Outcome::Error(format!("indicators are missing for {failed}").into())),
    };
    match early {
        None => {
            call.desk.unblock("indicators");
            Ok(Outcome::Ok(format!("{done} symbols on {completed}, {warming} warming").into()))
        }
        Some(early) => {
            call.desk.block("indicators", early.note().to_owned());
            Err(early)
        }
    }
}

/// Every indicator of a bar; `None` where one is missing that the scan reads.
fn figures(f: &Features) -> Option<[f64; 15]> {
    let close: Px = f.close;
    Some([
        close.f64(),
        f.ibs,
        f.rsi2?,
        f.rsi14?,
        f.sma10?,
        f.sma20?,
        f.sma50?,
        f.sma200?,
        f.atr14?,
        f.adv60?,
        f.shares60?,
        f.vol20?,
        f.donchian15_high?,
        f.donchian15_low?,
        f64::from(f.down_streak),
    ])
}
