//! One helper for all transcripts: an embedded cloud in a process of its own, and `stanch` called as its users do.

use crate::surroundings::plain_http;
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Whether everything is to be tried, and not a sample of it.
pub(crate) fn is_heavy() -> bool {
    std::env::var_os("STANCH_HEAVY").is_some()
}

/// The program under test.
pub(crate) const STANCH: &str = env!("CARGO_BIN_EXE_stanch");

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cloud, a state directory, and a secret with three versions.
pub(crate) struct Stage {
    folder: TempDir,
    cloud: Child,
    ready: Value,
    http: reqwest::Client,
    values: Vec<String>,
}

/// What a call of the program left behind.
#[must_use = "look at what it said"]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// Its standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.stdout, self.stderr))
    }

    /// What it said does not matter, its exit code did.
    pub(crate) fn done(self) {
        drop(self);
    }

    /// Asserts the exit code.
    pub(crate) fn exit(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Stage {
    /// Sets everything up; the secret is `orders-db` in `kv-drill`.
    pub(crate) async fn set() -> Self {
        let stage = Self::empty(&[]).await;
        stage.seed_versions().await
    }

    /// A cloud without secrets, with these options.
    pub(crate) async fn empty(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready.json");
        let cloud = Command::new(STANCH)
            .args(["emulate", "--quiet", "--ready-file"])
            .arg(&ready)
            .arg("--data")
            .arg(folder.path().join("cloud"))
            .args(options)
            .env_remove("STANCH_CLOUD")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let text = loop {
            match std::fs::read_to_string(&ready) {
                Ok(text) => break text,
                Err(_) => assert!(begun.elapsed() < PATIENCE, "the cloud does not come up"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let ready = serde_json::from_str(&text).unwrap();
        let http = plain_http();
        Self { folder, cloud, ready, http, values: Vec::new() }
    }

    async fn seed_versions(mut self) -> Self {
        for number in 0..3 {
            let value = format!("planted+value/{number}=ü{}", "x".repeat(20));
            let tags = json!({ "owner": "orders-team", "number": number.to_string() });
            self.seed("orders-db", &json!({ "value": value, "content_type": "text/plain", "tags": tags })).await;
            self.values.push(value);
        }
        self
    }

    /// Puts a version into `kv-drill` past the data plane.
    pub(crate) async fn seed(&self, name: &str, body: &Value) {
        self.seed_in("kv-drill", name, body).await;
    }

    /// Puts a version into a vault past the data plane.
    pub(crate) async fn seed_in(&self, vault: &str, name: &str, body: &Value) {
        let url = format!("{}/secrets/{vault}/{name}", self.control());
        let answer = self.http.put(url).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Tells the control something; gives what it answers.
    pub(crate) async fn control_post(&self, path: &str, body: &Value) -> Value {
        let answer = self.http.post(format!("{}/{path}", self.control())).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// Changes what distinguishes `kv-drill` from other vaults.
    pub(crate) async fn change_vault(&self, change: &Value) {
        let answer = self.http.put(format!("{}/vaults/kv-drill", self.control())).json(change).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Plans trouble.
    pub(crate) async fn fault(&self, fault: &Value) {
        let answer = self.http.post(format!("{}/faults", self.control())).json(fault).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// No more trouble.
    pub(crate) async fn clear_faults(&self) {
        let answer = self.http.delete(format!("{}/faults", self.control())).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Denies operations on `kv-drill`.
    pub(crate) async fn deny(&self, rule: &Value) {
        let answer = self.http.put(format!("{}/access/kv-drill", self.control())).json(rule).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// What the cloud holds.
    pub(crate) async fn state(&self) -> Value {
        self.http.get(format!("{}/state", self.control())).send().await.unwrap().json().await.unwrap()
    }

    /// A version's value, read through the data plane as a consumer would.
    pub(crate) async fn read_value(&self, name: &str, version: &str) -> String {
        let caller =
            json!({ "oid": "00000000-0000-4000-8000-000000000001", "appid": "00000000-0000-4000-8000-000000000002" });
        let tokens = format!("{}/tokens", self.control());
        let token: Value = self.http.post(tokens).json(&caller).send().await.unwrap().json().await.unwrap();
        let base = self.ready["base_url"].as_str().unwrap();
        let answer = self
            .http
            .get(format!("{base}/secrets/{name}/{version}?api-version=2025-07-01"))
            .header("host", "kv-drill.vault.azure.net")
            .bearer_auth(token["access_token"].as_str().unwrap())
            .send()
            .await
            .unwrap();
        let secret: Value = answer.json().await.unwrap();
        secret["value"].as_str().unwrap().to_owned()
    }

    /// Where the cloud listens.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.ready["base_url"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// A cloud file that leads there another way.
    pub(crate) fn cloud_file(&self, base_url: &str) -> PathBuf {
        self.cloud_file_named("another-way", base_url)
    }

    /// The same under a name of its own.
    pub(crate) fn cloud_file_named(&self, name: &str, base_url: &str) -> PathBuf {
        let mut ready = self.ready.clone();
        ready["base_url"] = base_url.into();
        let path = self.path(&format!("{name}.json"));
        std::fs::write(&path, ready.to_string()).unwrap();
        path
    }

    fn control(&self) -> &str {
        self.ready["control"].as_str().unwrap()
    }

    /// The values that must never be found anywhere but in the vault.
    pub(crate) fn values(&self) -> &[String] {
        &self.values
    }

    /// Path of the ready file.
    pub(crate) fn ready_file(&self) -> PathBuf {
        self.folder.path().join("ready.json")
    }

    /// A folder for what the test writes by itself.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The state directory.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Path of a run's journal.
    pub(crate) fn journal(&self, run: &str) -> PathBuf {
        self.state_dir().join("runs").join(run).join("journal.jsonl")
    }

    /// The program with these arguments, against this cloud.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_by(&self.ready_file(), arguments)
    }

    /// The same with another state directory, as on another machine.
    pub(crate) fn command_in(&self, state_dir: &Path, arguments: &[&str]) -> Command {
        self.command_with(&self.ready_file(), state_dir, arguments)
    }

    /// A call of the program that reaches the cloud as a cloud file says.
    pub(crate) fn command_by(&self, cloud_file: &Path, arguments: &[&str]) -> Command {
        self.command_with(cloud_file, &self.state_dir(), arguments)
    }

    pub(crate) fn command_with(&self, cloud_file: &Path, state_dir: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(STANCH);
        command
            .args(arguments)
            .arg("--cloud")
            .arg(cloud_file)
            .arg("--state-dir")
            .arg(state_dir)
            .env_remove("STANCH_CLOUD")
            .env_remove("STANCH_STATE_DIR")
            .env_remove("STANCH_STATE")
            .env_remove("RUST_LOG")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Calls the program with something on its standard input.
    pub(crate) fn stanch_given(&self, arguments: &[&str], input: &[u8]) -> Said {
        given(&mut self.command(arguments), input).into()
    }

    /// Calls the program.
    pub(crate) fn stanch(&self, arguments: &[&str]) -> Said {
        self.command(arguments).output().unwrap().into()
    }

    /// Calls the program as another user of this machine, who owns the stage meanwhile: as on a share that shows everybody
    /// the files as his own. Only root can let others play; see [`several_can_play`].
    pub(crate) fn stanch_as(&self, uid: u32, arguments: &[&str]) -> Said {
        let command = self.command(arguments);
        // The program may lie where no other user gets to.
        let program = self.path("stanch");
        if !program.exists() && std::fs::hard_link(STANCH, &program).is_err() {
            std::fs::copy(STANCH, &program).unwrap();
        }
        self.give_to(uid);
        let mut theirs = Command::new(&program);
        theirs.args(command.get_args()).env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        let said = theirs.uid(uid).gid(uid).output().unwrap().into();
        self.give_to(0);
        said
    }

    fn give_to(&self, uid: u32) {
        let given = Command::new("chown").args(["-R", &format!("{uid}:{uid}")]).arg(self.folder.path()).status();
        assert!(given.unwrap().success());
    }

    /// Calls the program while a consumer reads a secret's newest version again and again, as the log then shows.
    pub(crate) async fn stanch_while_read(&self, arguments: &[&str], secret: &str) -> Said {
        let child = self.command(arguments).spawn().unwrap();
        let mut output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        loop {
            match tokio::time::timeout(Duration::from_millis(250), &mut output).await {
                Ok(output) => return output.unwrap().into(),
                Err(_) => drop(self.read_value(secret, "").await),
            }
        }
    }

    /// Calls the program where no file may grow beyond so many blocks of 512 bytes: what a full disk is to a journal.
    pub(crate) fn stanch_in_little_space(&self, blocks: u32, arguments: &[&str]) -> Said {
        let command = self.command(arguments);
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut limited = Command::new("sh");
        limited.arg("-c").arg(script).arg(command.get_program()).args(command.get_args());
        limited.env_remove("STANCH_CLOUD").env_remove("STANCH_STATE_DIR").env_remove("RUST_LOG");
        limited.current_dir(self.folder.path()).stdin(Stdio::null()).output().unwrap().into()
    }

    /// The arguments that contain the secret, as run `id`.
    pub(crate) fn containment<'a>(&self, id: &'a str) -> Vec<&'a str> {
        vec![
            "run",
            "secret-exposure",
            "--run-id",
            id,
            "-i",
            "secret=https://kv-drill.vault.azure.net/secrets/orders-db",
            "-i",
            "exposed_at=2026-01-01T00:00:00Z",
            "-i",
            "overlap=2s",
            "--yes",
            "--json",
        ]
    }

    /// Lets a command run until its journal has so many lines, then kills it. Gives whether it was killed.
    pub(crate) async fn kill_at(&self, arguments: &[&str], run: &str, lines: usize) -> bool {
        let mut child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if count_lines(&self.journal(run)) >= lines {
                child.kill().unwrap();
                child.wait().unwrap();
                return true;
            }
            assert!(begun.elapsed() < PATIENCE, "it neither ends nor gets on");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.cloud.kill());
        drop(self.cloud.wait());
    }
}

/// What the share of a suite is drawn from that is too large to be tried whole every time: `STANCH_SEED`, else the clock.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("STANCH_SEED").ok().and_then(|seed| seed.parse().ok());
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = given.unwrap_or_else(now);
    println!("STANCH_SEED={seed}");
    seed
}

/// Whether users can be played here that the kernel tells apart; says why not.
pub(crate) fn several_can_play() -> bool {
    let logged_in = std::fs::read_to_string("/proc/self/loginuid").is_ok_and(|uid| uid.trim() != u32::MAX.to_string());
    let can = rustix::process::getuid().is_root() && !logged_in;
    if !can {
        println!("skipped: only root, started by nobody who logged in, can play several users");
    }
    can
}

/// Whole lines of a file that may not exist yet.
pub(crate) fn count_lines(path: &Path) -> usize {
    std::fs::read(path).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

/// Runs a command with something on its standard input.
pub(crate) fn given(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // A program that refuses before it reads has closed its end.
    drop(std::io::Write::write_all(&mut child.stdin.take().unwrap(), input));
    child.wait_with_output().unwrap()
}
