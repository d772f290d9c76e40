//! The running cloud → files that others start from: the ready file, a fitting `stanch.yaml`, credentials, the
//! authority's certificate.
//!
//! Main type: [`Ready`]. The ready file appears by a rename, whole, after connections are accepted.
use super::door::Door;
use crate::cloud::wire::host::HOSTS;
use crate::cloud::world::identity::TENANT;
use crate::cloud::world::people::People;
use crate::cloud::world::sink_credentials::SinkCredentials;
use crate::files;
use serde::{Deserialize, Serialize};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The ready file's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Where every host listed below is served.
    pub base_url: String,
    /// The certificate to trust, with TLS.
    pub ca_pem: Option<PathBuf>,
    /// Hosts, or `*.` and a suffix.
    pub hosts: Vec<String>,
    /// A bearer token to use in place of an identity; this cloud gives none.
    pub token: Option<String>,
    /// The root of the audit trail's files.
    pub archive: Option<PathBuf>,
    /// A configuration that fits.
    pub config: Option<PathBuf>,
    /// Where the control is. The address holds the key to it: whoever knows it can do with this cloud what they like.
    pub control: Option<String>,
    /// Where mail to any server goes, as `address:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp: Option<String>,
}

impl Ready {
    /// What a cloud at `address` with its files in `data` has to say.
    pub(crate) fn new(address: SocketAddr, tls: bool, door: &Door, data: &Path, archive: &Path) -> Self {
        let base_url = format!("{}://{address}", if tls { "https" } else { "http" });
        Self {
            control: Some(door.control(&base_url)),
            base_url,
            ca_pem: tls.then(|| authority_path(data)),
            hosts: HOSTS.iter().map(|host| (*host).to_owned()).collect(),
            token: None,
            archive: Some(archive.to_owned()),
            config: Some(data.join("stanch.yaml")),
            smtp: None,
        }
    }

    /// Writes the ready file beside its place, for its owner's eyes only, and renames it there.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut file, self)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }
}

pub(crate) fn prepare(data: &Path) -> io::Result<PathBuf> {
    let data = std::path::absolute(data)?;
    files::check_place(&data)?;
    files::make_folder(&data.join("credentials"))?;
    Ok(data)
}

fn authority_path(data: &Path) -> PathBuf {
    data.join("ca.pem")
}

pub(crate) fn write_authority(data: &Path, pem: &str) -> io::Result<()> {
    files::write_whole(&authority_path(data), pem.as_bytes())
}

/// Writes the passwords of the people who can sign in.
pub(crate) fn write_people(data: &Path, people: &People) -> io::Result<()> {
    let credentials = data.join("credentials");
    people.passwords().try_for_each(|(name, password)| {
        files::write_whole(&credentials.join(format!("person-{name}")), password.expose().as_bytes())
    })
}

/// Writes a configuration with the archive and one channel of each kind, and the credentials it names, which are
/// those that the sinks want.
pub(crate) fn write_configuration(
    data: &Path,
    archive: &Path,
    credentials: &SinkCredentials,
    known_callers: &[String],
) -> io::Result<()> {
    let usual = SinkCredentials::default();
    let wanted =
        |given: &Option<String>, usual: &Option<String>| given.clone().or_else(|| usual.clone()).unwrap_or_default();
    let routing_key = wanted(&credentials.routing_key, &usual.routing_key);
    let slack = format!("https://hooks.slack.com{}", wanted(&credentials.slack_path, &usual.slack_path));
    let teams = format!("https://drill.logic.azure.com{}", wanted(&credentials.teams_path, &usual.teams_path));
    let signing_key = credentials.signing_key.as_ref().map_or("whsec_ZHJpbGw=", |key| key.secret().expose());
    for (name, text) in [
        ("pagerduty-routing-key", routing_key.as_str()),
        ("slack-webhook", &slack),
        ("teams-webhook", &teams),
        ("webhook-signing-key", signing_key),
    ] {
        files::write_whole(&data.join("credentials").join(name), text.as_bytes())?;
    }
    files::write_whole(&data.join("stanch.yaml"), configuration(data, archive, known_callers).as_bytes())
}

fn configuration(data: &Path, archive: &Path, known_callers: &[String]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let credential = |name: &str| quoted(&format!("file:{}", data.join("credentials").join(name).display()));
    let known_callers: Vec<String> = known_callers.iter().map(|oid| quoted(oid)).collect();
    format!(
        "# Written by the embedded cloud, for drills against it.\n\
         schema: stanch-config/v1\n\
         identity: auto\n\
         audit:\n\
         \x20 archive: {archive}\n\
         channels:\n\
         \x20 oncall:       {{ kind: pagerduty, routing_key: {pagerduty} }}\n\
         \x20 incident:     {{ kind: slack, webhook: {slack} }}\n\
         \x20 stakeholders: {{ kind: teams, webhook: {teams} }}\n\
         \x20 mail:         {{ kind: email, server: \"smtp.drill.example:587\", from: stanch@drill.example, to: [security@drill.example], tls: none }}\n\
         \x20 siem:         {{ kind: webhook, url: \"https://hooks.drill.example/stanch\", signing_key: {webhook} }}\n\
         known_callers: [{known_callers}]\n\
         tenant: {TENANT}  # whose people can sign in to answer: alice, bob and carol here\n\
         # approvals: verified  # nobody answers without\n\
         # approvers: [alice, bob]  # who may answer gates that name nobody; with several, not whoever started the run\n",
        archive = quoted(&archive.display().to_string()),
        pagerduty = credential("pagerduty-routing-key"),
        slack = credential("slack-webhook"),
        teams = credential("teams-webhook"),
        webhook = credential("webhook-signing-key"),
        known_callers = known_callers.join(", "),
    )
}
