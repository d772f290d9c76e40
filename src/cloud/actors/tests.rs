#![expect(clippy::disallowed_methods, reason = "writes the file that the actors are to read")]

use super::{Actors, Endpoint};
use crate::cloud::scenario::Scenario;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

const SCENARIO: &str = "\
schema: stanch-scenario/v1
name: played
summary: three readers
vault: kv-drill
secret: orders-db
secrets:
  - { name: orders-db, versions: [{ age: 9d, enabled: false }, { age: 2d }] }
  - { name: smtp-relay, versions: [{ age: 1d }] }
consumers:
  - { name: orders-api, reads: latest, refresh: 20ms, ip: 10.1.0.4, user_agent: orders/1 }
  - { name: reports-batch, reads: pinned, refresh: 20ms }
attackers:
  - { name: intruder, reads: 2, every: 20ms, also: [smtp-relay], ip: 52.174.8.9 }
exposure: 1h
";

/// A vault with two versions of one secret, of which the old one can be disabled.
#[derive(Default)]
struct Stub {
    rotated: bool,
    revoked: bool,
    out_of_order: bool,
    /// `USER AGENT ADDRESS PATH`, for each read that had the right host, version of the interface and token.
    reads: Vec<String>,
    wrong_reads: Vec<String>,
}

type Shared = Arc<Mutex<Stub>>;

async fn serve() -> (Endpoint, Shared) {
    let stub = Shared::default();
    let app = axum::Router::new().fallback(respond).with_state(Arc::clone(&stub));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (Endpoint { control: format!("{base_url}/_control"), base_url, ca_pem: None }, stub)
}

/// Connections that speak TLS; those that fail to are left.
struct Encrypted(TcpListener, TlsAcceptor);

