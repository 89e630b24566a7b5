//! Models: scoring, checking and training them.

use super::{Function, Group::Models, N, f};
use kobe_plan::task::Lane::Research;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("run_lstm", Models, Research, N, 300, "predictions").stage(2).after(&["precalc_indicators"])
        .does("Scores current signals with the LSTM; an untrained model is unavailable."),
    f("check_ensemble", Models, Research, N, 300, "weights").stage(2).after(&["run_lstm"])
        .does("Checks weight, age and out-of-sample score of each member, or weighs them anew."),
    f("check_ml", Models, Research, N, 300, "model_eval").stage(7)
        .does("Scores resolved predictions by Brier, AUC and hit rate with intervals."),
    f("check_lstm", Models, Research, N, 300, "model_eval").stage(7)
        .does("Compares the morning's predictions with the moves so far."),
    f("check_retrain", Models, Research, N, 300, "retrain_plan").stage(7)
        .does("Lists models that need training, by age or drift, with reasons."),
    f("full_retrain", Models, Research, N, 14400, "model registry").heavy().stage(7).after(&["check_retrain"])
        .does("Trains the named models and swaps in a challenger that is better out of sample."),
];
