//! Rotation on a real PostgreSQL server, with a client that logs in all the time through the vault's current value.

use super::server::Server;
use super::{arguments, assert_vault, killed, points_of_death, step, versions};
use crate::stage::{STANCH, Said, Stage};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const ADMIN: &str = "admin=https://kv-drill.vault.azure.net/secrets/pg-admin";

/// A cloud whose vault holds a login of `role`, whose password is `password`.
async fn set(server: &Server, role: &str, password: &str) -> Arc<Stage> {
    let stage = Stage::empty(&[]).await;
    for (name, text) in [("app_a", "unused-a"), ("app_b", "unused-b"), (role, password)] {
        server.admin(&format!("alter role {name} login password '{text}'")).await;
    }
    stage.seed("pg-admin", &json!({ "value": server.admin_url() })).await;
    put(&stage, server, role, password).await;
    Arc::new(stage)
}

async fn put(stage: &Stage, server: &Server, role: &str, password: &str) {
    let tags = json!({ "owner": "orders-team" });
    stage.seed("orders-key", &json!({ "value": server.url(role, password), "tags": tags })).await;
}

/// A client that logs in every 50 ms with whatever is current in the vault.
struct Consumer {
    stop: Arc<AtomicBool>,
    logins: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<Vec<String>>,
}

