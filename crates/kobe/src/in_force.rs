//! In force: the desk that a running instance has, whatever its files say by now.
//!
//! Files under a running desk may be half edited or have mistakes; what is asked of it, and shown of it, goes by what it runs. The heartbeat names the configuration, the rows
//! hold its files. Start at [`running`].

use std::fs;
use std::sync::Arc;

use kobe_plan::Desk;
use kobe_store::{Reader, holder};
use serde_json::Value;

use crate::desk_files;
use crate::failure::Failure;
use crate::settings::Shell;

/// Returns the desk that runs on the state, or nothing, where none runs or its configuration is not known.
///
/// # Errors
/// [`Failure::Store`] when the rows cannot be read.
pub fn running(shell: &Shell) -> Result<Option<Arc<Desk>>, Failure> {
    let state = &shell.settings.state;
    let Some(holder) = holder(state)? else { return Ok(None) };
    let beat: Option<Value> =
        fs::read(state.join("autonomous/heartbeat.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
    // A heartbeat that another process left says nothing about this one.
    let beat = beat.filter(|beat| beat["pid"] == holder.pid);
    let Some(config) = beat.as_ref().and_then(|beat| beat["config"].as_str()) else { return Ok(None) };
    let files = match Reader::open(state)? {
        Some(reader) => reader.desk(config)?,
        None => None,
    };
    // Files that this build does not take are those of another build that runs.
    Ok(files.and_then(|files| desk_files::parse(&files).ok()).map(Arc::new))
}

/// Returns the desk that runs, or else the one that would run.
///
/// # Errors
/// As [`running`] and [`Shell::desk`].
pub fn or_files(shell: &Shell) -> Result<Arc<Desk>, Failure> {
    match running(shell)? {
        Some(desk) => Ok(desk),
        None => Ok(shell.desk()?.desk),
    }
}
