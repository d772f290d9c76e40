//! A drill reads and sends nothing real, whatever lies around it.

use crate::stage::{Said, Stage};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const CANARY: &str = "a-real-credential-that-no-drill-may-have";

/// A machine with every real way to sign in, each of which tells when it is taken.
struct Machine {
    folder: tempfile::TempDir,
    /// How often somebody came to the identity endpoint or the proxy.
    calls: Arc<AtomicUsize>,
    endpoint: String,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for program in ["az", "azd", "pwsh"] {
            let path = folder.path().join(program);
            let marker = folder.path().join("called");
            std::fs::write(&path, format!("#!/bin/sh\necho {program} >> '{}'\nexit 1\n", marker.display())).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        std::thread::spawn(move || {
            for _ in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let machine = Self { folder, calls, endpoint };
        // Whoever opens one of these waits for ever.
        for name in ["assertion", "certificate.pem", "secret", "inside.pem"] {
            mknodat(CWD, machine.path(name), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A call of the program on this machine.
    fn on(&self, command: &mut Command) -> Said {
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("HOME", self.folder.path()).env("REAL_CANARY", CANARY);
        for name in ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "IDENTITY_HEADER", "MSI_SECRET"] {
            command.env(name, CANARY);
        }
        command.env("AZURE_FEDERATED_TOKEN_FILE", self.path("assertion"));
        command.env("AZURE_CLIENT_CERTIFICATE_PATH", self.path("certificate.pem"));
        for name in ["IDENTITY_ENDPOINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "AZURE_AUTHORITY_HOST"] {
            command.env(name, &self.endpoint);
        }
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            command.env(name, &self.endpoint);
        }
        command.stdin(Stdio::null()).output().unwrap().into()
    }

    fn assert_untouched(&self) {
        assert!(!self.path("called").exists(), "a program was started: {:?}", std::fs::read(self.path("called")));
        assert_eq!(self.calls.load(Ordering::SeqCst), 0, "the machine's own endpoint or proxy was asked");
    }
}

/// The emulator's configuration, with another way to sign in or another credential of a channel.
fn config(stage: &Stage, path: &Path, identity: &str, webhook: Option<&str>) {
    let ready: Value = serde_json::from_slice(&std::fs::read(stage.ready_file()).unwrap()).unwrap();
    let text = std::fs::read_to_string(ready["config"].as_str().unwrap()).unwrap();
    let text = text.replace("identity: auto", &format!("identity: {identity}"));
    let begin = text.find("{ kind: slack, webhook: ").unwrap();
    let end = begin + text[begin..].find('}').unwrap();
    let slack = webhook.map(|webhook| format!("{{ kind: slack, webhook: {} ", Value::from(webhook)));
    let slack = slack.unwrap_or_else(|| text[begin..end].to_owned());
    std::fs::write(path, format!("{}{slack}{}", &text[..begin], &text[end..])).unwrap();
}

#[tokio::test]
async fn a_run_against_a_cloud_file_touches_no_real_credential() {
    let machine = Machine::new();
    let stage = Stage::set().await;
    machine.on(&mut stage.command(&stage.containment("r-drill"))).exit(0).done();
    machine.assert_untouched();
    assert!(!stage.state().await.to_string().contains(CANARY), "nothing real was sent to the cloud");
    let journal = std::fs::read_to_string(stage.journal("r-drill")).unwrap();
    assert!(
        !journal.contains(CANARY) && journal.contains("managed identity (IMDS)"),
        "it signed in as the cloud's own"
    );
}

#[test]
fn a_drill_touches_no_real_credential() {
    let machine = Machine::new();
    let mut command = Command::new(crate::stage::STANCH);
    command.args(["drill", "--json", "--state-dir"]).arg(machine.path("state")).env_remove("STANCH_CLOUD");
    let said = machine.on(command.current_dir(machine.folder.path())).exit(0).json();
    assert_eq!(said["passed"], true, "{said:#}");
    machine.assert_untouched();
}

#[tokio::test]
async fn no_way_to_sign_in_that_is_real_is_taken_even_where_the_configuration_asks_for_it() {
    let machine = Machine::new();
    let stage = Stage::set().await;
    let path = stage.path("stanch.yaml");
    for identity in ["workload", "client_secret", "azure_cli", "azd"] {
        config(&stage, &path, identity, None);
        let vault = "https://kv-drill.vault.azure.net";
        let said = machine.on(&mut stage.command(&["inventory", "--vault", vault, "--config", path.to_str().unwrap()]));
        let text = format!("{}{}", said.stdout, said.stderr);
        assert!(text.contains("not used in a drill"), "{identity}: {text}");
        assert!(!text.contains(CANARY), "{text}");
        machine.assert_untouched();
    }
    assert!(!stage.state().await.to_string().contains(CANARY));
}

#[tokio::test]
async fn a_reference_outside_of_the_drills_folder_is_refused() {
    let machine = Machine::new();
    let stage = Stage::set().await;
    let path = stage.path("stanch.yaml");
    let outside = format!("file:{}", machine.path("secret").display());
    let ready: Value = serde_json::from_slice(&std::fs::read(stage.ready_file()).unwrap()).unwrap();
    let credentials = Path::new(ready["config"].as_str().unwrap()).parent().unwrap().join("credentials");
    std::os::unix::fs::symlink(machine.path("secret"), credentials.join("link")).unwrap();
    let link = format!("file:{}", credentials.join("link").display());
    let climbing = format!("file:{}/../../../{}", credentials.display(), machine.path("secret").display());
    for reference in ["env:REAL_CANARY", &outside, &link, &climbing] {
        config(&stage, &path, "auto", Some(reference));
        let run = format!("r-{}", reference.len());
        let mut begin = stage.containment(&run);
        begin.extend(["--config", path.to_str().unwrap()]);
        let said = machine.on(&mut stage.command(&begin));
        let text = format!("{}{}", said.stdout, said.stderr);
        assert!(text.contains("is not read in a drill"), "{reference}: {text}");
        machine.assert_untouched();
    }
    assert!(!stage.state().await.to_string().contains(CANARY));
}
