//! A life of a run in this process: driven until it ends or waits, and shown.

use super::stamp::stamp;
use crate::actions::Services;
use crate::cli::chat::{Chat, Line};
use crate::cli::ending::InOrder;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::session::{self, HERE_INSTEAD, cannot_append, cannot_write};
use crate::cli::terminal::left::SignInDesk;
use crate::cli::terminal::live;
use crate::cli::terminal::people::{Answers, Terminal};
use crate::cli::terminal::screen;
use crate::cli::terminal::ui::Ui;
use crate::clock;
use crate::driver::Driver;
use crate::durable::{DisplayEvent, DisplayEvents, Ledger};
use crate::engine::State;
use crate::engine::event::{Event, RunStatus};
use crate::evidence::Known;
use crate::failure::Failure;
use crate::journal::{AppendError, Journal, RunFolder, Store};
use crate::plan::Plan;
use crate::sign_in::Checker;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// What a life of a run begins with.
pub(crate) struct Beginning {
    /// Where its journal ends.
    pub(crate) journal: Journal,
    pub(crate) state: State,
    /// What is known of it by then.
    pub(crate) known: Known,
    /// Recorded before anything else.
    pub(crate) first: Vec<Event>,
    /// How long a request that another process sent may still be under way, if one may.
    pub(crate) under_way: Option<Duration>,
    /// Whether the run gets its place when its first record is durable.
    pub(crate) is_new: bool,
    /// Answers that were given beforehand.
    pub(crate) answers: Answers,
}

/// Drives a run in this process until it ends, and shows it.
pub(crate) async fn at_work(
    ui: Ui,
    plan: Plan,
    services: Services,
    folder: &RunFolder,
    store: impl Store,
    beginning: Beginning,
) -> Result<Exit, CommandError> {
    let in_order = InOrder::hold();
    let (notices, inbox) = mpsc::unbounded_channel::<DisplayEvent>();
    let plan = Arc::new(plan);
    let display = live::show(ui, &plan, &services, beginning.known, inbox);
    let ledger = Ledger::start(store, &beginning.journal, beginning.state, notices.clone());
    let aside = notices.downgrade();
    services.azure.transport.announce(move |text| {
        // Nobody may be looking.
        drop(aside.upgrade().map(|notices| notices.send(DisplayEvent::Aside { text })));
    });
    let aside = notices.downgrade();
    folder.announce(move |text| drop(aside.upgrade().map(|notices| notices.send(DisplayEvent::Aside { text }))));
    let hold = ledger.hold();
    if let Some(hold) = hold.clone() {
        services.azure.transport.guard(move || {
            let hold = Arc::clone(&hold);
            let gone = |error: std::io::Error| Failure::refused(error.to_string()).help("nothing was sent");
            Box::pin(async move { hold.confirm().await.map_err(gone) })
        });
    }
    for event in beginning.first {
        let recorded = ledger.record(event).await;
        recorded.map_err(|error| match beginning.is_new {
            true => {
                folder.forget();
                cannot_begin(folder, &error)
            }
            false => cannot_append(folder, &error),
        })?;
    }
    if beginning.is_new {
        folder.publish().map_err(|error| cannot_write(folder.path(), &error))?;
    }
    let (stop, stopping) = watch::channel(false);
    if let Some(hold) = hold {
        let (stop, aside) = (stop.clone(), notices.downgrade());
        tokio::spawn(async move {
            hold.lost().await;
            let text = "another machine goes on with the run: nothing more is sent from here".to_owned();
            drop(aside.upgrade().map(|notices| notices.send(DisplayEvent::Aside { text })));
            stop.send_replace(true);
        });
    }
    wait_out(beginning.under_way, &notices, &in_order).await;
    let (told, aside) = (in_order.wait(), notices.downgrade());
    tokio::spawn(async move {
        told.await;
        let text = "told to stop: what is on its way may get its answer first; once more ends the program at once";
        drop(aside.upgrade().map(|notices| notices.send(DisplayEvent::Aside { text: text.to_owned() })));
        stop.send_replace(true);
    });
    let operator = services.operator.clone();
    let desk = desk(&services, &ledger.state())?;
    let people = Terminal::new(folder.clone(), ui.asks(), operator, notices.clone(), beginning.answers, desk);
    let steps = services.steps.clone();
    let services = Arc::new(services);
    let driver =
        Driver { plan: Arc::clone(&plan), services: Arc::clone(&services), ledger: ledger.clone(), notices, stopping };
    let driven = async {
        let chat = in_chat(&driver.services, folder, &driver.notices);
        let mut people = people;
        if let Some(chat) = &chat {
            people.wait_for(chat.takes());
        }
        let ended = driver.drive(&mut people).await;
        drop(people);
        if let Some(chat) = chat {
            chat.finish().await;
        }
        ended
    };
    let ended = tokio::task::LocalSet::new().run_until(driven).await;
    let head = ledger.head();
    // The display ends when nobody is left who could tell it anything.
    drop(ledger);
    let shown = display.finish().await;
    let status = ended.map_err(|error| cannot_append(folder, &error))?;
    if in_order.told().is_none() {
        stamp(ui, &services, folder, &head).await;
    }
    // What was shown live is what is shown in the end.
    let known = match shown {
        Some(known) => known,
        None => session::known(folder, steps)?.1,
    };
    let shown = screen::show(ui, folder, &known, &head, screen::Extent::Short);
    Ok(match status {
        RunStatus::Completed => Exit::Done,
        RunStatus::Waiting => Exit::Waiting,
        RunStatus::Interrupted | RunStatus::Running => in_order.told().unwrap_or(Exit::Interrupted),
        RunStatus::Failed if shown.preflight_failed => Exit::Refused,
        RunStatus::Failed => Exit::Failed,
    })
}

