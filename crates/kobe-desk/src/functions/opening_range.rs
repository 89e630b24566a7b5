//! The opening range: what the first half hour shows; nothing here may trade.

use super::{Function, Group::OpeningRange, N, f};
use kobe_plan::task::Lane::Monitoring;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("check_gaps", OpeningRange, Monitoring, N, 30, "gaps").session_bound()
        .does("Measures each pre-market gap and calls the plan valid, improved, degraded or void."),
    f("capture_opens", OpeningRange, Monitoring, N, 30, "opens").session_bound()
        .does("Keeps the first print and size of watched, held and index symbols."),
    f("analyze_gaps", OpeningRange, Monitoring, N, 30, "gap_analysis").session_bound()
        .does("Measures a gap in per cent and ATRs, how much of it is filled, and how often its like was filled."),
    f("detect_volume", OpeningRange, Monitoring, N, 30, "volume_surge").session_bound()
        .does("Compares volume so far with what the hour makes usual and flags a surge."),
    f("record_opening", OpeningRange, Monitoring, N, 30, "opening_range").session_bound()
        .does("Records high, low, VWAP and volume of the first five minutes."),
    f("detect_momentum", OpeningRange, Monitoring, N, 30, "momentum").session_bound()
        .does("Fits a line through the minutes since the open and gives its sign and t-value."),
    f("range_5min", OpeningRange, Monitoring, N, 30, "opening_range").session_bound().after(&["record_opening"])
        .does("Freezes the five-minute range with its width in ATRs."),
    f("update_opening", OpeningRange, Monitoring, N, 30, "opening_range").session_bound().after(&["range_5min"])
        .does("Extends the range to fifteen minutes in and grades each symbol against its pre-market price."),
    f("detect_false_breakouts", OpeningRange, Monitoring, N, 30, "breakouts").session_bound()
        .does("Finds moves out of the opening range that were back inside within three bars."),
    f("range_15min", OpeningRange, Monitoring, N, 30, "opening_range").session_bound().after(&["update_opening"])
        .does("Freezes the fifteen-minute range with its width in ATRs."),
    f("check_flow", OpeningRange, Monitoring, N, 30, "flow").session_bound().stage(3)
        .does("Measures signed volume imbalance and the share of large prints, without guessing whose they were."),
    f("finalize_opening", OpeningRange, Monitoring, N, 30, "state/watchlist/opening_range.json").session_bound()
        .after(&["range_15min"])
        .does("Freezes the whole opening range, writes its file and sums it up in a bias."),
    f("determine_bias", OpeningRange, Monitoring, N, 30, "morning_bias").session_bound().stage(2)
        .after(&["finalize_opening"])
        .does("Lets index, breadth, VIX and opening range vote on the morning; no gate listens to it."),
    f("check_selling", OpeningRange, Monitoring, N, 30, "flow_alerts").session_bound()
        .does("Warns the exits of heavy one-sided selling below VWAP in symbols that are held."),
];
