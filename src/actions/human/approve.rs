//! `human/approve`: a yes or a no of people. Everything but enough yeses in time is a no.

use super::no::asked_again;
use super::{Approvals, must_be_able, must_sign_in};
use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::parameter::Length;
use crate::actions::plan_line::{PlanLine, Surroundings, early};
use crate::durable::Stop;
use crate::engine::event::{Answer, Question};
use crate::engine::person::{self, Listed};
use crate::failure::Failure;
use crate::plan::{Aim, Class};
use crate::runbook::duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// What is asked.
    prompt: String,
    /// How many different people must say yes.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 20))]
    min: u32,
    /// Who may answer: names, or of those who sign in `NAME@DOMAIN`, object ids and `group:ID`; without it the
    /// `approvers` of the configuration, and everybody if it names none.
    #[serde(default)]
    from: Vec<String>,
    /// After this long without an answer it counts as a no.
    #[serde(default)]
    #[schemars(extend("x-waits" = true))]
    expires: Option<Length>,
    /// Whether the one who started the run may not say yes; without it, that is so where several may answer by the
    /// configuration.
    #[serde(default)]
    not_requester: Option<bool>,
    /// Whose word counts: whoever types a name, or with `verified` those alone who sign in.
    #[serde(default)]
    approvals: Option<Approvals>,
}

fn one() -> u32 {
    1
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Outputs {
    answer: String,
    /// Who said yes.
    by: String,
    /// Who that was, as far as it is known: a name is claimed unless the machine knows the user by it.
    #[serde(default)]
    who: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

const EXAMPLE: &str = r#"- id: approve
  uses: human/approve
  with:
    prompt: "Disable every older version of ${{ secret_name(inputs.secret) }}?"
    min: 2
    from: [alice, bob, carol]
    not_requester: true
    expires: 30m
"#;

pub(crate) fn action() -> Action {
    Action::new("human/approve", Class::Human, "asks people to go on", "the question stays open", run)
        .aim(Aim::Gate)
        .plan(plan)
        .fact(|outputs| fact(outputs).into())
        .idempotency("asked once: answers are kept in the journal and bind to the plan's digest")
        .example(EXAMPLE)
}

early!(Known of Parameters {
    min: u32,
    from: Vec<String>,
    expires: Option<Length>,
    not_requester: Option<bool>,
    approvals: Option<Approvals>,
});

/// Who may answer, and whether the one who started the run may not: as the step says, else as the configuration does.
fn answering(from: Vec<String>, not_requester: Option<bool>, approvers: &[String]) -> (Vec<String>, bool) {
    match from.is_empty() {
        true => (approvers.to_vec(), not_requester.unwrap_or(approvers.len() > 1)),
        false => (from, not_requester.unwrap_or_default()),
    }
}

fn plan(known: &Known, seen: &Surroundings) -> PlanLine {
    let min = known.min.unwrap_or_else(one);
    let from = known.from.clone().unwrap_or_default();
    let (from, not_requester) = answering(from, known.not_requester.flatten(), &seen.approvers);
    let signed_in = must_sign_in(known.approvals.flatten(), seen.verified_only, &from);
    let signed_in = if signed_in { ", signed in" } else { "" };
    let from = if from.is_empty() { String::new() } else { format!(" of {}", from.join(", ")) };
    let not_you = if not_requester { ", not you" } else { "" };
    let within = known.expires.flatten().map(|Length(expires)| format!(", within {}", duration::format(expires)));
    PlanLine::default().does(format!("{min} yes{from}{signed_in}{not_you}{}", within.unwrap_or_default()))
}

/// Who approved; where an older program ran, names are all there is.
fn fact(outputs: &Outputs) -> String {
    match outputs.who.as_str() {
        "" => format!("approved by {} (claimed)", outputs.by),
        who => format!("approved by {who}"),
    }
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let Parameters { prompt, min, from, expires, not_requester, approvals } = parameters;
    let approvers = &context.services.config.approvers;
    let (from, not_requester) = answering(from, not_requester, approvers);
    let from = person::names(&from).map_err(|why| {
        Failure::refused("`from` holds what is no name of a person").because(why).help("write each name as it is given")
    })?;
    let verified = must_sign_in(approvals, context.services.config.verified_only, &from);
    must_be_able(verified, &from)?;
    let may_be_many = from.iter().any(|entry| Listed::of(entry).may_be_many());
    let are_counted = !from.is_empty() && !may_be_many;
    if min == 0 || (are_counted && usize::try_from(min).is_ok_and(|min| min > from.len())) {
        let summary = format!("{min} people must agree, and {} may answer", from.len());
        let help = "name as many in `from`, or as `approvers` in the configuration, as `min` asks for";
        return Err(Failure::refused(summary).help(help).into());
    }
    let question = Question { prompt, min, from, not_requester, verified, ..Question::default() };
    let answer = context.gate(question, expires.map(|span| span.0)).await?;
    let by = answer.who();
    let comment = answer.comment.clone().map(|comment| format!(": {comment}")).unwrap_or_default();
    match answer.answer {
        Answer::Approved => {
            Ok(Outputs { answer: "approved".to_owned(), by, who: answer.told(), comment: answer.comment })
        }
        Answer::Rejected => Err(asked_again(context, format!("rejected by {by}{comment}")).into()),
        Answer::Expired => Err(asked_again(context, "nobody approved in time, which counts as a no").into()),
    }
}
