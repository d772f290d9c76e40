//! Method and path → what is asked of a vault, with the names the audit trail and role definitions use for it.
//!
//! Main type: [`Operation`]. Routing fails before authorisation does, as on Azure.

use super::refusal::Refusal;
use crate::cloud::world::limits::Quota;
use percent_encoding::percent_decode_str;

/// What is asked of a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Set { name: String },
    Get { name: String, version: Option<String> },
    Update { name: String, version: Option<String> },
    List,
    ListVersions { name: String },
    Delete { name: String },
    GetDeleted { name: String },
    ListDeleted,
    Recover { name: String },
    Purge { name: String },
    Backup { name: String },
    Restore,
}

impl Operation {
    /// Finds the operation; `path` is as it came, still percent-encoded.
    pub(crate) fn route(method: &str, path: &str) -> Result<Self, Refusal> {
        let decoded: Vec<String> = path
            .trim_start_matches('/')
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let mut segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
        if segments.len() > 1 && segments.last() == Some(&"") {
            segments.pop();
        }
        let operation = match (method, segments.as_slice()) {
            ("GET", ["secrets"]) => Self::List,
            ("POST", ["secrets", "restore"]) => Self::Restore,
            ("GET", ["secrets", name, "versions"]) => Self::ListVersions { name: (*name).into() },
            ("POST", ["secrets", name, "backup"]) => Self::Backup { name: (*name).into() },
            ("PUT", ["secrets", name]) => Self::Set { name: (*name).into() },
            ("GET", ["secrets", name]) => Self::Get { name: (*name).into(), version: None },
            ("PATCH", ["secrets", name]) => Self::Update { name: (*name).into(), version: None },
            ("DELETE", ["secrets", name]) => Self::Delete { name: (*name).into() },
            ("GET", ["secrets", name, version]) => Self::Get { name: (*name).into(), version: Some((*version).into()) },
            ("PATCH", ["secrets", name, version]) => {
                Self::Update { name: (*name).into(), version: Some((*version).into()) }
            }
            ("GET", ["deletedsecrets"]) => Self::ListDeleted,
            ("GET", ["deletedsecrets", name]) => Self::GetDeleted { name: (*name).into() },
            ("DELETE", ["deletedsecrets", name]) => Self::Purge { name: (*name).into() },
            ("POST", ["deletedsecrets", name, "recover"]) => Self::Recover { name: (*name).into() },
            (_, ["secrets" | "deletedsecrets", ..]) => return Err(Refusal::method_not_allowed(method)),
            _ => return Err(Refusal::new(404, "NotFound", format!("nothing is served at {path}"))),
        };
        match operation.name() {
            Some(name) if !is_name(name) => {
                Err(Refusal::bad_parameter(format!("The request URI contains an invalid name: {name}")))
            }
            _ => Ok(operation),
        }
    }

    /// The secret's name, where one is asked for.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Set { name }
            | Self::Get { name, .. }
            | Self::Update { name, .. }
            | Self::ListVersions { name }
            | Self::Delete { name }
            | Self::GetDeleted { name }
            | Self::Recover { name }
            | Self::Purge { name }
            | Self::Backup { name } => Some(name),
            Self::List | Self::ListDeleted | Self::Restore => None,
        }
    }

    /// The version, where one is asked for.
    pub(crate) fn version(&self) -> Option<&str> {
        match self {
            Self::Get { version, .. } | Self::Update { version, .. } => version.as_deref(),
            _ => None,
        }
    }

    /// The audit trail's `operationName`.
    pub(crate) fn audit_name(&self) -> &'static str {
        match self {
            Self::Set { .. } => "SecretSet",
            Self::Get { .. } => "SecretGet",
            Self::Update { .. } => "SecretUpdate",
            Self::List => "SecretList",
            Self::ListVersions { .. } => "SecretListVersions",
            Self::Delete { .. } => "SecretDelete",
            Self::GetDeleted { .. } => "SecretGetDeleted",
            Self::ListDeleted => "SecretListDeleted",
            Self::Recover { .. } => "SecretRecover",
            Self::Purge { .. } => "SecretPurge",
            Self::Backup { .. } => "SecretBackup",
            Self::Restore => "SecretRestore",
        }
    }

    /// The last part of the data action that a role must hold.
    pub(crate) fn data_action(&self) -> &'static str {
        match self {
            Self::Set { .. } => "setSecret/action",
            Self::Get { .. } => "getSecret/action",
            Self::Update { .. } => "update/action",
            Self::List | Self::ListVersions { .. } | Self::GetDeleted { .. } | Self::ListDeleted => {
                "readMetadata/action"
            }
            Self::Delete { .. } => "delete",
            Self::Recover { .. } => "recover/action",
            Self::Purge { .. } => "purge/action",
            Self::Backup { .. } => "backup/action",
            Self::Restore => "restore/action",
        }
    }

    /// The permission an access policy must grant.
    pub(crate) fn policy_permission(&self) -> &'static str {
        match self {
            Self::Set { .. } | Self::Update { .. } => "set",
            Self::Get { .. } | Self::GetDeleted { .. } => "get",
            Self::List | Self::ListVersions { .. } | Self::ListDeleted => "list",
            Self::Delete { .. } => "delete",
            Self::Recover { .. } => "recover",
            Self::Purge { .. } => "purge",
            Self::Backup { .. } => "backup",
            Self::Restore => "restore",
        }
    }

    /// Which of the vault's limits it counts towards.
    pub(crate) fn quota(&self) -> Quota {
        if matches!(self, Self::Set { .. }) { Quota::Creates } else { Quota::Others }
    }
}

fn is_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
