//! Every channel against a receiver on this machine that keeps what it gets and says it again.
#![expect(clippy::disallowed_methods, reason = "a cloud file and secrets are written")]

use super::channel::{Channel, Channels};
use super::email::{self, Email};
use super::kinds::{KINDS, read};
use super::message::{Message, Origin};
use crate::azure::{Azure, CloudFile, Environment, Identity, IdentityChoice, Route, Transport};
use crate::failure::{Failure, Retry};
use crate::runbook::syntax::{NodeValue, parse};
use crate::settings::SettingsDecoder;
use crate::told::WITHHELD;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::task::JoinHandle;

const ROUTING_KEY: &str = "routing-key-canary";
const WEBHOOK: &str = "https://hooks.slack.com/services/T0/B0/webhook-canary";

const CHANNELS: &str = r#"
  oncall:   { kind: pagerduty, routing_key: "file:routing-key" }
  incident: { kind: slack, webhook: "file:webhook" }
  people:   { kind: teams, webhook: "file:webhook" }
  mail:     { kind: email, server: "smtp.example:587", from: stanch@example.com, to: [security@example.com] }
  siem:     { kind: webhook, url: "https://siem.example/in", signing_key: "file:signing-key", token: "file:routing-key" }
"#;

type Received = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// The channels, as the configuration reads them.
fn channels(folder: &Path) -> Channels {
    let root = parse(CHANNELS).unwrap();
    let NodeValue::Map(entries) = root.value else { panic!("no mapping") };
    let mut decoder = SettingsDecoder::new(folder);
    let mut channels = Channels::new();
    for (key, node) in &entries {
        channels.insert(key.name.clone(), read(&mut decoder, &key.name, key.span, node).unwrap());
    }
    assert!(decoder.problems.is_empty(), "{:?}", decoder.problems);
    channels
}

struct Receiver {
    channels: Channels,
    cloud: Value,
    received: Received,
    serving: JoinHandle<()>,
    folder: TempDir,
}

