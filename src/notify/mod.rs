//! Telling people. Containment never waits for a message, and no message carries a secret value.
//!
//! Every message has a key. Where the receiver knows keys (PagerDuty, webhooks, mail), a repeated message is the
//! same message; a chat may show it twice, which harms less than losing it.
//!
//! A channel is one file, which holds all of it: its settings, its limits, its escaping, how it sends and what counts as
//! delivered, and what its action says of itself. [`KINDS`] is the list.

mod channel;
pub mod email;
mod kinds;
mod message;
pub mod pagerduty;
mod received;
mod settings;
mod shortened;
pub mod slack;
pub mod teams;
pub mod webhook;

#[cfg(test)]
mod tests;

pub use channel::{Channel, ChannelKind, Channels, choose};
pub use kinds::KINDS;
pub(crate) use kinds::{is_open_key, read};
pub use message::{Message, Origin, Receipt};
pub use received::{Says, Taken, received};
pub(crate) use shortened::dressed;
