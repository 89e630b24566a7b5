//! Signs: what the web and the watchdog see beside the loop.
//!
//! Every sign is a question asked anew at each look: files, threads and books as they are then. Nothing is decided here: limits stand with whoever judges.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_engine::outbox::{self, OutboxHandle};
use kobe_engine::watch::Unchecked;
use kobe_engine::{Eyes, Watched};
use kobe_plan::alert::postman::WayState;
use kobe_store::TroublesBoard;
use kobe_trade::zone::{self, ZoneRules};
use kobe_web::{AlertSign, MarketSign, Signs};

use crate::kill;
use crate::settings::Shell;
use crate::wiring::Live;

/// Returns when the heart last beat, from the file that shows it.
pub fn heartbeat(state: &Path) -> Option<Timestamp> {
    let text = std::fs::read(state.join("autonomous/heartbeat.json")).ok()?;
    let beat: serde_json::Value = serde_json::from_slice(&text).ok()?;
    beat.get("timestamp")?.as_str()?.parse().ok()
}

/// Returns what the web shows beside the engine's vitals.
pub fn signs(
    state: PathBuf,
    market: Arc<Market>,
    outbox: &OutboxHandle,
    watched: &Arc<OnceLock<Watched>>,
    troubles: TroublesBoard,
) -> Signs {
    let (outbox, watched, disk) = (outbox.clone(), Arc::clone(watched), state.clone());
    Signs {
        watch: Box::new(move || {
            watched.get().map_or_else(Vec::new, |w| w.read().into_iter().map(|kind| kind.to_string()).collect())
        }),
        alerts: Box::new(move || alert_sign(&outbox.standing())),
        files: Box::new(move || {
            let troubles = troubles.read();
            troubles.last.map(|last| format!("{} so far, the latest: {last}", troubles.count))
        }),
        disk: Box::new(move || {
            let found = rustix::fs::statvfs(&disk).ok()?;
            Some(found.f_bavail * found.f_frsize)
        }),
        kill: Box::new(move |now| kill::pulled(&state, now)),
        market: Box::new(move |now| {
            let segment = market.segment_at(now).ok()?;
            let zone = zone::at(&market, now, ZoneRules::STANDARD).ok()?.zone;
            Some(MarketSign {
                phase: segment.phase.to_string(),
                mode: segment.mode.seed_name().to_owned(),
                zone: zone.to_string(),
            })
        }),
        orders: Box::new(|| None),
        performance: Box::new(|| None),
    }
}

fn alert_sign(standing: &outbox::Standing) -> AlertSign {
    let names: Vec<&str> = standing.ways.iter().map(|way| way.name.as_str()).collect();
    let channels = match names.is_empty() {
        true => "to the log only: no channel is set".to_owned(),
        false => format!("through {}", names.join(", ")),
    };
    let mut wrong: Vec<String> = standing.rows_fail.iter().map(|why| format!("rows: {why}")).collect();
    for way in &standing.ways {
        match &way.state {
            WayState::Ok => {}
            WayState::Waiting { why, .. } => wrong.push(format!("{} waits: {why}", way.name)),
            WayState::Broken { why, .. } => wrong.push(format!("{} refuses: {why}", way.name)),
            WayState::Hanging { since } => wrong.push(format!("{} has not answered since {since}", way.name)),
        }
    }
    if !standing.alive {
        wrong.push("the thread that tells alerts is gone".into());
    }
    AlertSign { wrong: (!wrong.is_empty()).then(|| wrong.join("; ")), channels, unsent: standing.unsent }
}

/// Returns where the watchdog looks beside the loop.
pub fn eyes(live: &Live, shell: &Shell, market: &Arc<Market>, alive: Box<dyn Fn() + Send>) -> Eyes {
    let (outbox, state) = (live.outbox.clone(), shell.settings.state.clone());
    let (services, market) = (Arc::clone(&live.services), Arc::clone(market));
    Eyes {
        // Without a channel the log has everything at once.
        oldest_unsent: Box::new(move || {
            let standing = outbox.standing();
            standing.oldest.filter(|_| standing.has_channel())
        }),
        heartbeat: Box::new(move || heartbeat(&state)),
        unchecked: Box::new(move |now| {
            let session = market.exchange().session_at(now).ok()??;
            let positions = services.open_positions();
            let last = services.last_stop_check();
            (positions > 0).then_some(Unchecked { positions, opened: session.open, last })
        }),
        alive,
    }
}
