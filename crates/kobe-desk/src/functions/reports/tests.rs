//! The daily report as an artifact and as files, and its first line when the switch is pulled.

use std::sync::Arc;

use crate::kill::ReplayKill;
use crate::services::Era;
use crate::testing::{Fixture, Options, instant};

#[test]
fn a_day_is_told_in_one_record() {
    let desk = Fixture::replay("2012-05-01T10:15");
    desk.buy("IBM", 20, "207.3800", "15.00");
    desk.at("2012-05-01T16:02").ok("daily_pnl_calc");
    let note = desk.at("2012-05-01T18:00").ok("daily_report_gen");
    assert_eq!(note, "2012-05-01: 0 closed, 1 held, day +12.40");
    let report = desk.left("daily_report");
    assert_eq!(
        (&report["pnl"]["equity"], &report["tied"], &report["day_kind"]),
        (&"100012.40".into(), &true.into(), &"full_session".into())
    );
    assert_eq!((&report["positions"][0]["symbol"], &report["trades"]["entries_today"]), (&"IBM".into(), &1.into()));
    assert_eq!(
        (&report["funnel"]["judged"], &report["kill"]["pulled"], &report["tasks"]),
        (&0.into(), &false.into(), &serde_json::Value::Null)
    );
    assert_eq!(report["chain"]["count"], desk.book().version(), "every fact is a block");
    assert!(report["chain"]["hash"].as_str().unwrap().len() == 64);
}

#[test]
fn files_are_written_where_the_desk_has_a_folder_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let reports = dir.path().join("reports");
    let kill = Arc::new(ReplayKill::at(Some(instant("2012-05-01T15:00"))));
    let desk =
        Fixture::with(Options { kill, reports: Some(reports.clone()), ..Options::of(Era::Replay) }, "2012-05-01T10:15");
    desk.buy("IBM", 20, "207.3800", "15.00");
    desk.at("2012-05-01T10:20").sell("IBM", "208.0000", "0.10");
    desk.at("2012-05-01T18:00").ok("daily_report_gen");
    let mut names: Vec<String> =
        std::fs::read_dir(&reports).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["daily_2012-05-01.json", "daily_2012-05-01.md"], "and nothing half written");
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(reports.join("daily_2012-05-01.json")).unwrap()).unwrap();
    assert_eq!(json, desk.left("daily_report"));
    let page = std::fs::read_to_string(reports.join("daily_2012-05-01.md")).unwrap();
    assert!(page.starts_with("**The kill switch is pulled:** pulled: halted by --halt-at"), "{page}");
    assert!(page.contains("| IBM | IBS_RSI | 20 | 207.3800 | 208.0000 | indicator | 0 | 0.10 | 12.30 |"), "{page}");
    assert!(page.contains("A replay of historical bars.") && page.contains("Nothing is held."), "{page}");
    desk.ok("daily_report_gen");
    assert_eq!(std::fs::read_dir(&reports).unwrap().count(), 2, "the second one takes the place of the first");
}

#[test]
fn a_holiday_has_a_report_too() {
    let desk = Fixture::replay("2012-07-04T18:00");
    assert_eq!(desk.ok("daily_report_gen"), "2012-07-04: 0 closed, 0 held, day +0.00");
    assert_eq!(
        (&desk.left("daily_report")["day_kind"], &desk.left("daily_report")["tied"]),
        (&"holiday".into(), &serde_json::Value::Null)
    );
}
