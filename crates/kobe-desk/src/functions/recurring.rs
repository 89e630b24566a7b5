//! Recurring work: what the 42 cooldown tasks stand for. Most are the same work as a function above, on other terms.

use super::{Function, Group::Recurring, N, f};
use kobe_plan::task::Lane::{Learning, Maintenance, Monitoring, Research, Trading};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("always_scan_signals", Recurring, Trading, N, 120, "signals").session_bound().same_as("scan_universe")
        .does("Scans like scan_universe in a running session, without making intents."),
    f("always_check_positions", Recurring, Monitoring, N, 30, "position_marks").same_as("monitor_positions")
        .does("Marks positions like monitor_positions, without the right to sell."),
    f("always_reconcile_broker", Recurring, Monitoring, N, 60, "state/reconciliation/last_reconcile.json")
        .same_as("reconcile_broker")
        .does("Runs the three reconciliations around the clock."),
    f("always_backtest_random_params", Recurring, Research, N, 3600, "experiments").heavy().stage(7)
        .same_as("run_experiment")
        .does("Runs experiments with randomly drawn parameters."),
    f("always_feature_importance", Recurring, Research, N, 3600, "feature_importance").heavy().stage(7)
        .does("Measures what models lose when one feature is shuffled on out-of-sample rows."),
    f("always_strategy_discovery", Recurring, Research, N, 3600, "experiments, discoveries").heavy().stage(7)
        .does("Puts known strategy ideas that daily data can test through the research gates."),
    f("always_analyze_trades", Recurring, Learning, N, 300, "trade_analysis").stage(7).same_as("analyze_trades")
        .does("Takes the day's trades apart while the desk learns or researches."),
    f("always_update_memory", Recurring, Learning, N, 300, "episodes").stage(7).same_as("update_episodic")
        .does("Stores episodes of the day as they become complete."),
    f("always_reflect_on_day", Recurring, Learning, N, 300, "reflections").stage(7).same_as("run_reflection")
        .does("Reflects on the day's trades after hours and at weekends."),
    f("always_optimize_pf", Recurring, Research, N, 3600, "experiments").heavy().stage(7).same_as("run_experiment")
        .does("Runs experiments over the nine exit and filter ideas."),
    f("always_walk_forward", Recurring, Research, N, 14400, "wf_runs").heavy().stage(7).same_as("full_wf")
        .does("Walks all splits forward while the desk optimises."),
    f("always_retrain_models", Recurring, Research, N, 14400, "model registry").heavy().stage(7).same_as("full_retrain")
        .does("Trains the models once a day while the market sleeps."),
    f("always_data_quality", Recurring, Maintenance, N, 1800, "integrity table").heavy().same_as("data_integrity")
        .does("Reads the bar files through, every few hours."),
    f("always_cleanup_logs", Recurring, Maintenance, N, 1800, "cleanup report with bytes").heavy().same_as("cleanup")
        .does("Cleans up logs, caches and temporary files daily."),
    f("always_health_check", Recurring, Maintenance, N, 10, "health.json, health_runs").same_as("health_check")
        .does("Judges the health of the process round the clock."),
    f("always_reset_llm_budget", Recurring, Maintenance, N, 120, "llm_budget")
        .does("Sets the day's token and dollar counters of language models to zero."),
    f("always_update_universe", Recurring, Maintenance, N, 300, "proposal.json").same_as("review_universe")
        .does("Reviews the universe weekly and proposes changes."),
    f("always_fetch_new_data", Recurring, Maintenance, N, 3600, "bars, fetch_log").heavy().same_as("refresh_polygon")
        .does("Fetches the bars of the session that has just closed."),
    f("always_build_overnight_watchlist", Recurring, Monitoring, N, 60, "next_day.json").same_as("build_watchlist")
        .does("Builds the list for the next session from the closing half hour on."),
    f("always_premarket_validation", Recurring, Monitoring, N, 30, "validated").same_as("validate_watchlist")
        .does("Re-tests the list before the open."),
    f("always_generate_pregame_blueprint", Recurring, Research, N, 300, "blueprint_DATE").stage(7)
        .same_as("generate_pregame")
        .does("Writes the blueprints before the open."),
    f("always_force_build_watchlist", Recurring, Monitoring, N, 60, "next_day.json").same_as("build_watchlist")
        .does("Builds Monday's list at the weekend, whatever the timetable did."),
    f("always_run_curiosity_cycle", Recurring, Research, N, 3600, "edges, discoveries").heavy().stage(7)
        .same_as("run_curiosity")
        .does("Runs the curiosity cycle in hours of research."),
    f("always_check_goals", Recurring, Learning, N, 120, "goals").stage(7)
        .does("Compares win rate, profit factor, Sharpe, drawdown and trades per week with their goals."),
    f("always_review_discoveries", Recurring, Learning, N, 1800, "results").heavy().stage(7).same_as("check_hypotheses")
        .does("Re-tests discoveries before they are called validated."),
    f("always_consolidate_learnings", Recurring, Learning, N, 300, "memory").stage(7).same_as("consolidate")
        .does("Merges and decays lessons during the day."),
    f("always_check_data_quality_deep", Recurring, Maintenance, N, 1800, "validation_YYYYMMDD.json").heavy()
        .same_as("full_validation")
        .does("Runs the full validation every few hours."),
    f("always_scrape_github", Recurring, Research, N, 300, "knowledge_items").stage(7).same_as("scrape_github")
        .does("Collects repositories outside market hours."),
    f("always_scrape_reddit", Recurring, Research, N, 300, "knowledge_items").stage(7).same_as("scrape_reddit")
        .does("Collects the trading boards outside market hours."),
    f("always_scrape_youtube", Recurring, Research, N, 120, "knowledge_items").stage(7)
        .does("Reads video transcripts from the local inbox."),
    f("always_scrape_arxiv", Recurring, Research, N, 300, "knowledge_items").stage(7).same_as("scrape_arxiv")
        .does("Collects new q-fin papers at night and at weekends."),
    f("always_fetch_all_external", Recurring, Research, N, 3600, "knowledge_items").heavy().stage(7)
        .same_as("scrape_all")
        .does("Runs every configured source at night and at weekends."),
    f("always_validate_external_ideas", Recurring, Research, N, 3600, "experiments, source_credibility.json")
        .heavy().stage(7).same_as("deep_integrate")
        .does("Backtests ideas from outside and scores their sources."),
    f("always_source_credibility", Recurring, Learning, N, 120, "source_credibility.json").stage(7)
        .does("Updates the credibility of each source from its resolved ideas."),
    f("always_weekend_morning_report", Recurring, Monitoring, N, 120, "reports/weekend_DATE")
        .does("Reports on a weekend morning: state, research, goals, data, Monday."),
    f("always_analyze_seasonality", Recurring, Research, N, 3600, "seasonality").heavy().stage(7)
        .does("Tests returns by month, quarter and weekday over all symbols, with correction for many tests."),
    f("always_mean_reversion_timing", Recurring, Research, N, 3600, "reversion_timing").heavy().stage(7)
        .does("Measures days to recovery after a close near the low, unfinished ones counted."),
    f("always_sector_correlations", Recurring, Research, N, 3600, "sector_correlations").heavy().stage(7)
        .does("Measures pairwise sector correlations over 252 days and their clusters."),
    f("always_discover_unique_patterns", Recurring, Research, N, 3600, "unique_patterns.json").heavy().stage(7)
        .does("Searches symbols for streaks that reverse more often than their base rate."),
    f("always_weekly_game_plan", Recurring, Monitoring, N, 120, "reports/weekly_game_plan_DATE")
        .does("Writes the plan of the coming week."),
    f("always_strategy_rotation_report", Recurring, Learning, N, 120, "reports/strategy_rotation_STAMP").stage(7)
        .does("Counts ideas by family, tested and validated."),
    f("always_discoveries_dashboard", Recurring, Learning, N, 120, "reports/discoveries_dashboard_STAMP").stage(7)
        .does("Shows all discoveries with their evidence."),
];
