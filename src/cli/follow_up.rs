//! What a completed run put off: said when it is due, and waited for where somebody wants to.

use super::Common;
use super::exit::{Exit, Outcome};
use super::resume::{self, Args};
use super::session;
use super::terminal::screen;
use super::terminal::ui::Ui;
use crate::clock::{self, Timestamp};
use crate::engine::event::RunStatus;
use chrono::TimeDelta;

/// What is said of a completed run with which nobody can go on now.
pub(super) fn nothing_now(run: &str, due: Option<Timestamp>) -> String {
    match due {
        None => format!("{run} is completed; there is nothing to go on with"),
        Some(due) => format!(
            "{run} is completed; the audit trail is to be asked again {}: resume it then, or stay with `--wait`",
            when(due, clock::now())
        ),
    }
}

/// A time as a person says it: `at 04:26`, `at 03:26 tomorrow` (UTC), or with its date.
pub(super) fn when(at: Timestamp, now: Timestamp) -> String {
    let days = (at.date_naive() - now.date_naive()).num_days();
    let time = at.format("%H:%MZ");
    match days {
        0 => format!("at {time}"),
        1 => format!("at {time} tomorrow"),
        _ => format!("at {}", at.format("%Y-%m-%d %H:%MZ")),
    }
}

/// Goes on whenever something is due, until nothing is left. No lock is held in between: another run on the same secret
/// can begin, and another process can do what is due.
pub(super) async fn wait(common: &Common, ui: Ui, args: &Args) -> Outcome {
    let silent = Ui { results: false, ..ui };
    let mut tried: Option<Timestamp> = None;
    let exit = loop {
        let folder = session::existing(common, &args.run)?;
        let journal = session::journal(&folder)?;
        let state = journal.state().map_err(|damage| session::damaged(&folder.journal(), &damage))?;
        let due = state.next_follow_up();
        if state.ended() == Some(RunStatus::Completed) {
            match due {
                None => break Exit::Done,
                // Somebody went on with it and it is still due: it cannot be done now.
                Some(due) if tried == Some(due) => break Exit::Failed,
                Some(due) => {
                    ui.note(&format!("the audit trail is asked again {}", when(due, clock::now())));
                    tokio::select! {
                        // A moment later it is due for everybody.
                        () = clock::sleep_until(due + TimeDelta::milliseconds(1)) => {}
                        _ = tokio::signal::ctrl_c() => break Exit::Interrupted,
                    }
                    tried = Some(due);
                }
            }
        }
        let exit = resume::go_on(common, silent, args).await?;
        if exit != Exit::Done {
            break exit;
        }
    };
    let folder = session::existing(common, &args.run)?;
    let journal = session::journal(&folder)?;
    let state = journal.state().map_err(|damage| session::damaged(&folder.journal(), &damage))?;
    let plan = resume::pinned_plan(&folder, &resume::opened(&folder, &state)?)?;
    screen::show(ui, &plan, &folder, &journal.records, &journal.head)?;
    Ok(exit)
}
