//! A message, before it takes the shape of a channel. No address in it carries a credential.

use crate::redaction::without_credentials;
use crate::visible;

/// What is told.
#[derive(Debug)]
pub struct Message<'a> {
    pub title: &'a str,
    pub summary: &'a str,
    /// `sev1`, `sev2` or `sev3`.
    pub severity: &'a str,
    /// Further facts, by name.
    pub facts: &'a [(String, String)],
    /// The run that it is about; none where it belongs to no run.
    pub origin: Option<Origin<'a>>,
    pub drill: bool,
    /// The same for every attempt to send it.
    pub key: &'a str,
}

/// The run that a message is about.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub run: &'a str,
    pub runbook: &'a str,
    /// The journal's head: `sha256:` and lower-case hex.
    pub head: &'a str,
}

/// That a message was taken.
#[derive(Debug)]
pub struct Receipt {
    /// How the receiver knows it.
    pub id: String,
    /// What the receiver complains of, though it took the message.
    pub warning: Option<String>,
}

impl Message<'_> {
    /// The first line, and one line only; a drill is called one.
    pub(super) fn headline(&self) -> String {
        let title = visible::line(&without_credentials(self.title));
        if self.drill { format!("[DRILL] {title}") } else { title }
    }

    /// What to know, line by line, without the credentials of an address, and with nothing in it that a reader obeys in
    /// place of seeing it.
    pub(super) fn summary(&self) -> String {
        seen(self.summary)
    }

    /// All facts, and where they come from.
    pub(super) fn all_facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![("severity".to_owned(), self.severity.to_owned())];
        facts.extend(self.facts.iter().map(|(name, value)| (visible::line(name), seen(value))));
        if let Some(origin) = &self.origin {
            facts.push(("run".to_owned(), format!("{} ({})", origin.run, origin.runbook)));
            facts.push(("journal".to_owned(), origin.head.to_owned()));
        }
        facts
    }

    /// At most so many of the facts: the first ones, and always where they come from; in the place of the others, how many
    /// they are.
    pub(super) fn as_many_facts(&self, most: usize) -> Vec<(String, String)> {
        let mut facts = self.all_facts();
        if facts.len() > most {
            let last = if self.origin.is_some() { 2 } else { 0 };
            let first = most.saturating_sub(last + 1);
            let left_out = facts.len() - first - last;
            let more = ("further facts".to_owned(), format!("{left_out}, in the report"));
            facts.splice(first..first + left_out, [more]);
        }
        facts
    }
}

fn seen(text: &str) -> String {
    without_credentials(text).lines().map(visible::line).collect::<Vec<_>>().join("\n")
}
