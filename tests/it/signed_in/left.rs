//! Answers that lie in a file for the process that works on the run: it finds out by itself who signed in.

use super::{events, gate, signed_in, token, with_steps};
use crate::stage::{Said, Stage};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A run whose process is at work while its gate waits.
struct AtWork {
    stage: Arc<Stage>,
    run: &'static str,
    process: Child,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.signal("CONT");
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl AtWork {
    async fn on(parameters: &str) -> Self {
        let busy = "  - { id: busy, uses: wait, needs: [], with: { for: 120s } }\n";
        let gate = gate(parameters).replace("uses:", "needs: [], uses:");
        Self::begun(Arc::new(with_steps(&format!("{gate}{busy}")).await), "r").await
    }

    async fn begun(stage: Arc<Stage>, run: &'static str) -> Self {
        let mut command = stage.command(&["run", "asking.yaml", "--run-id", run, "--yes", "--signed-in"]);
        let command = command.env("STANCH_OPERATOR", "carol").stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let at_work = Self { stage, run, process };
        at_work.until("the gate opens", || at_work.journal().contains("gate_opened").then_some(())).await;
        at_work
    }

    fn journal(&self) -> String {
        std::fs::read_to_string(self.stage.journal(self.run)).unwrap_or_default()
    }

    fn inbox(&self) -> PathBuf {
        self.stage.state_dir().join("runs").join(self.run).join("answers")
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.process.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    async fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What an answer is like that somebody leaves: the process looks at nothing meanwhile. It is taken afterwards.
    async fn seen(&self, who: &str) -> Value {
        self.signal("STOP");
        let arguments = ["approve", self.run, "gate", "--signed-in", "--by", who, "--comment", "as agreed"];
        let answer = self.stage.command(&arguments).spawn().unwrap();
        let is_whole = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
        let path = self
            .until("an answer is left", || {
                let files = std::fs::read_dir(self.inbox()).ok()?;
                files.flatten().map(|entry| entry.path()).find(is_whole)
            })
            .await;
        let text = std::fs::read(path).unwrap();
        self.signal("CONT");
        Said::from(answer.wait_with_output().unwrap()).exit(0).done();
        serde_json::from_slice(&text).unwrap()
    }

    /// Leaves an answer as anybody can who may write here; gives what is said of it.
    async fn leave(&self, name: &str, answer: &Value) -> String {
        let inbox = self.inbox();
        std::fs::create_dir_all(&inbox).unwrap();
        std::fs::write(inbox.join("part"), answer.to_string()).unwrap();
        std::fs::rename(inbox.join("part"), inbox.join(format!("{name}.json"))).unwrap();
        let reply = inbox.join(format!("{name}.reply"));
        self.until("a reply comes", || std::fs::read_to_string(&reply).ok()).await
    }
}

#[tokio::test]
async fn what_an_answer_says_of_a_sign_in_counts_for_nothing_without_a_proof_of_this_very_answer() {
    let run = AtWork::on("approvals: verified, min: 2, from: ['alice@drill.example', 'bob@drill.example']").await;
    let taken = run.seen("alice").await;
    assert_eq!(events(&run.stage, "r", "gate_answered").len(), 1);

    // The same once more, word for word.
    let reply = run.leave("again", &taken).await;
    assert!(reply.contains("was given before"), "{reply}");
    let changed = |place: &str, value: Value| {
        let mut answer = taken.clone();
        *answer.pointer_mut(place).unwrap() = value;
        answer
    };
    for (name, answer, why) in [
        ("comment", changed("/comment", "as never agreed".into()), "does not prove"),
        ("word", changed("/answer", "rejected".into()), "does not prove"),
        ("by", changed("/by", "bob@drill.example".into()), "does not prove"),
        ("plan", changed("/plan", "00".into()), "does not prove"),
        ("proof", changed("/sign_in/proof", "AAAA".into()), "does not prove"),
        ("proof-0", changed("/sign_in/proof", "A".repeat(5504).into()), "does not prove"),
        ("signed", changed("/sign_in/signed", "e30.e30".into()), "RS256"),
        ("time", changed("/sign_in/at", "2026-01-01T00:00:00Z".into()), "not given just now"),
        ("no-proof", changed("/sign_in", Value::Null), "is only typed"),
    ] {
        let reply = run.leave(name, &answer).await;
        assert!(reply.contains(why), "{name}: {reply}");
    }
    // Whoever says so, and names another one's object id.
    let mut claimed = changed("/by", "bob@drill.example".into());
    claimed["seen"]["verified"]["oid"] = "22222222-0000-4000-8000-000000000000".into();
    claimed.as_object_mut().unwrap().remove("sign_in");
    let reply = run.leave("claimed", &claimed).await;
    assert!(reply.contains("`bob@drill.example` is only typed"), "{reply}");
    assert_eq!(events(&run.stage, "r", "gate_answered").len(), 1);
    signed_in(&run.stage, "approve", "r", "bob").exit(0).done();
    assert_eq!(events(&run.stage, "r", "gate_answered").len(), 2);
}

#[tokio::test]
async fn an_answer_of_one_run_is_none_of_another() {
    let run = AtWork::on("approvals: verified, min: 2").await;
    let other = AtWork::begun(Arc::clone(&run.stage), "s").await;
    let taken = run.seen("alice").await;
    // The same is asked there, of the same people, about the same plan.
    assert_eq!(taken["plan"], events(&run.stage, "s", "gate_opened")[0]["plan"]);
    let reply = other.leave("carried", &taken).await;
    assert!(reply.contains("does not prove"), "{reply}");
    assert!(events(&run.stage, "s", "gate_answered").is_empty());
}

#[tokio::test]
async fn a_run_that_is_begun_anew_under_the_same_id_is_another_one() {
    let run = AtWork::on("approvals: verified, min: 2").await;
    let taken = run.seen("alice").await;
    let stage = Arc::clone(&run.stage);
    drop(run);
    std::fs::remove_dir_all(stage.state_dir().join("runs/r")).unwrap();
    let anew = AtWork::begun(Arc::clone(&stage), "r").await;
    assert_eq!(taken["plan"], events(&stage, "r", "gate_opened")[0]["plan"]);
    let reply = anew.leave("carried", &taken).await;
    assert!(reply.contains("does not prove"), "{reply}");
    assert!(events(&stage, "r", "gate_answered").is_empty());
}

#[tokio::test]
async fn a_new_key_counts_a_withdrawn_one_does_not_and_the_token_is_written_nowhere() {
    let run = AtWork::on("approvals: verified, min: 3").await;
    signed_in(&run.stage, "approve", "r", "alice").exit(0).done();
    let old = token(&run.stage, 6, Some("erin@contoso.com"), json!({})).await;
    run.stage.control_post("signing_keys", &json!({ "forget": true })).await;
    let said = run.stage.stanch_given(&["approve", "r", "gate", "--token-stdin"], old.as_bytes()).exit(5).stderr;
    assert!(said.contains("a key that the tenant does not publish"), "{said}");
    signed_in(&run.stage, "approve", "r", "bob").exit(0).done();
    let token = token(&run.stage, 5, Some("dora@contoso.com"), json!({})).await;
    let comment = format!("with {token}, as agreed");
    let arguments = ["approve", "r", "gate", "--token-stdin", "-vv", "--comment", &comment];
    let given = run.stage.stanch_given(&arguments, token.as_bytes()).exit(0);
    assert_eq!(events(&run.stage, "r", "gate_answered")[2]["comment"], "with ***, as agreed");
    assert_eq!(events(&run.stage, "r", "gate_answered").len(), 3);
    let signature = token.rsplit('.').next().unwrap();
    for text in [&given.stdout, &given.stderr, &run.journal()] {
        assert!(!text.contains(signature) && !text.contains(&token[..80]), "{text}");
    }
    let left: Vec<_> = std::fs::read_dir(run.inbox()).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}
