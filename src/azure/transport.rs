//! The one seam through which every request leaves the program: routed, numbered, and told apart when it fails.

use super::answer::{Bounds, REQUEST_TIMEOUT, Unread, read};
use super::budget::{Answered, Budgets, VaultLimits};
use super::carried::{carry, root_cause};
use super::retry;
use super::route::{CloudFile, Route};
use super::unavailable::{Unavailable, retry_after};
use crate::correlation::Correlation;
use crate::failure::{FailedOutcome, Failure, Retry};
use crate::files::{self, LARGEST_CREDENTIAL};
use crate::told::told;
use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Method, Request, RetryOptions};
use futures::TryStreamExt;
use futures::future::BoxFuture;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use serde_json::Value;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::{Host, Url};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The way out of the program.
#[derive(Clone)]
pub struct Transport {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    /// Past any proxy: for identity endpoints, which are on this machine and hand out tokens without encryption.
    direct: Client,
    route: Route,
    correlation: Correlation,
    budgets: Budgets,
    guard: OnceLock<Guard>,
}

/// Asked before a request goes out that may change something.
type Guard = Box<dyn Fn() -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// An answer that was read to its end. Its body may be a token, or hold a key: it is not shown, and what it says becomes
/// text by [`said`](Self::said) only.
pub struct HttpAnswer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

impl HttpAnswer {
    /// What came with a status.
    pub fn new(status: u16, retry_after: Option<Duration>, body: Vec<u8>) -> Self {
        Self { status, retry_after, body }
    }

    /// What came, for those who read another form than text.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// What it says, as far as that may be repeated.
    pub fn said(&self) -> String {
        told(&String::from_utf8_lossy(&self.body))
    }

