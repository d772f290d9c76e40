//! `slack.com/api`, as far as an app writes to a channel and listens: `chat.postMessage`, `chat.update`,
//! `chat.postEphemeral`, `apps.connections.open`, and the reads `auth.test`, `conversations.info` and
//! `conversations.history`. Whatever happens, the status is 200; `ok` tells.
//!
//! Slack's own clients, which can be sent to another address, find the same below the cloud's own.

use crate::cloud::lock::lock;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::wire::host::Destination;
use crate::cloud::world::Cloud;
use crate::cloud::world::slack::{APP, BOT, BOT_USER, TEAM};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Slack takes no more of each, in characters.
const MOST_BLOCKS: usize = 50;
const MOST_ELEMENTS: usize = 25;
const MOST_FIELDS: usize = 10;
const LONGEST_TEXT: usize = 40_000;
const LONGEST_SECTION: usize = 3_000;
const LONGEST_FIELD: usize = 2_000;
const LONGEST_HEADER: usize = 150;
const LONGEST_BUTTON: usize = 75;
const LONGEST_VALUE: usize = 2_000;
const LONGEST_ID: usize = 255;
/// A channel that is not there, and one that the app is not in.
const NO_CHANNEL: &str = "C0NOWHERE";
const FOREIGN_CHANNEL: &str = "C0FOREIGN";

/// Answers an app; nothing to anybody else.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Option<Reply> {
    let is_slack = exchange.host == "slack.com" || matches!(exchange.destination, Destination::Local(_));
    let method = exchange.path.strip_prefix("/api/").filter(|_| is_slack)?;
    let known = ["chat.postMessage", "chat.update", "chat.postEphemeral", "apps.connections.open"];
    let reads = ["auth.test", "conversations.info", "conversations.history"];
    let method = known.iter().chain(&reads).find(|known| **known == method)?;
    // The tokens of others are their issuer's affair.
    let bot = cloud.sink_credentials.slack_bot_token.as_deref();
    if *method == "auth.test" && exchange.bearer_token().is_some_and(|token| bot.is_some_and(|bot| bot != token)) {
        return None;
    }
    let answer = match *method {
        "apps.connections.open" => open(cloud, exchange),
        read if reads.contains(&read) => self::read(cloud, exchange, read),
        method => write(cloud, exchange, method),
    };
    let answer = answer.unwrap_or_else(|error| json!({ "ok": false, "error": error }));
    Some(Reply::json(200, &answer))
}

/// Whether a caller may: a token of the right kind, and the one that is known if one is.
fn admit(given: &str, prefix: &str, known: Option<&str>) -> Result<(), &'static str> {
    match given {
        "" => Err("not_authed"),
        given if !given.starts_with(prefix) => Err("not_allowed_token_type"),
        given if known.is_some_and(|known| known != given) => Err("invalid_auth"),
        _ => Ok(()),
    }
}

fn open(cloud: &Cloud, exchange: &Exchange) -> Result<Value, &'static str> {
    let given = exchange.bearer_token().unwrap_or_default();
    admit(given, "xapp-", cloud.sink_credentials.slack_app_token.as_deref())?;
    let ticket = lock(&cloud.slack).ticket();
    let place = match &exchange.destination {
        Destination::Local(_) => {
            let scheme = if exchange.peer.is_encrypted { "wss" } else { "ws" };
            format!("{scheme}://{}", exchange.header("host").unwrap_or_default())
        }
        _ => "wss://wss-primary.slack.com".to_owned(),
    };
    Ok(json!({ "ok": true, "url": format!("{place}/link/?ticket={ticket}&app_id={APP}") }))
}

