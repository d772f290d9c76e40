//! `stanch run`: begins a run and drives it as far as it goes.

use super::driving::{self, Args};
use super::exit::{CommandError, Outcome};
use super::options::Common;
use super::terminal::people;
use super::terminal::ui::Ui;
use crate::clock;
use crate::failure::Failure;

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    let mut prepared = driving::prepare(common, &args)?;
    prepared.session.secret_prompt = args.answering.secret_prompt(ui);
    prepared.warn(ui);
    driving::nobody_says_go(common, ui, &prepared)?;
    prepared.is_free()?;
    let is_asked = !common.yes && ui.asks();
    prepared.session.configuration.consent(is_asked)?;
    if is_asked {
        let preflight = super::plan::look(&prepared, &prepared.opened.request_prefix).await?;
        let mut question = super::plan::render(ui, &prepared, &preflight);
        question.line("Go? [y/N]");
        match people::confirm(ui, &question).await {
            Ok(true) => {}
            Ok(false) => {
                return Err(CommandError::refused(Failure::refused("not started").help("nothing was changed")));
            }
            Err(ended) => return Ok(ended),
        }
    } else {
        ui.notes(&prepared.session.configuration.lines());
    }
    if let (false, Some(rotated)) = (is_asked, prepared.rotated_lately()) {
        ui.note(&rotated.sentence(clock::now()));
    }
    let (ended, _) = driving::begin(ui, prepared).await?;
    Ok(ended)
}
