//! The Host header → which part of the cloud is meant.
//!
//! Main type: [`Destination`]. Everything a drill's caller can reach is named here; any other host does not exist.

use std::net::IpAddr;

/// The hosts this cloud answers for, as a client's routing table wants them.
pub(crate) const HOSTS: [&str; 19] = [
    "*.vault.azure.net",
    "*.vault.azure.cn",
    "*.vault.usgovcloudapi.net",
    "login.microsoftonline.com",
    "login.windows.net",
    "169.254.169.254",
    "management.azure.com",
    "graph.microsoft.com",
    "*.blob.core.windows.net",
    "*.documents.azure.com",
    "*.servicebus.windows.net",
    "api.github.com",
    "slack.com",
    "hooks.slack.com",
    "wss-primary.slack.com",
    "*.webhook.office.com",
    "*.logic.azure.com",
    "events.pagerduty.com",
    "hooks.drill.example",
];

/// The vault that is served under `localhost` and under addresses.
pub(crate) const LOCAL_VAULT: &str = "kv-drill";

const VAULT_SUFFIXES: [(&str, &str); 3] = [
    (".vault.azure.net", "https://vault.azure.net"),
    (".vault.azure.cn", "https://vault.azure.cn"),
    (".vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net"),
];

/// A vault as it is addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VaultAddress {
    pub(crate) name: String,
    /// What the ids of its secrets start with.
    pub(crate) base_url: String,
    /// What its next links start with: always with a port.
    pub(crate) link_url: String,
    /// The audience a token must have.
    pub(crate) resource: &'static str,
}

/// The part of the cloud a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Vault(VaultAddress),
    /// `localhost` or an address: the local vault, and the token endpoints and the control by their paths.
    Local(VaultAddress),
    Entra,
    InstanceMetadata,
    ResourceManager,
    Graph,
    /// An account, an issuer of tokens, a notification sink, or nothing at all.
    Other,
}

impl Destination {
    pub(crate) fn of(host: &str) -> Self {
        let lower = host.to_ascii_lowercase();
        let name = without_port(&lower);
        for (suffix, resource) in VAULT_SUFFIXES {
            if let Some(vault) = name.strip_suffix(suffix).filter(|vault| !vault.is_empty() && !vault.contains('.')) {
                return Self::Vault(VaultAddress {
                    name: vault.to_owned(),
                    base_url: format!("https://{name}"),
                    link_url: format!("https://{name}:443"),
                    resource,
                });
            }
        }
        match name {
            "login.microsoftonline.com" | "login.windows.net" => Self::Entra,
            "169.254.169.254" => Self::InstanceMetadata,
            "management.azure.com" => Self::ResourceManager,
            "graph.microsoft.com" => Self::Graph,
            "" | "localhost" => Self::local(&lower),
            _ if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() => Self::local(&lower),
            _ => Self::Other,
        }
    }

    fn local(host: &str) -> Self {
        let host = if host.is_empty() { "localhost" } else { host };
        let link_url =
            if without_port(host) == host { format!("https://{host}:443") } else { format!("https://{host}") };
        Self::Local(VaultAddress {
            name: LOCAL_VAULT.to_owned(),
            base_url: format!("https://{host}"),
            link_url,
            resource: "https://vault.azure.net",
        })
    }
}

/// The host's name alone; an IPv6 address keeps its brackets.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}
