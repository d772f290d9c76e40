//! What every channel is, for those who do not care which one it is.

use super::message::{Message, Receipt};
use super::settings::ChannelSettings;
use crate::azure::Azure;
use crate::failure::Failure;
use async_trait::async_trait;
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// Channels by the names that the configuration gives them.
pub type Channels = BTreeMap<String, Arc<dyn Channel>>;

/// A way to tell somebody, as it is configured.
#[async_trait(?Send)]
pub trait Channel: Any + Debug + Send + Sync {
    /// What is known of all channels of its kind.
    fn kind(&self) -> &'static ChannelKind;

    /// Sends a message.
    ///
    /// # Errors
    /// If it was not taken, or nobody knows whether it was.
    async fn send(&self, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure>;

    /// Looks whether it can be used, without telling anybody anything; says how far that could be seen.
    ///
    /// # Errors
    /// If it cannot.
    async fn reach(&self, azure: &Azure) -> Result<&'static str, Failure>;
}

/// There is no way to ask a chat or a pager whether it would take a message without sending one.
pub(super) const KEY_READ: &str = "credential readable; no test message sent";

/// A kind of channel: its settings, and what its action says of itself.
#[derive(Debug)]
pub struct ChannelKind {
    /// As `kind:` in the configuration calls it.
    pub name: &'static str,
    /// The action that sends through it: `notify/` and the name.
    pub action: &'static str,
    pub summary: &'static str,
    /// What the run does when the answer is lost.
    pub if_lost: &'static str,
    /// What keeps a step that runs again from telling everything twice.
    pub idempotency: &'static str,
    /// Steps as they stand in a runbook.
    pub example: &'static str,
    /// The keys of its settings, beside `kind`.
    pub keys: &'static [&'static str],
    /// Those of them that hold no secret.
    pub open_keys: &'static [&'static str],
    /// Reads its settings.
    pub(super) read: fn(&mut ChannelSettings<'_, '_, '_>) -> Option<Arc<dyn Channel>>,
}

/// What is said of channels whose receiver knows keys, and of chats, which know none.
pub(super) const SENT_UNDER_SAME_KEY: &str = "sent again under the same key: no second message";
pub(super) const KEYED: &str = "the message carries a key by which its receiver knows a repetition";
pub(super) const SENT_TWICE: &str = "sent again: the message may stand there twice";
pub(super) const UNKEYED: &str = "sent once per step unless the answer is lost; a chat knows no keys";

/// The channel that is meant; none where none of the kind is configured and none is named.
///
/// # Errors
/// If there is none of this name, or several and no name.
pub fn choose<'a>(
    channels: &'a Channels,
    kind: &str,
    named: Option<&str>,
) -> Result<Option<(&'a str, &'a dyn Channel)>, Failure> {
    let of_kind: Vec<(&str, &dyn Channel)> = channels
        .iter()
        .filter(|(_, channel)| channel.kind().name == kind)
        .map(|(name, channel)| (name.as_str(), channel.as_ref()))
        .collect();
    let names = || of_kind.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    match (named, of_kind.as_slice()) {
        (Some(named), _) => match of_kind.iter().find(|(name, _)| *name == named) {
            Some(chosen) => Ok(Some(*chosen)),
            None => Err(Failure::refused(format!("there is no {kind} channel `{named}`"))
                .help(format!("the {kind} channels in stanch.yaml are: {}", names()))),
        },
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(*only)),
        (None, _) => Err(Failure::refused(format!("there are several {kind} channels"))
            .help(format!("name one of them with `channel`: {}", names()))),
    }
}
