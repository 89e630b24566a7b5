//! Sound and unsound houses, damaged data, a broker that is paper.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{SignedDuration, Timestamp};
use kobe_plan::Outcome;
use kobe_trade::kill::{KillRecord, KillState};
use kobe_trade::ports::{Host, KillSwitch};

use crate::kill::ReplayKill;
use crate::services::{Era, Source};
use crate::testing::{Fixture, Options, instant};

/// A machine that answers as it is told.
struct TestHost {
    disk: Result<u64, String>,
    skew: i64,
    heartbeat: Option<Timestamp>,
    whole: Result<bool, String>,
    asked: AtomicU32,
}

impl Default for TestHost {
    fn default() -> TestHost {
        TestHost { disk: Ok(100 << 30), skew: 0, heartbeat: None, whole: Ok(true), asked: AtomicU32::new(0) }
    }
}

impl Host for TestHost {
    fn disk_free_bytes(&self) -> Result<u64, String> {
        self.disk.clone()
    }

    fn memory_free_bytes(&self) -> Result<u64, String> {
        Ok(1 << 30)
    }

    fn clock_skew_ms(&self) -> Result<i64, String> {
        Ok(self.skew)
    }

    fn clock_reference(&self) -> String {
        "the test".into()
    }

    fn broker_latency_ms(&self) -> Result<u64, String> {
        Ok(3)
    }

    fn lock_held(&self) -> Result<bool, String> {
        Ok(true)
    }

    fn last_heartbeat(&self) -> Result<Option<Timestamp>, String> {
        Ok(self.heartbeat)
    }

    fn database_whole(&self) -> Result<bool, String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.whole.clone()
    }
}

/// A switch that nobody can read.
struct Unreadable;

impl KillSwitch for Unreadable {
    fn read(&self, _: Timestamp) -> KillState {
        KillState::Unreadable("permission denied".into())
    }

    fn trip(&self, _: &KillRecord) -> Result<(), String> {
        Ok(())
    }

    fn clear(&self) -> Result<(), String> {
        Ok(())
    }
}

const NOW: &str = "2012-05-01T00:00";

fn on(host: TestHost) -> Fixture {
    let beat = host.heartbeat.unwrap_or_else(|| instant(NOW) - SignedDuration::from_secs(10));
    let host = TestHost { heartbeat: Some(beat), ..host };
    Fixture::with(Options { host: Arc::new(host), ..Options::of(Era::Live) }, NOW)
}

#[test]
fn each_fault_of_the_house_has_its_word() {
    let minutes_ago = |n| Some(instant(NOW) - SignedDuration::from_mins(n));
    let rows = [
        ("nothing wrong", TestHost::default(), "healthy", ""),
        ("little disk", TestHost { disk: Ok(4 << 30), ..TestHost::default() }, "degraded", "disk"),
        ("no disk", TestHost { disk: Ok(1 << 20), ..TestHost::default() }, "unhealthy", "disk"),
        (
            "a disk that does not answer",
            TestHost { disk: Err("gone".into()), ..TestHost::default() },
            "degraded",
            "disk",
        ),
        ("a beat five minutes ago", TestHost { heartbeat: minutes_ago(5), ..TestHost::default() }, "healthy", ""),
        (
            "a beat six minutes ago",
            TestHost { heartbeat: minutes_ago(6), ..TestHost::default() },
            "unhealthy",
            "heartbeat",
        ),
        ("a damaged database", TestHost { whole: Ok(false), ..TestHost::default() }, "unhealthy", "database"),
        (
            "a database that does not answer",
            TestHost { whole: Err("busy".into()), ..TestHost::default() },
            "degraded",
            "database",
        ),
    ];
    for (what, host, word, cause) in rows {
        let desk = on(host);
        let outcome = desk.run("midnight_health_check");
        let health = desk.left("health");
        assert_eq!(health["overall"], word, "{what}: {health}");
        let wrong = health["wrong"].as_array().unwrap();
        assert_eq!(wrong.len(), usize::from(!cause.is_empty()), "{what}: {health}");
        assert!(cause.is_empty() || health["checks"][cause]["ok"] == false, "{what}: {health}");
        match word {
            "unhealthy" => assert!(
                matches!(outcome, Outcome::Error(_)) && desk.services.blocks().len() == 1,
                "{what}: {outcome:?}"
            ),
            _ => assert!(matches!(outcome, Outcome::Ok(_)) && desk.services.blocks().is_empty(), "{what}: {outcome:?}"),
        }
    }
}

