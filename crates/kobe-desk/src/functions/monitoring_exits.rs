//! Monitoring and exits: watch what is held, and sell what has to go.

use super::{Function, Group::MonitoringExits, N, X, f};
use kobe_plan::task::Lane::{Monitoring, Trading};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("update_watchlist_prices", MonitoringExits, Monitoring, N, 30, "watchlist").session_bound()
        .does("Updates price, change and distance to entry of the watchlist."),
    f("monitor_positions", MonitoringExits, Trading, X, 30, "position_marks").session_bound().stage(5)
        .does("Marks every position: R multiple, room to stop and target, age, and its stop at the broker."),
    f("check_stop_distance", MonitoringExits, Monitoring, N, 30, "alerts").session_bound().stage(5)
        .does("Measures the room to each stop and flags those too near or wider than planned."),
    f("position_check", MonitoringExits, Monitoring, N, 30, "position_report").session_bound().stage(5)
        .does("Checks quantities against the ledger and the book's sectors, correlation and heat."),
    f("check_stops", MonitoringExits, Trading, X, 15, "exits").session_bound().stage(5)
        .does("Exits at once whatever trades at or below its stop, and verifies the fill."),
    f("check_targets", MonitoringExits, Trading, X, 15, "exits").session_bound().stage(5)
        .does("Exits whatever has reached its target."),
    f("check_time_stops", MonitoringExits, Monitoring, N, 30, "exit_queue").session_bound().stage(5)
        .after(&["monitor_positions"])
        .does("Queues positions that have been held for as many sessions as their strategy allows."),
    f("pre_power", MonitoringExits, Monitoring, N, 30, "prep").session_bound().stage(4)
        .does("Refreshes data, regime and limits for the second entry window."),
    f("adjust_positions", MonitoringExits, Trading, X, 30, "orders").session_bound().stage(5)
        .after(&["check_stop_distance"])
        .does("Applies approved stop raises and trims; never adds."),
    f("check_tighten", MonitoringExits, Monitoring, N, 30, "stop_updates").session_bound().stage(5)
        .does("Computes ratcheted stops and lists those that would rise."),
    f("evaluate_exits", MonitoringExits, Monitoring, N, 30, "exit_plan").session_bound().stage(5)
        .does("Weighs all exit rules on the nearly complete bar and recommends one act per position."),
    f("check_partial", MonitoringExits, Trading, X, 30, "exit_plan").session_bound().stage(5)
        .does("Takes half of a position off at three ATRs of profit, once per trade."),
    f("eod_prep", MonitoringExits, Monitoring, N, 30, "eod_plan").session_bound().stage(5)
        .does("Lists exits due, budgets and unresolved alerts before the close."),
    f("final_position_check", MonitoringExits, Monitoring, N, 30, "check rows").session_bound().stage(5)
        .does("Demands a plan, a stop and a reason to hold of every position."),
    f("check_moc", MonitoringExits, Monitoring, N, 30, "moc").session_bound().stage(5)
        .does("Reads the closing imbalance, or shows usual closing volume where no feed exists."),
    f("check_eod_exits", MonitoringExits, Monitoring, N, 30, "exit_queue").session_bound().stage(5)
        .after(&["evaluate_exits"])
        .does("Queues what must leave today by indicator, time, earnings or kill state."),
    f("execute_eod_exits", MonitoringExits, Trading, X, 120, "orders").session_bound().stage(5)
        .after(&["check_eod_exits"])
        .does("Sends the queued exits, confirms them and escalates what is left."),
    f("check_overnight_risk", MonitoringExits, Monitoring, N, 30, "overnight_risk").session_bound().stage(5)
        .does("Estimates the overnight gap loss of the book and lists what to trim above 2 % of equity."),
    f("snapshot_positions", MonitoringExits, Monitoring, N, 30, "snapshots").session_bound().stage(5)
        .does("Stores an immutable picture of the positions with its hash."),
    f("last_check", MonitoringExits, Trading, X, 60, "last_check").session_bound().stage(5)
        .after(&["execute_eod_exits"])
        .does("Cancels stray entries, chases failed exits and reads the kill file in the last minute."),
];
