//! Who may answer what. Approvals fail closed: whatever a yes lacks makes it none. A no needs nothing but the right to
//! answer.

use super::event::{Answer, Event, Question, RunOpened, VALUE_WANTED};
use super::illegal::{IllegalEvent, illegal};
use super::person::{Listed, Person, Seen, Verified};
use super::step::{GateState, StepState};
use crate::clock::Timestamp;

/// What is answered: a step of a run.
#[derive(Clone, Copy)]
pub(super) struct Answered<'a> {
    pub(super) opened: Option<&'a RunOpened>,
    pub(super) step: &'a StepState,
}

/// Refuses an answer that its giver may not give, or that is none to what is asked.
pub(super) fn may_answer(asked: Answered<'_>, at: Timestamp, event: &Event) -> Result<(), IllegalEvent> {
    let refused = |because: String| illegal(event, &because);
    let who = event.answerer();
    let Event::GateAnswered { answer, plan, .. } = event else {
        let who = who.map_or(Ok(()), |who| asked.must_have_signed_in(&who));
        return who.map_err(refused);
    };
    let Some(gate) = asked.step.gate.as_ref().filter(|gate| gate.answer.is_none()) else {
        return Err(illegal(event, "no question of it is open"));
    };
    let question = &gate.question;
    let Some(who) = who else { return Ok(()) };
    asked.must_have_signed_in(&who).map_err(refused)?;
    asked.is_listed(gate, &who).map_err(refused)?;
    // What was said to a question that was asked before is no answer to this one, a no neither.
    let earlier = plan.as_ref().filter(|plan| **plan != question.plan);
    if earlier.is_some_and(|plan| asked.step.refused.iter().any(|gate| gate.question.plan == *plan)) {
        return Err(illegal(event, "the answer is to a question that was asked before; it is asked anew"));
    }
    if *answer == Answer::Rejected {
        return Ok(());
    }
    if question.expires_at.is_some_and(|expires| expires <= at) {
        return Err(illegal(event, "the gate has expired, which counts as a no"));
    }
    asked.is_not_requester(question, &who).map_err(refused)?;
    if plan.as_deref().unwrap_or_default() != question.plan {
        return Err(illegal(event, "the answer is about another plan than the one that is asked about"));
    }
    asked.is_somebody_else(gate, &who).map_err(refused)
}

