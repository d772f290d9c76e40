//! A value that only a person has: asked where it can be hidden, else waited for.

use crate::actions::context::Context;
use crate::command_line::CommandLine;
use crate::durable::Stop;
use crate::engine::event::{Answer, Event, Question, VALUE_WANTED};
use crate::failure::Failure;
use crate::secret::Secret;

/// Gets a value, or leaves the step waiting for one. Nothing of it is recorded.
pub(crate) async fn ask(context: &Context, question: &str) -> Result<Secret, Stop> {
    if let Some(value) = context.ask_secret(question).await? {
        if value.expose().is_empty() {
            return Err(Failure::refused("the value that was entered is empty")
                .help("resume, and enter it again")
                .into());
        }
        return Ok(value);
    }
    let step = context.ledger().step(&context.step);
    let answer = step.gate.and_then(|gate| gate.answer).filter(|_| step.observations.contains_key(VALUE_WANTED));
    if let Some(answer) = answer.filter(|answer| answer.answer != Answer::Approved) {
        return Err(Failure::refused(format!("{} said that no value will be entered", answer.who())).into());
    }
    context.note(VALUE_WANTED, &question).await?;
    let resume = CommandLine::stanch("resume").name(&context.services.run);
    let piped = resume.clone().words("--secret-stdin");
    let prompt = format!("{question}: `{resume}` asks for it at a terminal; `{piped}` reads it from standard input");
    let question = Question::new(prompt);
    let asked = Event::GateOpened { step: context.step.clone(), question };
    context.ledger().record(asked).await?;
    Err(Stop::Waiting)
}
