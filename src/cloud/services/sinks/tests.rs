use crate::clock::{Timestamp, now};
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::wire::peer::Peer;
use crate::cloud::world::notifications::Notifications;
use crate::cloud::world::sink_credentials::{SigningKey, SinkCredentials};
use crate::secret::Secret;
use axum::http::Request;
use serde_json::{Value, json};

const SLACK: &str = "/services/T0DRILL/B0DRILL/EmbeddedCloud";
const TEAMS: &str = "/workflows/drill/triggers/manual/paths/invoke";
const REGION: &str = "prod-01.westeurope.logic.azure.com";

#[derive(Default)]
struct Sinks {
    credentials: SinkCredentials,
    received: Notifications,
}

impl Sinks {
    fn with_signing_key(key: SigningKey) -> Self {
        let credentials = SinkCredentials { signing_key: Some(key), ..SinkCredentials::default() };
        Self { credentials, ..Self::default() }
    }

    fn receive(
        &self,
        host: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        at: Timestamp,
    ) -> Option<(u16, String)> {
        let mut request = Request::post(path).header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let exchange = Exchange::new(&head, body.to_vec(), Peer::new(([127, 0, 0, 1], 1).into(), false), at);
        let Reply { status, body, .. } = super::receive(&self.credentials, &self.received, &exchange)?;
        Some((status, body.map(|(_, bytes)| String::from_utf8(bytes).unwrap()).unwrap_or_default()))
    }

    fn notifications(&self) -> Vec<Value> {
        self.received.describe()
    }
}

fn post(sinks: &Sinks, host: &str, path: &str, body: &Value) -> (u16, String) {
    post_text(sinks, host, path, &body.to_string())
}

fn post_text(sinks: &Sinks, host: &str, path: &str, body: &str) -> (u16, String) {
    sinks.receive(host, path, &[], body.as_bytes(), now()).unwrap()
}

fn said((status, body): &(u16, String)) -> (u16, &str) {
    (*status, body)
}

