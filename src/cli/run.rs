//! `stanch run`: begins a run and drives it as far as it goes.

use super::driving::{self, Args, Prepared};
use super::exit::{CommandError, Outcome};
use super::options::Common;
use super::terminal::people;
use super::terminal::signing_in::SigningIn;
use super::terminal::ui::Ui;
use crate::actions;
use crate::clock;
use crate::failure::Failure;
use crate::preflight;

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    args: Args,
    /// Begin although the secret cannot be worked on as it stands: people are told of the leak, and of that
    #[arg(long)]
    anyway: bool,
    #[command(flatten)]
    signing_in: SigningIn,
}

impl RunArgs {
    /// A run that nobody spoke of as such.
    pub(crate) fn of(args: Args) -> Self {
        Self { args, anyway: false, signing_in: SigningIn::default() }
    }
}

pub(crate) async fn run(common: &Common, ui: Ui, RunArgs { args, anyway, signing_in }: RunArgs) -> Outcome {
    let mut prepared = driving::prepare(common, &args)?;
    prepared.session.secret_prompt = args.answering.secret_prompt(ui);
    prepared.signing_in = signing_in;
    prepared.warn(ui);
    driving::nobody_says_go(common, ui, &prepared)?;
    prepared.is_free()?;
    let is_asked = !common.yes && ui.asks();
    prepared.session.configuration.consent(is_asked)?;
    if is_asked {
        let preflight = super::plan::look(&prepared, &prepared.opened.request_prefix).await?;
        let mut question = super::plan::render(ui, &prepared, &preflight);
        prepared.opened.obstacles = preflight.obstacles();
        question.line(match preflight.failed() {
            true => "Go, although it stops at the first ✗? People are told of the leak, and of that. [y/N]",
            false => "Go? [y/N]",
        });
        match people::confirm(ui, &question).await {
            Ok(true) => {}
            Ok(false) => {
                return Err(CommandError::refused(Failure::refused("not started").help("nothing was changed")));
            }
            Err(ended) => return Ok(ended),
        }
    } else {
        ui.notes(&prepared.session.configuration.lines());
        prepared.opened.obstacles = obstacles(ui, &prepared, anyway).await?;
    }
    if let (false, Some(rotated)) = (is_asked, prepared.rotated_lately()) {
        ui.note(&rotated.sentence(clock::now()));
    }
    let (ended, _) = driving::begin(ui, prepared).await?;
    Ok(ended)
}

/// What cannot be done as things stand, for those who are told of the leak. Nobody is told of a run that can do nothing
/// before somebody changes something; a vault that gives no answer keeps no leak from anybody.
async fn obstacles(ui: Ui, prepared: &Prepared, anyway: bool) -> Result<Vec<String>, CommandError> {
    let azure = prepared.session.azure(&prepared.opened.request_prefix)?;
    let (plan, config, mode) = (&prepared.plan, prepared.session.config(), prepared.opened.mode);
    let found = preflight::obstacles(plan, &actions::by_name(), &azure, config, mode).await;
    let lines = found.lines();
    if let Some(first) = found.refused.first().filter(|_| !anyway) {
        let others = lines.iter().skip(1);
        let failure = others.fold(first.clone(), |failure, other| failure.and(format!("besides: {other}")));
        return Err(CommandError::refused(failure.and(
            "nothing was changed, and nobody was told; the same with `--anyway` tells people of the leak all the same",
        )));
    }
    lines.iter().for_each(|line| ui.note(&format!("cannot be done now: {line}")));
    Ok(lines)
}
