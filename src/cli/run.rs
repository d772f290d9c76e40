//! `stanch run`: begins a run and drives it as far as it goes.

use super::driving::{self, Args};
use super::exit::{CommandError, Outcome};
use super::options::Common;
use super::terminal::ui::Ui;
use crate::clock;
use crate::failure::Failure;

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    let mut prepared = driving::prepare(common, &args)?;
    prepared.session.secret_prompt = args.answering.secret_prompt(ui);
    prepared.warn(ui);
    prepared.is_free()?;
    if !common.yes && ui.is_terminal() && !ui.json {
        let preflight = super::plan::look(&prepared, &prepared.opened.request_prefix).await?;
        ui.notes(&super::plan::render(ui, &prepared, &preflight));
        ui.note("Go? [y/N]");
        if !super::terminal::people::confirm().await {
            return Err(CommandError::refused(Failure::refused("not started").help("nothing was changed")));
        }
    } else if let Some(rotated) = prepared.rotated_lately() {
        ui.note(&rotated.sentence(clock::now()));
    }
    let (ended, _) = driving::begin(common, ui, prepared).await?;
    Ok(ended)
}