impl Answered<'_> {
    /// Where the run or the question takes nobody's word without, whoever answers has signed in; and where they have, in the
    /// tenant that the run is pinned to.
    fn must_have_signed_in(self, who: &Person) -> Result<(), String> {
        let pinned = self.opened.and_then(|opened| opened.sign_ins.as_ref());
        match (who.verified(), pinned) {
            (Some(verified), Some(pinned)) if verified.tenant == pinned.tenant => Ok(()),
            (Some(_), Some(pinned)) => {
                Err(format!("{} signed in at another tenant than {}, which this run goes by", who.name, pinned.tenant))
            }
            (Some(_), None) => Err("this run was begun without knowing whose sign-ins count".to_owned()),
            (None, _) if self.takes_sign_ins_alone() => Err(format!(
                "the name `{}` is only typed, and answers count from those alone who sign in: `--signed-in`",
                who.name
            )),
            (None, _) => Ok(()),
        }
    }

    /// Whether a typed name is no answer. A value that is entered is no word of anybody's: only a process that goes on with
    /// the run can take it.
    pub(super) fn takes_sign_ins_alone(self) -> bool {
        let Self { opened, step } = self;
        let pinned = opened.and_then(|opened| opened.sign_ins.as_ref());
        let asked = step.gate.as_ref().filter(|gate| gate.answer.is_none());
        let required = pinned.is_some_and(|pinned| pinned.required) || asked.is_some_and(|gate| gate.question.verified);
        required && !step.observations.contains_key(VALUE_WANTED)
    }

    fn is_listed(self, gate: &GateState, who: &Person) -> Result<(), String> {
        let (by, question) = (&who.name, &gate.question);
        let requester = self.opened.map(|opened| &opened.operator);
        let known = question.from.iter().chain(requester).chain(gate.agreed.iter().map(|agreed| &agreed.name));
        if let Some(other) = known.into_iter().find(|name| who.looks_like(name)) {
            return Err(format!("`{by}` looks like `{other}`, and is another name"));
        }
        if question.from.is_empty() || question.from.iter().any(|entry| who.is_listed(entry)) {
            return Ok(());
        }
        let may = format!("{by} may not answer; {} may", question.from.join(", "));
        let by_id = question.from.iter().any(|entry| Listed::of(entry).may_be_many());
        Err(match who.verified() {
            Some(verified) if verified.groups_not_known && by_id => {
                format!("{may}, and which groups {by} is in is not known: the sign-in does not name them all")
            }
            _ => may,
        })
    }

    fn is_not_requester(self, question: &Question, who: &Person) -> Result<(), String> {
        let Some(requester) = self.opened.map(|opened| opened.requester()).filter(|_| question.not_requester) else {
            return Ok(());
        };
        if who.is_called(&requester.name) || who.is_same_sign_in(&requester) == Some(true) {
            return Err(format!("{} started this run and may not approve it", who.name));
        }
        if self.is_same(who, &requester) {
            let because = format!("nothing tells {} from {}", who.told(), requester.told());
            return Err(format!("{because}, who started this run and may not approve it"));
        }
        let one_plays_all = self.opened.is_some_and(|opened| opened.one_plays_all);
        if who.verified().is_some() && requester.verified().is_none() && !one_plays_all && self.takes_sign_ins_alone() {
            return Err(format!(
                "{} started this run without signing in, so nobody can show to be somebody else; reject it, and begin a run with `--signed-in`",
                requester.name
            ));
        }
        Ok(())
    }

    fn is_somebody_else(self, gate: &GateState, who: &Person) -> Result<(), String> {
        let token = |person: &Person| person.verified().map(|verified| verified.token_sha256.clone());
        if let Some(agreed) = gate.agreed.iter().find(|agreed| token(who).is_some() && token(who) == token(agreed)) {
            return Err(format!("the sign-in of {} has answered already; somebody else must", agreed.name));
        }
        if gate.agreed.iter().any(|agreed| who.is_called(&agreed.name)) {
            return Err(format!("{} has agreed already; somebody else must", who.name));
        }
        let Some(agreed) = gate.agreed.iter().find(|agreed| self.is_same(who, agreed)) else { return Ok(()) };
        Err(match who.is_same_sign_in(agreed) {
            Some(_) => format!("{} is {}, who has agreed already; somebody else must", who.told(), agreed.told()),
            None => {
                format!(
                    "nothing tells {} from {}, who has agreed already; somebody else must",
                    who.told(),
                    agreed.told()
                )
            }
        })
    }

    /// Whether nothing tells two people apart. Whoever plays all parts of a game day is told apart by names, and by sign-ins.
    fn is_same(self, one: &Person, other: &Person) -> bool {
        let by_name_alone = self.opened.is_some_and(|opened| opened.one_plays_all);
        if by_name_alone { one.is_same_sign_in(other) == Some(true) } else { one.is_same(other) }
    }
}

impl Event {
    /// The person who answered; nothing for what no person answers.
    pub fn answerer(&self) -> Option<Person> {
        match self {
            Self::GateAnswered { by, seen, answer, .. } if *answer != Answer::Expired => {
                Some(Person::new(by, seen.as_ref()))
            }
            Self::FailureAnswered { by, seen, .. } | Self::Settled { by, seen, .. } => {
                Some(Person::new(by, seen.as_ref()))
            }
            _ => None,
        }
    }

    /// The answer as of somebody whose sign-in was checked. It must name them already, unless whoever `is_typed` it did not
    /// know how they sign in.
    pub fn signed(mut self, verified: Verified, listed: &[String], is_typed: bool) -> Result<Self, String> {
        let name = verified.name();
        match &mut self {
            Self::GateAnswered { by, seen, .. }
            | Self::FailureAnswered { by, seen, .. }
            | Self::Settled { by, seen, .. } => {
                if is_typed {
                    by.clone_from(&name);
                } else if *by != name {
                    return Err(format!("the answer is by `{by}`, and `{name}` signed in"));
                }
                seen.get_or_insert_default().verified = Some(verified.for_those(listed));
                Ok(self)
            }
            _ => Err("it is no answer".to_owned()),
        }
    }

    /// What is recorded of the person who answered; nothing for what no person answers.
    pub fn seen_mut(&mut self) -> Option<&mut Option<Seen>> {
        match self {
            Self::GateAnswered { seen, .. } | Self::FailureAnswered { seen, .. } | Self::Settled { seen, .. } => {
                Some(seen)
            }
            _ => None,
        }
    }
}
