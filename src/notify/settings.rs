//! The settings of one channel, as its kind reads them.

use crate::runbook::Span;
use crate::runbook::syntax::Node;
use crate::settings::{SecretReference, SettingEntries, SettingsDecoder, get};

/// The settings, whose keys are known ones. What is wrong with them is complained about as it is met.
pub(crate) struct ChannelSettings<'a, 'd, 'n> {
    pub(super) decoder: &'a mut SettingsDecoder<'d>,
    pub(super) entries: SettingEntries<'n>,
    /// The words for the channel.
    pub(super) what: &'a str,
    pub(super) span: Span,
}

impl<'n> ChannelSettings<'_, '_, 'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        get(&self.entries, key)
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, key: &str) -> Option<String> {
        self.decoder.required(&self.entries, key, self.what, self.span)
    }

    /// A reference to a secret that may be there.
    pub(super) fn secret(&mut self, key: &str) -> Option<SecretReference> {
        self.decoder.secret(&self.entries, key)
    }

    /// A reference to a secret that must be there.
    pub(super) fn required_secret(&mut self, key: &str) -> Option<SecretReference> {
        self.decoder.required_secret(&self.entries, key, self.what, self.span)
    }
}
