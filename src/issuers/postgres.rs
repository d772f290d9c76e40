//! `postgres`: a login role of a PostgreSQL server, or a pair of them that take turns.
//!
//! ```text
//!           one role                                  a pair (`roles: [app_a, app_b]`)
//! survey    the role in the secret exists             the role in the secret is one of the pair; the other is next
//! stage     a password is drawn and staged in the vault before the server hears of it
//! issue     ALTER ROLE: the old password dies here    ALTER ROLE next: nobody uses it
//!           asked: does the staged password log in?
//! test      log in with it
//! publish   the secret's text with the new login in it
//! adopt     readers that cached the old one fail      both roles log in
//! retire    end the sessions that began before        NOLOGIN, no password, end the sessions
//!           asked: is such a session left?            asked: may it log in, is a session left?
//! prove     try to log in with every old version: 28P01 or 28000
//! ```
//!
//! Whoever may set the secret may write a server and a role into it. The administrator's login therefore goes to no
//! server but the one that the settings or its own secret name, and a role that the settings do not name is altered only
//! if its old password, which the secret holds, is good.
//!
//! The server is told a SCRAM verifier, never the password itself: neither its log nor its statistics hold one. Setting
//! the staged password again changes nothing, so a repetition is harmless.

use super::envelope;
use super::issuer::{Held, Impact, Issuance, Issued, Issuer, Work};
use super::record::IssuerState;
use super::surroundings::{Surroundings, is_near};
use super::trial::Trial;
use crate::azure::{BoundedStream, Vault};
use crate::failure::{Failure, Retry};
use crate::files::{self, LARGEST_CREDENTIAL};
use crate::secret::Secret;
use crate::told::told;
use crate::vault::SecretUrl;
use async_trait::async_trait;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long we talk with a server on one connection: a question or two.
const LONGEST_SESSION: Duration = Duration::from_secs(60);
/// What is asked of a server is answered in a few hundred bytes.
const MOST_SAID: usize = 4 << 20;
const DEFAULT_PORT: u16 = 5432;

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Tls {
    #[default]
    Required,
    /// On this machine only.
    None,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The server; what the secret says unless given.
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    /// The role, where the secret holds a password alone.
    role: Option<String>,
    /// Two roles that take turns.
    roles: Option<[String; 2]>,
    /// The secret that holds the login of a role that may alter these: a URL, JSON, or pairs.
    admin: Option<SecretUrl>,
    #[serde(default)]
    tls: Tls,
    /// The authority that signs for the server, in PEM; the platform's unless given.
    ca: Option<PathBuf>,
}

pub(super) struct Postgres {
    settings: Settings,
    surroundings: Surroundings,
    connector: MakeRustlsConnect,
}

/// A role and its password.
struct RoleLogin {
    role: String,
    password: Secret,
}

/// Where a server is.
struct Server {
    host: String,
    port: u16,
    database: String,
}

impl Postgres {
    pub(super) fn new(settings: Settings, surroundings: Surroundings) -> Result<Self, Failure> {
        if let Some([one, other]) = &settings.roles
            && one == other
        {
            return Err(Failure::refused(format!("the pair of roles names `{one}` twice"))
                .help("with one role, leave `roles` out"));
        }
        if settings.roles.is_some() && settings.admin.is_none() {
            return Err(Failure::refused("a pair of roles needs somebody who may alter both")
                .help("add `admin:` to the settings: the URL of the secret that holds such a login"));
        }
        let connector = MakeRustlsConnect::new(tls(settings.ca.as_deref())?);
        Ok(Self { settings, surroundings, connector })
    }

    fn server(&self, value: &Secret) -> Result<Server, Failure> {
        let login = envelope::open(value);
        let Some(host) = self.settings.host.clone().or(login.host) else {
            return Err(Failure::refused("nothing says where the PostgreSQL server is")
                .help("add `host:` to the provider's settings, or put a connection string into the secret"));
        };
        let port = self.settings.port.or(login.port).unwrap_or(DEFAULT_PORT);
        let database = self.settings.database.clone().or(login.database).unwrap_or_else(|| "postgres".to_owned());
        self.reachable(Server { host, port, database })
    }

    /// The server, if it may be reached in the way that the settings say.
    fn reachable(&self, server: Server) -> Result<Server, Failure> {
        let host = server.host.as_str();
        if self.settings.tls == Tls::None && !is_near(host) {
            return Err(Failure::refused(format!("a password would be sent to `{host}` without encryption"))
                .help("take `tls: none` out"));
        }
        self.surroundings.may_reach(host)?;
        Ok(server)
    }

