//! The hosts at which a credential is tried, or revoked, by whoever holds it.

mod account_keys;
mod github;
mod slack;

use crate::cloud::lock::lock;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::Cloud;

/// Answers at an issuer's host; nothing at any other.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Option<Reply> {
    match exchange.host.as_str() {
        "api.github.com" => Some(github::answer(&mut lock(&cloud.issued_tokens), exchange)),
        "slack.com" => Some(slack::answer(&mut lock(&cloud.issued_tokens), exchange)),
        _ => account_keys::answer(&lock(&cloud.accounts), exchange),
    }
}
