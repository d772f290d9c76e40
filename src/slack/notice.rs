//! What a run's message says, in the shape of Slack's blocks and within its limits.

use super::press::{APPROVE, Pressed, REJECT};
use crate::notify::{dressed, slack};
use crate::redaction::without_credentials;
use crate::visible;
use serde_json::{Value, json};

/// Slack refuses a section of more than 3,000 characters and a message of more than 50 blocks, and does not say how long
/// all of them may be together: these stay well below.
const LONGEST_HEADLINE: usize = 500;
const LONGEST_SUMMARY: usize = 1_000;
const LONGEST_STEPS: usize = 3_000;
const LONGEST_PROMPT: usize = 1_200;
const LONGEST_WHOSE: usize = 800;
const LONGEST_COMMANDS: usize = 2_400;
const LONGEST_ANSWERS: usize = 2_000;
const LONGEST_FALLBACK: usize = 1_000;
const MOST_ASKED: usize = 5;
const LONGEST_ID: usize = 255;
const LONGEST_VALUE: usize = 2_000;

/// A run as it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    pub headline: String,
    /// Where it stands, line by line.
    pub summary: Vec<String>,
    pub steps: Vec<String>,
    pub asked: Vec<Asked>,
    /// What was answered, and by whom.
    pub answered: Vec<String>,
}

/// A question that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub step: String,
    pub text: String,
    /// Whose answer it takes, until when, and who has agreed.
    pub whose: Vec<String>,
    /// What its buttons mean; nothing where a press cannot answer it.
    pub buttons: Option<Pressed>,
    /// The commands that answer it.
    pub commands: Vec<String>,
}

/// A text of others, with nothing in it that a reader obeys in place of seeing it, line by line.
fn seen(text: &str) -> String {
    without_credentials(text).lines().map(visible::line).collect::<Vec<_>>().join("\n")
}

/// The same as Slack takes it, whole.
pub(super) fn escaped(text: &str) -> String {
    slack::escape(&seen(text))
}

/// The same with an end.
fn fitting(text: &str, longest: usize) -> String {
    dressed(&seen(text), longest, slack::escape)
}

/// Lines, as many as fit; how many more there are stands at their end.
fn lines(all: &[String], longest: usize) -> String {
    const MORE: usize = 60;
    let mut text = String::new();
    for (index, line) in all.iter().enumerate() {
        let line = fitting(&line.replace('\n', " "), longest / 4);
        if text.chars().count() + line.chars().count() + MORE > longest {
            text.push_str(&format!("… and {} more; the report has them all", all.len() - index));
            break;
        }
        text.push_str(&line);
        text.push('\n');
    }
    text.trim_end().to_owned()
}

fn section(text: String) -> Option<Value> {
    (!text.is_empty()).then(|| json!({ "type": "section", "text": slack::text(text) }))
}

impl Notice {
    /// Whether somebody could press a button.
    pub fn has_buttons(&self) -> bool {
        self.asked.iter().take(MOST_ASKED).any(|asked| asked.value().is_some())
    }

    /// The message, but for where it stands.
    pub fn message(&self) -> Value {
        let mut blocks = Vec::new();
        let headline = fitting(&self.headline.replace('\n', " "), LONGEST_HEADLINE);
        blocks.extend(section(format!("*{headline}*\n{}", lines(&self.summary, LONGEST_SUMMARY))));
        blocks.extend(section(lines(&self.steps, LONGEST_STEPS)));
        for asked in self.asked.iter().take(MOST_ASKED) {
            asked.add_to(&mut blocks);
        }
        if let Some(more) = self.asked.len().checked_sub(MOST_ASKED).filter(|more| *more > 0) {
            blocks.extend(section(format!("{more} more questions wait")));
        }
        blocks.extend(section(lines(&self.answered, LONGEST_ANSWERS)));
        let waits = self.asked.first().map(|asked| format!(": {}", asked.text)).unwrap_or_default();
        let fallback = fitting(&format!("{}{waits}", self.headline).replace('\n', " "), LONGEST_FALLBACK);
        json!({
            "text": fallback,
            "blocks": blocks,
            "parse": "none",
            "link_names": false,
            "mrkdwn": false,
            "unfurl_links": false,
            "unfurl_media": false,
        })
    }
}

impl Asked {
    /// What its buttons carry; nothing where a press cannot answer it, or Slack would not take it.
    fn value(&self) -> Option<String> {
        let value = serde_json::to_string(self.buttons.as_ref()?).ok()?;
        let fits = value.chars().count() <= LONGEST_VALUE && self.step.chars().count() < LONGEST_ID;
        fits.then_some(value)
    }

    fn add_to(&self, blocks: &mut Vec<Value>) {
        let step = fitting(&self.step, LONGEST_ID);
        let prompt = fitting(&self.text, LONGEST_PROMPT);
        let whose = lines(&self.whose, LONGEST_WHOSE);
        blocks.extend(section(format!("`{step}` asks: {prompt}\n{whose}").trim_end().to_owned()));
        match self.value() {
            Some(value) => {
                let button = |id: &str, style: &str, text: &str| {
                    let text = json!({ "type": "plain_text", "text": text, "emoji": false });
                    json!({ "type": "button", "action_id": id, "style": style, "text": text, "value": value })
                };
                let elements = [button(APPROVE, "primary", "Approve"), button(REJECT, "danger", "Reject")];
                blocks.push(json!({ "type": "actions", "block_id": self.step, "elements": elements }));
            }
            None => {
                let commands: Vec<String> = self.commands.iter().map(|command| format!("`{command}`")).collect();
                blocks.extend(section(lines(&commands, LONGEST_COMMANDS)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, Notice, Pressed};
    use proptest::prelude::*;
    use serde_json::Value;

    fn notice(text: &str, count: usize) -> Notice {
        let many: Vec<String> = vec![text.to_owned(); count];
        let buttons = Some(Pressed { run: "r".to_owned(), step: text.to_owned(), plan: "p".to_owned() });
        let asked = Asked {
            step: text.to_owned(),
            text: text.to_owned(),
            whose: many.clone(),
            buttons,
            commands: many.clone(),
        };
        let asked = vec![asked; count];
        Notice { headline: text.to_owned(), summary: many.clone(), steps: many.clone(), asked, answered: many }
    }

    /// Every text of a message with its longest.
    fn texts(value: &Value) -> Vec<&str> {
        match value {
            Value::Object(object) => {
                let own = object.get("text").and_then(Value::as_str);
                own.into_iter().chain(object.values().flat_map(texts)).collect()
            }
            Value::Array(all) => all.iter().flat_map(texts).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn nothing_of_others_mentions_or_links() {
        let hostile = "<!channel> <https://evil.example|*status*> & <@U1>\u{202e}";
        let message = notice(hostile, 2).message();
        for text in texts(&message) {
            assert!(!text.contains(['<', '\u{202e}']), "{text}");
        }
        assert!(texts(&message).iter().any(|text| text.contains("&lt;!channel&gt;")));
    }

    proptest! {
        #[test]
        fn slack_takes_whatever_it_says(text in "[a-z<&\n☃]{0,80}", times in 1_usize..80, count in 0_usize..80) {
            let message = notice(&text.repeat(times), count).message();
            let blocks = message["blocks"].as_array().unwrap();
            prop_assert!(blocks.len() <= 50);
            for text in texts(&message) {
                prop_assert!(text.chars().count() <= 3_000 && !text.is_empty());
            }
        }
    }
}
