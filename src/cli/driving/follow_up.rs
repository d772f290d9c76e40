//! What a completed run put off: said when it is due, and waited for where somebody wants to.

use super::take_over::{TakingOver, go_on};
use crate::actions;
use crate::cli::ending::InOrder;
use crate::cli::exit::{Exit, Outcome};
use crate::cli::options::Common;
use crate::cli::session;
use crate::cli::terminal::screen;
use crate::cli::terminal::ui::Ui;
use crate::cli::terminal::when::when;
use crate::clock::{self, Timestamp};
use crate::engine::event::RunStatus;
use chrono::TimeDelta;

/// Goes on whenever something is due, until nothing is left. No lock is held in between: another run on the same secret
/// can begin, and another process can do what is due.
pub(crate) async fn wait(common: &Common, ui: Ui, run: &str, args: &TakingOver) -> Outcome {
    let silent = Ui { results: false, ..ui };
    let mut tried: Option<Timestamp> = None;
    let exit = loop {
        let folder = session::existing(common, run)?;
        let (_, state) = session::state(&folder)?;
        let due = state.next_follow_up();
        if state.ended() == Some(RunStatus::Completed) {
            match due {
                None => break Exit::Done,
                // Somebody went on with it and it is still due: it cannot be done now.
                Some(due) if tried == Some(due) => break Exit::Failed,
                Some(due) => {
                    ui.note(&format!("the audit trail is asked again {}", when(due, clock::now())));
                    // A moment later it is due for everybody.
                    let is_due = clock::sleep_until(due + TimeDelta::milliseconds(1));
                    if let Err(told) = InOrder::hold().or(is_due).await {
                        break told;
                    }
                    tried = Some(due);
                }
            }
        }
        let exit = go_on(common, silent, run, args).await?;
        if exit != Exit::Done {
            break exit;
        }
    };
    let folder = session::existing(common, run)?;
    let steps = session::plan_of(&folder)?.planned(&actions::catalogue());
    let (journal, known) = session::known(&folder, steps)?;
    screen::show(ui, &folder, &known, &journal.head, screen::Extent::Short);
    Ok(exit)
}