/// The run in a chat, where there is an app for it.
fn in_chat(services: &Services, folder: &RunFolder, notices: &DisplayEvents) -> Option<Chat> {
    let aside = notices.downgrade();
    let line = Line::new(&services.config, &services.azure, move |text| {
        drop(aside.upgrade().map(|notices| notices.send(DisplayEvent::Aside { text })));
    });
    Some(Chat::open(line?, folder))
}

/// What checks the sign-ins of those who answer, where the run goes by any.
fn desk(services: &Services, state: &State) -> Result<Option<SignInDesk>, CommandError> {
    let opened = state.opened().and_then(|opened| Some((opened, opened.sign_ins.clone()?)));
    let Some((opened, pinned)) = opened else { return Ok(None) };
    let transport = services.azure.transport.clone();
    let checker = Checker::new(transport.clone(), pinned, opened).map_err(CommandError::refused)?;
    Ok(Some(SignInDesk { transport, checker: Arc::new(checker) }))
}

/// Waits until no request can be under way that another process sent before the run was taken from it, so that what the other
/// side says of it stays true; or until this process is told to stop.
async fn wait_out(under_way: Option<Duration>, notices: &DisplayEvents, in_order: &InOrder) {
    let Some(wait) = under_way else { return };
    let seconds = wait.as_secs();
    let text =
        format!("a request of the process before may be under way: waiting {seconds} s, then asking what happened");
    drop(notices.send(DisplayEvent::Aside { text }));
    tokio::select! {
        () = clock::sleep(wait) => {}
        _ = in_order.wait() => {}
    }
}

/// The first record did not become durable: there is no run.
fn cannot_begin(folder: &RunFolder, error: &AppendError) -> CommandError {
    let elsewhere = match folder.is_shared() {
        true => HERE_INSTEAD,
        false => "make room, or name another place with `--state-dir`, then start it again",
    };
    CommandError::program(
        Failure::refused(error.to_string())
            .because(format!("the run `{}` did not begin", folder.run()))
            .help(elsewhere)
            .and("nothing was changed"),
    )
}
