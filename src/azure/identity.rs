//! Who stanch is: an explicit chain of ways to sign in, which always says which one answered.

use super::answer::Bounds;
use super::carried::{carry, root_cause};
use super::drill_identity::DrillIdentity;
use super::environment::{DrillsMachine, Environment, NOT_IN_A_DRILL};
use super::managed_endpoint::ManagedEndpoint;
use super::transport::Transport;
use super::unavailable::is_transient;
use crate::clock;
use crate::failure::{Failure, Retry};
use crate::files::{self, LARGEST_CREDENTIAL};
use crate::known;
use crate::secret::Secret;
use crate::told::told;
use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret as AzureSecret, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::time::{Duration as TokenLife, OffsetDateTime};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use azure_security_keyvault_secrets::SecretClient;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use zeroize::Zeroizing;

/// A token that ends sooner is not used any more, so that no request outlives it.
const SHORTEST_LIFE_SECONDS: i64 = 300;
const AS_THE_CLOUD: &str =
    "a drill signs in as the embedded cloud's identity: set `identity: auto`, or `managed`, in its configuration";

/// A way to sign in, or all of them in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IdentityChoice {
    /// Workload identity, managed identity, client secret, Azure CLI, azd: the first that answers.
    #[default]
    Auto,
    Workload,
    Managed {
        client_id: Option<String>,
    },
    ClientSecret,
    AzureCli,
    AzureDeveloperCli,
    /// Whoever sits here, as they signed in to a tenant with one of the two.
    Person {
        tenant: String,
    },
}

/// Who stanch is. Signs in when a token is asked for first, and stays with the way that answered.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    choice: IdentityChoice,
    transport: Transport,
    environment: Environment,
    answered: Mutex<Option<Answered>>,
    /// By scope. The Azure CLI would be run anew for every token.
    tokens: Mutex<BTreeMap<String, AccessToken>>,
    signing_in: tokio::sync::Mutex<()>,
    /// Clients of vaults that are in use, by host: a new one has to be challenged before it knows whom to show a token.
    vaults: Mutex<BTreeMap<String, Weak<SecretClient>>>,
}

#[derive(Clone)]
struct Answered {
    name: String,
    principal: Option<String>,
    caller: Caller,
    credential: Arc<dyn TokenCredential>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identity").field("choice", &self.inner.choice).finish_non_exhaustive()
    }
}

/// Who a token speaks of, as a vault's log names it. What the token does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The object id.
    pub oid: String,
    /// The application's id.
    pub appid: String,
}

impl Caller {
    fn of(token: &str) -> Self {
        let [oid, appid] = ["oid", "appid"].map(|name| claim(token, name).unwrap_or_default());
        Self { oid, appid }
    }
}

/// A way to sign in, by its name.
type Candidate = (String, Result<Arc<dyn TokenCredential>, String>, Option<ManagedEndpoint>);