fn event(fields: Value) -> Value {
    let mut event = json!({
        "routing_key": "drilldrilldrilldrilldrilldrill00",
        "event_action": "trigger",
        "dedup_key": "run-1",
        "payload": { "summary": "orders-db leaked", "source": "stanch", "severity": "critical" },
    });
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

#[test]
fn a_host_that_is_no_sink_gets_no_answer() {
    let sinks = Sinks::default();
    for host in ["kv-drill.vault.azure.net", "evil-hooks.slack.com", "logic.azure.com", "hooks.slack.com.evil.example"]
    {
        assert_eq!(sinks.receive(host, SLACK, &[], b"{}", now()), None, "{host}");
    }
}

#[test]
fn slack_takes_text_or_blocks_each_time_anew() {
    let sinks = Sinks::default();
    let body = json!({ "text": "rotated" });
    assert_eq!(said(&post(&sinks, "hooks.slack.com", SLACK, &body)), (200, "ok"));
    assert_eq!(said(&post(&sinks, "HOOKS.slack.com:443", SLACK, &body)), (200, "ok"));
    let blocks = json!({ "blocks": [{ "type": "divider" }] });
    assert_eq!(said(&post(&sinks, "hooks.slack.com", SLACK, &blocks)), (200, "ok"));
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = sinks.receive("hooks.slack.com", SLACK, &form, b"payload=%7B%22text%22%3A%22a+b%22%7D", now());
    assert_eq!(said(&answer.unwrap()), (200, "ok"));
    let notifications = sinks.notifications();
    assert_eq!(notifications.len(), 4);
    assert_eq!(notifications[1]["channel"], "slack");
    assert_eq!(notifications[1]["host"], "hooks.slack.com");
    assert_eq!(notifications[1]["body"], body);
    assert_eq!(notifications[1].get("id"), None);
    assert_eq!(notifications[3]["body"], json!({ "text": "a b" }));
    assert!(notifications[0]["at"].as_str().unwrap().parse::<Timestamp>().is_ok());
}

#[test]
fn slack_refuses_in_its_own_words_and_keeps_no_record() {
    let sinks = Sinks::default();
    let many: Vec<Value> = (0..51).map(|_| json!({ "type": "divider" })).collect();
    let cases = [
        (SLACK, "no json".to_owned(), (400, "invalid_payload")),
        (SLACK, "[]".to_owned(), (400, "invalid_payload")),
        (SLACK, r#"{"text": 1}"#.to_owned(), (400, "invalid_payload")),
        (SLACK, "{}".to_owned(), (400, "no_text")),
        (SLACK, r#"{"text": " ", "blocks": []}"#.to_owned(), (400, "no_text")),
        (SLACK, r#"{"blocks": ["x"]}"#.to_owned(), (400, "invalid_blocks")),
        (SLACK, json!({ "blocks": many }).to_string(), (400, "invalid_blocks")),
        (SLACK, r#"{"blocks": {}}"#.to_owned(), (400, "invalid_blocks_format")),
        ("/services/T0DRILL/B0DRILL/Wrong", r#"{"text":"x"}"#.to_owned(), (403, "invalid_token")),
        ("/services/T0OTHER/B0DRILL/EmbeddedCloud", r#"{"text":"x"}"#.to_owned(), (404, "no_service")),
        ("/services/T0DRILL", r#"{"text":"x"}"#.to_owned(), (404, "no_service")),
        ("/", r#"{"text":"x"}"#.to_owned(), (404, "no_service")),
    ];
    for (path, body, expected) in cases {
        assert_eq!(said(&post_text(&sinks, "hooks.slack.com", path, &body)), expected, "{path} {body}");
    }
    assert!(sinks.notifications().is_empty());
}

#[test]
fn teams_takes_cards_and_answers_with_nothing() {
    let sinks = Sinks::default();
    let card = json!({ "type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": { "type": "AdaptiveCard", "version": "1.4", "body": [] },
    }] });
    assert_eq!(said(&post(&sinks, REGION, TEAMS, &card)), (202, ""));
    let whole = format!("{TEAMS}?api-version=2016-06-01&sig=drill");
    assert_eq!(said(&post(&sinks, REGION, &whole, &card)), (202, ""));
    assert_eq!(said(&post(&sinks, "contoso.webhook.office.com", "/webhookb2/a/b", &card)), (202, ""));
    assert_eq!(sinks.notifications().len(), 3);
    assert_eq!(sinks.notifications()[0]["channel"], "teams");

    let refused = [
        (TEAMS, json!({ "type": "message", "attachments": [] }), 400, "TriggerInputSchemaMismatch"),
        (TEAMS, json!({ "@type": "MessageCard", "text": "old" }), 400, "TriggerInputSchemaMismatch"),
        (TEAMS, json!({ "type": "message", "attachments": [{ "contentType": "text/plain" }] }), 400, "contentType"),
        ("/workflows/other", card.clone(), 404, "WorkflowNotFound"),
        ("/workflows/drill/triggers/manual/paths/invoke?sig=no", card, 401, "DirectApiAuthorizationRequired"),
    ];
    for (path, body, status, word) in refused {
        let (answered, text) = post(&sinks, REGION, path, &body);
        assert_eq!(answered, status, "{text}");
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(post_text(&sinks, REGION, TEAMS, "{").0, 400);
    assert_eq!(sinks.notifications().len(), 3);
}

#[test]
fn pagerduty_opens_one_incident_per_key_until_it_is_resolved() {
    let sinks = Sinks::default();
    let enqueue = |fields: Value| {
        let (status, text) = post(&sinks, "events.pagerduty.com", "/v2/enqueue", &event(fields));
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let success = json!({ "status": "success", "message": "Event processed", "dedup_key": "run-1" });
    assert_eq!(enqueue(json!({})), (202, success.clone()));
    assert_eq!(enqueue(json!({})), (202, success.clone()));
    assert_eq!(enqueue(json!({ "event_action": "acknowledge" })), (202, success.clone()));
    assert_eq!(enqueue(json!({})), (202, success.clone()));
    assert_eq!(enqueue(json!({ "event_action": "resolve" })), (202, success.clone()));
    assert_eq!(enqueue(json!({})), (202, success));
    let shown: Vec<(Value, Value)> = sinks
        .notifications()
        .iter()
        .map(|notification| (notification["action"].clone(), notification["deliveries"].clone()))
        .collect();
    let expected = [("trigger", 3), ("acknowledge", 1), ("resolve", 1), ("trigger", 1)];
    assert_eq!(shown, expected.map(|(action, deliveries)| (json!(action), json!(deliveries))));
    assert_eq!(sinks.notifications()[0]["id"], "run-1");
    let (_, unnamed) = enqueue(json!({ "dedup_key": null }));
    assert_eq!(unnamed["dedup_key"].as_str().unwrap().len(), 32);
}

#[test]
fn pagerduty_lists_what_is_wrong_with_an_event() {
    let sinks = Sinks::default();
    let cases = [
        (event(json!({ "routing_key": "short" })), "Length of 'routing_key' is incorrect (should be 32 characters)"),
        (event(json!({ "routing_key": "x".repeat(32) })), "Invalid routing key"),
        (
            event(json!({ "event_action": "page" })),
            "'event_action' is invalid (must be one of trigger, acknowledge, resolve)",
        ),
        (event(json!({ "event_action": "resolve", "dedup_key": "" })), "'dedup_key' is missing or blank"),
        (event(json!({ "payload": null })), "'payload' is missing or blank"),
        (
            event(json!({ "payload": { "summary": "s", "source": "s", "severity": "bad" } })),
            "'payload.severity' is invalid (must be one of critical, error, warning, info)",
        ),
        (event(json!({ "payload": { "source": "s", "severity": "info" } })), "'payload.summary' is missing or blank"),
    ];
    for (body, error) in cases {
        let (status, text) = post(&sinks, "events.pagerduty.com", "/v2/enqueue", &body);
        let expected = json!({ "status": "invalid event", "message": "Event object is invalid", "errors": [error] });
        assert_eq!((status, serde_json::from_str(&text).unwrap()), (400, expected));
    }
    assert_eq!(post_text(&sinks, "events.pagerduty.com", "/v2/enqueue", "x").0, 400);
    assert_eq!(post(&sinks, "events.pagerduty.com", "/v1/enqueue", &event(json!({}))).0, 404);
    assert!(sinks.notifications().is_empty());
}

/// The example that the authors of Standard Webhooks publish for their libraries.
#[test]
fn a_webhook_must_be_signed_freshly_and_by_the_key() {
    let key = concat!("whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let sinks = Sinks::with_signing_key(SigningKey::new(Secret::new(key.to_owned())).unwrap());
    let at = Timestamp::from_timestamp(1_614_265_330, 0).unwrap();
    let body = br#"{"test": 2432232314}"#;
    let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let send = |id: &str, timestamp: &str, signature: &str, body: &[u8]| {
        let headers = [("Webhook-Id", id), ("Webhook-Timestamp", timestamp), ("Webhook-Signature", signature)];
        sinks.receive("hooks.drill.example", "/incident", &headers, body, at).unwrap().0
    };
    let (id, timestamp) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330");
    assert_eq!(send(id, timestamp, good, body), 200);
    assert_eq!(send(id, timestamp, &format!("v1,b2xkIGtleQ== v2,x {good}"), body), 200);
    assert_eq!(send(id, timestamp, good, b"{}"), 401);
    assert_eq!(send("msg_other", timestamp, good, body), 401);
    assert_eq!(send(id, "1614265000", good, body), 401);
    assert_eq!(send(id, "soon", good, body), 400);
    assert_eq!(send(id, timestamp, "", body), 400);
    assert_eq!(send("", timestamp, good, body), 400);
    let notifications = sinks.notifications();
    assert_eq!(notifications.len(), 1);
    assert_eq!(notifications[0]["id"], id);
    assert_eq!(notifications[0]["deliveries"], 2);
    assert_eq!(notifications[0]["body"], json!({ "test": 2_432_232_314_u32 }));
}

#[test]
fn without_a_key_webhooks_are_taken_unsigned_and_text_stays_text() {
    let sinks = Sinks::default();
    assert_eq!(post_text(&sinks, "hooks.drill.example", "/a", "plain").0, 200);
    assert_eq!(post_text(&sinks, "hooks.drill.example", "/a", "plain").0, 200);
    assert_eq!(sinks.notifications().len(), 2, "without an id nothing says that these are the same");
    assert_eq!(sinks.notifications()[0]["body"], "plain");
}

#[test]
fn a_signing_key_is_checked_and_a_random_one_is_good() {
    assert!(SigningKey::new(Secret::new("whsec_!".to_owned())).is_err());
    assert!(SigningKey::new(Secret::new("whsec_".to_owned())).is_err());
    let random = SigningKey::random().unwrap();
    assert!(random.secret().expose().starts_with("whsec_"));
    assert_ne!(random.secret().expose(), SigningKey::random().unwrap().secret().expose());
    assert!(!format!("{random:?}").contains("whsec_"));
}

#[test]
fn any_well_formed_credential_will_do_when_asked_so() {
    let sinks = Sinks { credentials: SinkCredentials::any(), ..Sinks::default() };
    let text = json!({ "text": "x" });
    assert_eq!(post(&sinks, "hooks.slack.com", "/services/T1/B2/own", &text).0, 200);
    assert_eq!(post(&sinks, "hooks.slack.com", "/elsewhere", &text).0, 404);
    let own = event(json!({ "routing_key": "0".repeat(32) }));
    assert_eq!(post(&sinks, "events.pagerduty.com", "/v2/enqueue", &own).0, 202);
}
