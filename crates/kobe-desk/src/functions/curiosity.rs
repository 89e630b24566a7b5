//! Curiosity: hypotheses, and whether they hold.

use super::{Function, Group::Curiosity, N, f};
use kobe_plan::task::Lane::Research;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("curiosity_scan", Curiosity, Research, N, 300, "hypotheses").stage(7)
        .does("Turns new observations into hypotheses without testing them."),
    f("check_hypotheses", Curiosity, Research, N, 1800, "results").heavy().stage(7)
        .does("Tests the hypotheses or discoveries its row names on data they were not made from."),
    f("gen_hypotheses", Curiosity, Research, N, 300, "hypotheses").stage(7)
        .does("Makes hypotheses from the morning's signals and near misses."),
    f("update_curiosity", Curiosity, Research, N, 300, "hypotheses").stage(7)
        .does("Re-scores how learnable each hypothesis is and drops duplicates."),
    f("update_hypotheses", Curiosity, Research, N, 300, "results").stage(7)
        .does("Adds the day's evidence sequentially and records the alpha it spends."),
    f("check_edges", Curiosity, Research, N, 1800, "edges").heavy().stage(7)
        .does("Re-validates known edges on new data and marks those that decayed."),
    f("run_curiosity", Curiosity, Research, N, 3600, "edges, discoveries").heavy().stage(7)
        .does("Generates, tests and promotes hypotheses in one cycle under false-discovery control."),
    f("generate_hypotheses", Curiosity, Research, N, 1800, "hypotheses").heavy().stage(7)
        .does("Makes hypotheses from backtest trades by weekday, VIX, gap, sector and IBS."),
];
