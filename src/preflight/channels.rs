//! Whether those who are to be told can be told, as far as can be seen without telling them anything.

use super::findings::{Check, CheckResult};
use super::known::Known;
use crate::azure::Azure;
use crate::config::Config;
use crate::notify::choose;
use std::collections::BTreeSet;

/// The app of Slack's that shows the run and takes answers, where there is one.
pub(super) async fn chat(azure: &Azure, config: &Config) -> Option<Check> {
    let app = config.slack.as_ref()?;
    Some(match app.reach(azure).await {
        Ok(how) => Check::fine(format!("answers in Slack: {how}")),
        Err(failure) => {
            let check = Check::of(CheckResult::Warning, &failure);
            Check { what: format!("answers in Slack: {}", check.what), ..check }
        }
    })
}

pub(super) async fn look(known: &[Known<'_>], azure: &Azure, config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut seen = BTreeSet::new();
    for (kind, named) in known.iter().filter_map(Known::tells) {
        if !seen.insert((kind, named)) {
            continue;
        }
        checks.push(match choose(&config.channels, kind, named) {
            Err(failure) => Check::of(CheckResult::Warning, &failure),
            Ok(None) => {
                let what = format!("nobody is told by {kind}: no such channel is configured");
                Check::new(CheckResult::Warning, what).help("name one under `channels:` in stanch.yaml")
            }
            Ok(Some((name, channel))) => match channel.reach(azure).await {
                Ok(how) => Check::fine(format!("channel `{name}` ({kind}): {how}")),
                Err(failure) => {
                    let check = Check::of(CheckResult::Warning, &failure);
                    Check { what: format!("channel `{name}` ({kind}): {}", check.what), ..check }
                }
            },
        });
    }
    checks
}
