//! Settings: what holds for every command.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_engine::{Clock, SystemClock};

use crate::desk_files::{self, Loaded};
use crate::failure::Failure;
use crate::output::Out;

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Read the desk from the files in DIR instead of the one built in
    #[arg(long, global = true, env = "KOBE_CONFIG", value_name = "DIR", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Keep the state in DIR
    #[arg(
        long,
        global = true,
        env = "KOBE_STATE",
        value_name = "DIR",
        default_value = "./state",
        hide_env_values = true
    )]
    pub state: PathBuf,
    /// Read from FILE how a person is told; channels.toml in the state if it is there
    #[arg(long, global = true, env = "KOBE_CHANNELS", value_name = "FILE", hide_env_values = true)]
    pub channels: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Say less on stderr
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

// No value has a help text of its own: clap would spread every help page over three times its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// What a command works with.
pub struct Shell {
    /// The flags.
    pub settings: Global,
    /// Where answers go.
    pub out: Out,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Shell {
    /// Makes ready.
    pub fn new(settings: Global) -> Shell {
        let out = Out::new(&settings);
        Shell { settings, out, clock: Arc::new(SystemClock) }
    }

    /// Returns the present instant, to the second: nobody reads more of it, and answers stay comparable.
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// Returns the market that the desk follows.
    ///
    /// # Errors
    /// [`Failure::Calendar`] if the tables inside the program are unsound.
    pub fn market(&self) -> Result<Arc<Market>, Failure> {
        Ok(Arc::new(Market::bundled()?))
    }

    /// Reads the desk.
    ///
    /// # Errors
    /// [`Failure::Desk`] with every mistake, [`Failure::Read`] when a file cannot be read.
    pub fn desk(&self) -> Result<Loaded, Failure> {
        desk_files::load(self.settings.config.as_deref())
    }
}
