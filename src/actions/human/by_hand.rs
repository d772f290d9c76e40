//! `human/do`: something that only a person can do, with instructions, a checklist, and answers of known types.
//!
//! Answers are public: they stand in the journal and in the report. A secret is never asked for here; an action that
//! needs one asks for it itself.

use super::no::asked_again;
use super::{Approvals, must_be_able, must_sign_in};
use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::parameter::Length;
use crate::actions::plan_line::{PlanLine, early};
use crate::durable::Stop;
use crate::engine::event::{Answer, Field, Question};
use crate::plan::{Aim, Class};
use crate::report::fact::counted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// What is to be done.
    instructions: String,
    /// The single things to do, in this order.
    #[serde(default)]
    checklist: Vec<String>,
    /// What is to be told afterwards, by name.
    #[serde(default)]
    answers: BTreeMap<String, Asked>,
    /// Who may answer: names, or of those who sign in `NAME@DOMAIN`, object ids and `group:ID`; everybody if nobody is
    /// named.
    #[serde(default)]
    from: Vec<String>,
    /// Whose word counts: whoever types a name, or with `verified` those alone who sign in.
    #[serde(default)]
    approvals: Option<Approvals>,
    /// After this long without an answer the step fails.
    #[serde(default)]
    #[schemars(extend("x-waits" = true))]
    expires: Option<Length>,
}

/// One thing that is to be told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(rename = "type")]
    kind: Kind,
    /// The words of an `enum`.
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default = "yes")]
    required: bool,
}

/// The type of an answer. There is no type for a secret.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    String,
    Int,
    Number,
    Bool,
    Enum,
    Timestamp,
    Duration,
    Url,
    KeyvaultSecret,
}

fn yes() -> bool {
    true
}

#[derive(Serialize, JsonSchema)]
struct Outputs {
    /// Who did it.
    by: String,
    /// What they told, by name.
    #[schemars(extend("x-asked-by" = "answers"))]
    answers: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

const SUMMARY: &str = "asks a person to do something by hand";

const EXAMPLE: &str = r#"- id: dashboard
  uses: human/do
  with:
    instructions: Roll the key in the dashboard of its issuer
    checklist: [the old key is revoked there, the new one is in the vault]
    answers:
      rolled_at: { type: timestamp, description: when the old key was revoked }
- id: told
  uses: notify/slack
  with: { title: "Revoked at its issuer at ${{ steps.dashboard.outputs.answers.rolled_at }}" }
"#;

early!(Known of Parameters { instructions: String, checklist: Vec<String> });

pub(crate) fn action() -> Action {
    Action::new("human/do", Class::Human, SUMMARY, "the question stays open", run)
        .aim(Aim::Other)
        .plan(|known: &Known, _| {
            let tasks = known.checklist.as_ref().map_or(0, Vec::len);
            let tasks = if tasks == 0 { String::new() } else { format!(" ({})", counted(tasks as u64, "task")) };
            PlanLine::default().does(format!("by hand: {}{tasks}", known.instructions.as_deref().unwrap_or(SUMMARY)))
        })
        .idempotency("asked once: answers are kept in the journal")
        .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let verified = must_sign_in(parameters.approvals, context.services.config.verified_only, &parameters.from);
    must_be_able(verified, &parameters.from)?;
    let fields = parameters.answers.into_iter().map(|(name, asked)| field(name, asked)).collect();
    let question = Question {
        prompt: parameters.instructions,
        min: 1,
        from: parameters.from,
        checklist: parameters.checklist,
        fields,
        verified,
        ..Question::default()
    };
    let answer = context.gate(question, parameters.expires.map(|span| span.0)).await?;
    let by = answer.who();
    let comment = answer.comment.clone().map(|comment| format!(": {comment}")).unwrap_or_default();
    match answer.answer {
        Answer::Approved => Ok(Outputs { by, answers: answer.answers, comment: answer.comment }),
        Answer::Rejected => Err(asked_again(context, format!("{by} could not do it{comment}")).into()),
        Answer::Expired => Err(asked_again(context, "nobody did it in time").into()),
    }
}

fn field(name: String, asked: Asked) -> Field {
    let kind = serde_json::to_value(asked.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
    Field {
        name,
        kind: kind.unwrap_or_default(),
        values: asked.values,
        description: asked.description,
        required: asked.required,
    }
}