/// Arguments of reads come in the address or as a form: of JSON Slack takes no notice there.
fn read(cloud: &Cloud, exchange: &Exchange, method: &str) -> Result<Value, &'static str> {
    let kind = exchange.header("content-type").unwrap_or_default();
    let form: HashMap<String, String> = match kind.starts_with("application/json") {
        true => HashMap::new(),
        false => url::form_urlencoded::parse(&exchange.body).into_owned().collect(),
    };
    let given = |name: &str| exchange.parameter(name).or_else(|| form.get(name).cloned()).unwrap_or_default();
    let token = exchange.bearer_token().map_or_else(|| given("token"), str::to_owned);
    admit(&token, "xoxb-", cloud.sink_credentials.slack_bot_token.as_deref())?;
    if method == "auth.test" {
        return Ok(
            json!({ "ok": true, "team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT, "team": "drill", "user": "stanch" }),
        );
    }
    let channel = given("channel");
    if channel.is_empty() || channel == NO_CHANNEL {
        return Err("channel_not_found");
    }
    let is_member = channel != FOREIGN_CHANNEL;
    if method == "conversations.info" {
        let channel = json!({ "id": channel, "name": "incidents", "is_channel": true, "is_member": is_member });
        return Ok(json!({ "ok": true, "channel": channel }));
    }
    if !is_member {
        return Err("not_in_channel");
    }
    let limit = given("limit").parse().unwrap_or(100);
    let with_metadata = given("include_all_metadata") == "true";
    let messages = lock(&cloud.slack).history(&channel, &given("oldest"), limit, with_metadata);
    Ok(json!({ "ok": true, "messages": messages, "has_more": false }))
}

fn write(cloud: &Cloud, exchange: &Exchange, method: &str) -> Result<Value, &'static str> {
    if exchange.method != "POST" {
        return Err("method_not_supported_for_channel_type");
    }
    let body = arguments(exchange)?;
    let token = exchange.bearer_token().or_else(|| text(&body, "token")).unwrap_or_default();
    admit(token, "xoxb-", cloud.sink_credentials.slack_bot_token.as_deref())?;
    let channel = text(&body, "channel").filter(|channel| !channel.is_empty()).ok_or("channel_not_found")?.to_owned();
    check(&body)?;
    let mut workspace = lock(&cloud.slack);
    let mut shown = body.clone();
    shown.remove("token");
    let ts = match method {
        "chat.postMessage" => workspace.post(&channel, shown.into(), exchange.at),
        "chat.update" => {
            let ts = text(&body, "ts").unwrap_or_default().to_owned();
            if !workspace.update(&channel, &ts, shown.into()) {
                return Err("message_not_found");
            }
            ts
        }
        _ => {
            let user = text(&body, "user").filter(|user| !user.is_empty()).ok_or("user_not_in_channel")?;
            workspace.whisper(json!({ "channel": channel, "user": user, "text": text(&body, "text") }));
            let ts = format!("{}.000000", exchange.at.timestamp());
            return Ok(json!({ "ok": true, "message_ts": ts }));
        }
    };
    let message = json!({
        "type": "message", "subtype": "bot_message", "ts": ts, "text": text(&body, "text"), "bot_id": BOT,
        "app_id": APP, "user": BOT_USER, "team": TEAM, "blocks": body.get("blocks"),
    });
    Ok(json!({ "ok": true, "channel": channel, "ts": ts, "text": text(&body, "text"), "message": message }))
}

/// What was sent, as JSON or as a form, in which lists are JSON themselves.
fn arguments(exchange: &Exchange) -> Result<Map<String, Value>, &'static str> {
    let kind = exchange.header("content-type").unwrap_or_default();
    if kind.starts_with("application/json") {
        let body: Value = serde_json::from_slice(&exchange.body).map_err(|_| "invalid_json")?;
        return body.as_object().cloned().ok_or("json_not_object");
    }
    let mut body = Map::new();
    for (name, value) in url::form_urlencoded::parse(&exchange.body) {
        let value = match name.as_ref() {
            "blocks" | "attachments" | "metadata" => {
                serde_json::from_str(&value).map_err(|_| "invalid_blocks_format")?
            }
            _ => Value::from(value.into_owned()),
        };
        body.insert(name.into_owned(), value);
    }
    Ok(body)
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

/// What Slack would refuse of a message.
fn check(body: &Map<String, Value>) -> Result<(), &'static str> {
    if text(body, "text").is_some_and(|text| text.chars().count() > LONGEST_TEXT) {
        return Err("msg_too_long");
    }
    match body.get("blocks") {
        None | Some(Value::Null) if text(body, "text").is_none_or(|text| text.trim().is_empty()) => Err("no_text"),
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(blocks)) if blocks.len() <= MOST_BLOCKS && blocks.iter().all(is_block) => Ok(()),
        Some(Value::Array(_)) => Err("invalid_blocks"),
        Some(_) => Err("invalid_blocks_format"),
    }
}

fn fits(value: Option<&Value>, longest: usize) -> bool {
    value.and_then(Value::as_str).is_none_or(|text| text.chars().count() <= longest)
}

/// A text object, not empty and not too long.
fn is_text(object: Option<&Value>, longest: usize) -> bool {
    let text = object.and_then(|object| object.get("text")).and_then(Value::as_str);
    text.is_some_and(|text| !text.is_empty() && text.chars().count() <= longest)
}

fn is_block(block: &Value) -> bool {
    let list = |name: &str| block.get(name).and_then(Value::as_array);
    let has_id = fits(block.get("block_id"), LONGEST_ID);
    has_id
        && match block.get("type").and_then(Value::as_str) {
            Some("section") => {
                let fields = list("fields");
                let fields_fit = fields.is_none_or(|fields| {
                    !fields.is_empty()
                        && fields.len() <= MOST_FIELDS
                        && fields.iter().all(|field| is_text(Some(field), LONGEST_FIELD))
                });
                let text = block.get("text");
                fields_fit
                    && (text.is_some() || fields.is_some())
                    && text.is_none_or(|text| is_text(Some(text), LONGEST_SECTION))
            }
            Some("header") => is_text(block.get("text"), LONGEST_HEADER),
            Some("context") => list("elements").is_some_and(|all| {
                !all.is_empty() && all.len() <= 10 && all.iter().all(|one| is_text(Some(one), LONGEST_SECTION))
            }),
            Some("actions") => list("elements")
                .is_some_and(|all| !all.is_empty() && all.len() <= MOST_ELEMENTS && all.iter().all(is_button)),
            Some(_) => true,
            None => false,
        }
}

fn is_button(button: &Value) -> bool {
    is_text(button.get("text"), LONGEST_BUTTON)
        && fits(button.get("action_id"), LONGEST_ID)
        && fits(button.get("value"), LONGEST_VALUE)
        && button.get("style").is_none_or(|style| *style == "primary" || *style == "danger")
}
