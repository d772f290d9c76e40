//! A machine's way to everything outside: what goes through it is counted, held up or lost, as a network does.
//!
//! Requests to the store go where it is: to the embedded cloud, or to Azurite, as whoever may write there.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Where the store is, if it is another server than the embedded cloud.
#[derive(Clone, Debug)]
pub(crate) struct OtherStore {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) certificate: Vec<u8>,
}

impl OtherStore {
    /// The one that the environment names.
    pub(crate) fn named() -> Option<Self> {
        let set = |name: &str| std::env::var(name).ok();
        let certificate = std::fs::read(set("STANCH_AZURITE_CA")?).unwrap();
        Some(Self { url: set("STANCH_AZURITE")?, token: set("STANCH_AZURITE_TOKEN")?, certificate })
    }
}

/// When a request is held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Before,
    /// It arrives, and its answer does not.
    After,
}

/// A request that changed something in a vault, as it went out.
pub(crate) type Sent = (DateTime<Utc>, String);

#[derive(Debug)]
struct Way {
    to: String,
    store: Option<OtherStore>,
    client: reqwest::Client,
    /// How much longer the way to the store and back takes.
    delay: Duration,
    /// Which request is held up, and when; none any more once it was.
    trap: Mutex<Option<(usize, Held)>>,
    count: Mutex<usize>,
    trapped: Semaphore,
    open: watch::Sender<bool>,
    sent: Mutex<Vec<Sent>>,
}

/// A way that is open.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    way: Arc<Way>,
    pub(crate) address: String,
}

impl Machine {
    pub(crate) async fn connect(to: &str, store: Option<OtherStore>, delay: Duration) -> Self {
        let mut client = reqwest::Client::builder().no_proxy();
        let authorities = store.iter().map(|store| reqwest::Certificate::from_pem(&store.certificate).unwrap());
        client = client.tls_certs_only(authorities);
        let (trapped, open) = (Semaphore::new(0), watch::Sender::new(true));
        let way = Arc::new(Way {
            to: to.to_owned(),
            store,
            client: client.build().unwrap(),
            delay,
            trap: Mutex::default(),
            count: Mutex::default(),
            trapped,
            open,
            sent: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let service = axum::Router::new().fallback(pass).with_state(Arc::clone(&way));
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { way, address }
    }

    /// Holds up this request from now on, counted from 1, and with it all that come after.
    pub(crate) fn trap(&self, request: usize, held: Held) {
        *self.way.trap.lock().unwrap() = Some((request, held));
    }

    /// Returns when a request was held up.
    pub(crate) async fn trapped(&self) {
        self.way.trapped.acquire().await.unwrap().forget();
    }

    /// Lets requests through again. Those that were held up are lost.
    pub(crate) fn heal(&self) {
        *self.way.trap.lock().unwrap() = None;
        self.way.open.send_replace(true);
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.way.sent.lock().unwrap().clone()
    }
}

impl Way {
    fn next(&self) -> Option<Held> {
        let mut count = self.count.lock().unwrap();
        *count += 1;
        let mut trap = self.trap.lock().unwrap();
        trap.take_if(|(request, _)| *request <= *count).map(|(_, held)| {
            self.open.send_replace(false);
            held
        })
    }

    async fn forward(&self, method: axum::http::Method, path: &str, headers: HeaderMap, body: Bytes) -> Response {
        let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
        if host.ends_with(".vault.azure.net") && (method == "PUT" || method == "PATCH") {
            self.sent.lock().unwrap().push((Utc::now(), format!("{method} {path}")));
        }
        let store = self.store.as_ref().filter(|_| host.contains(".blob."));
        let to = store.map_or(&self.to, |store| &store.url);
        let mut request = self.client.request(method, format!("{to}{path}")).headers(headers).body(body);
        if let Some(store) = store {
            let mut replaced = HeaderMap::new();
            replaced.insert("authorization", format!("Bearer {}", store.token).parse().unwrap());
            request = request.headers(replaced);
        }
        let Ok(answer) = request.send().await else { return pending().await };
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
            response = response.header(name, value);
        }
        let Ok(bytes) = answer.bytes().await else { return pending().await };
        response.body(Body::from(bytes)).unwrap()
    }
}

async fn pass(State(way): State<Arc<Way>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 64 << 20).await else { return pending().await };
    let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    if head.headers.get("host").and_then(|host| host.to_str().ok()).is_some_and(|host| host.contains(".blob.")) {
        tokio::time::sleep(way.delay).await;
    }
    let held = way.next();
    if held.is_none() && *way.open.borrow() {
        return way.forward(head.method, &path, head.headers, body).await;
    }
    if held == Some(Held::After) {
        drop(way.forward(head.method, &path, head.headers, body).await);
    }
    if held.is_some() {
        way.trapped.add_permits(1);
    }
    // It is lost, whatever becomes of the way: a packet that is held for a minute is not delivered then.
    pending().await
}
