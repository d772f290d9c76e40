//! Requests to Azure's management interfaces: with the identity's token, numbered, through the one transport.
//!
//! Reads are asked again for a while. What writes is sent once: regenerating a key and adding a password are not
//! idempotent, and what a lost answer means is the caller's to find out.

use super::access::Azure;
use super::identity::Identity;
use super::retry;
use super::service_error::{ServiceError, in_short};
use super::transport::{HttpAnswer, Transport};
use super::unavailable::Unavailable;
use crate::failure::{FailedOutcome, Failure, Retry};
use crate::vault::VaultUrl;
use serde_json::Value;

/// The hosts of one of Azure's clouds. Which cloud it is follows from the vault's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Realm {
    pub resource_manager: &'static str,
    pub graph: &'static str,
    pub login: &'static str,
    /// Storage accounts are `ACCOUNT.blob.` of this.
    pub storage: &'static str,
    pub cosmos: &'static str,
    pub service_bus: &'static str,
}

const PUBLIC: Realm = Realm {
    resource_manager: "management.azure.com",
    graph: "graph.microsoft.com",
    login: "login.microsoftonline.com",
    storage: "core.windows.net",
    cosmos: "documents.azure.com",
    service_bus: "servicebus.windows.net",
};

const CHINA: Realm = Realm {
    resource_manager: "management.chinacloudapi.cn",
    graph: "microsoftgraph.chinacloudapi.cn",
    login: "login.chinacloudapi.cn",
    storage: "core.chinacloudapi.cn",
    cosmos: "documents.azure.cn",
    service_bus: "servicebus.chinacloudapi.cn",
};

const US_GOVERNMENT: Realm = Realm {
    resource_manager: "management.usgovcloudapi.net",
    graph: "graph.microsoft.us",
    login: "login.microsoftonline.us",
    storage: "core.usgovcloudapi.net",
    cosmos: "documents.azure.us",
    service_bus: "servicebus.usgovcloudapi.net",
};

impl Realm {
    /// The cloud that a vault belongs to.
    pub fn of(vault: &VaultUrl) -> Self {
        match vault.host.as_str() {
            host if host.ends_with(".vault.azure.cn") => CHINA,
            host if host.ends_with(".vault.usgovcloudapi.net") => US_GOVERNMENT,
            _ => PUBLIC,
        }
    }
}

/// One of the management interfaces.
#[derive(Clone, Debug)]
pub(super) struct Management {
    transport: Transport,
    identity: Identity,
    host: &'static str,
    /// What the role is called that the identity needs.
    role: &'static str,
}

impl Management {
    pub(super) fn new(azure: &Azure, host: &'static str, role: &'static str) -> Self {
        Self { transport: azure.transport.clone(), identity: azure.identity.clone(), host, role }
    }

    fn scope(&self) -> String {
        format!("https://{}/.default", self.host)
    }

    /// The tenant of the identity, as its token has it.
    pub(super) async fn tenant(&self) -> Result<String, Failure> {
        self.identity.claim(&self.scope(), "tid").await?.ok_or_else(|| {
            Failure::refused("the identity's token names no tenant").help("add `tenant` to the provider's settings")
        })
    }

    /// Asks until there is an answer. Some reads are POST requests.
    pub(super) async fn read(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        retry::read(async || {
            let answer = self.send(method, path, body).await.map_err(as_read)?;
            parse(self.host, &self.judge(path, answer).map_err(as_read)?).map_err(as_read)
        })
        .await
    }

    /// Sends once.
    pub(super) async fn write(&self, method: &str, path: &str, body: &Value) -> Result<HttpAnswer, Failure> {
        let answer = self.send(method, path, Some(body)).await?;
        self.judge(path, answer)
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<HttpAnswer, Failure> {
        let authorization = self.identity.authorization(&self.scope()).await?;
        let request_id = self.transport.request_id();
        let headers = [
            ("authorization", authorization.expose()),
            ("content-type", "application/json"),
            ("x-ms-client-request-id", request_id.as_str()),
            ("client-request-id", request_id.as_str()),
        ];
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.transport.send(method, &format!("https://{}{path}", self.host), &headers, body).await
    }

    fn judge(&self, path: &str, answer: HttpAnswer) -> Result<HttpAnswer, Failure> {
        let status = answer.status;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let what = path.split('?').next().unwrap_or(path).rsplit('/').next().unwrap_or_default();
        let said = ServiceError::read(&answer.body).unwrap_or_default();
        let who = match status {
            401 | 403 => self.identity.principal().map(|who| format!(" for {who}")).unwrap_or_default(),
            _ => String::new(),
        };
        let failure = match (Unavailable::of(status), status) {
            (Some(Unavailable::Failing), _) => Failure::unknown(format!("`{}` is unavailable ({status})", self.host)),
            (Some(Unavailable::Throttling), _) => {
                Failure::refused(format!("`{}` is throttling", self.host)).retry(Retry::Later)
            }
            (None, 409) => Failure::refused(format!("`{}` is busy with it", self.host)).retry(Retry::Later),
            (None, 404) => Failure::refused(format!("`{}` knows no such object", self.host))
                .help("check the address of the issuer: the tag `ProviderAddress`, or the provider's settings"),
            (None, 401 | 403) => Failure::refused(format!("stanch may not do that at `{}`", self.host))
                .help(format!("give the identity {} (a new assignment takes some minutes), then resume", self.role)),
            (None, _) => Failure::refused(format!("`{}` refused", self.host)),
        };
        let failure =
            failure.because(format!("it answered {} to `{what}`{who}", in_short(status, said.code.as_deref())));
        let failure = said.first_line().into_iter().fold(failure, Failure::because);
        Err(match answer.retry_after {
            Some(pause) if failure.retry == Retry::Later => failure.retry(Retry::After(pause)),
            _ => failure,
        })
    }
}

/// A read changes nothing, whatever became of its answer.
fn as_read(failure: Failure) -> Failure {
    Failure { outcome: FailedOutcome::Refused, ..failure }
}

/// An answer's JSON. What cannot be read is not shown: it may hold a key.
pub(super) fn parse(host: &str, answer: &HttpAnswer) -> Result<Value, Failure> {
    answer.json().ok_or_else(|| Failure::unknown(format!("the answer of `{host}` cannot be read")))
}