impl Consumer {
    fn start(stage: &Arc<Stage>, server: &Arc<Server>) -> Self {
        let (stage, server) = (Arc::clone(stage), Arc::clone(server));
        let (stop, logins) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&logins));
        let task = tokio::spawn(async move {
            let mut failed = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let url = stage.read_value("orders-key", "").await;
                match server.connect(&url).await {
                    Ok(_) => drop(counted.fetch_add(1, Ordering::Relaxed)),
                    Err(error) => failed.push(format!("{error}: {:?}", error.as_db_error())),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            failed
        });
        Self { stop, logins, task }
    }

    /// Gives the failed logins, and how many there were at all.
    async fn stop(self) -> (Vec<String>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let failed = self.task.await.unwrap();
        (failed, self.logins.load(Ordering::Relaxed))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Runs the runbook with these inputs beside the usual ones.
async fn rotate(stage: &Arc<Stage>, server: &Server, run: &str, inputs: &[&str]) -> Value {
    let ca = format!("ca={}", server.ca().display());
    let inputs: Vec<String> = inputs.iter().map(|input| (*input).to_owned()).chain([ca]).collect();
    let (stage, run) = (Arc::clone(stage), run.to_owned());
    blocking(move || {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        stage.stanch(&arguments("database-credential", &run, &inputs)).exit(0).json()
    })
    .await
}

async fn refusal(server: &Server, url: &str) -> String {
    let error = server.connect(url).await.err().unwrap();
    error.code().unwrap().code().to_owned()
}

async fn current(stage: &Stage) -> String {
    stage.read_value("orders-key", "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_of_roles_takes_turns_without_a_failed_login() {
    let Some(server) = Server::start().await.map(Arc::new) else { return };
    let stage = set(&server, "app_a", "first").await;
    let held = server.connect(&server.url("app_a", "first")).await.unwrap();
    let consumer = Consumer::start(&stage, &server);
    let pair = ["roles=app_a,app_b", ADMIN];
    let status = rotate(&stage, &server, "r-pair", &pair).await;
    assert_vault(&stage.state().await, "r-pair");
    let proof = step(&status, "prove_dead")["outputs"].clone();
    assert_eq!(proof["answer"], "28P01", "{proof}");
    assert_eq!(refusal(&server, &server.url("app_a", "first")).await, "28P01");
    assert!(held.query_one("select 1", &[]).await.is_err(), "the old role's sessions are ended");
    let second = current(&stage).await;
    assert!(second.starts_with("postgres://app_b:"), "the other role's turn");
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r-pair/report/report.md")).unwrap();
    assert!(report.contains("refused the value of version") && report.contains("28P01"), "{report}");

    // Back again: what was locked may log in once more, with another password.
    rotate(&stage, &server, "r-back", &pair).await;
    assert!(current(&stage).await.starts_with("postgres://app_a:"));
    assert_eq!(refusal(&server, &second).await, "28P01");
    let (failed, logins) = consumer.stop().await;
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(logins > 20, "{logins}");
    let log = server.log();
    assert!(log.contains("SCRAM-SHA-256$"), "the server is told a verifier");
    for url in [second, current(&stage).await] {
        let password = url.split(['/', ':', '@']).nth(4).unwrap();
        assert!(password.len() == 48 && !log.contains(password), "no password is in the server's log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_role_gets_another_password_and_its_old_sessions_end() {
    let Some(server) = Server::start().await.map(Arc::new) else { return };
    // With an administrator, and by itself.
    for (run, inputs) in [("r-admin", vec![ADMIN]), ("r-alone", vec![]), ("r-first", vec!["containment=revoke_first"])]
    {
        let stage = set(&server, "app_a", "first").await;
        let held = server.connect(&server.url("app_a", "first")).await.unwrap();
        let status = rotate(&stage, &server, run, &inputs).await;
        assert_vault(&stage.state().await, run);
        assert_eq!(step(&status, "prove_dead")["outputs"]["answer"], "28P01");
        assert_eq!(refusal(&server, &server.url("app_a", "first")).await, "28P01");
        assert!(server.connect(&current(&stage).await).await.is_ok(), "the published login works");
        assert!(held.query_one("select 1", &[]).await.is_err(), "a session that began with the old password is ended");
        let breaks = step(&status, "issuer")["outputs"]["breaks"]["overlap"].to_string();
        assert!(breaks.contains("there is no overlap"), "{breaks}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_rotation_killed_anywhere_fails_no_login() {
    let Some(server) = Server::start().await.map(Arc::new) else { return };
    for lines in points_of_death(18) {
        let password = format!("before-{lines}");
        let stage = set(&server, "app_a", &password).await;
        let consumer = Consumer::start(&stage, &server);
        let run = format!("r-killed-{lines}");
        let ca = format!("ca={}", server.ca().display());
        let begin = arguments("database-credential", &run, &["roles=app_a,app_b", ADMIN, &ca]);
        let status = killed(&stage, &begin, &run, lines).await.exit(0).json();
        assert_eq!(status["status"], "completed", "killed at {lines}");
        let (failed, logins) = consumer.stop().await;
        assert!(failed.is_empty(), "killed at {lines}: {failed:#?}");
        assert!(logins > 3);
        assert_vault(&stage.state().await, &run);
        assert!(server.connect(&current(&stage).await).await.is_ok());
        assert_eq!(refusal(&server, &server.url("app_a", &password)).await, "28P01", "killed at {lines}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_role_killed_anywhere_keeps_a_login_that_works() {
    let Some(server) = Server::start().await.map(Arc::new) else { return };
    for lines in points_of_death(30) {
        let password = format!("before-{lines}");
        let stage = set(&server, "app_a", &password).await;
        let run = format!("r-killed-{lines}");
        let ca = format!("ca={}", server.ca().display());
        let begin = arguments("database-credential", &run, &[&ca]);
        let status = killed(&stage, &begin, &run, lines).await.exit(0).json();
        assert_eq!(status["status"], "completed", "killed at {lines}");
        assert_vault(&stage.state().await, &run);
        assert!(server.connect(&current(&stage).await).await.is_ok(), "killed at {lines}");
        assert_eq!(refusal(&server, &server.url("app_a", &password)).await, "28P01", "killed at {lines}");
        assert_eq!(versions(&stage.state().await).len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_reaches_no_server_elsewhere_and_a_role_of_no_pair_is_refused() {
    let Some(server) = Server::start().await.map(Arc::new) else { return };
    let stage = set(&server, "app_a", "first").await;
    for (run, inputs, told) in [
        ("r-far", vec!["host=db.contoso.example"], "is not on this machine"),
        ("r-other", vec!["roles=app_b,postgres", ADMIN], "which is not of the pair"),
        ("r-alone", vec!["roles=app_a,app_b"], "needs somebody who may alter both"),
    ] {
        let ca = format!("ca={}", server.ca().display());
        let mut inputs = inputs;
        inputs.push(&ca);
        let said = stage.stanch(&arguments("database-credential", run, &inputs)).exit(3);
        let error = step(&said.json(), "issuer")["error"].to_string();
        assert!(error.contains(told), "{run}: {error}");
        assert_eq!(versions(&stage.state().await).len(), 1);
    }
    assert!(server.connect(&server.url("app_a", "first")).await.is_ok(), "nothing was changed");
    // Whoever may set the secret may write another role into it, and does not get that role by it.
    put(&stage, &server, "postgres", "guessed").await;
    let ca = format!("ca={}", server.ca().display());
    let said = stage.stanch(&arguments("database-credential", "r-deputy", &[ADMIN, &ca])).exit(3);
    let error = step(&said.json(), "issuer")["error"].to_string();
    assert!(error.contains("is not that of `postgres`"), "{error}");
    assert!(server.connect(&server.admin_url()).await.is_ok());
    // Nor the administrator's login, by a server of their own.
    let elsewhere = server.url("app_a", "first").replace("127.0.0.1", "localhost");
    stage.seed("orders-key", &json!({ "value": elsewhere })).await;
    stage.seed("pg-admin", &json!({ "value": r#"{"username":"postgres","password":"admin-password"}"# })).await;
    let said = stage.stanch(&arguments("database-credential", "r-elsewhere", &[ADMIN, &ca])).exit(3);
    let error = step(&said.json(), "issuer")["error"].to_string();
    assert!(error.contains("nothing that can be trusted says where"), "{error}");
}

/// The game day of the runbook, at a real server, since the cloud has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_drill_of_a_database_credential_meets_every_target_and_its_server_refuses_the_old_login() {
    let Some(server) = Server::start().await.map(Arc::new) else { return };
    server.admin("alter role app_a password 'the-one-that-leaks'").await;
    let leaked = server.url("app_a", "the-one-that-leaks");
    let folder = tempfile::tempdir().unwrap();
    let drill = |set: bool| -> Said {
        let mut command = std::process::Command::new(STANCH);
        command.args(["drill", "database-credential", "--json", "--state-dir"]).arg(folder.path().join("state"));
        for name in ["STANCH_CLOUD", "STANCH_DRILL_LOGIN", "STANCH_DRILL_ADMIN", "STANCH_DRILL_CA"] {
            command.env_remove(name);
        }
        if set {
            command.env("STANCH_DRILL_LOGIN", &leaked).env("STANCH_DRILL_ADMIN", server.admin_url());
            command.env("STANCH_DRILL_CA", server.ca());
        }
        command.stdin(std::process::Stdio::null()).output().unwrap().into()
    };
    let said = drill(false).exit(2);
    let missing = "not set in the environment: STANCH_DRILL_LOGIN, STANCH_DRILL_ADMIN, STANCH_DRILL_CA";
    assert!(said.stderr.contains(missing) && said.stderr.contains("--show"), "{}", said.stderr);
    let said = drill(true).exit(0).json();
    assert_eq!(said["passed"], true, "{said:#}");
    assert_eq!(refusal(&server, &leaked).await, "28P01", "its turn is over");
}
