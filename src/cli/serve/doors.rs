//! The page's addresses. There is one secret, the token in the path; nothing can be changed through any of them.

use super::follow::Shown;
use crate::cli::exit::CommandError;
use crate::failure::Failure;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream::{self, Stream};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page loads from here alone, and lies in no other one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// So often a page is told that it is still listened to.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// What lets somebody see the page. Not kept anywhere: a new one is drawn at each start.
pub(super) struct Token(String);

impl Token {
    pub(super) fn draw() -> Result<Self, CommandError> {
        let mut drawn = [0; 24];
        getrandom::fill(&mut drawn).map_err(|error| {
            CommandError::program(Failure::refused("the system gives no random bytes").because(error.to_string()))
        })?;
        Ok(Self(hex::encode(drawn)))
    }

    pub(super) fn url(&self, address: SocketAddr) -> String {
        format!("http://{address}/{}/", self.0)
    }
}

/// What answers.
#[derive(Clone)]
pub(super) struct Doors {
    /// A digest, so that comparing tells nothing about the token.
    token: [u8; 32],
    port: u16,
    shown: watch::Receiver<Shown>,
}

impl Doors {
    pub(super) fn new(token: &Token, address: SocketAddr, shown: watch::Receiver<Shown>) -> Self {
        Self { token: Sha256::digest(&token.0).into(), port: address.port(), shown }
    }

    /// Answers until the listener fails.
    pub(super) async fn serve(self, listener: TcpListener) {
        let doors = Arc::new(self);
        let file = |kind: &'static str, text: &'static str| get(move || async move { ([(CONTENT_TYPE, kind)], text) });
        let router = Router::new()
            .route("/{token}/", file("text/html; charset=utf-8", PAGE))
            .route("/{token}/page.css", file("text/css; charset=utf-8", STYLE))
            .route("/{token}/page.js", file("text/javascript; charset=utf-8", SCRIPT))
            .route("/{token}/room", get(now))
            .route("/{token}/events", get(events))
            .layer(middleware::from_fn_with_state(Arc::clone(&doors), only_with_token))
            .with_state(doors);
        axum::serve(listener, router).await.unwrap_or_default();
    }

    /// Whether a request names this machine: a page of somebody else's may have a name that leads here.
    fn is_meant(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
        let name = host.strip_suffix(&format!(":{}", self.port)).unwrap_or(host);
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    }
}

/// Whoever has no token learns nothing, not even what there is.
async fn only_with_token(State(doors): State<Arc<Doors>>, request: Request, next: Next) -> Response {
    let token = request.uri().path().split('/').nth(1).unwrap_or_default();
    let is_right = <[u8; 32]>::from(Sha256::digest(token)) == doors.token;
    let mut response = match is_right && doors.is_meant(request.headers()) {
        true => next.run(request).await,
        false => StatusCode::NOT_FOUND.into_response(),
    };
    let headers: [(HeaderName, &str); 5] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn now(State(doors): State<Arc<Doors>>, Path(_): Path<String>) -> Response {
    let shown = doors.shown.borrow().to_string();
    ([(CONTENT_TYPE, "application/json")], shown).into_response()
}

/// What is known now, and again whenever it changes.
async fn events(State(doors): State<Arc<Doors>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut shown = doors.shown.clone();
    shown.mark_changed();
    let events = stream::unfold(shown, |mut shown| async {
        shown.changed().await.ok()?;
        let event = Event::default().data(&*shown.borrow_and_update());
        Some((Ok(event), shown))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE).event(Event::default().event("life").data("")))
}
