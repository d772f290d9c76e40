//! A workspace of Slack's, as far as one app sees it: its messages, who listens over Socket Mode, and what people press.
//!
//! Main type: [`Workspace`]. What a person presses goes to one of those who listen, as it does in Slack.

use crate::clock::Timestamp;
use crate::cloud::times::shown;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

pub(crate) const APP: &str = "A0DRILL";
pub(crate) const TEAM: &str = "T0DRILL";
pub(crate) const BOT: &str = "B0DRILL";
pub(crate) const BOT_USER: &str = "U0DRILLBOT";

/// What is sent to somebody who listens.
#[derive(Debug)]
pub(crate) enum Push {
    Text(String),
    /// The connection ends, in good order.
    Close,
    /// The connection breaks.
    Break,
}

/// The messages and the listeners.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    messages: Vec<Message>,
    /// What one user alone was shown: the channel, the user, the message.
    ephemeral: Vec<Value>,
    tickets: Vec<String>,
    listeners: Vec<(String, mpsc::UnboundedSender<Push>)>,
    envelopes: Vec<Envelope>,
    opened: u64,
}

#[derive(Debug)]
struct Message {
    channel: String,
    ts: String,
    /// As it was posted, and each update of it.
    versions: Vec<Value>,
}

/// Something that was sent to a listener, which has to say that it has it.
#[derive(Debug)]
struct Envelope {
    id: String,
    sent: u64,
    acknowledged: u64,
}

/// A person presses a button.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Press {
    /// The user's id.
    user: String,
    #[serde(default)]
    name: Option<String>,
    /// The button's `action_id`.
    action: String,
    /// Which message; the newest that has the button, if it is left out. An earlier version of it counts: whoever presses
    /// may not have seen the update yet.
    #[serde(default)]
    ts: Option<String>,
    /// A part of the button's value, where several have the same id.
    #[serde(default)]
    about: Option<String>,
    /// How often the same envelope is sent: Slack may repeat one.
    #[serde(default = "one")]
    deliveries: u64,
}

fn one() -> u64 {
    1
}

impl Workspace {
    /// Takes a message; gives its time, by which it is known.
    pub(crate) fn post(&mut self, channel: &str, body: Value, at: Timestamp) -> String {
        let ts = format!("{}.{:06}", at.timestamp(), self.messages.len() + 1);
        self.messages.push(Message { channel: channel.to_owned(), ts: ts.clone(), versions: vec![body] });
        ts
    }

    /// Changes a message. Gives whether there is one.
    pub(crate) fn update(&mut self, channel: &str, ts: &str, body: Value) -> bool {
        let message = self.messages.iter_mut().find(|message| message.channel == channel && message.ts == ts);
        message.map(|message| message.versions.push(body)).is_some()
    }

    pub(crate) fn whisper(&mut self, message: Value) {
        self.ephemeral.push(message);
    }

    /// A ticket, with which one may listen once.
    pub(crate) fn ticket(&mut self) -> String {
        let ticket = Uuid::new_v4().to_string();
        self.tickets.push(ticket.clone());
        ticket
    }

    /// Listens from now on; nothing without a ticket. The first thing that is heard is `hello`.
    pub(crate) fn listen(&mut self, ticket: &str, at: Timestamp) -> Option<(String, mpsc::UnboundedReceiver<Push>)> {
        let held = self.tickets.iter().position(|held| held == ticket)?;
        let id = self.tickets.swap_remove(held);
        let (sender, receiver) = mpsc::unbounded_channel();
        self.listeners.retain(|(_, listener)| !listener.is_closed());
        let hello = json!({
            "type": "hello",
            "num_connections": self.listeners.len() + 1,
            "debug_info": { "host": "applink-drill", "started": shown(at), "build_number": 1, "approximate_connection_time": 18_060 },
            "connection_info": { "app_id": APP },
        });
        sender.send(Push::Text(hello.to_string())).ok()?;
        self.listeners.push((id.clone(), sender));
        self.opened += 1;
        Some((id, receiver))
    }

    pub(crate) fn leave(&mut self, id: &str) {
        self.listeners.retain(|(listener, _)| listener != id);
    }

    /// What a listener says: that it has an envelope.
    pub(crate) fn hear(&mut self, text: &str) {
        let said: Value = serde_json::from_str(text).unwrap_or_default();
        let id = said.get("envelope_id").and_then(Value::as_str);
        if let Some(envelope) = self.envelopes.iter_mut().find(|envelope| Some(envelope.id.as_str()) == id) {
            envelope.acknowledged += 1;
        }
    }

