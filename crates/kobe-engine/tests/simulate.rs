//! The virtual clock: the same desk over the same days does the same.

use std::sync::Arc;

use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_engine::simulate::{Observer, Simulation, fresh};
use kobe_engine::{Attempt, Batch, Handler, Stop, Store, StoreError, Trace, VirtualClock};
use kobe_plan::scheduler::Recovered;
use kobe_plan::{Catalog, Change, Desk, Outcome, SourceFile, Turn, Wish};

const DESK: &str = r#"
[[group]]
name = "g"
[[group.task]]
name = "open"
command = ["x"]
at = "open"
days = "weekdays"
on_holiday = "skip"
[[group.task]]
name = "often"
command = ["x"]
every = "7m"
[[group.task]]
name = "sometimes"
command = ["x"]
cooldown = "50m"
modes = ["research", "learning"]
[[group.task]]
name = "fails"
command = ["x"]
at = "01:30"
retries = 2
"#;

struct Rows(Trace, u64);

impl Store for Rows {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        Ok(Recovered::default())
    }

    fn slots_after(&mut self, _: Timestamp) -> Result<Vec<(String, kobe_plan::Slot)>, StoreError> {
        Ok(Vec::new())
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        for change in batch.changes {
            if let Change::Run(run) = change
                && run.state.is_terminal()
            {
                self.0.run(batch.desk.task(run.task), run);
                self.1 += 1;
            }
        }
        Ok(())
    }

    fn wishes(&mut self) -> Result<Vec<Wish>, StoreError> {
        Ok(Vec::new())
    }
}

struct Work;

impl Handler for Work {
    fn run(&self, attempt: &Attempt, _: &Stop) -> Outcome {
        if attempt.task().name == "fails" { Outcome::Error("always".into()) } else { Outcome::Ok("".into()) }
    }
}

struct Rises(Timestamp);

impl Observer for Rises {
    fn turn(&mut self, at: Timestamp, _: &Turn) {
        assert!(at >= self.0, "the clock ran back from {} to {at}", self.0);
        self.0 = at;
    }
}

fn lived() -> (String, u64) {
    let desk = Arc::new(
        Desk::parse(&[SourceFile { name: "t.toml".into(), text: DESK.into() }], &Catalog::new())
            .unwrap_or_else(|p| panic!("{}", p[0])),
    );
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    // From a Monday before Thanksgiving over the change of clocks in spring.
    let (begin, end): (Timestamp, Timestamp) =
        ("2025-11-24T05:00:00Z".parse().unwrap(), "2026-03-15T04:00:00Z".parse().unwrap());
    let scheduler = fresh(desk, market, begin, &mut |_| None);
    let mut rows = Rows(Trace::new(), 0);
    Simulation { scheduler, clock: Arc::new(VirtualClock::new(begin)), handler: &Work, store: &mut rows }
        .live_until(end, &mut Rises(begin))
        .expect("rows are taken");
    (rows.0.hash(), rows.1)
}

#[test]
fn the_same_days_are_lived_the_same_way() {
    let (first, rows) = lived();
    assert_eq!(lived(), (first, rows));
    // 111 days less the hour that spring skips: every 7 minutes in elapsed time, and one `fails` a day; the rest depends on phases.
    let often = (111 * 1440 - 60) / 7;
    assert!(rows > often, "{rows} rows, at least the {often} of the interval");
}
