//! Options of every command.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Where runs are kept
    #[arg(long, global = true, value_name = "DIR", env = "STANCH_STATE_DIR", hide_env_values = true)]
    pub(crate) state_dir: Option<PathBuf>,
    /// The container in which runs are kept, as https://ACCOUNT.blob.core.windows.net/CONTAINER, so that other machines can
    /// go on with them; `local` for the state directory, whatever stanch.yaml says
    #[arg(long, global = true, value_name = "URL", env = "STANCH_STATE", hide_env_values = true)]
    pub(crate) state: Option<String>,
    /// The configuration [default: ./stanch.yaml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Use a local simulator in place of Azure, as its ready file describes it; such a run is a DRILL
    #[arg(long, global = true, value_name = "FILE", env = "STANCH_CLOUD", hide_env_values = true)]
    pub(crate) cloud: Option<PathBuf>,
    /// Print the result as one JSON object
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Answer "go" to the question at the start; gates inside the runbook still wait
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more; twice for every request (never a value)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}
