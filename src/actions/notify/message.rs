//! A message, before it takes the shape of a channel.

use serde::{Deserialize, Serialize};

/// What is told.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) title: &'a str,
    pub(super) summary: &'a str,
    /// `sev1`, `sev2` or `sev3`.
    pub(super) severity: &'a str,
    pub(super) facts: &'a [(String, String)],
    /// Empty where it belongs to no run.
    pub(super) run: &'a str,
    pub(super) runbook: &'a str,
    pub(super) drill: bool,
    /// The same for every attempt to send it.
    pub(super) key: &'a str,
    /// The journal's head.
    pub(super) head: &'a str,
}

/// That it was taken.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Receipt {
    /// How the receiver knows it.
    pub(super) id: String,
}

impl Message<'_> {
    /// The first line, and one line only; a drill is called one.
    pub(super) fn headline(&self) -> String {
        let title = self.title.replace(char::is_control, " ");
        if self.drill { format!("[DRILL] {title}") } else { title }
    }

    /// All facts, and where they come from.
    pub(super) fn all_facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![("severity".to_owned(), self.severity.to_owned())];
        facts.extend(self.facts.iter().cloned());
        if !self.run.is_empty() {
            facts.push(("run".to_owned(), format!("{} ({})", self.run, self.runbook)));
        }
        if !self.head.is_empty() {
            facts.push(("journal".to_owned(), self.head.to_owned()));
        }
        facts
    }
}
