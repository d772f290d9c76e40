//! The first life of a run: its folder is made, its journal opened.

use super::at_work::{Beginning, at_work};
use super::prepare::Prepared;
use super::sign_ins;
use super::targets::{take, targets};
use crate::cli::exit::{CommandError, Exit};
use crate::cli::session::{self, locked, not_begun};
use crate::cli::terminal::ui::Ui;
use crate::command_line::CommandLine;
use crate::engine::State;
use crate::engine::event::Event;
use crate::evidence::Known;
use crate::failure::Failure;
use crate::journal::{Journal, LockError, Presence, RunFolder};
use std::io;

/// Makes the run's folder, opens its journal and drives it.
pub(crate) async fn begin(ui: Ui, prepared: Prepared) -> Result<(Exit, RunFolder), CommandError> {
    let Prepared { plan, opened, session, runs, answers, .. } = sign_ins::pin(prepared).await?;
    let folder = runs.folder(&opened.run).map_err(|error| session::not_an_id(&error))?;
    let configuration = session.config().text().map(str::to_owned);
    let claimant = session::claimant();
    let unwritable = |error: io::Error| not_begun(&runs, &error);
    let not_held = |error: LockError| match error {
        LockError::Io(error) => unwritable(error),
        held => locked(&held),
    };
    if folder.presence().map_err(unwritable)? == Presence::There {
        let summary = format!("the run `{}` exists already", opened.run);
        let help = format!("`{}` goes on with it", CommandLine::stanch("resume").name(&opened.run));
        return Err(CommandError::refused(Failure::refused(summary).help(help)));
    }
    let lock = folder.reserve(&claimant).map_err(not_held)?;
    let make = || {
        let targets = targets(&runs, &opened);
        take(&targets, opened.lock.iter(), &runs)?;
        let services = session.services(&plan, &opened, &opened.operator, &runs, targets)?;
        let fragments = plan.fragments.values().map(|pinned| (pinned.sha256.as_str(), pinned.text.as_str()));
        let store = folder.create(&plan.text, configuration.as_deref(), fragments).map_err(unwritable)?;
        Ok((services, store))
    };
    let (services, store) = make().inspect_err(|_: &CommandError| folder.forget())?;
    let beginning = Beginning {
        journal: Journal::default(),
        state: State::default(),
        known: Known::new(services.steps.clone()),
        first: vec![Event::RunOpened(opened)],
        under_way: None,
        is_new: true,
        answers,
    };
    let exit = at_work(ui, plan, services, &folder, store, beginning).await?;
    drop(lock);
    Ok((exit, folder))
}
