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
    /// A receiver that takes everything as each of them does, or with another status repeats what it got.
    async fn answering(status: StatusCode) -> Self {
        Self::saying(status, move |body| match status.is_success() {
            false => format!("said:\n{body}"),
            true if body.get("routing_key").is_some() => {
                r#"{"status":"success","message":"Event processed"}"#.to_owned()
            }
            true if body["type"] == "message" => "1".to_owned(),
            true => "ok".to_owned(),
        })
        .await
    }

    async fn saying(status: StatusCode, says: impl Fn(&Value) -> String + Clone + Send + Sync + 'static) -> Self {
        let received = Received::default();
        let record = Arc::clone(&received);
        let receiver = Router::new().fallback(async move |headers: HeaderMap, body: String| {
            let body: Value = serde_json::from_str(&body).unwrap();
            let said = says(&body);
            record.lock().unwrap().push((headers, body));
            (status, said)
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

#[tokio::test]
async fn a_message_is_delivered_only_where_its_receiver_says_so() {
    const TEAMS_FAILED: &str =
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error";
    let proxy = "<!doctype html><title>Sign in</title>";
    let answers: [(&str, u16, String, Option<Retry>); 18] = [
        ("slack", 200, "ok".to_owned(), None),
        ("slack", 200, r#"{"ok":true}"#.to_owned(), None),
        ("slack", 200, r#"{"ok":false,"error":"channel_not_found"}"#.to_owned(), Some(Retry::Never)),
        ("slack", 200, r#"{"ok":false,"error":"ratelimited"}"#.to_owned(), Some(Retry::Later)),
        ("slack", 200, proxy.to_owned(), Some(Retry::Later)),
        ("slack", 200, String::new(), Some(Retry::Later)),
        ("teams", 200, "1".to_owned(), None),
        ("teams", 202, String::new(), None),
        ("teams", 202, r#"{"accepted":true}"#.to_owned(), None),
        ("teams", 200, format!("{TEAMS_FAILED} 413 with ContextId tcid=0,server=x"), Some(Retry::Never)),
        ("teams", 200, format!("{TEAMS_FAILED} 429 with ContextId tcid=0,server=x"), Some(Retry::Later)),
        ("teams", 200, format!("{TEAMS_FAILED} 502 with ContextId tcid=0,server=x"), Some(Retry::Later)),
        ("teams", 200, "Webhook Bad Request - Null or empty event; delivery failed".to_owned(), Some(Retry::Never)),
        ("teams", 202, proxy.to_owned(), Some(Retry::Later)),
        ("pagerduty", 202, r#"{"status":"success","dedup_key":"k"}"#.to_owned(), None),
        ("pagerduty", 200, r#"{"status":"invalid event","errors":["bad key"]}"#.to_owned(), Some(Retry::Never)),
        ("pagerduty", 200, proxy.to_owned(), Some(Retry::Later)),
        ("webhook", 204, String::new(), None),
    ];
    let facts = facts(1);
    for (kind, status, said, expected) in answers {
        let saying = said.clone();
        let receiver = Receiver::saying(StatusCode::from_u16(status).unwrap(), move |_| saying.clone()).await;
        let sent = receiver.send(kind, &message("contained", &facts)).await;
        assert_eq!(sent.as_ref().err().map(|failure| failure.retry), expected, "{kind} {status} {said}: {sent:?}");
    }
    let warns = r#"{"ok":true,"warning":"missing_charset"}"#;
    let receiver = Receiver::saying(StatusCode::OK, |_| warns.to_owned()).await;
    let azure = receiver.azure(&receiver.cloud);
    let receipt = receiver.channel("slack").send(&message("contained", &facts), &azure).await.unwrap();
    assert!(receipt.warning.unwrap().contains("missing_charset"));
}

#[tokio::test]
async fn a_message_is_as_small_as_its_receiver_wants_it_and_keeps_the_command_to_go_on() {
    let receiver = Receiver::answering(StatusCode::OK).await;
    let command = "Next: stanch resume r-1";
    let summary = format!("{}\n{command}", "ż <b>long & more</b> ".repeat(4_000));
    let mut facts = facts(700);
    facts[0].1 = "😀".repeat(20_000);
    let message = Message { summary: &summary, ..message(&summary, &facts) };
    for (kind, largest) in [("teams", 28 << 10), ("pagerduty", 512 << 10), ("slack", 1 << 20)] {
        receiver.send(kind, &message).await.unwrap();
        let body = receiver.last().1;
        let text = body.to_string();
        assert!(text.len() <= largest, "{kind}: {}", text.len());
        assert!(text.contains(command) && text.contains("shortened"), "{kind}");
        assert!(text.contains("further facts") && text.contains("sha256:h"), "{kind}");
        let limits = [("/payload/summary", 1024), ("/blocks/0/text/text", 3000), ("/text", 3000)];
        for (place, longest) in limits {
            let length = body.pointer(place).and_then(Value::as_str).map_or(0, |text| text.chars().count());
            assert!(length <= longest, "{kind} {place}: {length}");
        }
        assert!(body["blocks"].as_array().is_none_or(|blocks| blocks.len() <= 50), "{kind}");
    }
}

#[tokio::test]
async fn a_mail_is_mime_with_text_and_html_and_nothing_in_it_becomes_markup() {
    let receiver = Receiver::answering(StatusCode::OK).await;
    let mut facts = facts(1);
    facts.push(("Größe".to_owned(), "\"<script>alert(1)</script>' & 3".to_owned()));
    let composed = email::compose(&mail(&receiver), &message("Grüße aus Köln", &facts), "<key-1@stanch>").unwrap();
    let mail = String::from_utf8(composed.formatted()).unwrap();
    let (header, body) = mail.split_once("\r\n\r\n").unwrap();
    assert!(
        header.contains("MIME-Version: 1.0") && header.contains("Content-Type: multipart/alternative;"),
        "{header}"
    );
    assert!(header.contains("Date: "), "{header}");
    let plain = body.find("Content-Type: text/plain; charset=utf-8").unwrap();
    let html = body.find("Content-Type: text/html; charset=utf-8").unwrap();
    assert!(plain < html, "the plain text stands first: {body}");
    let decoded = body.replace("=\r\n", "");
    assert!(!decoded[html..].contains("<script>"), "{decoded}");
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
