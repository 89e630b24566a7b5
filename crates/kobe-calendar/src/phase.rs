//! Phases and modes: the parts of a market day, and what the desk does in them.
//!
//! Three vocabularies, from fine to coarse. Which minute belongs to which is data (`data/modes.csv`, read in
//! [`crate::ModeTable`]); this file only spells the words.

use crate::names::named;

named! {
    /// A part of the market day on the venue's wall clock.
    ///
    /// Phases are a clock: a late opening does not move them. Who trades asks [`crate::Exchange::is_open`].
    Phase, "phase", {
        /// From four hours after the close to 04:00.
        Night = "night",
        /// 04:00-07:00.
        PreMarketEarly = "pre_market_early",
        /// 07:00-09:30.
        PreMarketActive = "pre_market_active",
        /// 09:30-10:00: the opening range, watched and not traded.
        MarketOpening = "market_opening",
        /// 10:00-11:30.
        MarketMorning = "market_morning",
        /// 11:30-14:00, or to half an hour before an early close.
        MarketLunch = "market_lunch",
        /// 14:00 to half an hour before the close; absent on a half day.
        MarketAfternoon = "market_afternoon",
        /// The last half hour before the actual close of the day.
        MarketClose = "market_close",
        /// Four hours from the actual close of the day.
        AfterHours = "after_hours",
        /// All of Saturday and Sunday.
        Weekend = "weekend",
        /// All of a weekday without a session.
        Holiday = "holiday",
    }
}

named! {
    /// What the desk is for at this time of the day.
    WorkMode, "work mode", {
        /// Signals may become orders.
        ActiveTrading = "active_trading",
        /// Positions and prices are watched.
        Monitoring = "monitoring",
        /// Ideas are tested beside the market.
        Research = "research",
        /// Long research while no market is open.
        DeepResearch = "deep_research",
        /// The day just over is learned from.
        Learning = "learning",
        /// Parameters and models are tuned overnight.
        Optimization = "optimization",
        /// Files, logs and stores are put in order.
        Maintenance = "maintenance",
        /// Nothing to do. No table row says so: the engine shows it instead of the clock's mode when it is idle.
        Sleep = "sleep",
    }
}

impl WorkMode {
    /// Returns the spelling of the state files: `ACTIVE_TRADING`, `MONITORING`, ...
    pub const fn seed_name(self) -> &'static str {
        match self {
            WorkMode::ActiveTrading => "ACTIVE_TRADING",
            WorkMode::Monitoring => "MONITORING",
            WorkMode::Research => "RESEARCH",
            WorkMode::DeepResearch => "DEEP_RESEARCH",
            WorkMode::Learning => "LEARNING",
            WorkMode::Optimization => "OPTIMIZATION",
            WorkMode::Maintenance => "MAINTENANCE",
            WorkMode::Sleep => "SLEEP",
        }
    }
}

named! {
    /// The five phases that the state files and older tools know.
    CoarsePhase, "coarse phase", {
        /// Before the opening of a trading day.
        PreMarket = "PRE_MARKET",
        /// From the opening to half an hour before the close.
        MarketOpen = "MARKET_OPEN",
        /// The last half hour.
        MarketClose = "MARKET_CLOSE",
        /// From the close through the night.
        AfterHours = "AFTER_HOURS",
        /// Weekends, and holidays too.
        Weekend = "WEEKEND",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        for phase in Phase::ALL {
            assert_eq!(phase.to_string().parse::<Phase>(), Ok(*phase));
        }
        for mode in WorkMode::ALL {
            assert_eq!(mode.to_string().parse::<WorkMode>(), Ok(*mode));
            assert_eq!(mode.seed_name(), mode.as_str().to_uppercase());
        }
        for coarse in CoarsePhase::ALL {
            assert_eq!(serde_json::to_string(coarse).unwrap(), format!("\"{coarse}\""));
            assert_eq!(serde_json::from_str::<CoarsePhase>(&format!("\"{coarse}\"")).unwrap(), *coarse);
        }
    }

    #[test]
    fn an_unknown_word_names_what_would_have_been_right() {
        let error = "market_luncheon".parse::<Phase>().unwrap_err();
        assert_eq!(error.to_string(), "unknown phase `market_luncheon`");
        assert!(error.known.contains(&"market_lunch"));
        assert!(serde_json::from_str::<WorkMode>("\"SLEEP\"").is_err());
    }
}
