//! A delivery that its receiver takes.

use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::notifications::Notification;
use serde_json::Value;

/// What is answered, and what the receiver shows from now on.
pub(crate) struct Accepted {
    pub(crate) reply: Reply,
    pub(crate) notification: Notification,
}

impl Accepted {
    pub(crate) fn new(channel: &'static str, exchange: &Exchange, body: Value, reply: Reply) -> Self {
        Self { reply, notification: Notification::new(channel, &exchange.host, exchange.at, body) }
    }
}