    /// What it says between two words, as far as that may be repeated; nothing where they do not stand in it.
    pub fn said_between(&self, before: &str, after: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body);
        let (said, _) = text.split_once(before)?.1.split_once(after)?;
        Some(told(said))
    }

    /// Its JSON, to work with. A text in it is repeated to nobody but by [`told`].
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl fmt::Debug for HttpAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, retry_after, body } = self;
        let shown = format!("{} bytes", body.len());
        formatter
            .debug_struct("HttpAnswer")
            .field("status", status)
            .field("retry_after", retry_after)
            .field("body", &shown)
            .finish()
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Transport {
    /// Opens the way; `request_prefix` begins the ids of all its requests. Vaults are asked as often as Azure's
    /// published limits allow.
    pub fn new(route: Route, request_prefix: &str) -> Result<Self, Failure> {
        Self::limited(route, request_prefix, VaultLimits::default())
    }

    /// Opens the way, with limits of one's own for each vault.
    pub fn limited(route: Route, request_prefix: &str, limits: VaultLimits) -> Result<Self, Failure> {
        let authority = match &route {
            // Nothing is encrypted on this way, and reading the platform's authorities takes longer than a request.
            Route::Cloud(cloud) if cloud.base_url.scheme() == "http" => Some(Vec::new()),
            Route::Cloud(cloud) => cloud.ca_pem.as_deref().map(authority).transpose()?,
            Route::Real => None,
        };
        let build = |proxied: bool| {
            let mut builder = Client::builder()
                .redirect(Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(REQUEST_TIMEOUT)
                .user_agent(concat!("stanch/", env!("CARGO_PKG_VERSION")));
            if !proxied {
                builder = builder.no_proxy();
            }
            if let Some(authority) = &authority {
                builder = builder.tls_certs_only(authority.clone());
            }
            builder.build().map_err(|error| Failure::refused("no HTTP client can be made").because(root_cause(&error)))
        };
        let direct = build(false)?;
        let client = if matches!(route, Route::Real) { build(true)? } else { direct.clone() };
        let correlation = Correlation::new(request_prefix);
        let budgets = Budgets::new(limits);
        Ok(Self { inner: Arc::new(Inner { client, direct, route, correlation, budgets, guard: OnceLock::new() }) })
    }

    /// Whom to tell, in one sentence, when a vault is left alone for a while, and when it answers again.
    pub fn announce(&self, tell: impl Fn(String) + Send + Sync + 'static) {
        self.inner.budgets.announce(tell);
    }

    /// Who says, before each request that may change something, whether it may still be sent from here. Said once.
    pub fn guard(&self, may_send: impl Fn() -> BoxFuture<'static, Result<(), Failure>> + Send + Sync + 'static) {
        drop(self.inner.guard.set(Box::new(may_send)));
    }

    async fn may_send(&self, method: &str) -> Result<(), Failure> {
        match self.inner.guard.get() {
            Some(guard) if !["GET", "HEAD"].contains(&method) => guard().await,
            _ => Ok(()),
        }
    }

    /// The cloud on this machine, in a drill.
    pub fn cloud(&self) -> Option<&CloudFile> {
        match &self.inner.route {
            Route::Real => None,
            Route::Cloud(cloud) => Some(cloud),
        }
    }

    /// The id of a request that is about to be sent, by which it can be found in a log.
    pub(super) fn request_id(&self) -> String {
        self.inner.correlation.next()
    }

    /// Options for the Azure crates: this way out, no more of an answer than agreed, and no retries of their own.
    pub(super) fn client_options(&self, bounds: Bounds) -> ClientOptions {
        client_options(Bounded { transport: self.clone(), bounds })
    }

    fn client(&self, url: &Url) -> &Client {
        if is_near(url) { &self.inner.direct } else { &self.inner.client }
    }

    /// Refuses to send a credential in the clear, whatever the header is that holds it.
    pub fn must_be_hidden(&self, url: &str) -> Result<(), Failure> {
        match Url::parse(url) {
            Ok(url) => self.must_hide(&url, false),
            Err(error) => Err(Failure::refused("the address cannot be used").because(error.to_string())),
        }
    }

    /// Refuses to send a credential in the clear. The cloud of a drill listens on this machine; Azure's own endpoints for
    /// identities, which are near as well, speak nothing else.
    fn must_hide(&self, url: &Url, near_is_fine: bool) -> Result<(), Failure> {
        if url.scheme() == "https" || self.cloud().is_some() || near_is_fine && is_near(url) {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default();
        Err(Failure::refused(format!("a credential would be sent to `{host}` without encryption"))
            .help("write its address with `https://`; nothing was sent"))
    }

    /// Sends one request that is not the Azure crates' own. Only the host stands in a failure: paths may hold
    /// credentials.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<HttpAnswer, Failure> {
        self.send_within(REQUEST_TIMEOUT, method, url, headers, body).await
    }

    /// The same, with an end of one's own to waiting for the answer.
    pub async fn send_within(
        &self,
        longest: Duration,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<HttpAnswer, Failure> {
        let bounds = Bounds { longest, ..Bounds::DOCUMENT };
        let (host, answer) = self.exchange(bounds, method, url, headers, body).await?;
        answer.map_err(|unread| unread.failure(&host, bounds))
    }

    /// Sends one request whose answer may take long or be large. Gives nothing if it is larger than agreed.
    pub(super) async fn send_patiently(
        &self,
        bounds: Bounds,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Option<HttpAnswer>, Failure> {
        let (host, answer) = self.exchange(bounds, method, url, headers, body).await?;
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(Unread::TooLarge | Unread::TooManyParts) => Ok(None),
            Err(unread) => Err(unread.failure(&host, bounds)),
        }
    }

    /// Sends one request; gives the host that was asked, and its answer if it was read to its end.
    async fn exchange(
        &self,
        bounds: Bounds,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(String, Result<HttpAnswer, Unread<reqwest::Error>>), Failure> {
        let unusable = |why: String| Failure::refused("the address cannot be used").because(why);
        let url = Url::parse(url).map_err(|error| unusable(error.to_string()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            self.must_hide(&url, false)?;
        }
        let way = self.inner.route.way(&url)?;
        let method_name = method.to_ascii_uppercase();
        let method = reqwest::Method::from_bytes(method.as_bytes()).map_err(|error| unusable(error.to_string()))?;
        let mut request = self.client(&way.url).request(method, way.url).timeout(bounds.longest).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(asked) = way.host {
            request = request.header("host", asked);
        }
        self.may_send(&method_name).await?;
        let response = request.send().await.map_err(|error| failed(&host, error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| retry::after(value.to_str().ok()?));
        tracing::debug!(host, status, "answered");
        // The path may hold a credential.
        let body = read(response.bytes_stream().map_err(reqwest::Error::without_url), bounds).await;
        Ok((host, body.map(|body| HttpAnswer::new(status, retry_after, body))))
    }

    /// Sends a request whose answer is a line that stays open.
    pub(super) async fn open(&self, url: Url, headers: &[(&str, &str)]) -> Result<reqwest::Response, Failure> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let way = self.inner.route.way(&url)?;
        let mut request = self.client(&way.url).get(way.url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(asked) = way.host {
            request = request.header("host", asked);
        }
        request.send().await.map_err(|error| failed(&host, error))
    }

    /// Sends a request of the Azure crates, and reads its answer.
    pub(super) async fn execute(&self, request: &Request, bounds: Bounds) -> azure_core::Result<AsyncRawResponse> {
        let way = self.inner.route.way(request.url()).map_err(|failure| carry(ErrorKind::Other, failure))?;
        let hidden = self.must_hide(request.url(), true);
        hidden.map_err(|failure| carry(ErrorKind::Credential, failure))?;
        let mut request = request.clone();
        let asked = request.url().host_str().unwrap_or_default().to_owned();
        *request.url_mut() = way.url;
        if let Some(host) = way.host {
            request.insert_header("host", host);
        }
        request.insert_header("x-ms-client-request-id", self.inner.correlation.next());
        let pass = self.inner.budgets.admit(&asked, request.method().as_ref(), request.url().path()).await;
        let pass = pass.map_err(|failure| carry(ErrorKind::Other, failure))?;
        let may_send = self.may_send(request.method().as_ref()).await;
        may_send.map_err(|failure| carry(ErrorKind::Other, failure))?;
        let response = match self.client(request.url()).execute_request(&request).await {
            Ok(response) => whole(response, &asked, request.method(), bounds).await,
            Err(error) => Err(error),
        };
        if let Some(pass) = &pass {
            self.inner.budgets.answered(&asked, pass, answer(&response));
        }
        match &response {
            Ok(response) => {
                tracing::debug!(host = asked, method = %request.method(), status = %response.status(), "answered");
            }
            Err(error) => tracing::debug!(host = asked, method = %request.method(), kind = ?error.kind(), "no answer"),
        }
        response
    }
}

/// Options for the Azure crates, with what sends their requests.
pub(super) fn client_options(client: impl HttpClient + 'static) -> ClientOptions {
    ClientOptions {
        transport: Some(azure_core::http::Transport::new(Arc::new(client))),
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    }
}

/// An answer whose body is there. The crates would take whatever comes.
async fn whole(
    response: AsyncRawResponse,
    host: &str,
    method: Method,
    bounds: Bounds,
) -> azure_core::Result<AsyncRawResponse> {
    let (status, headers, body) = response.deconstruct();
    match read(body, bounds).await {
        Ok(body) => Ok(AsyncRawResponse::from_bytes(status, headers, body)),
        Err(Unread::BrokenOff(error)) => Err(error),
        Err(unread) => {
            let failure = unread.failure(host, bounds);
            // What only reads has changed nothing, whatever became of its answer.
            let reads = matches!(method, Method::Get | Method::Head);
            let outcome = if reads { FailedOutcome::Refused } else { FailedOutcome::Unknown };
            // The crates ask again by themselves after errors of the line; what is too large stays so.
            let kind = if failure.retry == Retry::Never { ErrorKind::Other } else { ErrorKind::Io };
            Err(carry(kind, Failure { outcome, ..failure }))
        }
    }
}

/// On this machine, or on the wire that it shares with its host.
fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => false,
    }
}

fn authority(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let unusable = |why: String| {
        Failure::refused(format!("the authority `{}` of the cloud file cannot be used", path.display())).because(why)
    };
    let pem = files::read_pointed(path, LARGEST_CREDENTIAL).map_err(|error| unusable(error.to_string()))?;
    let authority = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(error.to_string()))?;
    if authority.is_empty() { Err(unusable("it holds no certificate".to_owned())) } else { Ok(authority) }
}

/// A request without an answer: whether it was sent at all is what matters.
fn failed(host: &str, error: reqwest::Error) -> Failure {
    // The path may hold a credential.
    let error = error.without_url();
    let why = root_cause(&error);
    if error.is_builder() {
        Failure::refused(format!("the request to `{host}` cannot be written")).because(why)
    } else if error.is_connect() {
        Failure::refused(format!("`{host}` cannot be reached"))
            .because(why)
            .help("check the network, and the address in stanch.yaml")
            .retry(Retry::Later)
    } else {
        Failure::unknown(format!("`{host}` did not answer")).because(why)
    }
}

/// What an answer tells of the vault that gave it.
fn answer(response: &azure_core::Result<AsyncRawResponse>) -> Answered {
    let response = match response {
        Ok(response) => response,
        Err(error) => return Answered::Failed(root_cause(error)),
    };
    let status = u16::from(response.status());
    match Unavailable::of(status) {
        Some(Unavailable::Throttling) => Answered::Throttled(retry_after(response.headers())),
        Some(Unavailable::Failing) => Answered::Failed(format!("it answered {status} the last time")),
        None => Answered::Given,
    }
}

/// The way out, for answers of one kind.
#[derive(Debug)]
struct Bounded {
    transport: Transport,
    bounds: Bounds,
}

#[async_trait]
impl HttpClient for Bounded {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.transport.execute(request, self.bounds).await
    }
}