    fn login(&self, value: &Secret) -> Result<RoleLogin, Failure> {
        let login = envelope::open(value);
        match login.user.or_else(|| self.settings.role.clone()) {
            Some(role) => Ok(RoleLogin { role, password: login.password }),
            None => Err(Failure::refused("the secret holds a password, and nothing says whose")
                .help("add `role:` to the provider's settings")),
        }
    }

    /// Logs in. A refusal of the server's is a value.
    async fn connect(&self, server: &Server, login: &RoleLogin) -> Result<Result<Client, SqlState>, Failure> {
        let mut config = Config::new();
        config
            .host(&server.host)
            .port(server.port)
            .dbname(&server.database)
            .user(&login.role)
            .password(login.password.expose())
            .application_name("stanch")
            .ssl_mode(if self.settings.tls == Tls::Required { SslMode::Require } else { SslMode::Disable });
        let unreachable = |why: String| {
            let summary = format!("the PostgreSQL server `{}` cannot be reached", server.host);
            Failure::refused(summary).because(why).retry(Retry::Later)
        };
        let connecting = async {
            let stream = BoundedStream::connect(&server.host, server.port, LONGEST_SESSION, MOST_SAID).await;
            let stream = stream.map_err(|error| unreachable(error.to_string()))?;
            let connector =
                MakeTlsConnect::<BoundedStream>::make_tls_connect(&mut self.connector.clone(), &server.host);
            let connector = connector.map_err(|error| unreachable(error.to_string()))?;
            Ok(config.connect_raw(stream, connector).await)
        };
        let connected = match tokio::time::timeout(CONNECT_TIMEOUT * 2, connecting).await {
            Ok(connected) => Ok(connected?),
            Err(late) => Err(late),
        };
        match connected {
            Ok(Ok((client, connection))) => {
                tokio::spawn(connection);
                Ok(Ok(client))
            }
            Ok(Err(error)) => match error.code() {
                Some(code) if is_refusal(&error) => Ok(Err(code.clone())),
                _ => Err(failed(&server.host, &error)),
            },
            Err(_) => {
                Err(Failure::refused(format!("the PostgreSQL server `{}` did not answer", server.host))
                    .retry(Retry::Later))
            }
        }
    }

    async fn connected(&self, server: &Server, login: &RoleLogin) -> Result<Client, Failure> {
        self.connect(server, login).await?.map_err(|code| {
            Failure::refused(format!("`{}` does not let `{}` in", server.host, login.role))
                .because(format!("it answered {}", told(code.code())))
                .help("the secret and the server disagree; find out who changed one of them")
        })
    }

    /// The administrator's login, as its secret has it.
    async fn admin(&self, admin: &SecretUrl) -> Result<envelope::Login, Failure> {
        let vault = Vault::open(&admin.vault, &self.surroundings.azure)?;
        let login = envelope::open(&vault.value(&admin.name, admin.version.as_deref()).await?);
        if login.user.is_none() {
            return Err(Failure::refused(format!("`{admin}` holds no user"))
                .help("put `postgres://USER:PASSWORD@HOST/DATABASE` into it"));
        }
        Ok(login)
    }

    /// The server at which roles are altered.
    async fn home(&self, value: &Secret) -> Result<Server, Failure> {
        let Some(admin) = &self.settings.admin else { return self.server(value) };
        let login = self.admin(admin).await?;
        let Some(host) = self.settings.host.clone().or(login.host) else {
            return Err(Failure::refused("nothing that can be trusted says where the PostgreSQL server is")
                .because("an administrator's login is not sent to a server that only the leaked secret names")
                .help(format!("add `host:` to the provider's settings, or the host to `{admin}`")));
        };
        let port = self.settings.port.or(login.port).unwrap_or(DEFAULT_PORT);
        let database = self.settings.database.clone().or_else(|| envelope::open(value).database).or(login.database);
        self.reachable(Server { host, port, database: database.unwrap_or_else(|| "postgres".to_owned()) })
    }

    /// A session of one who may alter the roles: the administrator, or the role itself.
    async fn authority(&self, server: &Server, values: &[Option<&Secret>]) -> Result<Client, Failure> {
        if let Some(admin) = &self.settings.admin {
            let login = self.admin(admin).await?;
            let role = login.user.unwrap_or_default();
            return self.connected(server, &RoleLogin { role, password: login.password }).await;
        }
        let mut refused =
            Failure::refused("no value of the role's own is at hand").help("add `admin:` to the settings");
        for value in values.iter().flatten() {
            match self.connected(server, &self.login(value)?).await {
                Ok(client) => return Ok(client),
                Err(failure) => refused = failure,
            }
        }
        Err(refused)
    }

