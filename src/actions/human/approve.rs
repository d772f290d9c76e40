//! `human/approve`: a yes or a no of a person. Everything but a yes in time is a no.

use crate::actions::Action;
use crate::actions::context::{Context, Stop};
use crate::actions::parameter::Span;
use crate::engine::event::Answer;
use crate::failure::Failure;
use crate::plan::Class;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// What is asked.
    prompt: String,
    /// After this long without an answer it counts as a no.
    #[serde(default)]
    expires: Option<Span>,
    /// Whether the one who started the run may not answer.
    #[serde(default)]
    not_requester: bool,
}

#[derive(Serialize, JsonSchema)]
struct Outputs {
    answer: String,
    /// Who answered.
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

pub(crate) fn action() -> Action {
    Action::new("human/approve", Class::Human, "asks a person to go on", "the question stays open", run)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let expires = parameters.expires.map(|span| span.0);
    let answer = context.gate(parameters.prompt, expires, parameters.not_requester).await?;
    let comment = answer.comment.clone().map(|comment| format!(": {comment}")).unwrap_or_default();
    match answer.answer {
        Answer::Approved => Ok(Outputs { answer: "approved".to_owned(), by: answer.by, comment: answer.comment }),
        Answer::Rejected => Err(Failure::refused(format!("rejected by {}{comment}", answer.by)).into()),
        Answer::Expired => Err(Failure::refused("nobody approved in time, which counts as a no").into()),
    }
}
