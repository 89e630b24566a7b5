//! Alerts as an operator meets them: the settings of channels, `kobe alert`, and a desk whose failure reaches a person.

mod common;

use std::time::Duration;

use common::hook::fake::{Act, Api, error, taken};
use common::{Answer, Place};
use serde_json::Value;

const TOKEN: &str = "123456:canary-AAbbCCddEEffGGhhIIjj";
/// Something may take so long on a machine that is busy; then something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A place whose state names a chat, and a webhook if there is one.
fn place(telegram: &Api, webhook: Option<&Api>) -> Place {
    let place = Place::new();
    let mut settings =
        format!("[telegram]\nbase_url = \"{}\"\ntoken_file = \"token\"\nchat = -100123\n", telegram.address);
    if let Some(webhook) = webhook {
        settings.push_str(&format!("\n[webhook]\nurl = \"{}/canary-path\"\n", webhook.address));
    }
    place.write("state/channels.toml", settings);
    place.write("state/token", format!("{TOKEN}\n"));
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(place.path("state/token"), std::fs::Permissions::from_mode(0o600))
        .expect("a file of ours");
    place
}

fn no_canary(answer: &Answer) {
    assert!(!answer.stdout.contains("canary"), "{}", answer.stdout);
    assert!(!answer.stderr.contains("canary"), "{}", answer.stderr);
}

/// All that is seen, but for the ports and times of this run.
fn seen(answer: &Answer, place: &Place, apis: &[&Api]) -> String {
    let said = answer.seen(place);
    let said = apis.iter().zip(["[chat]", "[hook]"]).fold(said, |text, (api, name)| text.replace(&api.address, name));
    let clock = regex::Regex::new(r"[A-Z][a-z]{2} [0-9]{4}-[0-9-]+ [0-9:]+ E[SD]T").expect("a pattern");
    clock.replace_all(&said, "[time]").into_owned()
}

#[test]
fn a_test_message_goes_through_every_channel() {
    let (chat, hook) = (Api::that(taken()), Api::that(Act::Say(200, "", String::new())));
    let place = place(&chat, Some(&hook));
    let answer = place.kobe(&["alert", "test"]);
    no_canary(&answer);
    insta::assert_snapshot!(seen(&answer, &place, &[&chat, &hook]));
    let message = chat.asked.recv_timeout(PATIENCE).unwrap();
    assert_eq!(message.path, format!("/bot{TOKEN}/sendMessage"));
    assert!(
        message.body["text"].as_str().unwrap().starts_with("WARNING: this is a test: alerts of Kobe arrive here\n")
    );
    assert_eq!(hook.asked.recv_timeout(PATIENCE).unwrap().body["severity"], "warning");
}

#[test]
fn a_channel_that_refuses_is_told_with_its_reason() {
    let (chat, hook) = (Api::that(error(401, &format!("Unauthorized {TOKEN}"))), Api::that(Act::Close));
    let place = place(&chat, Some(&hook));
    let answer = place.kobe(&["alert", "test", "--json"]);
    no_canary(&answer);
    assert_eq!(answer.code, Some(1));
    let found: Vec<(String, bool)> = answer
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["channel"].as_str().unwrap().to_owned(), row["ok"].as_bool().unwrap()))
        .collect();
    assert_eq!(found, [("telegram".into(), false), ("webhook".into(), false), ("log".into(), true)]);
    assert_eq!(answer.json()[0]["why"], "Telegram does not know the token (401 Unauthorized [redacted])");

    let one = place.kobe(&["alert", "test", "--channel", "telegram"]);
    insta::assert_snapshot!(seen(&one, &place, &[&chat, &hook]));
    no_canary(&one);
}

