//! Mutants: every rule of every venue is left out once and shifted by a year, and each time some session must differ.
//! Together with the golden tables and `tests/venues.csv`, which hold the sessions themselves, this says that no rule is idle
//! and that none can be lost or a year off unseen.

use jiff::ToSpan;
use jiff::civil::Date;

use super::*;
use crate::Exchange;

/// What one can see of a day from outside, names aside.
type Seen = Vec<Option<(Minute, Minute, Vec<(Minute, Minute)>)>>;

fn seen(rules: &Rules) -> Option<Seen> {
    let calendar = Calendar::expand(rules).ok()?;
    let of = |kind: &Kind| match kind {
        Kind::Session(plan) => Some((plan.open, plan.close, plan.pauses.clone())),
        Kind::Untimed => Some((0, 0, Vec::new())),
        Kind::Idle | Kind::Closed(_) => None,
    };
    Some(calendar.days().map(|(_, kind)| of(kind)).collect())
}

/// A rule of a file and a way to make it wrong.
struct Mutant {
    told: String,
    rules: Rules,
}

fn mutants(rules: &Rules) -> (Vec<Mutant>, Vec<Mutant>) {
    let (mut gone, mut shifted) = (Vec::new(), Vec::new());
    macro_rules! each {
        ($list:ident, $name:expr, $shift:expr) => {
            for (n, row) in rules.$list.iter().enumerate().filter(|(_, row)| row.is_own()) {
                let told = format!("{}: {}", rules.id, $name(row));
                let mut without = rules.clone();
                without.$list.remove(n);
                gone.push(Mutant { told: told.clone(), rules: without });
                for by in [-1, 1] {
                    let mut other = rules.clone();
                    if $shift(&mut other.$list[n], by) {
                        shifted.push(Mutant { told: format!("{told}, shifted by {by}"), rules: other });
                    }
                }
            }
        };
    }
    let years = |rule: &mut YearlyRule, by| {
        let shifted = rule.years.shifted(by);
        let differs = shifted != rule.years;
        rule.years = shifted;
        differs
    };
    let of_date = |date: &mut Date, by: i16| {
        *date = date.checked_add(i64::from(by).years()).expect("it is in range");
        true
    };
    each!(holidays, |r: &Row<Holiday>| told(&r.value.rule, r.place), |r: &mut Row<Holiday>, by| years(
        &mut r.value.rule,
        by
    ));
    each!(changes, |r: &Row<ChangeRule>| told(&r.value.rule, r.place), |r: &mut Row<ChangeRule>, by| years(
        &mut r.value.rule,
        by
    ));
    each!(closures, |r: &Row<Closure>| format!("{} {}", r.value.name, r.value.date), |r: &mut Row<Closure>, by| {
        of_date(&mut r.value.date, by)
    });
    each!(
        special_hours,
        |r: &Row<SpecialHours>| format!("{} {}", r.value.name, r.value.date),
        |r: &mut Row<SpecialHours>, by| of_date(&mut r.value.date, by)
    );
    each!(
        extra_sessions,
        |r: &Row<SpecialHours>| format!("{} {}", r.value.name, r.value.date),
        |r: &mut Row<SpecialHours>, by| of_date(&mut r.value.date, by)
    );
    (gone, shifted)
}

fn told(rule: &YearlyRule, place: Option<(usize, usize)>) -> String {
    format!("{} of line {}", rule.name, place.map_or(0, |(line, _)| line))
}

/// Returns what changes no session.
fn unseen(mutants: &[Mutant], base: &Seen) -> Vec<String> {
    let same = |mutant: &&Mutant| seen(&mutant.rules).is_some_and(|seen| seen == *base);
    mutants.iter().filter(same).map(|mutant| mutant.told.clone()).collect()
}

#[test]
fn no_rule_is_idle_and_none_is_a_year_off_unseen() {
    let (mut idle, mut same, mut count) = (Vec::new(), Vec::new(), 0);
    for id in Exchange::bundled_ids() {
        let rules = Rules::parse(Exchange::bundled_rules(id).unwrap(), &|id| Exchange::bundled_rules(id)).unwrap();
        let base = seen(&rules).unwrap();
        let (gone, shifted) = mutants(&rules);
        count += shifted.len();
        idle.extend(unseen(&gone, &base));
        same.extend(unseen(&shifted, &base));
    }
    assert!(idle.is_empty(), "these rules could be left out:\n{}", idle.join("\n"));
    // In the year that such a rule gains or loses its day is a weekend or closed anyway: nothing that one could see differs.
    assert!(same.len() * 15 < count, "{} of {count} shifts change nothing:\n{}", same.len(), same.join("\n"));
}
