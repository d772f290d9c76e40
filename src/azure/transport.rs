//! The one seam through which every request leaves the program: routed, numbered, and told apart when it fails.

use super::budget::{Answered, Budgets, VaultLimits};
use super::carried::{carry, root_cause};
use super::retry;
use super::route::{CloudFile, Route};
use super::unavailable::{Unavailable, retry_after};
use crate::correlation::Correlation;
use crate::failure::{Failure, Retry};
use crate::files::{self, LARGEST_CREDENTIAL};
use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Request, RetryOptions};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No single request takes longer, whatever the other side does.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(45);
/// More than this of an answer is not read.
const LARGEST_ANSWER: usize = 4 << 20;

/// How long an answer may take, and how large it may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) longest: Duration,
    pub(super) largest_answer: usize,
}

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
}

/// An answer that was read to its end. Its body may be a token, or hold a key: it is not shown.
pub struct HttpAnswer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
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
            builder.build().map_err(|error| Failure::refused("no HTTP client can be made").because(error.to_string()))
        };
        let direct = build(false)?;
        let client = if matches!(route, Route::Real) { build(true)? } else { direct.clone() };
        let correlation = Correlation::new(request_prefix);
        let budgets = Budgets::new(limits);
        Ok(Self { inner: Arc::new(Inner { client, direct, route, correlation, budgets }) })
    }

    /// Whom to tell, in one sentence, when a vault is left alone for a while, and when it answers again.
    pub fn announce(&self, tell: impl Fn(String) + Send + Sync + 'static) {
        self.inner.budgets.announce(tell);
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

    /// Options for the Azure crates: this way out, and no retries of their own.
    pub(super) fn client_options(&self) -> ClientOptions {
        ClientOptions {
            transport: Some(azure_core::http::Transport::new(Arc::new(self.clone()))),
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        }
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
        let patience = Patience { longest: REQUEST_TIMEOUT, largest_answer: LARGEST_ANSWER };
        self.exchange(patience, method, url, headers, body).await.map(|(answer, _)| answer)
    }

    /// Sends one request whose answer may take long or be large. Gives nothing if it is larger than agreed.
    pub(super) async fn send_patiently(
        &self,
        patience: Patience,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Option<HttpAnswer>, Failure> {
        let (answer, whole) = self.exchange(patience, method, url, headers, body).await?;
        Ok(whole.then_some(answer))
    }

    /// Sends one request; also says whether the answer was read to its end.
    async fn exchange(
        &self,
        patience: Patience,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(HttpAnswer, bool), Failure> {
        let unusable = |why: String| Failure::refused("the address cannot be used").because(why);
        let url = Url::parse(url).map_err(|error| unusable(error.to_string()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            self.must_hide(&url, false)?;
        }
        let way = self.inner.route.way(&url)?;
        let method = reqwest::Method::from_bytes(method.as_bytes()).map_err(|error| unusable(error.to_string()))?;
        let mut request = self.client(&way.url).request(method, way.url).timeout(patience.longest).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(asked) = way.host {
            request = request.header("host", asked);
        }
        let mut response = request.send().await.map_err(|error| failed(&host, error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| retry::after(value.to_str().ok()?));
        let mut body = Vec::new();
        let mut whole = true;
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&host, error))? {
            if body.len() + chunk.len() > patience.largest_answer {
                whole = false;
                break;
            }
            body.extend_from_slice(&chunk);
        }
        tracing::debug!(host, status, "answered");
        Ok((HttpAnswer { status, retry_after, body }, whole))
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

#[async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
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
        let response = self.client(request.url()).execute_request(&request).await;
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
