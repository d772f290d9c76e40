//! What people are asked.

use super::attempt::{Attempt, Stop};
use crate::clock;
use crate::engine::event::{Event, Question};
use crate::engine::{GateAnswer, GateState};
use crate::failure::Failure;
use sha2::{Digest, Sha256};
use std::time::Duration;

impl Attempt {
    /// Asks people; the action goes on when it is run again after the answer. An answer is bound to what was asked:
    /// where that has changed since, it is asked again. A no ends the step; when the run is resumed, it is asked again as
    /// another question, to which no earlier answer fits.
    pub async fn gate(&self, question: Question, expires_in: Option<Duration>) -> Result<GateAnswer, Stop> {
        if question.verified && self.ledger.look(|state| state.opened().is_none_or(|opened| opened.sign_ins.is_none()))
        {
            let failure = Failure::refused("answers count from those alone who sign in, and nobody could");
            let why = "the run was begun without knowing whose sign-ins count";
            let help = "write the tenant's id as `tenant` into stanch.yaml, and begin another run";
            return Err(failure.because(why).help(help).into());
        }
        let step = self.ledger.step(&self.step);
        let plan = self.plan_digest(&question, GateState::times_asked(&question, &step.refused));
        let about_this = |gate: &&GateState| gate.question.plan == plan;
        let answer = step.gate.iter().chain(&step.answered).filter(about_this).find_map(|gate| gate.answer.clone());
        if let Some(answer) = answer {
            return Ok(answer);
        }
        let expires_at =
            expires_in.and_then(|after| chrono::Duration::from_std(after).ok()).map(|after| clock::now() + after);
        let question = Question { expires_at, plan, ..question };
        self.ledger.record(Event::GateOpened { step: self.step.clone(), question }).await?;
        Err(Stop::Waiting)
    }

    /// Digest of what people agree to: the plan of the run, the step, what they are told, and how often it was refused
    /// before. Lower-case hex.
    fn plan_digest(&self, question: &Question, times_refused: usize) -> String {
        let told = serde_json::to_vec(&question.told()).unwrap_or_default();
        let mut digest = Sha256::new().chain_update(&self.plan_digest).chain_update(&self.step).chain_update(told);
        if times_refused > 0 {
            digest.update(format!("\0asked again {times_refused}"));
        }
        hex::encode(digest.finalize())
    }
}
