//! The entry gates: each has the number of its rule, a name, the name of its refusal and a question.
//!
//! They stand in one table (`gate/table.rs`) in the order of the written rules, and the first refusal is the one that is recorded. A limit passes at
//! equality unless its row says otherwise.

use super::table::GATES;
use super::{Judgement, Ruling};
use crate::case::{EntryCase, Holdings};
use crate::check::{Ask, Check};
use crate::money::Decimal;
use crate::quote::Quote;
use crate::size::{SizeCase, SizeError, Sizing, size};

/// One row of the table of entry gates.
pub struct EntryGate {
    /// The numbered rule, `D1` to `D15`.
    pub rule: &'static str,
    /// What is asked.
    pub name: &'static str,
    /// How the refusal is called.
    pub refusal: &'static str,
    pub(super) ask: fn(&View<'_>) -> Ruling,
}

/// A case and the size that follows from it.
pub(super) struct View<'a> {
    pub(super) case: &'a EntryCase,
    sized: Ask<(&'a SizeCase, Sizing)>,
}

impl View<'_> {
    pub(super) fn order(&self, rule: impl FnOnce(&SizeCase, &Sizing) -> Ruling) -> Ruling {
        Ruling::must(&self.sized, |(case, sizing)| rule(case, sizing))
    }

    pub(super) fn quote(&self, rule: impl FnOnce(&Quote) -> Ruling) -> Ruling {
        Ruling::must(&self.case.data.quote, rule)
    }

    pub(super) fn holdings(&self, rule: impl FnOnce(&Holdings) -> Ruling) -> Ruling {
        Ruling::must(&self.case.holdings, rule)
    }

    /// Rules on dollars, this order included, as a share of equity.
    pub(super) fn share(&self, held: Decimal, most: Decimal) -> Ruling {
        self.order(|case, sizing| {
            let after = held + sizing.notional;
            Ruling::holds(after <= case.equity * most, format!("{after} of {} x {most}", case.equity))
        })
    }
}

/// Returns the table of the entry gates, in order.
pub fn entry_gates() -> &'static [EntryGate] {
    GATES
}

/// Judges one entry: every gate answers, the first refusal is the reason.
pub fn judge_entry(case: &EntryCase) -> Judgement {
    let sized = match &case.size {
        Ask::Known(size_case) => match size(size_case) {
            Ok(sizing) => Ask::Known((size_case, sizing)),
            Err(error @ (SizeError::Equity | SizeError::Limit | SizeError::Range)) => Ask::Unknown(error.to_string()),
        },
        Ask::Unknown(why) | Ask::NotApplicable(why) => Ask::Unknown(why.clone()),
    };
    let view = View { case, sized };
    let checks: Vec<Check> =
        GATES.iter().map(|gate| (gate.ask)(&view).write(gate.rule, gate.name, gate.refusal)).collect();
    let sizing = match view.sized {
        Ask::Known((_, sizing)) => Some(sizing),
        _ => None,
    };
    Judgement::of(checks, sizing)
}