impl Receiver {
    async fn answering(status: StatusCode) -> Self {
        let received = Received::default();
        let record = Arc::clone(&received);
        let receiver = Router::new().fallback(async move |headers: HeaderMap, body: String| {
            record.lock().unwrap().push((headers, serde_json::from_str(&body).unwrap()));
            (status, format!("said:\n{body}"))
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, receiver).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in
            [("routing-key", ROUTING_KEY), ("webhook", WEBHOOK), ("signing-key", "whsec_c2lnbmluZy1rZXktY2FuYXJ5")]
        {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let channels = channels(folder.path());
        let hosts = ["events.pagerduty.com", "hooks.slack.com", "siem.example"];
        let cloud = json!({ "base_url": base_url, "ca_pem": null, "hosts": hosts });
        Self { channels, cloud, received, serving, folder }
    }

    fn azure(&self, cloud: &Value) -> Azure {
        let path = self.folder.path().join("cloud.json");
        std::fs::write(&path, cloud.to_string()).unwrap();
        let route = Route::Cloud(Box::new(CloudFile::read(&path).unwrap()));
        let transport = Transport::new(route, "0123456789ab").unwrap();
        let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
        Azure { transport, identity }
    }

    fn channel(&self, kind: &str) -> &dyn Channel {
        self.channels.values().find(|channel| channel.kind().name == kind).unwrap().as_ref()
    }

    async fn send(&self, kind: &str, message: &Message<'_>) -> Result<String, Failure> {
        let azure = self.azure(&self.cloud);
        self.channel(kind).send(message, &azure).await.map(|receipt| receipt.id)
    }

    /// What came last.
    fn last(&self) -> (HeaderMap, Value) {
        self.received.lock().unwrap().last().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn message<'a>(title: &'a str, facts: &'a Vec<(String, String)>) -> Message<'a> {
    Message {
        title,
        summary: "kv-prod/orders-db was found on <example.com> & elsewhere",
        severity: "sev1",
        facts,
        origin: Some(Origin { run: "r-1", runbook: "secret-exposure", head: "sha256:h" }),
        drill: true,
        key: "key-1",
    }
}

fn facts(count: usize) -> Vec<(String, String)> {
    (0..count).map(|number| (format!("fact {number}"), format!("value {number} <!channel>"))).collect()
}

#[tokio::test]
async fn every_channel_gets_the_message_and_is_told_that_it_is_a_drill() {
    let receiver = Receiver::answering(StatusCode::OK).await;
    let facts = facts(2);
    for kind in ["pagerduty", "slack", "teams", "webhook"] {
        let id = receiver.send(kind, &message("contained: orders-db", &facts)).await.unwrap();
        assert_eq!(id, "key-1", "{kind}");
        let shown = receiver.last().1.to_string().replace('\\', "");
        assert!(shown.contains("[DRILL] contained: orders-db"), "{shown}");
        assert!(shown.contains("r-1") && shown.contains("value 1"), "{shown}");
    }
}

#[tokio::test]
async fn receivers_that_know_keys_get_the_key() {
    let receiver = Receiver::answering(StatusCode::ACCEPTED).await;
    let facts = facts(0);
    receiver.send("pagerduty", &message("again", &facts)).await.unwrap();
    let event = receiver.last().1;
    assert_eq!((&event["dedup_key"], &event["event_action"]), (&json!("key-1"), &json!("trigger")));
    assert_eq!((&event["routing_key"], &event["payload"]["severity"]), (&json!(ROUTING_KEY), &json!("critical")));
    receiver.send("webhook", &message("again", &facts)).await.unwrap();
    let (headers, body) = receiver.last();
    assert_eq!((&body["id"], headers["webhook-id"].to_str().unwrap()), (&json!("key-1"), "key-1"));
    assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
    assert_eq!(headers["authorization"].to_str().unwrap(), format!("Bearer {ROUTING_KEY}"));
}

#[tokio::test]
async fn slack_gets_every_fact_and_no_mention() {
    let receiver = Receiver::answering(StatusCode::OK).await;
    let mut facts = facts(25);
    facts.push(("long".to_owned(), "&".repeat(9000)));
    receiver.send("slack", &message("<!channel> & all", &facts)).await.unwrap();
    let body = receiver.last().1;
    assert!(!body.to_string().contains("<!channel>"), "{body}");
    let blocks = body["blocks"].as_array().unwrap();
    let sections: Vec<&Vec<Value>> = blocks.iter().filter_map(|block| block["fields"].as_array()).collect();
    assert!(sections.iter().all(|fields| fields.len() <= 10));
    let fields: Vec<&str> = sections.into_iter().flatten().map(|field| field["text"].as_str().unwrap()).collect();
    assert_eq!(fields.len(), 29, "the severity, the facts, the run, and its journal's head");
    assert!(fields[27].contains("r-1") && fields[28].contains("sha256:h"));
    for text in fields {
        assert!(text.chars().count() <= 2000);
        assert!(!text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").contains('&'), "{text}");
    }
}

fn mail(receiver: &Receiver) -> Email {
    let channel: &dyn Any = receiver.channel("email");
    channel.downcast_ref::<Email>().unwrap().clone()
}

#[tokio::test]
async fn a_title_adds_no_header_to_a_mail() {
    let receiver = Receiver::answering(StatusCode::OK).await;
    let facts = facts(1);
    let message = message("x\r\nBcc: thief@example.com\r\n\r\nbody", &facts);
    let mail = email::compose(&mail(&receiver), &message, "<key-1@stanch>").unwrap().formatted();
    let mail = String::from_utf8(mail).unwrap();
    let (header, _) = mail.split_once("\r\n\r\n").unwrap();
    let names: Vec<&str> = header.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert!(names.contains(&"Subject") && !names.contains(&"Bcc"), "{header}");
    assert!(header.contains("Message-ID: <key-1@stanch>"), "{header}");
}

#[tokio::test]
async fn in_a_drill_mail_stays_on_this_machine() {
    let receiver = Receiver::answering(StatusCode::OK).await;
    let facts = facts(0);
    let failure = receiver.send("email", &message("x", &facts)).await.unwrap_err();
    assert_eq!(failure.summary, "the cloud file does not stand for the mail server `smtp.example`");
}

#[tokio::test]
async fn an_answer_that_repeats_a_credential_is_not_repeated() {
    let receiver = Receiver::answering(StatusCode::SERVICE_UNAVAILABLE).await;
    let facts = facts(0);
    let failure = receiver.send("pagerduty", &message("x", &facts)).await.unwrap_err();
    assert_eq!((failure.summary.as_str(), failure.retry), ("PagerDuty answered 503", Retry::Later));
    assert_eq!(failure.reasons, [WITHHELD]);
    let failure = receiver.send("slack", &message("x", &facts)).await.unwrap_err();
    assert!(failure.reasons[0].starts_with("said:{"), "what harms nobody is told, on one line: {failure:?}");
}

#[tokio::test]
async fn a_webhook_that_is_not_reached_is_named_by_its_host_only() {
    let receiver = Receiver::answering(StatusCode::OK).await;
    let facts = facts(0);
    // A port that is taken and not listened on.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = socket.local_addr().unwrap();
    for (field, value) in [("hosts", json!(["*.vault.azure.net"])), ("base_url", json!(format!("http://{closed}")))] {
        let mut cloud = receiver.cloud.clone();
        cloud[field] = value;
        let azure = receiver.azure(&cloud);
        let failure = receiver.channel("slack").send(&message("x", &facts), &azure).await.unwrap_err();
        assert!(failure.summary.contains("hooks.slack.com"), "{failure:?}");
        assert!(!format!("{failure:?}").contains("webhook-canary"), "{failure:?}");
    }
}

#[test]
fn each_kind_is_called_alike_in_the_configuration_and_in_runbooks() {
    for kind in KINDS {
        assert_eq!(kind.action, format!("notify/{}", kind.name));
        assert!(kind.open_keys.iter().all(|open| kind.keys.contains(open)), "{kind:?}");
    }
}
