//! Rotation at the issuer: the leaked credential is the one that dies, and no crash loses the old or the new one.

mod accounts;
mod entra;
mod people;
mod postgres;
mod readers;
mod secrecy;
pub(crate) mod server;

use crate::stage::{Said, Stage, count_lines, seed};
use serde_json::Value;

/// The arguments that run a runbook on the secret, as run `id`.
fn arguments<'a>(runbook: &'a str, id: &'a str, inputs: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["run", runbook, "--run-id", id, "--yes", "--json"];
    let always =
        [concat!("secret=", "https://kv-drill.vault.azure.net/secrets/orders-key"), "exposed_at=2026-01-01T00:00:00Z"];
    for input in always.iter().chain(&["overlap=1s"]).chain(inputs) {
        arguments.extend(["-i", input]);
    }
    arguments
}

/// The versions of the secret, oldest first.
fn versions(state: &Value) -> Vec<Value> {
    state["vaults"]["kv-drill"]["secrets"]["orders-key"].as_array().unwrap().clone()
}

fn step<'a>(status: &'a Value, id: &str) -> &'a Value {
    status["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap()
}

/// Kills a run when its journal has so many lines, and the first resumes a little later; then lets it end.
async fn killed(stage: &Stage, begin: &[&str], run: &str, lines: usize) -> Said {
    let resume = ["resume", run, "--json"];
    if stage.kill_at(begin, run, lines).await {
        for _ in 0..2 {
            let later = count_lines(&stage.journal(run)) + 3;
            if !stage.kill_at(&resume, run, later).await {
                break;
            }
        }
    }
    stage.stanch(&resume)
}

/// The lines of the journal at which real processes are killed: in the heavy suite a share that the seed draws, else a
/// sample. Every point there is, `crash` plays in one process.
fn points_of_death(sample: usize) -> Vec<usize> {
    let heavy = crate::stage::is_heavy();
    let (first, every) = if heavy { (usize::try_from(seed() % 7).unwrap(), 7) } else { (0, sample) };
    (2 + first..90).step_by(every).collect()
}

/// The one end state of the vault: one new version that is current, everything older disabled, nothing staged.
fn assert_vault(state: &Value, run: &str) {
    let versions = versions(state);
    let ours: Vec<&Value> = versions.iter().filter(|version| version["tags"]["stanch-run"] == run).collect();
    let [new] = ours.as_slice() else { panic!("one version names the run: {versions:#?}") };
    assert_eq!(new["enabled"], true);
    assert_eq!(new["latest"], true);
    assert_eq!(new["tags"]["owner"], "orders-team", "tags are taken over");
    for old in versions.iter().filter(|version| version["latest"] == false) {
        assert_eq!(old["enabled"], false, "{old}");
    }
    let secrets = state["vaults"]["kv-drill"]["secrets"].as_object().unwrap();
    for (name, versions) in secrets.iter().filter(|(name, _)| name.contains("-stanch-")) {
        let readable = versions.as_array().unwrap().iter().any(|version| version["enabled"] == true);
        assert!(!readable, "the staging secret {name} can still be read");
    }
}
