//! People who answer by their own sign-in: what counts as one, and who is told apart by it.

mod left;
mod tokens;
mod who;

use crate::stage::{Said, Stage};
use serde_json::{Value, json};

/// The drill's people, as the embedded cloud knows them.
const DOMAIN: &str = "drill.example";

/// A stage with a runbook of these steps.
async fn with_steps(steps: &str) -> Stage {
    let stage = Stage::empty(&[]).await;
    write(&stage, steps);
    stage
}

fn write(stage: &Stage, steps: &str) {
    std::fs::write(stage.path("asking.yaml"), format!("schema: stanch/v1\nname: asking\nsteps:\n{steps}")).unwrap();
}

/// A gate with these parameters.
fn gate(parameters: &str) -> String {
    format!("  - {{ id: gate, uses: human/approve, with: {{ prompt: 'go on?', {parameters} }} }}\n")
}

fn begin(stage: &Stage, run: &str, more: &[&str]) -> Said {
    let arguments = [&["run", "asking.yaml", "--run-id", run, "--yes", "--json"], more].concat();
    stage.command(&arguments).env("STANCH_OPERATOR", "carol").output().unwrap().into()
}

/// An answer by the sign-in of one of the drill's people.
fn signed_in(stage: &Stage, word: &str, run: &str, who: &str) -> Said {
    stage.stanch(&[word, run, "gate", "--signed-in", "--by", who])
}

/// An answer by a token.
fn shown(stage: &Stage, word: &str, run: &str, token: &str) -> Said {
    stage.stanch_given(&[word, run, "gate", "--token-stdin"], token.as_bytes())
}

/// A token that the cloud signs, with these claims added or put in place of others.
async fn token(stage: &Stage, oid: u128, upn: Option<&str>, claims: Value) -> String {
    let oid = uuid::Uuid::from_u128(oid).to_string();
    let mut wanted = json!({ "oid": oid, "appid": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "claims": claims });
    if let Some(upn) = upn {
        wanted["upn"] = upn.into();
    }
    stage.control_post("tokens", &wanted).await["access_token"].as_str().unwrap().to_owned()
}

fn events(stage: &Stage, run: &str, kind: &str) -> Vec<Value> {
    let journal = std::fs::read_to_string(stage.journal(run)).unwrap();
    let events = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone());
    events.filter(|event| event["type"] == kind).collect()
}
