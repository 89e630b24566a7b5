//! Learning and memory: what is worth keeping of what happened.

use super::{Function, Group::LearningMemory, N, f};
use kobe_plan::task::Lane::Learning;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("cognitive_check", LearningMemory, Learning, N, 300, "breaker state").session_bound().stage(4)
        .does("Trips a breaker on losing runs, bad calibration, flat predictions or a stuck regime."),
    f("run_reflection", LearningMemory, Learning, N, 300, "reflections").stage(6).after(&["analyze_trades"])
        .does("Reflects on each closed trade: what went well or wrong, causes, lessons, confidence."),
    f("went_well", LearningMemory, Learning, N, 300, "review rows").stage(6)
        .does("Names the rules and factors that contributed most over the period."),
    f("went_wrong", LearningMemory, Learning, N, 300, "review rows").stage(6)
        .does("Names the rules and factors that cost most over the period."),
    f("update_episodic", LearningMemory, Learning, N, 300, "episodes").stage(7).after(&["run_reflection"])
        .does("Stores one episode per decision, stand-downs included, within a bounded memory."),
    f("store_experience", LearningMemory, Learning, N, 300, "links").stage(7).after(&["update_episodic"])
        .does("Links each episode to the ten nearest of the past and their outcomes."),
    f("update_patterns", LearningMemory, Learning, N, 300, "pattern_stats").stage(7)
        .does("Refreshes the pattern library with the latest outcomes."),
    f("update_semantic", LearningMemory, Learning, N, 300, "rules").stage(7).after(&["update_episodic"])
        .does("Raises, lowers and retires rules by regime and strategy from at least ten episodes each."),
    f("update_rules", LearningMemory, Learning, N, 300, "proposals").stage(7).after(&["update_semantic"])
        .does("Proposes promotions and demotions of rules for a person to approve."),
    f("consolidate", LearningMemory, Learning, N, 300, "memory").stage(7).after(&["update_rules"])
        .does("Merges duplicate lessons and decays those unused for 30 days."),
    f("consolidate_knowledge", LearningMemory, Learning, N, 300, "digest").stage(7)
        .does("Merges external knowledge and discoveries and writes a digest."),
];
