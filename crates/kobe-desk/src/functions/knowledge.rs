//! Knowledge: what others write, and what of it is worth testing.

use super::{Function, Group::Knowledge, N, f};
use kobe_plan::task::Lane::Research;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("scrape_reddit", Knowledge, Research, N, 300, "knowledge_items").stage(7)
        .does("Collects the month's best posts of the swing- and algo-trading boards."),
    f("scrape_github", Knowledge, Research, N, 300, "knowledge_items").stage(7)
        .does("Collects strategy repositories by stars with their README."),
    f("scrape_hn", Knowledge, Research, N, 300, "knowledge_items").stage(7)
        .does("Collects Hacker News stories on markets and trading."),
    f("scrape_arxiv", Knowledge, Research, N, 300, "knowledge_items").stage(7)
        .does("Collects titles and abstracts of the q-fin categories."),
    f("integrate_knowledge", Knowledge, Research, N, 300, "knowledge_base.json").stage(7)
        .does("Parses new items, sorts them into entry, exit, risk, regime or data, and scores them."),
    f("scrape_ssrn", Knowledge, Research, N, 300, "knowledge_items").stage(7)
        .does("Collects working papers from SSRN."),
    f("scrape_ss", Knowledge, Research, N, 300, "knowledge_items").stage(7)
        .does("Collects papers from Semantic Scholar."),
    f("research_digest", Knowledge, Research, N, 300, "reports/research_digest_DATE").stage(7).after(&["scrape_arxiv"])
        .does("Writes the day's digest: new, tested, failed."),
    f("scan_forums", Knowledge, Research, N, 300, "knowledge_items").stage(7)
        .does("Collects threads of quant forums; unavailable without a key."),
    f("scan_twitter", Knowledge, Research, N, 300, "knowledge_items").stage(7)
        .does("Collects posts of followed accounts; unavailable without a key."),
    f("scrape_stackoverflow", Knowledge, Research, N, 300, "knowledge_items").stage(7)
        .does("Collects questions and answers on trading by votes."),
    f("scrape_wsb", Knowledge, Research, N, 300, "knowledge_items").stage(7)
        .does("Collects posts of wallstreetbets above a minimum score."),
    f("scrape_algo", Knowledge, Research, N, 300, "knowledge_items").stage(7)
        .does("Collects posts of the algotrading board above a minimum score."),
    f("integrate_all", Knowledge, Research, N, 300, "hypotheses, experiments").stage(7)
        .does("Maps testable claims to hypotheses and experiments, keeping a hash of the quote, not its text."),
    f("discovery_summary", Knowledge, Research, N, 300, "reports/discovery_summary_DATE").stage(7)
        .after(&["integrate_all"])
        .does("Lists discoveries with their evidence and status."),
    f("save_research", Knowledge, Research, N, 300, "research_state.json").stage(7)
        .does("Saves the area its row names atomically with a hash, or verifies that all artifacts exist."),
    f("scrape_all", Knowledge, Research, N, 3600, "knowledge_items").heavy().stage(7)
        .does("Runs every configured source, removes doubles by content and counts per source."),
    f("deep_integrate", Knowledge, Research, N, 3600, "experiments, source_credibility.json").heavy().stage(7)
        .after(&["integrate_knowledge"])
        .does("Backtests the ideas that were mapped and updates the credibility of their sources."),
];
