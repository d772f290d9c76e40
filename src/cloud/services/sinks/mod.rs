//! The ends of the notification channels: a request or a mail → an answer as the real receiver words it, and a record.
//!
//! Main type: [`Sinks`]. What a real receiver would show once is recorded once, however often it was delivered: the
//! record counts its `deliveries`. What is refused is not recorded.

mod pagerduty;
mod slack;
pub mod smtp;
mod teams;
mod webhook;

use crate::clock::Timestamp;
use chrono::SecondsFormat;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use webhook::SigningKey;

/// The name the mail server goes by.
pub const MAIL_HOST: &str = "smtp.drill.example";

/// What the senders must know. A field that is `None` lets in every sender whose credential has the right form.
#[derive(Clone, Debug)]
pub struct SinkCredentials {
    /// The path of the Slack webhook's address: `/services/T…/B…/…`.
    pub slack_path: Option<String>,
    /// Path and query of the Teams workflow's address. The query is compared only where the request's is given.
    pub teams_path: Option<String>,
    /// PagerDuty's integration key, 32 characters.
    pub routing_key: Option<String>,
    /// The key of the generic webhook. Without it, signatures are neither asked for nor checked.
    pub signing_key: Option<SigningKey>,
}

impl SinkCredentials {
    /// Every well-formed credential will do: for a drill with the team's own configuration.
    pub fn any() -> Self {
        Self { slack_path: None, teams_path: None, routing_key: None, signing_key: None }
    }
}

impl Default for SinkCredentials {
    fn default() -> Self {
        Self {
            slack_path: Some("/services/T0DRILL/B0DRILL/EmbeddedCloud".to_owned()),
            teams_path: Some(
                "/workflows/drill/triggers/manual/paths/invoke?api-version=2016-06-01&sig=drill".to_owned(),
            ),
            routing_key: Some("drilldrilldrilldrilldrilldrill00".to_owned()),
            signing_key: None,
        }
    }
}

/// A sink's answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkAnswer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl SinkAnswer {
    fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.into() }
    }

    fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/json; charset=utf-8", body: body.to_string() }
    }
}

/// A mail as the mail server took it.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The envelope's sender; empty for a bounce.
    pub sender: String,
    /// The envelope's recipients.
    pub recipients: Vec<String>,
    /// The message: its header and its body, with the line ends it came with.
    pub message: String,
    pub at: Timestamp,
}

/// One request to a sink.
struct Delivery<'a> {
    method: &'a str,
    path: &'a str,
    headers: &'a [(String, String)],
    body: &'a [u8],
    at: Timestamp,
}

impl Delivery<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path, and the query where there is one.
    fn path_and_query(&self) -> (&str, Option<&str>) {
        match self.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.path, None),
        }
    }

    fn json(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(self.body)
    }

    /// The body as JSON, else as text.
    fn content(&self) -> Value {
        self.json().unwrap_or_else(|_| String::from_utf8_lossy(self.body).into_owned().into())
    }
}

/// A delivery that its receiver takes.
struct Accepted {
    answer: SinkAnswer,
    record: Record,
    /// Whether a second delivery with the same id is the same notification.
    once_per_id: bool,
}

/// One notification.
#[derive(Clone, Debug)]
struct Record {
    channel: &'static str,
    host: String,
    at: Timestamp,
    body: Value,
    /// The key by which the receiver tells notifications apart.
    id: Option<String>,
    /// What else is worth showing, by channel.
    facts: Map<String, Value>,
    deliveries: u64,
    /// Closed to further deliveries: a PagerDuty incident that was resolved.
    closed: bool,
}

impl Record {
    fn new(channel: &'static str, delivery: &Delivery<'_>, body: Value) -> Self {
        Self {
            channel,
            host: String::new(),
            at: delivery.at,
            body,
            id: None,
            facts: Map::new(),
            deliveries: 1,
            closed: false,
        }
    }

    fn to_json(&self) -> Value {
        let mut shown = Map::new();
        shown.insert("channel".to_owned(), self.channel.into());
        shown.insert("host".to_owned(), self.host.clone().into());
        shown.insert("at".to_owned(), self.at.to_rfc3339_opts(SecondsFormat::Micros, true).into());
        if let Some(id) = &self.id {
            shown.insert("id".to_owned(), id.clone().into());
        }
        shown.extend(self.facts.clone());
        shown.insert("deliveries".to_owned(), self.deliveries.into());
        shown.insert("body".to_owned(), self.body.clone());
        shown.into()
    }
}

