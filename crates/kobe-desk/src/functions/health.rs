//! Health: is the house in order, and may the day trade?

mod broker;
mod check;
mod integrity;
mod preflight;
#[cfg(test)]
mod tests;

use super::{Function, Group::Health, N, f};
use crate::early::answer;
use kobe_plan::task::Lane::{Maintenance, Monitoring};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("health_check", Health, Monitoring, N, 10, "health.json, health_runs").stage(0)
        .does("Judges kill switch, disk, folders, settings, database and heartbeat as healthy, degraded or unhealthy.")
        .built(|call| answer(check::health_check(call))),
    f("cleanup", Health, Maintenance, N, 1800, "cleanup report with bytes").heavy()
        .does("Removes old logs, caches and temporary files, never a record of money or the only copy of a price."),
    f("backup_state", Health, Maintenance, N, 1800, "archive+manifest").heavy()
        .does("Snapshots state, database and logs into an archive with a manifest of checksums, kept for 30 days."),
    f("data_integrity", Health, Maintenance, N, 1800, "integrity table").heavy().stage(0)
        .does("Reads data files whole: format, order, doubles, sane prices, checksum; restores a backup to test it.")
        .built(|call| answer(integrity::data_integrity(call))),
    f("broker_connect", Health, Monitoring, N, 15, "broker_status").stage(0).after(&["health_check"])
        .does("Proves that the broker answers, with a paper account and readable positions, and how fast.")
        .built(|call| answer(broker::broker_connect(call))),
    f("preflight", Health, Monitoring, N, 60, "preflight.json").session_bound().stage(0)
        .after(&["health_check", "broker_connect", "data_integrity", "validate_universe", "precalc_indicators", "fetch_vix"])
        .does("Asks the blocking questions in order and stores one verdict, PASS or BLOCK, with the config hash.")
        .built(|call| answer(preflight::preflight(call))),
    f("full_health", Health, Monitoring, N, 120, "health_full.json").stage(0)
        .does("Checks health, lets every engine compute an answer that is known, and verifies the hash chain."),
];