impl axum::serve::Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.0.accept().await.unwrap();
            if let Ok(encrypted) = self.1.accept(stream).await {
                return (encrypted, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Like `serve`, by TLS, with a certificate of its own authority; also the authority's certificate.
async fn serve_encrypted() -> (String, String) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(respond).with_state(Shared::default());
    let listener = Encrypted(listener, TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (base_url, authority.pem())
}

fn reply(status: u16, body: &Value) -> Response<Body> {
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(body.to_string().into()).unwrap()
}

async fn respond(State(stub): State<Shared>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if path == "/_control/tokens" {
        let body: Value = serde_json::from_slice(&axum::body::to_bytes(body, 10_000).await.unwrap()).unwrap();
        assert!(body["appid"].is_string());
        return reply(200, &json!({ "access_token": format!("token-of-{}", body["oid"].as_str().unwrap()) }));
    }
    if path == "/_control/state" {
        let orders = json!([
            { "version": "old", "created": "2026-11-03T10:00:00Z", "enabled": true },
            { "version": "newer-but-disabled", "created": "2026-11-20T10:00:00Z", "enabled": false },
            { "version": "older", "created": "2026-02-03T10:00:00Z", "enabled": true },
        ]);
        let smtp = json!([{ "version": "smtp", "created": "2026-10-01T00:00:00Z", "enabled": true }]);
        return reply(
            200,
            &json!({ "vaults": { "kv-drill": { "secrets": { "orders-db": orders, "smtp-relay": smtp } } } }),
        );
    }
    let header =
        |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut stub = stub.lock().unwrap();
    let line = format!("{} {} {path}", header("user-agent"), header("x-drill-client-ip"));
    let good = header("host") == "kv-drill.vault.azure.net"
        && header("authorization").starts_with("Bearer token-of-")
        && head.uri.query() == Some("api-version=2025-07-01");
    if good {
        stub.reads.push(line)
    } else {
        stub.wrong_reads.push(line)
    }
    let version = match path {
        _ if stub.out_of_order => return reply(503, &json!({})),
        "/secrets/orders-db/old" if stub.revoked => return reply(403, &json!({})),
        "/secrets/orders-db/" if stub.rotated => "new",
        "/secrets/orders-db/" | "/secrets/orders-db/old" => "old",
        "/secrets/smtp-relay/" => "smtp",
        _ => return reply(404, &json!({})),
    };
    let id =
        format!("https://kv-drill.vault.azure.net{}/{version}", path.trim_end_matches('/').trim_end_matches("/old"));
    reply(200, &json!({ "id": id, "value": format!("hush-{version}") }))
}

/// Watches until the observations are as wanted.
async fn until(actors: &Actors, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let seen = actors.observations();
        if wanted(&seen) {
            return seen;
        }
        crate::clock::sleep(Duration::from_millis(20)).await;
    }
    panic!("never seen: {what}: {:#}", actors.observations());
}

#[tokio::test]
async fn a_response_is_seen_from_the_callers_side() {
    let (endpoint, stub) = serve().await;
    let scenario = Scenario::parse(SCENARIO).unwrap();
    let mut actors = Actors::start(&scenario, &endpoint).await.unwrap();
    until(&actors, "reads of all", |seen| {
        seen["attackers"][0]["reads"].as_u64() > Some(2) && seen["consumers"][1]["reads"].as_u64() > Some(1)
    })
    .await;
    stub.lock().unwrap().rotated = true;
    until(&actors, "the new version", |seen| seen["consumers"][0]["versions"].as_array().unwrap().len() == 2).await;
    stub.lock().unwrap().revoked = true;
    let down = |seen: &Value| seen["consumers"][1]["down"] == true && !seen["attackers"][0]["first_refused"].is_null();
    until(&actors, "the old version refused", down).await;
    actors.stop().await;

    let seen = actors.observations();
    assert_eq!(seen, actors.observations(), "nothing changes after the end");
    let (api, batch, intruder) = (&seen["consumers"][0], &seen["consumers"][1], &seen["attackers"][0]);
    assert_eq!(api["versions"][0]["version"], "old");
    assert_eq!(api["versions"][1]["version"], "new");
    assert_eq!(api["cached"]["version"], "new");
    assert_eq!((&api["failures"], &api["down_ms"]), (&json!(0), &json!(0)));
    assert_eq!(batch["mode"], "pinned");
    assert_eq!(batch["last_status"], 403);
    assert!(batch["first_failure"].is_string());
    assert!(intruder["last_success"].as_str() < intruder["first_refused"].as_str());
    assert_eq!(intruder["others"][0]["secret"], "smtp-relay");
    assert_eq!(intruder["others"][0]["reads"], 1);
    assert!(!seen.to_string().contains("hush"), "no value is shown");

    let stub = stub.lock().unwrap();
    assert_eq!(stub.wrong_reads, Vec::<String>::new());
    assert!(stub.reads.contains(&"orders/1 10.1.0.4 /secrets/orders-db/".to_owned()), "{:?}", stub.reads);
    let intruded: Vec<&String> = stub.reads.iter().filter(|line| line.starts_with("curl/8.4.0 52.174.8.9")).collect();
    let paths: Vec<&str> = intruded.iter().filter_map(|line| line.rsplit(' ').next()).take(4).collect();
    let leaked = "/secrets/orders-db/old";
    assert_eq!(paths, [leaked, leaked, "/secrets/smtp-relay/", leaked]);
}

#[tokio::test]
async fn an_outage_counts_as_down_time_and_is_no_refusal() {
    let (endpoint, stub) = serve().await;
    let scenario = Scenario::parse(SCENARIO).unwrap();
    let mut actors = Actors::start(&scenario, &endpoint).await.unwrap();
    stub.lock().unwrap().out_of_order = true;
    until(&actors, "all down", |seen| {
        seen["consumers"][0]["down"] == true && seen["attackers"][0]["last_status"] == 503
    })
    .await;
    stub.lock().unwrap().out_of_order = false;
    let seen = until(&actors, "up again", |seen| {
        seen["consumers"][0]["down"] == false && seen["attackers"][0]["last_status"] == 200
    })
    .await;
    assert!(seen["consumers"][0]["down_ms"].as_u64() > Some(0));
    assert!(seen["attackers"][0]["first_refused"].is_null());
    actors.stop().await;
}

#[tokio::test]
async fn by_tls_the_given_authority_is_trusted_and_no_other() {
    let (base_url, authority) = serve_encrypted().await;
    let (_, stranger) = serve_encrypted().await;
    let directory = tempfile::tempdir().unwrap();
    let scenario = Scenario::parse(SCENARIO).unwrap();
    let endpoint = |name: &str, pem: &str| {
        let ca_pem = directory.path().join(name);
        std::fs::write(&ca_pem, pem).unwrap();
        Endpoint { base_url: base_url.clone(), control: format!("{base_url}/_control"), ca_pem: Some(ca_pem) }
    };
    let mut actors = Actors::start(&scenario, &endpoint("own.pem", &authority)).await.unwrap();
    until(&actors, "a good read", |seen| seen["consumers"][0]["last_status"] == 200).await;
    actors.stop().await;
    assert!(Actors::start(&scenario, &endpoint("stranger.pem", &stranger)).await.is_err());
}

#[tokio::test]
async fn a_play_that_cannot_start_says_why() {
    let (endpoint, _stub) = serve().await;
    let lacking = Scenario::builtin("leaked-secret").unwrap();
    let problem = Actors::start(&lacking, &endpoint).await.unwrap_err();
    assert_eq!(problem, "the cloud has no secret `orders-signing` in its vault `kv-drill`");

    let scenario = Scenario::parse(SCENARIO).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let ca_pem = directory.path().join("ca.pem");
    let with_authority = Endpoint { ca_pem: Some(ca_pem.clone()), ..endpoint.clone() };
    let problem = Actors::start(&scenario, &with_authority).await.unwrap_err();
    assert!(problem.contains("ca.pem` cannot be read"), "{problem}");
    std::fs::write(&ca_pem, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    let problem = Actors::start(&scenario, &with_authority).await.unwrap_err();
    assert!(problem.contains("ca.pem` holds no certificate"), "{problem}");

    let gone = Endpoint {
        base_url: "http://127.0.0.1:1".to_owned(),
        control: "http://127.0.0.1:1/_control".to_owned(),
        ca_pem: None,
    };
    assert!(Actors::start(&scenario, &gone).await.unwrap_err().contains("refused"));
}