impl Identity {
    /// Nothing is asked yet.
    pub fn new(choice: IdentityChoice, transport: Transport, environment: Environment) -> Self {
        let (answered, tokens, signing_in) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::default());
        let vaults = Mutex::default();
        Self { inner: Arc::new(Inner { choice, transport, environment, answered, tokens, signing_in, vaults }) }
    }

    /// The client of a vault: the one in use, or a new one.
    pub(super) fn vault(
        &self,
        host: &str,
        make: impl FnOnce() -> Result<SecretClient, Failure>,
    ) -> Result<Arc<SecretClient>, Failure> {
        let mut vaults = self.inner.vaults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = vaults.get(host).and_then(Weak::upgrade) {
            return Ok(client);
        }
        let client = Arc::new(make()?);
        vaults.insert(host.to_owned(), Arc::downgrade(&client));
        Ok(client)
    }

    /// Which way to sign in answered; nothing before the first request.
    pub fn name(&self) -> Option<String> {
        self.answered().map(|answered| answered.name)
    }

    /// Who it is, as far as the token tells.
    pub fn principal(&self) -> Option<String> {
        self.answered().and_then(|answered| answered.principal)
    }

    /// Who it is in a vault's log; nothing before the first request, or where the token does not tell.
    pub fn caller(&self) -> Option<Caller> {
        self.answered().map(|answered| answered.caller).filter(|caller| *caller != Caller::default())
    }

    /// The same, signing in where nobody has yet: waits so long at most, and is no reason to fail. `vault_host` tells in
    /// which of Azure's clouds.
    pub async fn caller_within(&self, most: Duration, vault_host: &str) -> Option<Caller> {
        if self.name().is_none() {
            let cloud = vault_host.split_once('.').map_or("vault.azure.net", |(_, cloud)| cloud);
            let scope = format!("https://{cloud}/.default");
            drop(tokio::time::timeout(most, self.token(&[&scope])).await);
        }
        self.caller()
    }

    fn answered(&self) -> Option<Answered> {
        self.inner.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn candidates(&self) -> Vec<Candidate> {
        if let Some(token) = self.inner.transport.cloud().and_then(|cloud| cloud.token.clone()) {
            let credential: Arc<dyn TokenCredential> = Arc::new(FixedToken(token));
            return vec![("the token of the cloud file".to_owned(), Ok(credential), None)];
        }
        match &self.inner.choice {
            IdentityChoice::Auto => vec![
                self.workload(),
                self.managed(None, !self.in_drill()),
                self.client_secret(),
                self.azure_cli(None),
                self.azure_developer_cli(None),
            ],
            IdentityChoice::Workload => vec![self.workload()],
            IdentityChoice::Managed { client_id } => vec![self.managed(client_id.as_deref(), false)],
            IdentityChoice::ClientSecret => vec![self.client_secret()],
            IdentityChoice::AzureCli => vec![self.azure_cli(None)],
            IdentityChoice::AzureDeveloperCli => vec![self.azure_developer_cli(None)],
            IdentityChoice::Person { tenant } => {
                vec![self.azure_cli(Some(tenant)), self.azure_developer_cli(Some(tenant))]
            }
        }
    }

    fn workload(&self) -> Candidate {
        let environment = &self.inner.environment;
        let credential = || {
            environment.is_real()?;
            let options = WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions {
                    client_options: self.inner.transport.client_options(Bounds::ENTRY),
                },
                client_id: Some(environment.get("AZURE_CLIENT_ID")?.to_owned()),
                tenant_id: Some(environment.get("AZURE_TENANT_ID")?.to_owned()),
                token_file_path: Some(environment.get("AZURE_FEDERATED_TOKEN_FILE")?.into()),
            };
            let assertion = environment.get("AZURE_FEDERATED_TOKEN_FILE")?.into();
            let inner = made(WorkloadIdentityCredential::new(Some(options)))?;
            Ok(Arc::new(Asserted { assertion, inner }) as Arc<dyn TokenCredential>)
        };
        ("workload identity".to_owned(), credential(), None)
    }

    fn managed(&self, client_id: Option<&str>, guessed: bool) -> Candidate {
        let is_set = |name| self.inner.environment.get(name).is_ok();
        let (name, guessed) = if is_set("IDENTITY_ENDPOINT") && is_set("IDENTITY_HEADER") {
            ("managed identity (App Service)", false)
        } else {
            ("managed identity (IMDS)", guessed)
        };
        if self.inner.environment.drill == Some(DrillsMachine::WithIdentity) {
            let credential: Arc<dyn TokenCredential> = Arc::new(DrillIdentity::new(self.inner.transport.clone()));
            return (name.to_owned(), Ok(credential), None);
        }
        let client_id = client_id.or_else(|| self.inner.environment.get("AZURE_CLIENT_ID").ok());
        let endpoint = ManagedEndpoint::new(guessed, self.inner.transport.clone());
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id: client_id.map(|id| UserAssignedId::ClientId(id.to_owned())),
            client_options: endpoint.client_options(),
        };
        (name.to_owned(), made(ManagedIdentityCredential::new(Some(options))), Some(endpoint))
    }

    fn client_secret(&self) -> Candidate {
        let environment = &self.inner.environment;
        let credential = || {
            environment.is_real()?;
            let options =
                ClientSecretCredentialOptions { client_options: self.inner.transport.client_options(Bounds::ENTRY) };
            made(ClientSecretCredential::new(
                environment.get("AZURE_TENANT_ID")?,
                environment.get("AZURE_CLIENT_ID")?.to_owned(),
                AzureSecret::from(environment.get("AZURE_CLIENT_SECRET")?.to_owned()),
                Some(options),
            ))
        };
        ("client secret from the environment".to_owned(), credential(), None)
    }

    fn azure_cli(&self, tenant: Option<&String>) -> Candidate {
        let (executor, tenant_id) = (Some(self.inner.environment.executor()), tenant.cloned());
        let options = AzureCliCredentialOptions { executor, tenant_id, ..Default::default() };
        ("Azure CLI".to_owned(), self.of_a_person(|| made(AzureCliCredential::new(Some(options)))), None)
    }

    fn azure_developer_cli(&self, tenant: Option<&String>) -> Candidate {
        let (executor, tenant_id) = (Some(self.inner.environment.executor()), tenant.cloned());
        let options = AzureDeveloperCliCredentialOptions { executor, tenant_id };
        let credential = self.of_a_person(|| made(AzureDeveloperCliCredential::new(Some(options))));
        ("Azure Developer CLI".to_owned(), credential, None)
    }

    /// In a drill no real token may be fetched: it would be sent to the cloud on this machine.
    fn of_a_person(
        &self,
        credential: impl FnOnce() -> Result<Arc<dyn TokenCredential>, String>,
    ) -> Result<Arc<dyn TokenCredential>, String> {
        if self.inner.transport.cloud().is_some() { Err(NOT_IN_A_DRILL.to_owned()) } else { credential() }
    }

    /// The cloud on this machine stands for the metadata service: it is there.
    fn in_drill(&self) -> bool {
        self.inner.transport.cloud().is_some()
    }

    /// What a person can do when nobody answered.
    fn remedy(&self) -> &'static str {
        match self.inner.choice {
            IdentityChoice::AzureCli | IdentityChoice::AzureDeveloperCli if self.in_drill() => AS_THE_CLOUD,
            IdentityChoice::Workload | IdentityChoice::ClientSecret if self.inner.environment.drill.is_some() => {
                AS_THE_CLOUD
            }
            IdentityChoice::Auto => {
                "sign in with `az login`, or set `identity` in stanch.yaml to the one that should answer"
            }
            IdentityChoice::Workload => {
                "set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE, as the cluster's webhook does, or another `identity` in stanch.yaml"
            }
            IdentityChoice::Managed { .. } => {
                "run where Azure gives this machine an identity, or set another `identity` in stanch.yaml"
            }
            IdentityChoice::ClientSecret => {
                "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or another `identity` in stanch.yaml"
            }
            IdentityChoice::AzureCli => "sign in with `az login`, or set another `identity` in stanch.yaml",
            IdentityChoice::Person { .. } => "sign in as yourself with `az login`, or pipe a token in: `--token-stdin`",
            IdentityChoice::AzureDeveloperCli => {
                "sign in with `azd auth login`, or set another `identity` in stanch.yaml"
            }
        }
    }

    async fn sign_in(&self, scopes: &[&str]) -> Result<(Answered, AccessToken), Failure> {
        let mut tried = Vec::new();
        let mut retry = Retry::Never;
        for (name, credential, endpoint) in self.candidates() {
            let credential = match credential {
                Ok(credential) => credential,
                Err(why) => {
                    tried.push(format!("{name}: {why}"));
                    continue;
                }
            };
            let asked = credential.get_token(scopes, None);
            let token = match &endpoint {
                Some(endpoint) => match endpoint.wait(asked).await {
                    Ok(token) => token,
                    Err(why) => {
                        if self.in_drill() || endpoint.is_overwhelmed() {
                            retry = Retry::Later;
                        }
                        tried.push(format!("{name}: {why}"));
                        continue;
                    }
                },
                None => asked.await,
            };
            match token {
                Ok(token) => {
                    let (principal, caller) = (principal(token.token.secret()), Caller::of(token.token.secret()));
                    return Ok((Answered { name, principal, caller, credential }, token));
                }
                Err(error) => {
                    if is_transient(&error) && endpoint.as_ref().is_none_or(ManagedEndpoint::exists) {
                        retry = Retry::Later;
                    }
                    tried.push(format!("{name}: {}", first_line(&root_cause(&error))));
                }
            }
        }
        let failure = Failure::refused("no identity to sign in with").help(self.remedy());
        Err(tried.into_iter().fold(failure, Failure::because).retry(retry))
    }
}

