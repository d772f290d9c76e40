//! What files of settings are read with: every mistake with its place, and pointers in the place of secrets.

mod decoder;
mod reference;

pub(crate) use decoder::{SettingEntries, SettingsDecoder, get, is_near};
pub use reference::SecretReference;
