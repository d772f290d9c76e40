//! `stanch resume`: goes on from the journal, with the pinned runbook.

use super::completing;
use super::driving::{self, TakingOver};
use super::exit::Outcome;
use super::options::Common;
use super::runs;
use super::terminal::ui::Ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id [default: the only one that is at a stop, else the latest]
    #[arg(add = completing::runs())]
    run: Option<String>,
    #[command(flatten)]
    taking_over: TakingOver,
    /// Stay until everything is done that a completed run put off, such as asking the audit trail again; in between
    /// nothing is held, and the run can be gone on with from elsewhere
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    let run = args.run.map_or_else(|| runs::at_a_stop(common, ui), Ok)?;
    match args.wait {
        true => driving::wait(common, ui, &run, &args.taking_over).await,
        false => driving::go_on(common, ui, &run, &args.taking_over).await,
    }
}
