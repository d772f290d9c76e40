//! The app: its settings, and what it says to Slack.

use super::notice::escaped;
use super::posted::{Posted, is_id};
use crate::azure::Azure;
use crate::engine::person;
use crate::failure::{Failure, Retry};
use crate::notify::{received, slack};
use crate::runbook::Span;
use crate::runbook::syntax::{Node, NodeValue};
use crate::settings::{SecretReference, SettingsDecoder, get};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

const INTERFACE: &str = "https://slack.com/api";
const KEYS: &[&str] = &["bot_token", "app_token", "channel", "people"];
const EXAMPLE: &str =
    "write `people: { U012ABCDEF: NAME }`, with the ids that Slack shows in a profile as the member id";

/// Its settings, in `stanch.yaml` below `slack`.
#[derive(Clone, Debug)]
pub struct SlackApp {
    /// With which it writes: `xoxb-…`.
    pub bot_token: SecretReference,
    /// With which it listens: `xapp-…`.
    pub app_token: SecretReference,
    /// The id of the channel.
    pub channel: String,
    /// What people are called here, by the ids that Slack gives them.
    pub people: BTreeMap<String, String>,
}

impl SlackApp {
    /// Reads its settings; nothing if that is not possible, which is complained about.
    pub(crate) fn read(decoder: &mut SettingsDecoder<'_>, node: &Node) -> Option<Self> {
        let entries = decoder.entries(node, "`slack`", KEYS);
        let bot_token = decoder.required_secret(&entries, "bot_token", "`slack`", node.span);
        let app_token = decoder.required_secret(&entries, "app_token", "`slack`", node.span);
        let channel = decoder.required(&entries, "channel", "`slack`", node.span)?;
        if !is_id(&channel) {
            let place = get(&entries, "channel").map_or(node.span, |node| node.span);
            let help = "write its id, such as C012ABCDEF; Slack shows it at the end of the channel's details";
            // It may be a token, in the wrong place.
            decoder.literals.push(place);
            decoder.wrong("the `channel` of `slack` is not the id of a channel", place, help);
        }
        let people = match get(&entries, "people") {
            Some(node) => people(decoder, node),
            None => {
                decoder.wrong("`slack` has no `people`, so that nobody could answer there", node.span, EXAMPLE);
                BTreeMap::new()
            }
        };
        Some(Self { bot_token: bot_token?, app_token: app_token?, channel, people })
    }

    /// Posts a message.
    ///
    /// # Errors
    /// If it was not taken, or nobody knows whether it was.
    pub async fn post(&self, message: Value, azure: &Azure) -> Result<Posted, Failure> {
        let mut message = message;
        insert(&mut message, "channel", &self.channel);
        let answer = self.write("chat.postMessage", &message, azure).await?;
        let member = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        let posted = member("channel").zip(member("ts")).map(|(channel, ts)| Posted { channel, ts });
        posted.ok_or_else(|| Failure::unknown("Slack took a message, and did not say which it is"))
    }

    /// Changes a message.
    ///
    /// # Errors
    /// If the change was not taken, or nobody knows whether it was.
    pub async fn update(&self, posted: &Posted, message: Value, azure: &Azure) -> Result<(), Failure> {
        let mut message = message;
        insert(&mut message, "channel", &posted.channel);
        insert(&mut message, "ts", &posted.ts);
        self.write("chat.update", &message, azure).await.map(drop)
    }

    /// Tells one person something, whom everybody else in the channel does not see told.
    ///
    /// # Errors
    /// If it was not taken, or nobody knows whether it was.
    pub async fn whisper(&self, channel: &str, user: &str, text: &str, azure: &Azure) -> Result<(), Failure> {
        let text = escaped(text);
        let message = json!({ "channel": channel, "user": user, "text": text, "parse": "none", "link_names": false });
        self.write("chat.postEphemeral", &message, azure).await.map(drop)
    }

    /// Where the app can listen now. The address lets in whoever knows it.
    pub(super) async fn open(&self, azure: &Azure) -> Result<String, Failure> {
        let token = self.app_token.resolve(azure).await?;
        let answer = call("apps.connections.open", token.expose(), &json!({}), azure).await?;
        let url = answer.get("url").and_then(Value::as_str).unwrap_or_default();
        let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let is_theirs = url.starts_with("wss://") && host.ends_with(".slack.com");
        if !is_theirs && azure.transport.cloud().is_none() {
            return Err(Failure::refused("Slack names an address to listen at that is not its own").retry(Retry::Later));
        }
        Ok(url.to_owned())
    }

    async fn write(&self, method: &str, message: &Value, azure: &Azure) -> Result<Value, Failure> {
        let token = self.bot_token.resolve(azure).await?;
        call(method, token.expose(), message, azure).await
    }
}

/// Calls a method of Slack's interface; gives its answer where that says `ok`.
async fn call(method: &str, token: &str, body: &Value, azure: &Azure) -> Result<Value, Failure> {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json; charset=utf-8")];
    let url = format!("{INTERFACE}/{method}");
    let answer = azure.transport.send("POST", &url, &headers, body.to_string().into_bytes()).await?;
    let complaint = received("Slack", &answer, slack::says)?;
    if let Some(complaint) = complaint {
        tracing::warn!(method, complaint, "Slack took it, and complains");
    }
    answer.json().ok_or_else(|| Failure::unknown("Slack's answer cannot be read"))
}

fn insert(message: &mut Value, name: &str, value: &str) {
    if let Some(message) = message.as_object_mut() {
        message.insert(name.to_owned(), value.into());
    }
}

/// Names by ids. Two that look alike, or one that is none, would make it unclear who answered.
fn people(decoder: &mut SettingsDecoder<'_>, node: &Node) -> BTreeMap<String, String> {
    let mut people = BTreeMap::new();
    if !matches!(node.value, NodeValue::Map(_)) {
        decoder.wrong(format!("`people` must be a mapping, not {}", node.kind()), node.span, EXAMPLE);
        return people;
    }
    let listed: Vec<(&str, Span, &Node)> = decoder.open(node, "`people`");
    for (id, span, node) in listed {
        if !is_id(id) || !id.starts_with(['U', 'W']) {
            decoder.wrong("this is not the id of somebody in Slack", span, EXAMPLE);
        }
        let Some(name) = decoder.text(node, "the name of somebody in Slack") else { continue };
        match person::name(&name) {
            Ok(name) => drop(people.insert(id.to_owned(), name)),
            Err(why) => {
                decoder.wrong(format!("`people`: {why}"), node.span, "write the name they answer with elsewhere")
            }
        }
    }
    let names: Vec<String> = people.values().cloned().collect();
    if let Err(why) = person::names(&names) {
        decoder.wrong(format!("`people`: {why}"), node.span, "call each person by one name");
    }
    people
}
