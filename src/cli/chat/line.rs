//! The way to Slack, for whoever speaks to it.

use crate::azure::Azure;
use crate::config::Config;
use crate::failure::Failure;
use crate::slack::SlackApp;
use std::sync::Arc;

/// What is wrong with the chat, told to whoever looks at the run.
type Tell = Arc<dyn Fn(&Failure) + Send + Sync>;

/// Slack, as whoever speaks to it needs it.
#[derive(Clone)]
pub(crate) struct Line {
    pub(super) app: Arc<SlackApp>,
    pub(super) azure: Azure,
    pub(super) tell: Tell,
}

/// A failure, its reasons and what to do, one after the other.
pub(super) fn sentences(failure: &Failure) -> Vec<&str> {
    std::iter::once(&failure.summary).chain(&failure.reasons).chain(&failure.help).map(String::as_str).collect()
}

impl Line {
    /// As the configuration says; nothing where it says nothing. What is wrong is told in one sentence.
    pub(crate) fn new(config: &Config, azure: &Azure, tell: impl Fn(String) + Send + Sync + 'static) -> Option<Self> {
        let app = Arc::new(config.slack.clone()?);
        let tell = Arc::new(move |failure: &Failure| {
            tell(sentences(failure).join(": "));
        });
        Some(Self { app, azure: azure.clone(), tell })
    }
}
