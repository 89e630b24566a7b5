//! Session markers: notes of where the day stands; they send no order.

mod night;
mod record;
#[cfg(test)]
mod tests;
mod trading_day;

use super::{Function, Group::Session, N, f};
use crate::early::answer;
use kobe_plan::task::Lane::{Maintenance, Monitoring};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("log_kill_zone", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Writes the day's table of kill zones, as the open and close of this day make it.")
        .built(|call| answer(trading_day::log_kill_zone(call))),
    f("log_market_open", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Notes the opening bell, the hour of the close and the watchlist, and asserts that entries are shut.")
        .built(|call| answer(trading_day::log_market_open(call))),
    f("final_observe", Session, Monitoring, N, 30, "session_log").session_bound().after(&["determine_bias"])
        .does("Rolls range, bias and gaps of the opening up into one verdict that the first scan reads.")
        .built(|call| answer(trading_day::final_observe(call))),
    f("log_primary_open", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Notes that the first entry window opens, with the budget and the entries that are left.")
        .built(|call| answer(trading_day::log_primary_open(call))),
    f("log_primary_close", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Notes that the first window ends, and why any intent of it was not executed.")
        .built(|call| answer(trading_day::log_primary_close(call))),
    f("log_lunch_start", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Notes that entries are shut until 14:30 and lists the open positions with their stops.")
        .built(|call| answer(trading_day::log_lunch_start(call))),
    f("log_power_prep", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Notes at 14:00 that the phase is active again while the kill zone still forbids entries.")
        .built(|call| answer(trading_day::log_power_prep(call))),
    f("log_countdown", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Counts the seconds to the instant its row names and shows the state of the kill switch.")
        .built(|call| answer(trading_day::log_countdown(call))),
    f("log_power_start", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Notes that the second entry window opens, with the budget that is left.")
        .built(|call| answer(trading_day::log_power_start(call))),
    f("log_power_close", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Notes that the second window is about to end.")
        .built(|call| answer(trading_day::log_power_close(call))),
    f("log_close_prep", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Notes that positions are only managed from here to the bell.")
        .built(|call| answer(trading_day::log_close_prep(call))),
    f("log_pre_close", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Lists unfilled orders and planned exits shortly before the bell.")
        .built(|call| answer(trading_day::log_pre_close(call))),
    f("log_market_close", Session, Monitoring, N, 30, "session_log").session_bound()
        .does("Notes the closing bell and marks, and the day orders that have to be gone with it.")
        .built(|call| answer(trading_day::log_market_close(call))),
    f("log_overnight_start", Session, Maintenance, N, 300, "session_log")
        .does("Lists the work queued for the night and the disk and memory there is for it.")
        .built(|call| answer(night::log_overnight_start(call))),
    f("log_weekend_start", Session, Maintenance, N, 300, "session_log")
        .does("Heads a block of the weekend: its name, and how fresh the things are that it reads.")
        .built(|call| answer(night::log_weekend_start(call))),
    f("log_weekend_end", Session, Maintenance, N, 300, "session_log")
        .does("Ends a day of the weekend: rows that were ok, failed and skipped, block by block.")
        .built(|call| answer(night::log_weekend_end(call))),
    f("log_deep_research", Session, Maintenance, N, 300, "session_log")
        .does("Heads a research block of Sunday: its name, and how fresh the things are that it reads.")
        .built(|call| answer(night::log_weekend_start(call))),
];
