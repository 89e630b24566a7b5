//! `kobe schema`: the JSON Schema of desk files, for editors.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Shell;

/// The file beside the desk files in which editors find the schema.
pub(super) const FILE: &str = "desk.schema.json";

/// Tells editors that know Taplo (Even Better TOML among them) which schema the files beside it follow. Its name begins with a dot, so it is no desk file.
pub(super) const ASSOCIATION: (&str, &str) = (
    ".taplo.toml",
    "# Tells TOML editors which keys and words desk files have. Open this directory as a folder.\n\
     # Written by `kobe init`; `kobe schema > desk.schema.json` renews the schema.\n\
     [schema]\n\
     path = \"./desk.schema.json\"\n",
);

/// Arguments of `kobe schema`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The schema (draft 2020-12) is made from the lists of keys, words and functions that this build reads. \
`kobe init` writes it beside the desk files together with .taplo.toml, by which editors find it. What it \
refuses `kobe check` refuses too; `kobe check` knows more and has the last word.

Example:
  kobe schema > desk/desk.schema.json")]
pub struct Args {}

/// Returns the schema as it is printed and written.
pub(super) fn text() -> Result<String, Failure> {
    let schema = kobe_plan::desk::schema(&kobe_desk::functions::catalog());
    let mut text = serde_json::to_string_pretty(&schema).map_err(|e| Failure::Broke { what: e.to_string() })?;
    text.push('\n');
    Ok(text)
}

pub(super) fn perform(_: &Args, shell: &Shell) -> Result<Exit, Failure> {
    shell.out.text(&text()?)?;
    Ok(Exit::Fine)
}
