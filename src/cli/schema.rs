//! `stanch schema`: the JSON Schema of the runbook language.

use super::exit::{Exit, Outcome};
use super::terminal::ui::Ui;
use crate::actions;
use crate::plan;

pub(crate) fn run(ui: Ui) -> Outcome {
    ui.json(&plan::schema(&actions::catalogue()));
    Ok(Exit::Done)
}
