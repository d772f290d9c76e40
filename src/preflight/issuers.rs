//! Who issues what would be replaced, why we think so, and what ending the old credential would break.

use super::findings::{Check, CheckResult, Issuer};
use super::known::Known;
use crate::actions::{Identified, identify};
use crate::azure::Azure;
use crate::config::Config;
use crate::failure::Failure;
use crate::issuers::{IssuerKind, TAGS_ARE_WRONG};
use crate::vault::SecretUrl;
use crate::visible;

/// Looks at the issuer of the secret that a step replaces: it is asked, and nothing is issued.
pub(super) async fn look(
    step: &Known<'_>,
    secret: &SecretUrl,
    azure: &Azure,
    config: &Config,
) -> (Check, Option<Issuer>) {
    match ask(step, secret, azure, config).await {
        Ok(issuer) => (check(&issuer), Some(issuer)),
        Err(failure) => (Check::of(CheckResult::Failed, &failure), None),
    }
}

async fn ask(step: &Known<'_>, secret: &SecretUrl, azure: &Azure, config: &Config) -> Result<Issuer, Failure> {
    // Nothing of this look is kept, so nothing is compared with its fingerprints.
    let Identified { named, state, impact, by_hand } = identify(azure, config, secret, &step.said(), "a look").await?;
    Ok(Issuer {
        secret: secret.to_string(),
        provider: named.provider.name(),
        because: named.because,
        assumed: named.assumed,
        from_tags: named.from_tags,
        old: state.old.unwrap_or_default(),
        next: state.next.unwrap_or_default(),
        revoke_first: step.revokes_first(),
        breaks_with_overlap: impact.overlap,
        breaks_with_revoke_first: impact.revoke_first,
        by_hand,
    })
}

fn check(issuer: &Issuer) -> Check {
    let name = issuer.secret.rsplit('/').next().unwrap_or_default();
    let what = match (issuer.assumed, issuer.provider) {
        (true, _) => format!("`{name}`: {}", issuer.because),
        (false, provider) if provider == IssuerKind::Random.name() => {
            format!("`{name}`: the vault issues it; {}", issuer.because)
        }
        (false, provider) => {
            let follows = match issuer.next.as_str() {
                "" => String::new(),
                next if next == issuer.old => format!(": {next}, set anew"),
                next => format!(": {next} follows {}", issuer.old),
            };
            format!("`{name}` is issued by `{provider}`{follows}; {}", issuer.because)
        }
    };
    let mark = |chosen: bool| if chosen { "  ← this run" } else { "" };
    let mut help = format!(
        "ending the old one with an overlap breaks {}{}\nending it first (`revoke_first`) breaks {}{}",
        visible::line(&issuer.breaks_with_overlap),
        mark(!issuer.revoke_first),
        visible::line(&issuer.breaks_with_revoke_first),
        mark(issuer.revoke_first),
    );
    if issuer.assumed {
        help = format!(
            "name its issuer in the inventory or by the tag `stanch-provider`, `random` if the vault is it\n{help}"
        );
    }
    if issuer.from_tags {
        help.push_str(&format!("\n{TAGS_ARE_WRONG}"));
    }
    if let Some(by_hand) = &issuer.by_hand {
        help.push_str(&format!("\na person enters the new value, and is then asked: {}", visible::line(by_hand)));
    }
    Check::new(if issuer.assumed { CheckResult::Warning } else { CheckResult::Fine }, what).help(help)
}
