//! A life of a run in this process: driven until it ends or waits, and shown.

use crate::actions::Services;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::options::Common;
use crate::cli::session::{cannot_append, cannot_write};
use crate::cli::terminal::live;
use crate::cli::terminal::people::{Answers, Terminal};
use crate::cli::terminal::screen;
use crate::cli::terminal::ui::Ui;
use crate::driver::Driver;
use crate::durable::{DisplayEvent, Ledger};
use crate::engine::State;
use crate::engine::event::{Event, RunStatus};
use crate::failure::Failure;
use crate::journal::{AppendError, Record, RunFolder, Store};
use crate::plan::Plan;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// What a life of a run begins with.
pub(crate) struct Beginning {
    pub(crate) records: Vec<Record>,
    pub(crate) head: String,
    pub(crate) state: State,
    /// Recorded before anything else.
    pub(crate) first: Vec<Event>,
    /// Where a new run lies until its first record is durable.
    pub(crate) staged: Option<RunFolder>,
    /// Answers that were given beforehand.
    pub(crate) answers: Answers,
}

/// Drives a run in this process until it ends, and shows it.
pub(crate) async fn at_work(
    common: &Common,
    ui: Ui,
    plan: Plan,
    services: Services,
    folder: &RunFolder,
    store: impl Store,
    beginning: Beginning,
) -> Result<Exit, CommandError> {
    let (notices, inbox) = mpsc::unbounded_channel::<DisplayEvent>();
    let plan = Arc::new(plan);
    let display = live::show(ui, &plan, &services, &beginning.records, inbox);
    let ledger = Ledger::start(store, beginning.records, beginning.head, beginning.state, notices.clone());
    let aside = notices.downgrade();
    services.azure.transport.announce(move |text| {
        // Nobody may be looking.
        drop(aside.upgrade().map(|notices| notices.send(DisplayEvent::Aside { text })));
    });
    for event in beginning.first {
        let recorded = ledger.record(event).await;
        recorded.map_err(|error| match beginning.staged {
            Some(_) => cannot_begin(folder, &error),
            None => cannot_append(folder, &error),
        })?;
    }
    if let Some(staged) = beginning.staged {
        staged.publish(folder).map_err(|error| cannot_write(folder.path(), &error))?;
    }
    let (stop, stopping) = watch::channel(false);
    let aside = notices.downgrade();
    let signal = live::watch_signals(stop, move |text| {
        drop(aside.upgrade().map(|notices| notices.send(DisplayEvent::Aside { text })));
    });
    let interactive = ui.is_terminal() && !ui.json && !common.quiet;
    let operator = services.operator.clone();
    let mut people = Terminal::new(folder.clone(), interactive, operator, notices.clone(), beginning.answers);
    let services = Arc::new(services);
    let driver = Driver { plan: Arc::clone(&plan), services, ledger: ledger.clone(), notices, stopping };
    let ended = tokio::task::LocalSet::new().run_until(driver.drive(&mut people)).await;
    drop(people);
    let signalled = signal.received();
    let (records, head) = (ledger.records(), ledger.head());
    // The display ends when nobody is left who could tell it anything.
    drop(ledger);
    display.finish().await;
    let status = ended.map_err(|error| cannot_append(folder, &error))?;
    let shown = screen::show(ui, &plan, folder, &records, &head)?;
    Ok(match (status, signalled) {
        (RunStatus::Completed, _) => Exit::Done,
        (RunStatus::Waiting, _) => Exit::Waiting,
        (RunStatus::Interrupted | RunStatus::Running, Some(live::Signal::Terminate)) => Exit::Terminated,
        (RunStatus::Interrupted | RunStatus::Running, _) => Exit::Interrupted,
        (RunStatus::Failed, _) if shown.preflight_failed => Exit::Refused,
        (RunStatus::Failed, _) => Exit::Failed,
    })
}

/// The first record did not become durable: there is no run.
fn cannot_begin(folder: &RunFolder, error: &AppendError) -> CommandError {
    CommandError::program(
        Failure::refused(error.to_string())
            .because(format!("the run `{}` did not begin", folder.run()))
            .help("make room, or name another place with `--state-dir`, then start it again")
            .and("nothing was changed"),
    )
}
