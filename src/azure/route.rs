//! Where requests go: to the real hosts, or every one of them to a cloud on this machine.

use crate::failure::Failure;
use crate::files::{self, LARGEST_TEXT};
use crate::secret::Secret;
use serde::{Deserialize, Deserializer};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::{Host, Url};

/// A cloud on this machine, as its ready file describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct CloudFile {
    /// Where it listens; a loopback address.
    pub base_url: Url,
    /// The authority that signs its certificates, under https.
    pub ca_pem: Option<PathBuf>,
    /// The hosts that it stands for; `*.` stands for one label or more.
    pub hosts: Vec<String>,
    /// The bearer token to use instead of asking an identity.
    #[serde(default, deserialize_with = "token")]
    pub token: Option<Arc<Secret>>,
    /// The audit trail of its vaults.
    #[serde(default)]
    pub archive: Option<PathBuf>,
    /// The configuration that fits it.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// Where it takes mail.
    #[serde(default)]
    pub smtp: Option<SocketAddr>,
    /// Where a drill looks at it from outside.
    #[serde(default)]
    pub control: Option<Url>,
    /// The only folder from which a drill reads credentials: that of the configuration that fits it, else its own.
    #[serde(skip)]
    pub folder: PathBuf,
}

impl CloudFile {
    /// Reads a cloud file; only loopback addresses are accepted. Paths in it are relative to its folder.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let unreadable = |why: String| {
            Failure::refused(format!("the cloud file `{}` cannot be used", path.display()))
                .because(why)
                .help("`stanch emulate --ready-file FILE` writes one")
        };
        let text = files::text_named(path, LARGEST_TEXT).map_err(|error| unreadable(error.to_string()))?;
        let mut cloud: Self = serde_json::from_str(&text).map_err(|error| {
            // It may hold a token, and may be another file than was meant.
            unreadable(format!("line {}, column {} is not of this form", error.line(), error.column()))
        })?;
        for url in [Some(&cloud.base_url), cloud.control.as_ref()].into_iter().flatten() {
            if !is_loopback(url) {
                return Err(unreadable(format!("`{url}` is not a loopback address")));
            }
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        for file in [&mut cloud.ca_pem, &mut cloud.archive, &mut cloud.config].into_iter().flatten() {
            *file = folder.join(&*file);
        }
        cloud.folder = cloud.config.as_deref().and_then(Path::parent).unwrap_or(folder).to_owned();
        if cloud.smtp.is_some_and(|smtp| !smtp.ip().is_loopback()) {
            return Err(unreadable("its mail server is not on this machine".to_owned()));
        }
        Ok(cloud)
    }

    /// Whether a file lies in the drill's folder, wherever links lead; the file itself is not opened.
    pub(crate) fn keeps(&self, file: &Path) -> bool {
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { self.folder.as_path() };
        match (folder.canonicalize(), file.canonicalize()) {
            (Ok(folder), Ok(file)) => file.starts_with(folder),
            _ => false,
        }
    }

    /// Whether an address is its own.
    pub(super) fn is_at(&self, address: &str) -> bool {
        Url::parse(address).is_ok_and(|url| is_same_server(&url, &self.base_url))
    }

    /// Whether it stands for a host, given with its port unless that is the usual one.
    fn serves(&self, host: &str) -> bool {
        let host = host.to_lowercase();
        let bare = host.rsplit_once(':').map_or(host.as_str(), |(bare, _)| bare);
        self.hosts.iter().map(|listed| listed.to_lowercase()).any(|listed| match listed.strip_prefix("*.") {
            Some(suffix) => bare.strip_suffix(suffix).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
            None => listed == host || listed == bare,
        })
    }
}

/// Takes the token over as it is read: nothing else ever holds it as text.
fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<Secret>>, D::Error> {
    let token = Option::<String>::deserialize(deserializer)?;
    Ok(token.map(|token| Arc::new(Secret::new(token))))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

/// Whether two URLs lead to the same server.
fn is_same_server(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// Where requests go.
#[derive(Clone, Debug)]
pub enum Route {
    Real,
    Cloud(Box<CloudFile>),
}

/// A request's way.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) url: Url,
    /// The host that is asked for, where it is not the one that is connected to.
    pub(super) host: Option<String>,
}

impl Route {
    /// The way of a request to `url`; refuses hosts that a cloud does not stand for.
    pub(super) fn way(&self, url: &Url) -> Result<Way, Failure> {
        let cloud = match self {
            Self::Real => return Ok(Way { url: url.clone(), host: None }),
            Self::Cloud(cloud) => cloud,
        };
        // A request to the cloud's own address needs no way: App Service's identity has an endpoint there.
        if is_same_server(url, &cloud.base_url) {
            return Ok(Way { url: url.clone(), host: None });
        }
        let name = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        if !cloud.serves(&host) {
            return Err(Failure::refused(format!("the cloud file does not stand for `{host}`")).help(
                "in a drill nothing is sent anywhere else; add the host to `hosts` if the local server serves it",
            ));
        }
        let mut rewritten = url.clone();
        let base = &cloud.base_url;
        let moved = rewritten.set_scheme(base.scheme()).is_ok()
            && rewritten.set_host(base.host_str()).is_ok()
            && rewritten.set_port(base.port()).is_ok();
        if moved {
            Ok(Way { url: rewritten, host: Some(host) })
        } else {
            // A path may hold a credential, so it is not shown.
            Err(Failure::refused(format!("a request to `{host}` cannot be sent to the cloud at `{base}`")))
        }
    }
}