    /// Sends what a press means to one of those who listen, the next one each time.
    pub(crate) fn press(&mut self, press: &Press, at: Timestamp) -> Result<Value, String> {
        let (message, body, block, element) = self.button(press)?;
        let payload = payload(press, message, body, block, element, at);
        let id = Uuid::new_v4().to_string();
        let envelope =
            json!({ "envelope_id": id, "type": "interactive", "accepts_response_payload": false, "payload": payload });
        self.listeners.retain(|(_, listener)| !listener.is_closed());
        if self.listeners.is_empty() {
            return Err("nobody listens".to_owned());
        }
        for _ in 0..press.deliveries {
            self.listeners.rotate_left(1);
            let (_, listener) = self.listeners.first().ok_or("nobody listens")?;
            listener.send(Push::Text(envelope.to_string())).map_err(|_| "the listener is gone")?;
        }
        self.envelopes.push(Envelope { id: id.clone(), sent: press.deliveries, acknowledged: 0 });
        Ok(json!({ "envelope_id": id }))
    }

    /// The message with the button, as it was when it had it, the block and the button itself.
    fn button(&self, press: &Press) -> Result<(&Message, &Value, &Value, &Value), String> {
        let messages = self.messages.iter().rev();
        let meant = messages.filter(|message| press.ts.as_ref().is_none_or(|ts| *ts == message.ts));
        let versions = meant.flat_map(|message| message.versions.iter().rev().map(move |body| (message, body)));
        for (message, body) in versions {
            for block in members(body, "blocks") {
                let mut buttons = members(block, "elements").chain(block.get("accessory"));
                let is_meant = |button: &&Value| {
                    let value = button.get("value").and_then(Value::as_str).unwrap_or_default();
                    button.get("action_id").and_then(Value::as_str) == Some(press.action.as_str())
                        && press.about.as_ref().is_none_or(|about| value.contains(about.as_str()))
                };
                if let Some(button) = buttons.find(is_meant) {
                    return Ok((message, body, block, button));
                }
            }
        }
        Err(format!("no message has a button `{}`", press.action))
    }

    /// Every connection ends: with a warning before, as Slack ends those that grow old, or without one.
    pub(crate) fn disconnect(&mut self, warns: bool) -> Value {
        let count = self.listeners.len();
        for (_, listener) in self.listeners.drain(..) {
            let text = json!({ "type": "disconnect", "reason": "refresh_requested", "debug_info": { "host": "applink-drill" } });
            let pushes = if warns { vec![Push::Text(text.to_string()), Push::Close] } else { vec![Push::Break] };
            for push in pushes {
                drop(listener.send(push));
            }
        }
        json!({ "ended": count })
    }

    /// Everything there is to see.
    pub(crate) fn describe(&self) -> Value {
        let message = |message: &Message| {
            json!({
                "channel": message.channel,
                "ts": message.ts,
                "body": message.versions.last(),
                "updates": message.versions.len() - 1,
            })
        };
        let envelope = |envelope: &Envelope| json!({ "id": envelope.id, "sent": envelope.sent, "acknowledged": envelope.acknowledged });
        json!({
            "messages": self.messages.iter().map(message).collect::<Vec<_>>(),
            "ephemeral": self.ephemeral,
            "listeners": self.listeners.iter().filter(|(_, listener)| !listener.is_closed()).count(),
            "opened": self.opened,
            "envelopes": self.envelopes.iter().map(envelope).collect::<Vec<_>>(),
        })
    }
}

fn members<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// What Slack sends of a press: `block_actions`.
fn payload(press: &Press, message: &Message, body: &Value, block: &Value, button: &Value, at: Timestamp) -> Value {
    let name = press.name.as_deref().unwrap_or("somebody");
    let mut action = button.clone();
    if let Some(action) = action.as_object_mut() {
        action.insert("block_id".to_owned(), block.get("block_id").cloned().unwrap_or_default());
        action.insert("action_ts".to_owned(), format!("{}.{:06}", at.timestamp(), at.timestamp_subsec_micros()).into());
    }
    json!({
        "type": "block_actions",
        "user": { "id": press.user, "username": name, "name": name, "team_id": TEAM },
        "api_app_id": APP,
        "token": "drill",
        "container": { "type": "message", "message_ts": message.ts, "channel_id": message.channel, "is_ephemeral": false },
        "trigger_id": format!("{}.drill", at.timestamp_micros()),
        "team": { "id": TEAM, "domain": "drill" },
        "enterprise": null,
        "is_enterprise_install": false,
        "channel": { "id": message.channel, "name": "incidents" },
        "message": {
            "type": "message",
            "user": BOT_USER,
            "bot_id": BOT,
            "app_id": APP,
            "team": TEAM,
            "ts": message.ts,
            "text": body.get("text").cloned().unwrap_or_default(),
            "blocks": body.get("blocks").cloned().unwrap_or_default(),
        },
        "state": { "values": {} },
        "response_url": format!("https://hooks.slack.com/actions/{TEAM}/{}/drill", at.timestamp_micros()),
        "actions": [action],
    })
}
