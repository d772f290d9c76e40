//! A no, or no answer in time: the step fails, and its question can be asked again.

use crate::actions::context::Context;
use crate::command_line::CommandLine;
use crate::failure::Failure;

pub(super) fn asked_again(context: &Context, summary: impl Into<String>) -> Failure {
    Failure::refused(summary)
        .help(format!("`{}` asks again", CommandLine::stanch("resume").name(&context.services.run)))
}
