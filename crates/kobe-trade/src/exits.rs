//! Exits: the frozen rules by which a position is closed.
//!
//! The stop stands at the broker; on the bar of a session the indicators decide, and else the number of sessions held. No strategy that trades has a
//! target. What trails, tightens or takes partial profits is advice and lives elsewhere. Start at [`decide`].

use kobe_quant::Strategy;

use crate::book::Position;
use crate::money::Decimal;
use crate::order::ExitReason;

/// Decides on a completed bar whether a position is to be closed at the next opportunity.
///
/// `held` counts the sessions up to and including this bar, the entry day as one; `by_indicator` is the strategies' common exit level on this bar
/// ([`kobe_quant::setups::exit_by_indicator`]). The indicator goes before the time.
pub fn decide(strategy: Strategy, held: u32, by_indicator: bool) -> Option<ExitReason> {
    if by_indicator {
        Some(ExitReason::Indicator)
    } else if held >= strategy.time_stop() {
        Some(ExitReason::Time)
    } else {
        None
    }
}

/// Returns whether a session whose lowest price was `low` reached the stop of a position; the entry day counts.
pub fn stopped(position: &Position, low: Decimal) -> bool {
    low <= position.stop
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indicator_goes_before_time_and_time_is_by_strategy() {
        use ExitReason::{Indicator, Time};
        for (what, strategy, held, by_indicator, want) in [
            ("nothing on the entry day", Strategy::IbsRsi, 1, false, None),
            ("the indicator on the entry day", Strategy::IbsRsi, 1, true, Some(Indicator)),
            ("not yet on the sixth session", Strategy::IbsRsi, 6, false, None),
            ("time on the seventh", Strategy::IbsRsi, 7, false, Some(Time)),
            ("and after it, where it could not be sent", Strategy::IbsRsi, 9, false, Some(Time)),
            ("the indicator goes before time", Strategy::IbsRsi, 7, true, Some(Indicator)),
            ("not yet on the second session", Strategy::TurtleSoup, 2, false, None),
            ("time on the third", Strategy::TurtleSoup, 3, false, Some(Time)),
        ] {
            assert_eq!(decide(strategy, held, by_indicator), want, "{what}");
        }
    }
}