/// All sinks, and what they received.
#[derive(Debug, Default)]
pub struct Sinks {
    credentials: SinkCredentials,
    records: Mutex<Vec<Record>>,
}

impl Sinks {
    /// Sinks that want the default credentials, and no signature.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Sinks that want the default credentials, and webhooks signed with this key.
    pub fn with_signing_key(key: SigningKey) -> Arc<Self> {
        Self::with_credentials(SinkCredentials { signing_key: Some(key), ..SinkCredentials::default() })
    }

    /// Sinks that want these credentials.
    pub fn with_credentials(credentials: SinkCredentials) -> Arc<Self> {
        Arc::new(Self { credentials, records: Mutex::default() })
    }

    /// What senders must know: for the credential files that fit.
    pub fn credentials(&self) -> &SinkCredentials {
        &self.credentials
    }

    /// Takes a request, if `host` (with or without a port) belongs to a sink. `path` may carry its query.
    pub fn receive(
        &self,
        host: &str,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
        at: Timestamp,
    ) -> Option<SinkAnswer> {
        let host = host.split_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
        let delivery = Delivery { method, path, headers, body, at };
        let judged = match host.as_str() {
            "hooks.slack.com" => slack::judge(&self.credentials, &delivery),
            "events.pagerduty.com" => pagerduty::judge(&self.credentials, &delivery),
            "hooks.drill.example" => webhook::judge(&self.credentials, &delivery),
            name if name.ends_with(".logic.azure.com") => teams::judge(&self.credentials, &delivery),
            name if name.ends_with(".webhook.office.com") => teams::judge_connector(&delivery),
            _ => return None,
        };
        Some(match judged {
            Ok(mut accepted) => {
                accepted.record.host = host;
                self.record(accepted.record, accepted.once_per_id);
                accepted.answer
            }
            Err(refusal) => refusal,
        })
    }

    /// Takes a mail. A second one with the same Message-ID counts as a delivery of the first.
    pub fn receive_mail(&self, mail: Mail) {
        let id = message_id(&mail.message);
        let once_per_id = id.is_some();
        let mut facts = Map::new();
        facts.insert("from".to_owned(), mail.sender.into());
        facts.insert("to".to_owned(), json!(mail.recipients));
        let record = Record {
            channel: "email",
            host: MAIL_HOST.to_owned(),
            at: mail.at,
            body: mail.message.into(),
            id,
            facts,
            deliveries: 1,
            closed: false,
        };
        self.record(record, once_per_id);
    }

    /// What was received, oldest first: `{"channel","host","at","id"?,…,"deliveries","body"}` each, where `body` is
    /// the JSON that came, else the text. PagerDuty's have an `action`, mails `from` and `to`.
    pub fn notifications(&self) -> Vec<Value> {
        self.records().iter().map(Record::to_json).collect()
    }

    fn record(&self, record: Record, once_per_id: bool) {
        let mut records = self.records();
        if record.channel == pagerduty::CHANNEL && pagerduty::resolves(&record) {
            pagerduty::close(&mut records, record.id.as_deref());
        }
        let same = |known: &&mut Record| {
            !known.closed && known.channel == record.channel && known.host == record.host && known.id == record.id
        };
        match records.iter_mut().find(same).filter(|_| once_per_id) {
            Some(known) => known.deliveries += 1,
            None => records.push(record),
        }
    }

    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value of the message's `Message-ID` field, which may be folded onto the next line.
fn message_id(message: &str) -> Option<String> {
    let mut lines = message.lines().take_while(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        let Some((name, first)) = line.split_once(':') else {
            continue;
        };
        if !name.trim_end().eq_ignore_ascii_case("message-id") {
            continue;
        }
        let mut value = first.trim().to_owned();
        while let Some(folded) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
            value.push_str(folded.trim());
        }
        return (!value.is_empty()).then_some(value);
    }
    None
}

#[cfg(test)]
mod tests;
