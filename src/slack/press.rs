//! What Slack sends when somebody presses a button: `block_actions`.

use super::posted::{Posted, is_id};
use crate::engine::person::ChatUser;
use crate::visible;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The buttons, by their ids in Slack.
pub(super) const APPROVE: &str = "approve";
pub(super) const REJECT: &str = "reject";
const LONGEST_NAME: usize = 100;

/// Somebody pressed a button of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Press {
    pub who: ChatUser,
    /// The message with the button.
    pub message: Posted,
    pub pressed: Pressed,
    pub is_yes: bool,
}

/// What a button is about.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Pressed {
    pub run: String,
    pub step: String,
    /// Digest of what is agreed to, as the message showed it.
    pub plan: String,
}

impl Press {
    /// Reads it; nothing where it is something else.
    pub fn read(payload: &Value) -> Option<Self> {
        let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
        if text("/type") != Some("block_actions") {
            return None;
        }
        let is_yes = match text("/actions/0/action_id")? {
            APPROVE => true,
            REJECT => false,
            _ => return None,
        };
        let pressed = serde_json::from_str(text("/actions/0/value")?).ok()?;
        let user = text("/user/id").filter(|id| is_id(id))?.to_owned();
        let team = text("/user/team_id").or_else(|| text("/team/id")).filter(|id| is_id(id))?.to_owned();
        let name = text("/user/name").or_else(|| text("/user/username")).unwrap_or_default();
        let name = visible::line(name).chars().take(LONGEST_NAME).collect();
        let message = Posted {
            channel: text("/container/channel_id")?.to_owned(),
            ts: text("/container/message_ts")?.to_owned(),
        };
        Some(Self { who: ChatUser { service: "Slack".to_owned(), team, user, name }, message, pressed, is_yes })
    }
}

#[cfg(test)]
mod tests {
    use super::{Press, Pressed};
    use serde_json::{Value, json};

    fn payload() -> Value {
        let about = Pressed { run: "r".to_owned(), step: "gate".to_owned(), plan: "p".to_owned() };
        json!({
            "type": "block_actions",
            "user": { "id": "U0BOB", "name": "bob\u{202e}\n", "team_id": "T0" },
            "container": { "type": "message", "message_ts": "1.2", "channel_id": "C0" },
            "actions": [{ "action_id": "approve", "value": serde_json::to_string(&about).unwrap() }],
        })
    }

    #[test]
    fn a_press_says_who_pressed_what_where() {
        let press = Press::read(&payload()).unwrap();
        assert!(press.is_yes && press.who.user == "U0BOB" && press.message.ts == "1.2" && press.pressed.step == "gate");
        assert!(!press.who.name.contains(['\u{202e}', '\n']), "{:?}", press.who.name);
    }

    #[test]
    fn what_is_no_press_of_ours_is_none() {
        for (pointer, value) in [
            ("/type", json!("view_submission")),
            ("/user/id", json!("bob; rm")),
            ("/user/id", json!(7)),
            ("/actions/0/action_id", json!("other")),
            ("/actions/0/value", json!("{}")),
            ("/actions/0/value", json!("[")),
            ("/actions", json!([])),
            ("/container", json!(null)),
        ] {
            let mut payload = payload();
            *payload.pointer_mut(pointer).unwrap() = value;
            assert_eq!(Press::read(&payload), None, "{pointer}");
        }
    }
}