    fn is_pair(&self) -> bool {
        self.settings.roles.is_some()
    }

    /// The new login, for a value that holds the old one.
    fn next(&self, work: &Work<'_>) -> Result<RoleLogin, Failure> {
        let value = work.new.ok_or_else(|| Failure::refused("the staged password cannot be read"))?;
        let password = Secret::new(envelope::open(value).password.expose().to_owned());
        Ok(RoleLogin { role: work.state.next()?.to_owned(), password })
    }

    fn place(&self, work: &Work<'_>) -> Result<Server, Failure> {
        let server = work.state.marks.get("server").and_then(|server| server.rsplit_once(':'));
        match (
            server.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?))),
            work.state.marks.get("database"),
        ) {
            (Some((host, port)), Some(database)) => {
                self.surroundings.may_reach(host)?;
                Ok(Server { host: host.to_owned(), port, database: database.clone() })
            }
            _ => Err(Failure::refused("where the server is was not recorded")),
        }
    }
}

fn tls(ca: Option<&Path>) -> Result<ClientConfig, Failure> {
    let unusable =
        |why: String| Failure::refused("the authority for the PostgreSQL server cannot be used").because(why);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?;
    let Some(path) = ca else {
        let builder = builder.with_platform_verifier().map_err(|error| unusable(error.to_string()))?;
        return Ok(builder.with_no_client_auth());
    };
    // The user names it, and the server's own account may own it.
    let pem = files::read_known(path, LARGEST_CREDENTIAL)
        .map_err(|error| unusable(format!("`{}`: {error}", path.display())))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable(format!("`{}`: {error}", path.display())))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Whether the server refused this very login. A missing line in `pg_hba.conf` has the same code as a role that may
/// not log in, and says nothing about the password.
fn is_refusal(error: &tokio_postgres::Error) -> bool {
    let Some(said) = error.as_db_error() else { return false };
    let may_not_log_in = said.routine() == Some("InitializeSessionUserId");
    *said.code() == SqlState::INVALID_PASSWORD
        || (*said.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION && may_not_log_in)
}

/// What the server says, as far as it may be repeated.
fn failed(host: &str, error: &tokio_postgres::Error) -> Failure {
    match error.as_db_error() {
        Some(said) => {
            let failure = Failure::refused(format!("the PostgreSQL server `{host}` refused")).because(format!(
                "{} {}",
                told(said.code().code()),
                told(said.message())
            ));
            // 53: too many connections; 57: it is starting or stopping.
            let passing = ["53", "57", "08"].iter().any(|class| said.code().code().starts_with(class));
            if passing { failure.retry(Retry::Later) } else { failure }
        }
        None => {
            let mut cause: &dyn std::error::Error = error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            Failure::refused(format!("the PostgreSQL server `{host}` cannot be reached"))
                .because(told(&cause.to_string()))
                .retry(Retry::Later)
        }
    }
}

/// A statement whose answer was lost may have been carried out.
fn unsure(host: &str, error: &tokio_postgres::Error) -> Failure {
    match error.as_db_error() {
        Some(_) => failed(host, error),
        None => {
            Failure::unknown(format!("the PostgreSQL server `{host}` did not answer")).because(told(&error.to_string()))
        }
    }
}

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[async_trait(?Send)]
impl Issuer for Postgres {
    fn issuance(&self) -> Issuance {
        Issuance::Chosen
    }

    fn impact(&self) -> Impact {
        if self.is_pair() {
            return Impact {
                overlap: "whoever still logs in as the old role when the overlap ends; its sessions are ended"
                    .to_owned(),
                revoke_first: "every login and session of the old role, at once, until it has read the new version"
                    .to_owned(),
            };
        }
        let at_once = "new logins of everybody who holds the old password, at once: one role has one password, so there is no overlap";
        Impact { overlap: at_once.to_owned(), revoke_first: format!("{at_once}; open sessions as well") }
    }

    fn retires_first(&self) -> bool {
        // With one role, the new password is what kills the old one.
        self.is_pair()
    }

