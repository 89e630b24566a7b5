//! `kobe verify`: is what was recorded still what was recorded?

use std::fmt::Write as _;

use kobe_store::{Reader, check_chains};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::count;
use crate::settings::Shell;

/// Packets are read so many at a time.
const PACKETS: usize = 100_000;

/// Arguments of `kobe verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Three things are verified, and nothing is written: the audit chain, to which every fact of the books \
belongs; the chain of the operator log, in which every wish and hold stands; and each decision packet, \
whose hash must be its content's and whose decision must be the one that its inputs give. A changed byte, \
a row that is gone or in another place, and a cut tail are found and named.

Examples:
  kobe verify
  kobe verify --json | jq .findings

Exit code 0 when everything holds, 1 when something was found.")]
pub struct Args {}

/// What was looked at, and what was found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Facts in the audit chain.
    pub facts: u64,
    /// Rows in the operator log.
    pub operator_rows: u64,
    /// Decision packets.
    pub packets: usize,
    /// What is not as it was recorded: where, and what.
    pub findings: Vec<(String, String)>,
}

/// Verifies the chains and packets of a database.
///
/// # Errors
/// [`Failure::Store`] when it cannot be read at all.
pub fn verify(reader: &Reader) -> Result<Verified, Failure> {
    let mut verified = Verified::default();
    let mut find = |place: String, what: String| verified.findings.push((place, what));
    let chains = check_chains(reader)?;
    match chains.audit {
        Ok(head) => verified.facts = head.count,
        Err(fault) => find("audit chain".into(), fault.to_string()),
    }
    match chains.operators {
        Ok(head) => verified.operator_rows = head.count,
        Err(fault) => find("operator log".into(), fault.to_string()),
    }
    for row in reader.packets(None, PACKETS)? {
        verified.packets += 1;
        let place = format!("packet {}", row.packet_id);
        match reader.packet(&row.packet_id) {
            Ok(Some(packet)) => {
                if let Err(fault) = packet.verify() {
                    find(place, fault.to_string());
                }
            }
            Ok(None) => find(place, "its block is gone".into()),
            Err(error) => find(place, error.to_string()),
        }
    }
    Ok(verified)
}

pub(super) fn perform(_: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let state = &shell.settings.state;
    let reader = Reader::open(state)?.ok_or_else(|| {
        Failure::no(
            format!("{} holds no database", state.display()),
            "`kobe run` begins one, `--state DIR` looks elsewhere",
        )
    })?;
    let verified = verify(&reader)?;
    let findings: Vec<Value> =
        verified.findings.iter().map(|(place, what)| json!({ "place": place, "what": what })).collect();
    if shell.out.is_json() {
        shell.out.object(&json!({
            "facts": verified.facts,
            "operator_rows": verified.operator_rows,
            "packets": verified.packets,
            "findings": findings,
            "ok": verified.findings.is_empty(),
        }))?;
    } else {
        let paint = shell.out.paint();
        let mut text = String::new();
        for (place, what) in &verified.findings {
            let _ = writeln!(text, "{} {place}: {what}", paint.red("found"));
        }
        let looked = format!(
            "{} in the audit chain, {} in the operator log, {}",
            count(verified.facts as usize, "fact"),
            count(verified.operator_rows as usize, "row"),
            count(verified.packets, "packet")
        );
        let verdict = if verified.findings.is_empty() {
            paint.green("all of it holds")
        } else {
            paint.red("not all of it holds")
        };
        let _ = writeln!(text, "{looked}: {verdict}");
        shell.out.text(&text)?;
    }
    Ok(if verified.findings.is_empty() { Exit::Fine } else { Exit::No })
}
