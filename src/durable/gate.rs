//! What people are asked.

use super::attempt::{Attempt, Stop};
use crate::clock;
use crate::engine::event::{Event, Question};
use crate::engine::{GateAnswer, GateState};
use sha2::{Digest, Sha256};
use std::time::Duration;

impl Attempt {
    /// Asks people; the action goes on when it is run again after the answer. An answer is bound to what was asked:
    /// where that has changed since, it is asked again.
    pub async fn gate(&self, question: Question, expires_in: Option<Duration>) -> Result<GateAnswer, Stop> {
        let plan = self.plan_digest(&question);
        let step = self.ledger.step(&self.step);
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

    /// Digest of what people agree to: the plan of the run, the step, and what they are told. Lower-case hex.
    fn plan_digest(&self, question: &Question) -> String {
        let told = Question { expires_at: None, plan: String::new(), ..question.clone() };
        let told = serde_json::to_vec(&told).unwrap_or_default();
        let digest = Sha256::new().chain_update(&self.plan_digest).chain_update(&self.step).chain_update(told);
        hex::encode(digest.finalize())
    }
}