    async fn survey(&self, held: &Held<'_>) -> Result<IssuerState, Failure> {
        let server = self.home(held.value).await?;
        let login = self.login(held.value)?;
        let next = match &self.settings.roles {
            None => login.role.clone(),
            Some([one, other]) if login.role == *one => other.clone(),
            Some([one, other]) if login.role == *other => one.clone(),
            Some([one, other]) => {
                return Err(Failure::refused(format!(
                    "the secret holds the role `{}`, which is not of the pair",
                    login.role
                ))
                .help(format!("the pair is `{one}` and `{other}`")));
            }
        };
        if self.is_pair() && envelope::with(held.value, Some(&next), &login.password).is_none() {
            return Err(Failure::refused(
                "the secret holds a password alone: its users would not learn the other role",
            )
            .help("put a connection string or JSON with user and password into it, or use one role"));
        }
        let is_named = self.is_pair() || self.settings.role.as_ref() == Some(&login.role);
        if !is_named && self.connect(&server, &login).await?.is_err() {
            return Err(Failure::refused(format!("the secret's password is not that of `{}`", login.role))
                .because("a role that only the secret names is altered only if the secret holds its password")
                .help("if it is the right role, add `role:` to the provider's settings"));
        }
        let client = self.authority(&server, &[Some(held.value)]).await?;
        let wanted = [login.role.as_str(), next.as_str()];
        for role in wanted {
            let found = client.query_opt("select 1 from pg_catalog.pg_roles where rolname = $1", &[&role]).await;
            if found.map_err(|error| failed(&server.host, &error))?.is_none() {
                return Err(Failure::refused(format!("there is no role `{role}` at `{}`", server.host))
                    .help("create both roles of the pair with the same grants, then run again"));
            }
        }
        let marks = BTreeMap::from([
            ("server".to_owned(), format!("{}:{}", server.host, server.port)),
            ("database".to_owned(), server.database),
        ]);
        Ok(IssuerState { old: Some(login.role.clone()), next: Some(next), retire: vec![login.role], marks })
    }

    async fn issue(&self, work: &Work<'_>) -> Result<Issued, Failure> {
        let server = self.place(work)?;
        let next = self.next(work)?;
        let client = self.authority(&server, &[work.old]).await?;
        let verifier = postgres_protocol::password::scram_sha_256(next.password.expose().as_bytes());
        // A role may change its own password, and nothing else of itself.
        let login = if self.is_pair() { "login " } else { "" };
        let statement = format!("alter role {} with {login}password '{verifier}'", quoted(&next.role));
        client.batch_execute(&statement).await.map_err(|error| unsure(&server.host, &error))?;
        Ok(Issued { credential: Some(next.role), value: None })
    }

    async fn issued(&self, work: &Work<'_>) -> Result<bool, Failure> {
        let server = self.place(work)?;
        Ok(self.connect(&server, &self.next(work)?).await?.is_ok())
    }

    fn compose(&self, state: &IssuerState, old: &Secret, fresh: &Secret) -> Result<Secret, Failure> {
        let user = if self.is_pair() { Some(state.next()?) } else { None };
        envelope::with(old, user, fresh).ok_or_else(|| Failure::refused("the current version has no place for a login"))
    }

    async fn try_credential(&self, _: &IssuerState, value: &Secret) -> Result<Trial, Failure> {
        let login = self.login(value)?;
        let server = match self.server(value) {
            Ok(server) => server,
            Err(failure) => return Ok(Trial::untried(failure.summary)),
        };
        let how = format!("logged in to `{}` as `{}`", server.host, login.role);
        Ok(match self.connect(&server, &login).await? {
            Ok(_) => Trial::accepted(&how, "the server let it in"),
            Err(code) => Trial::refused(&format!("tried: {how}"), code.code()),
        })
    }

    async fn retire(&self, work: &Work<'_>) -> Result<(), Failure> {
        let server = self.place(work)?;
        let client = self.authority(&server, &[work.new]).await?;
        let old = work.state.old()?;
        if self.is_pair() {
            let statement = format!("alter role {} with nologin password null", quoted(old));
            client.batch_execute(&statement).await.map_err(|error| unsure(&server.host, &error))?;
        }
        // With one role, those that began before the retirement may have begun with the old password.
        let end = "select count(pg_terminate_backend(pid)) from pg_catalog.pg_stat_activity \
                   where usename = $1 and pid <> pg_backend_pid()";
        client.query_one(end, &[&old]).await.map(drop).map_err(|error| unsure(&server.host, &error))
    }

    async fn retired(&self, work: &Work<'_>) -> Result<Option<bool>, Failure> {
        if !self.is_pair() {
            // Ending sessions again is harmless, and nobody can tell which password one began with.
            return Ok(None);
        }
        let server = self.place(work)?;
        let client = self.authority(&server, &[work.new]).await?;
        let question = "select not rolcanlogin and not exists \
                        (select from pg_catalog.pg_stat_activity where usename = rolname) \
                        from pg_catalog.pg_roles where rolname = $1";
        let row = client.query_one(question, &[&work.state.old()?]).await;
        row.and_then(|row| row.try_get(0)).map(Some).map_err(|error| failed(&server.host, &error))
    }
}
