//! Who issues what would be replaced, why we think so, what ending the old credential would break, and what the new
//! version gets.

use super::findings::{Check, CheckResult, Issuer};
use super::known::Known;
use crate::actions::{Identified, Succession, ends, identify};
use crate::azure::Azure;
use crate::config::Config;
use crate::failure::Failure;
use crate::issuers::{Form, IssuerKind, TAGS_ARE_WRONG};
use crate::runbook::duration;
use crate::vault::SecretUrl;
use crate::visible;

/// Looks at the issuer of the secret that a step replaces: it is asked, and nothing is issued.
pub(super) async fn look(
    step: &Known<'_>,
    secret: &SecretUrl,
    azure: &Azure,
    config: &Config,
) -> (Vec<Check>, Option<Issuer>) {
    match ask(step, secret, azure, config).await {
        Ok((issuer, succession, left_out)) => {
            let mut checks = vec![check(&secret.name, &issuer)];
            checks.extend(succeeds(&secret.name, &succession));
            checks.extend(tags(&secret.name, &left_out));
            (checks, Some(issuer))
        }
        Err(failure) => (vec![Check::of(CheckResult::Failed, &failure)], None),
    }
}

/// A version that ends so soon is replaced again before its readers have moved.
const SOON: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// What the new version takes over, and what it does not.
fn succeeds(name: &str, succession: &Succession) -> Vec<Check> {
    let mut checks = Vec::new();
    let old = succession.old_ends.map(crate::clock::second);
    match (succession.life, &old) {
        (Some(life), _) => {
            let length = duration::format(life.to_std().unwrap_or_default());
            let why = if succession.from_tag { "as its tag says" } else { "the life of the old one" };
            let until = ends(life, crate::clock::now()).map(|end| format!(", on {}", end.format("%Y-%m-%d")));
            let old = old.map(|ends| format!("; the old one ends at {ends}")).unwrap_or_default();
            let until = until.unwrap_or_default();
            let what = format!("the new version of `{name}` expires {length} after it is made{until}, {why}{old}");
            checks.push(match life < SOON {
                true => Check::new(CheckResult::Warning, what).help(
                    "that is soon: the tag `ValidityPeriodDays` on the current version sets another life, in days",
                ),
                false => Check::fine(what),
            });
        }
        (None, Some(ends)) => checks.push(
            Check::new(
                CheckResult::Warning,
                format!(
                    "the new version of `{name}` does not expire: the old one's end, {ends}, lies before it was made"
                ),
            )
            .help("the tag `ValidityPeriodDays` on the current version gives the new one a life, in days"),
        ),
        (None, None) => {}
    }
    if succession.had_not_before {
        checks.push(Check::fine(format!(
            "the new version of `{name}` is valid at once; the old one had a not-before time"
        )));
    }
    checks
}

/// Tags that the new version does without.
fn tags(name: &str, left_out: &[String]) -> Option<Check> {
    if left_out.is_empty() {
        return None;
    }
    let what = format!(
        "the new version of `{name}` does without the tags `{}`: Key Vault takes 15 with stanch's own, of 512 characters each",
        left_out.join("`, `")
    );
    let help = "to keep them, take tags off the current version that nobody reads; nothing else hangs on it";
    Some(Check::new(CheckResult::Warning, what).help(help))
}

async fn ask(
    step: &Known<'_>,
    secret: &SecretUrl,
    azure: &Azure,
    config: &Config,
) -> Result<(Issuer, Succession, Vec<String>), Failure> {
    // Nothing of this look is kept, so nothing is compared with its fingerprints.
    let Identified { named, state, impact, by_hand, succession, left_out } =
        identify(azure, config, secret, &step.said(), "a look").await?;
    let form = named.form.as_ref().and_then(Form::in_words);
    let issuer = Issuer {
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
        form,
        by_hand,
    };
    Ok((issuer, succession, left_out))
}

fn check(name: &str, issuer: &Issuer) -> Check {
    let is_random = issuer.provider == IssuerKind::Random.name();
    let what = match (issuer.assumed || issuer.form.is_some() && !is_random, issuer.provider) {
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
        "impact of revoking after the overlap: {}{}\nimpact of revoking first (`revoke_first`): {}{}",
        visible::line(&issuer.breaks_with_overlap),
        mark(!issuer.revoke_first),
        visible::line(&issuer.breaks_with_revoke_first),
        mark(issuer.revoke_first),
    );
    if let Some(form) = issuer.form.as_ref().filter(|_| is_random) {
        help = format!(
            "its value is {form}, and a randomly generated text takes its place: can its readers take that?\n{help}"
        );
    }
    if !is_random && issuer.form.is_some() {
        help = format!(
            "name its issuer in the inventory or by the tag `stanch-provider`; where only a part of the value is random, `provider: random` with the setting `within` replaces that part\n{help}"
        );
    }
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
    let doubt = issuer.assumed || issuer.form.is_some();
    Check::new(if doubt { CheckResult::Warning } else { CheckResult::Fine }, what).help(help)
}
