//! The list of all kinds of channels, and how one is read from a file of settings.

use super::channel::{Channel, ChannelKind};
use super::settings::ChannelSettings;
use super::{email, pagerduty, slack, teams, webhook};
use crate::runbook::Span;
use crate::runbook::diagnostic::nearest;
use crate::runbook::syntax::Node;
use crate::settings::SettingsDecoder;
use std::sync::Arc;

/// Every kind there is.
pub static KINDS: &[&ChannelKind] = &[&pagerduty::KIND, &slack::KIND, &teams::KIND, &email::KIND, &webhook::KIND];

impl ChannelKind {
    /// The kind that an action sends through, if it sends at all.
    pub fn of_action(action: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.action == action).copied()
    }
}

/// Reads a channel of this name; nothing if that is not possible, which is complained about.
pub(crate) fn read(decoder: &mut SettingsDecoder<'_>, name: &str, span: Span, node: &Node) -> Option<Arc<dyn Channel>> {
    let what = format!("the channel `{name}`");
    let open = decoder.open(node, &what);
    let named = decoder.required(&open, "kind", &what, span)?;
    let Some(kind) = KINDS.iter().find(|kind| kind.name == named) else {
        let help = match nearest(&named, KINDS.iter().map(|kind| kind.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the kinds are {}", KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ")),
        };
        decoder.wrong(format!("there is no kind of channel `{named}`"), node.span, help);
        return None;
    };
    let keys: Vec<&str> = std::iter::once("kind").chain(kind.keys.iter().copied()).collect();
    let entries = decoder.entries(node, &what, &keys);
    (kind.read)(&mut ChannelSettings { decoder, entries, what: &what, span })
}

/// Whether a key of a channel's settings holds no secret, whatever the channel's kind.
pub(crate) fn is_open_key(key: &str) -> bool {
    key == "kind" || KINDS.iter().any(|kind| kind.open_keys.contains(&key))
}