fn made<C: TokenCredential + 'static>(
    credential: azure_core::Result<Arc<C>>,
) -> Result<Arc<dyn TokenCredential>, String> {
    match credential {
        Ok(credential) => Ok(credential),
        Err(error) => Err(first_line(&told(&error.to_string()))),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

impl Identity {
    /// A token that was given before and will do for a while.
    fn kept(&self, scope: &str) -> Option<AccessToken> {
        let tokens = self.inner.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let token = tokens.get(scope)?;
        let left = token.expires_on.unix_timestamp() - clock::now().timestamp();
        (left > SHORTEST_LIFE_SECONDS).then(|| token.clone())
    }

    fn keep(&self, scope: String, token: &AccessToken) {
        known::remember(token.token.secret());
        self.inner.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(scope, token.clone());
    }

    /// The tenant of whoever signs in, as the token for the vaults of a host's cloud has it. It is in lower case.
    pub async fn tenant(&self, scope: &str) -> Result<String, Failure> {
        let tenant = self.claim(scope, "tid").await?;
        let tenant = tenant.and_then(|tenant| uuid::Uuid::try_parse(&tenant).ok()).map(|tenant| tenant.to_string());
        tenant.ok_or_else(|| Failure::refused("the identity's token names no tenant"))
    }

    /// A token, to be shown to whoever is to know who this is.
    pub(super) async fn shown(&self, scope: &str) -> Result<Secret, Failure> {
        Ok(Secret::new(self.token(&[scope]).await?.token.secret().to_owned()))
    }

    /// What stands in the `authorization` header of a request of this scope.
    pub(super) async fn authorization(&self, scope: &str) -> Result<Secret, Failure> {
        let token = self.token(&[scope]).await?;
        Ok(Secret::new(format!("Bearer {}", token.token.secret())))
    }

    /// One claim of the token of a scope.
    pub(super) async fn claim(&self, scope: &str, name: &str) -> Result<Option<String>, Failure> {
        let token = self.token(&[scope]).await?;
        Ok(claims(token.token.secret()).and_then(|claims| claims.get(name)?.as_str().map(str::to_owned)))
    }

    async fn token(&self, scopes: &[&str]) -> Result<AccessToken, Failure> {
        let scope = scopes.join(" ");
        if let Some(token) = self.kept(&scope) {
            return Ok(token);
        }
        // Side by side, steps ask at the same time; one of them signs in.
        let _signing_in = self.inner.signing_in.lock().await;
        if let Some(token) = self.kept(&scope) {
            return Ok(token);
        }
        let token = match self.answered() {
            Some(Answered { name, credential, .. }) => credential.get_token(scopes, None).await.map_err(|error| {
                let retry = if is_transient(&error) { Retry::Later } else { Retry::Never };
                let why = first_line(&root_cause(&error));
                Failure::refused(format!("{name} gives no further token")).because(why).retry(retry)
            })?,
            None => {
                let (answered, token) = self.sign_in(scopes).await?;
                tracing::info!(identity = answered.name, principal = answered.principal, "signed in");
                *self.inner.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(answered);
                token
            }
        };
        self.keep(scope, &token);
        Ok(token)
    }
}

#[async_trait]
impl TokenCredential for Identity {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        self.token(scopes).await.map_err(|failure| carry(ErrorKind::Credential, failure))
    }
}

/// What a token claims. Read for people and addresses, never trusted.
fn claims(token: &str) -> Option<Value> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// One claim of a token.
fn claim(token: &str, name: &str) -> Option<String> {
    claims(token)?.get(name).and_then(Value::as_str).map(told)
}

/// Who a token speaks of.
fn principal(token: &str) -> Option<String> {
    let claims = claims(token)?;
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).map(told);
    // A managed identity is known by the last part of its resource's id.
    let resource = claim("xms_mirid").and_then(|id| id.rsplit('/').next().map(str::to_owned));
    claim("upn").or_else(|| claim("unique_name")).or(resource).or_else(|| claim("oid")).or_else(|| claim("appid"))
}

/// A way to sign in by showing the text of a file, which its owner makes anew from time to time. Whoever is shown it may
/// repeat it.
#[derive(Debug)]
struct Asserted {
    assertion: PathBuf,
    inner: Arc<dyn TokenCredential>,
}

#[async_trait]
impl TokenCredential for Asserted {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let text = files::text_named(&self.assertion, LARGEST_CREDENTIAL).map(Zeroizing::new).map_err(|error| {
            let why = format!("`{}` cannot be read: {error}", self.assertion.display());
            azure_core::Error::with_message(ErrorKind::Credential, why)
        })?;
        known::remember(text.trim());
        self.inner.get_token(scopes, options).await
    }
}

/// The token that a cloud file gives.
#[derive(Debug)]
struct FixedToken(Arc<Secret>);

#[async_trait]
impl TokenCredential for FixedToken {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(self.0.expose().to_owned(), OffsetDateTime::now_utc() + TokenLife::hours(1)))
    }
}
