//! The receivers of notifications: a request → an answer as the real receiver words it, and what it would show.

mod accepted;
mod pagerduty;
mod slack;
pub(super) mod slack_app;
pub(crate) mod smtp;
mod teams;
mod webhook;

use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::Cloud;
use crate::cloud::world::notifications::Notifications;
use crate::cloud::world::sink_credentials::SinkCredentials;

/// Answers at a receiver's host; nothing at any other.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Option<Reply> {
    receive(&cloud.sink_credentials, &cloud.notifications, exchange)
}

fn receive(credentials: &SinkCredentials, notifications: &Notifications, exchange: &Exchange) -> Option<Reply> {
    let received = match exchange.host.as_str() {
        "hooks.slack.com" => slack::receive(credentials, exchange),
        "events.pagerduty.com" => pagerduty::receive(credentials, exchange),
        "hooks.drill.example" => webhook::receive(credentials, exchange),
        name if name.ends_with(".logic.azure.com") => teams::receive(credentials, exchange),
        name if name.ends_with(".webhook.office.com") => teams::receive_for_connector(exchange),
        _ => return None,
    };
    Some(match received {
        Ok(accepted) => {
            notifications.add(accepted.notification);
            accepted.reply
        }
        Err(refusal) => refusal,
    })
}

#[cfg(test)]
mod tests;
