//! A message, before it takes the shape of a channel.

use serde::{Deserialize, Serialize};

/// What is told.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) title: &'a str,
    pub(crate) summary: &'a str,
    /// `sev1`, `sev2` or `sev3`.
    pub(crate) severity: &'a str,
    pub(crate) facts: &'a [(String, String)],
    /// Empty where it belongs to no run.
    pub(crate) run: &'a str,
    pub(crate) runbook: &'a str,
    pub(crate) drill: bool,
    /// The same for every attempt to send it.
    pub(crate) key: &'a str,
    /// The journal's head.
    pub(crate) head: &'a str,
}

/// That it was taken.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// How the receiver knows it.
    pub(crate) id: String,
}

impl Message<'_> {
    /// The first line, and one line only; a drill is called one.
    pub(crate) fn headline(&self) -> String {
        let title = self.title.replace(char::is_control, " ");
        if self.drill { format!("[DRILL] {title}") } else { title }
    }

    /// All facts, and where they come from.
    pub(crate) fn all_facts(&self) -> Vec<(String, String)> {
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
