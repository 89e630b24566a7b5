//! The broker connection: is it a paper account, does it answer, can positions be read, does its clock agree?

use kobe_plan::Outcome;
use kobe_trade::money::Decimal;
use kobe_trade::policy::PAPER_ONLY;
use serde_json::json;

use crate::call::Call;
use crate::early::Work;

/// Name of the artifact.
const NAME: &str = "broker_status";
/// The clocks may differ by this much.
const MOST_SKEW_MS: u64 = 2_000;

/// Proves the connection; entries are closed until it is proved again.
pub(super) fn broker_connect(call: &Call<'_>) -> Work {
    let (broker, host) = (call.desk.broker(), call.desk.host());
    let endpoint = broker.endpoint();
    let (account, positions) = (broker.account(call.now), broker.positions(call.now));
    let (skew, latency) = (host.clock_skew_ms(), host.broker_latency_ms());
    let mut wrong: Vec<String> = Vec::new();
    if !(PAPER_ONLY && endpoint.is_paper()) {
        wrong.push("the endpoint is not known to be paper".into());
    }
    match &account {
        Ok(account) if account.equity <= Decimal::ZERO => wrong.push(format!("equity is {}", account.equity)),
        Ok(_) => {}
        Err(e) => wrong.push(format!("account: {e}")),
    }
    if let Err(e) = &positions {
        wrong.push(format!("positions: {e}"));
    }
    match &skew {
        Ok(ms) if ms.unsigned_abs() > MOST_SKEW_MS => wrong.push(format!("the clocks differ by {ms} ms")),
        Ok(_) => {}
        Err(why) => wrong.push(format!("clock: {why}")),
    }
    if let Err(why) = &latency {
        wrong.push(format!("latency: {why}"));
    }
    let body = json!({
        "connected": wrong.is_empty(), "endpoint": endpoint, "paper": endpoint.is_paper(), "policy_mode": endpoint.mode(),
        "cash": account.as_ref().ok().map(|a| a.cash), "equity": account.as_ref().ok().map(|a| a.equity), "positions": positions.as_ref().ok(),
        "clock_skew_ms": skew.as_ref().ok(), "latency_ms": latency.as_ref().ok(), "wrong": wrong,
    });
    call.put(NAME, body)?;
    if !wrong.is_empty() {
        let why = wrong.join("; ");
        call.desk.block("broker", why.clone());
        return Err(Outcome::Error(why.into()));
    }
    call.desk.unblock("broker");
    let held = positions.map_or(0, |held| held.len());
    Ok(Outcome::Ok(
        format!(
            "paper account, equity {}, {held} positions",
            account.map_or_else(|e| e.to_string(), |a| a.equity.to_string())
        )
        .into(),
    ))
}