#[test]
fn without_settings_the_log_is_all_there_is() {
    let place = Place::new();
    let answer = place.kobe(&["alert", "test"]);
    insta::assert_snapshot!(seen(&answer, &place, &[]));
    let answer = place.kobe(&["alert", "test", "--channel", "telegram"]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    let answer = place.kobe(&["alert", "list"]);
    assert_eq!((answer.code, answer.stdout.as_str()), (Some(0), "no alert yet\n"));
}

#[test]
fn a_mistake_in_the_settings_is_shown_at_its_line_without_the_secret() {
    let place = Place::new();
    place.write("mine.toml", format!("[telegram]\ntoken = \"{TOKEN}\"\nchat = 7\n"));
    for args in [["alert", "test"].as_slice(), &["run", "--once"]] {
        let answer = place.kobe(&[args, &["--channels", "mine.toml"]].concat());
        no_canary(&answer);
        assert_eq!(answer.code, Some(1), "{}", answer.stderr);
        assert!(answer.stderr.contains("unknown key `token` in [telegram]"), "{}", answer.stderr);
    }
    insta::assert_snapshot!(place.kobe(&["alert", "test", "--channels", "mine.toml"]).seen(&place));
    let missing = place.kobe(&["alert", "test", "--channels", "none.toml"]);
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
}

/// A task that fails for good reaches the chat with all that a person needs, and the row says so. The program prints the token of the chat, which a person must not see.
#[test]
fn a_failure_reaches_a_person() {
    let chat = Api::that(taken());
    let place = place(&chat, None);
    place.write("desk/desk.toml", DESK);
    let mut running = place.run(&[]);
    // The preflight of an empty state has something to say too.
    let text = loop {
        let message = chat.asked.recv_timeout(PATIENCE).expect("the chat is told");
        let text = message.body["text"].as_str().unwrap().to_owned();
        assert!(!text.contains("canary"), "{text}");
        if text.contains("leaky") {
            break text;
        }
    };
    assert!(text.to_lowercase().contains("error: leaky failed after 1 attempt"), "{text}");
    for line in ["task leaky", "owner anna", "runbook https://wiki/leaky"] {
        assert!(text.lines().any(|l| l == line), "{line} is not in:\n{text}");
    }
    assert!(text.contains("error: exit code 3: asked https://api.telegram.org/bot[redacted]/"), "{text}");
    running.tell("-TERM");
    running.wait("stopped", |_| true);
    assert_eq!(running.end().code, Some(0));

    let rows = place.kobe(&["alert", "list", "--json"]);
    no_canary(&rows);
    let told: Vec<Value> = rows.json().as_array().unwrap().clone();
    let row = told.iter().find(|row| row["task"] == "leaky").expect("it has a row");
    assert_eq!((&row["channel"], &row["kind"]), (&"telegram".into(), &"run_failed".into()), "{row}");
    let left = place.kobe(&["alert", "list", "--unsent"]);
    assert_eq!(left.stdout, "every alert was told\n", "closing tells what is left");
    let shown = place.kobe(&["alert", "list", "-n", "1"]);
    assert_eq!(shown.stdout.lines().count(), 2, "{}", shown.stdout);
}

#[test]
fn every_kind_of_alert_has_its_chapter_in_the_operating_book() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate/alerts.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let mut chapters = page.lines().filter_map(|line| line.strip_prefix("## ")).filter(|title| !title.contains(' '));
    for kind in kobe_plan::AlertKind::ALL {
        assert_eq!(chapters.next(), Some(kind.word()), "chapters stand in the order of the kinds");
    }
    assert_eq!(chapters.next(), None, "a chapter of no kind");
}

const DESK: &str = "\
[[group]]
name = \"probes\"

[[group.task]]
name = \"leaky\"
lane = \"maintenance\"
command = [\"sh\", \"-c\", \"echo asked https://api.telegram.org/bot123456:canary-AAbbCCddEEffGGhhIIjj/ >&2; exit 3\"]
every = \"1s\"
timeout = \"10s\"
retries = 0
severity = \"error\"
owner = \"anna\"
runbook = \"https://wiki/leaky\"
on_holiday = \"run\"
";
