//! What the receivers of notifications were sent.
//!
//! Main type: [`Notifications`]. What a real receiver would show once is recorded once, however often it was
//! delivered: the record counts its `deliveries`. What is refused is not recorded.

use crate::clock::Timestamp;
use crate::cloud::lock::lock;
use crate::cloud::times::shown;
use serde_json::{Map, Value};
use std::sync::Mutex;

/// What a delivery does to what its receiver shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventAction {
    /// Something new, unless its id is already shown: then it is the same once more.
    Opens,
    /// Something that stands beside what is shown.
    Follows,
    /// Like that, and it ends what is shown by its id: the next that opens is another one.
    Resolves,
}

/// One notification.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub(crate) channel: &'static str,
    pub(crate) host: String,
    pub(crate) at: Timestamp,
    pub(crate) body: Value,
    /// The key by which the receiver tells notifications apart; without one, each delivery is another notification.
    pub(crate) id: Option<String>,
    /// What else is worth showing, by channel.
    pub(crate) facts: Map<String, Value>,
    pub(crate) action: EventAction,
    deliveries: u64,
    resolved: bool,
}

impl Notification {
    pub(crate) fn new(channel: &'static str, host: &str, at: Timestamp, body: Value) -> Self {
        Self {
            channel,
            host: host.to_owned(),
            at,
            body,
            id: None,
            facts: Map::new(),
            action: EventAction::Opens,
            deliveries: 1,
            resolved: false,
        }
    }

    fn is_repeated_by(&self, other: &Self) -> bool {
        other.id.is_some()
            && self.id == other.id
            && self.channel == other.channel
            && self.host == other.host
            && self.action == EventAction::Opens
            && other.action == EventAction::Opens
            && !self.resolved
    }

    fn to_json(&self) -> Value {
        let mut json = Map::new();
        json.insert("channel".to_owned(), self.channel.into());
        json.insert("host".to_owned(), self.host.clone().into());
        json.insert("at".to_owned(), shown(self.at).into());
        if let Some(id) = &self.id {
            json.insert("id".to_owned(), id.clone().into());
        }
        json.extend(self.facts.clone());
        json.insert("deliveries".to_owned(), self.deliveries.into());
        json.insert("body".to_owned(), self.body.clone());
        json.into()
    }
}

/// All of them, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Notifications {
    received: Mutex<Vec<Notification>>,
}

impl Notifications {
    pub(crate) fn add(&self, notification: Notification) {
        let mut received = lock(&self.received);
        if notification.action == EventAction::Resolves {
            let shown = received.iter_mut();
            let ended = shown.filter(|one| one.channel == notification.channel && one.id == notification.id);
            ended.for_each(|one| one.resolved = true);
        }
        match received.iter_mut().find(|known| known.is_repeated_by(&notification)) {
            Some(known) => known.deliveries += 1,
            None => received.push(notification),
        }
    }

    /// What was received, oldest first: `{"channel","host","at","id"?,…,"deliveries","body"}` each, where `body` is
    /// the JSON that came, else the text. PagerDuty's have an `action`, mails `from` and `to`.
    pub(crate) fn describe(&self) -> Vec<Value> {
        lock(&self.received).iter().map(Notification::to_json).collect()
    }
}
