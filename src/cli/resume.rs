//! `stanch resume`: goes on from the journal, with the pinned runbook.

use super::driving::{self, TakingOver};
use super::exit::Outcome;
use super::options::Common;
use super::terminal::ui::Ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    taking_over: TakingOver,
    /// Stay until everything is done that a completed run put off, such as asking the audit trail again; in between
    /// nothing is held, and the run can be gone on with from elsewhere
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    match args.wait {
        true => driving::wait(common, ui, &args.taking_over).await,
        false => driving::go_on(common, ui, &args.taking_over).await,
    }
}
