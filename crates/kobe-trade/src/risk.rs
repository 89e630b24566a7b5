//! Risk: losses that pull the kill switch by themselves.
//!
//! A day's loss of more than 1,000.00 against the previous close, or a week's of more than a tenth. Pulls nothing: it only says that it is time. Start at
//! [`trips`].

use crate::kill::Trigger;
use crate::money::Decimal;

/// A day's loss of more than this many dollars trips.
pub const DAY_LOSS: i64 = 1_000;
/// A week's equity below this many hundredths of its start trips.
pub const WEEK_FLOOR_PERCENT: i64 = 90;

/// A reason to pull the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What was breached.
    pub trigger: Trigger,
    /// The figures, in words.
    pub reason: String,
}

/// Compares equity with the previous close and with the start of the week; the day's loss is named first.
///
/// ```
/// use kobe_trade::{kill::Trigger, money::Decimal, risk::trips};
/// let loss = |dollars| trips(Decimal::from(100_000 - dollars), Decimal::from(100_000), Decimal::from(100_000));
/// assert_eq!(loss(1_000), None, "a loss of the limit itself is not over it");
/// assert_eq!(loss(1_001).unwrap().trigger, Trigger::MaxDailyLoss);
/// ```
pub fn trips(equity: Decimal, previous_close: Decimal, week_start: Decimal) -> Option<Breach> {
    let lost = previous_close - equity;
    if lost > Decimal::from(DAY_LOSS) {
        return Some(Breach {
            trigger: Trigger::MaxDailyLoss,
            reason: format!("day loss of {lost}, over {DAY_LOSS}.00"),
        });
    }
    (equity < week_start * Decimal::new(WEEK_FLOOR_PERCENT, 2)).then(|| Breach {
        trigger: Trigger::MaxDrawdown,
        reason: format!("equity of {equity}, over 10 % below the week's start of {week_start}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_over_the_limit_trips() {
        let d = |text: &str| text.parse::<Decimal>().unwrap();
        for (what, equity, previous, week, want) in [
            ("a gain", "101000", "100000", "100000", None),
            ("exactly 1,000.00", "99000", "100000", "100000", None),
            ("a cent more", "98999.99", "100000", "100000", Some(Trigger::MaxDailyLoss)),
            ("exactly a tenth in the week", "90000", "90500", "100000", None),
            ("a cent more in the week", "89999.99", "90500", "100000", Some(Trigger::MaxDrawdown)),
            ("both: the day is named", "80000", "100000", "100000", Some(Trigger::MaxDailyLoss)),
        ] {
            assert_eq!(trips(d(equity), d(previous), d(week)).map(|b| b.trigger), want, "{what}");
        }
    }
}