#[test]
fn the_database_is_read_once_a_day_and_again_when_it_was_not_whole() {
    let host = Arc::new(TestHost { heartbeat: None, ..TestHost::default() });
    let desk = Fixture::with(Options { host: Arc::clone(&host) as Arc<dyn Host>, ..Options::of(Era::Live) }, NOW);
    for (time, asked) in
        [("2012-05-01T00:00", 1), ("2012-05-01T05:30", 1), ("2012-05-01T23:30", 1), ("2012-05-02T00:00", 2)]
    {
        desk.at(time).ok("midnight_health_check");
        assert_eq!(host.asked.load(Ordering::Relaxed), asked, "{time}");
    }
    let bad = Arc::new(TestHost { whole: Ok(false), heartbeat: host.heartbeat, ..TestHost::default() });
    let desk = Fixture::with(Options { host: Arc::clone(&bad) as Arc<dyn Host>, ..Options::of(Era::Live) }, NOW);
    desk.run("midnight_health_check");
    desk.run("midnight_health_check");
    assert_eq!(bad.asked.load(Ordering::Relaxed), 2, "what was found damaged is looked at again");
}

#[test]
fn a_pulled_switch_is_no_defect_and_one_that_cannot_be_read_is() {
    let pulled = Arc::new(ReplayKill::at(Some(instant(NOW))));
    let desk = Fixture::with(Options { kill: pulled, ..Options::of(Era::Replay) }, NOW);
    assert!(desk.ok("midnight_health_check").starts_with("degraded: kill_switch: pulled: halted"));
    let desk = Fixture::with(Options { kill: Arc::new(Unreadable), ..Options::of(Era::Replay) }, NOW);
    assert!(matches!(desk.run("midnight_health_check"), Outcome::Error(_)));
}

#[test]
fn the_bundled_bars_are_whole_and_asked_once() {
    let desk = Fixture::replay("2012-05-01T05:00");
    let note = desk.ok("data_integrity_check");
    assert_eq!(note, "7 files, 5 symbols up to 2013-03-01, 0.008 % bad");
    let first = desk.left("data_integrity");
    assert_eq!((&first["bars"], &first["bad"]), (&12154.into(), &1.into()));
    let apple = &first["symbols"][0];
    assert_eq!(
        (&apple["symbol"], &apple["missing_sessions"], &apple["bars_without_session"]),
        (&"AAPL".into(), &0.into(), &0.into())
    );
    assert_eq!(apple["suspect_jumps"][0]["date"], "2000-09-29", "the one fall of more than half without a split");
    desk.at("2012-05-01T08:00").ok("always_data_quality");
    let mut again = desk.left("data_integrity");
    assert_ne!(again["checked_at"], first["checked_at"]);
    again["checked_at"] = first["checked_at"].clone();
    assert_eq!(again, first);
    assert_eq!(desk.run("sat_backup_verify"), Outcome::NotBuilt, "there is no backup to verify yet");
    assert_eq!(desk.run("sun_ml_data_prep"), Outcome::NotBuilt);
}

#[test]
fn damaged_data_closes_entries_and_names_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let bars = "symbol,date,open,high,low,close,volume\nIBM,2012-05-01,10,9,8,8.5,100\n";
    std::fs::write(dir.path().join("equities_daily.csv"), bars).unwrap();
    std::fs::write(dir.path().join("corporate_actions.csv"), "symbol,ex_date,kind,split_ratio,cash,price_factor\n")
        .unwrap();
    let source = Arc::new(Source::new(Some(dir.path().to_owned())));
    let desk = Fixture::with(Options { source, ..Options::of(Era::Live) }, NOW);
    let Outcome::Error(why) = desk.run("data_integrity_check") else { panic!("the high is below the open") };
    assert!(why.contains("equities_daily.csv") && why.contains("2"), "{why}");
    assert_eq!(desk.left("data_integrity")["bad_share"], 1.0);
    assert!(desk.services.blocks()[0].starts_with("data_integrity: "), "{:?}", desk.services.blocks());
    assert!(matches!(desk.run("midnight_health_check"), Outcome::Error(_)));
}

#[test]
fn the_broker_is_proved_to_be_paper() {
    let desk = Fixture::replay("2012-05-01T10:15");
    desk.buy("IBM", 20, "207.50", "5.00");
    let note = desk.ok("broker_connection_test");
    assert!(note.starts_with("paper account, equity ") && note.ends_with(", 1 positions"), "{note}");
    let status = desk.left("broker_status");
    desk.ok("pnl_update_1");
    assert_eq!(status["equity"], desk.left("pnl_tick")["equity"], "the broker and the desk value alike");
    assert_eq!(
        (&status["connected"], &status["paper"], &status["policy_mode"]),
        (&true.into(), &true.into(), &"paper".into())
    );
    assert_eq!((&status["positions"][0]["symbol"], &status["positions"][0]["qty"]), (&"IBM".into(), &20.into()));
}

#[test]
fn clocks_that_differ_close_entries_until_they_agree() {
    let desk = on(TestHost { skew: -2_001, ..TestHost::default() });
    assert_eq!(desk.run("broker_connection_test"), Outcome::Error("the clocks differ by -2001 ms".into()));
    assert_eq!(desk.services.blocks(), ["broker: the clocks differ by -2001 ms"]);
    let desk = on(TestHost { skew: 2_000, ..TestHost::default() });
    desk.ok("broker_connection_test");
    assert!(desk.services.blocks().is_empty());
}
