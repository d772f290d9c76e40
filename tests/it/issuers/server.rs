//! A real PostgreSQL server of the test's own: TLS only, SCRAM, on a free loopback port.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs until this is dropped.
pub(crate) struct Server {
    folder: TempDir,
    process: Child,
    pub(crate) port: u16,
    connector: MakeRustlsConnect,
}

/// Where the server's programs are, if they are on this machine.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    versions.sort();
    versions.into_iter().rev().find(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file())
}

/// The server refuses to run as root; then it runs as the user that its package made.
fn as_its_user(program: &Path) -> Command {
    if !rustix::process::getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Server {
    /// Starts one, with the roles `app_a` and `app_b` and the database `orders`. Nothing, and a line that says so, where
    /// no server is installed.
    pub(crate) async fn start() -> Option<Self> {
        let Some(bin) = programs() else {
            println!("skipped: no PostgreSQL server below /usr/lib/postgresql");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let place = |name: &str| folder.path().join(name);
        std::fs::create_dir(place("data")).unwrap();
        certificates(folder.path());
        std::fs::write(place("password"), "admin-password").unwrap();
        if rustix::process::getuid().is_root() {
            let files = [place("data"), place("server.key"), place("server.crt"), place("password")];
            run(Command::new("chown").arg("postgres:postgres").args(files));
        }
        std::fs::set_permissions(place("data"), std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::set_permissions(place("server.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let pwfile = format!("--pwfile={}", place("password").display());
        run(as_its_user(&bin.join("initdb"))
            .args(["-A", "scram-sha-256", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C", &pwfile, "-D"])
            .arg(place("data"))
            .current_dir("/"));
        let rules = "hostssl all all 127.0.0.1/32 scram-sha-256\n";
        let hba = place("data").join("pg_hba.conf");
        let owner = std::fs::metadata(&hba).unwrap().uid();
        std::fs::write(&hba, rules).unwrap();
        assert_eq!(std::fs::metadata(&hba).unwrap().uid(), owner);
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let setting = |text: String| ["-c".to_owned(), text];
        let process = as_its_user(&bin.join("postgres"))
            .arg("-D")
            .arg(place("data"))
            .args(setting(format!("port={port}")))
            .args(setting("listen_addresses=127.0.0.1".to_owned()))
            .args(setting("unix_socket_directories=".to_owned()))
            .args(setting("fsync=off".to_owned()))
            .args(setting("log_statement=all".to_owned()))
            .args(setting("ssl=on".to_owned()))
            .args(setting(format!("ssl_cert_file={}", place("server.crt").display())))
            .args(setting(format!("ssl_key_file={}", place("server.key").display())))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(place("log")).unwrap())
            .spawn()
            .unwrap();
        let connector = connector(&place("ca.pem"));
        let server = Self { folder, process, port, connector };
        server.wait().await;
        for role in ["app_a", "app_b"] {
            server.admin(&format!("create role {role} login")).await;
        }
        server.admin("create database orders").await;
        Some(server)
    }

    async fn wait(&self) {
        let begun = Instant::now();
        while self.connect(&self.admin_url()).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "the server does not come up: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Everything the server logged, all statements among it.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The authority that signs for it.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn admin_url(&self) -> String {
        format!("postgres://postgres:admin-password@127.0.0.1:{}/postgres?sslmode=require", self.port)
    }

    /// The login of a role.
    pub(crate) fn url(&self, role: &str, password: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/orders?sslmode=require", self.port)
    }

    /// Logs in.
    pub(crate) async fn connect(&self, url: &str) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(url, self.connector.clone()).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Lets the administrator do something.
    pub(crate) async fn admin(&self, statement: &str) {
        self.connect(&self.admin_url()).await.unwrap().batch_execute(statement).await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let process = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(process) = process {
            rustix::process::kill_process(process, rustix::process::Signal::QUIT).unwrap_or_default();
        }
        drop(self.process.wait());
    }
}

fn certificates(folder: &Path) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let mut server = CertificateParams::default();
    server.subject_alt_names = vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into())];
    let key = KeyPair::generate().unwrap();
    let certificate = server.signed_by(&key, &authority).unwrap();
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(folder.join("server.crt"), certificate.pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

fn connector(ca: &Path) -> MakeRustlsConnect {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls::pki_types::CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}
