//! `keyvault/check`: before anything is changed, who we are, what we may do as far as reads can tell, what there is.

use super::await_readers::BASELINE;
use crate::actions::action::Action;
use crate::actions::audit::trail::{NotKnown, Trail};
use crate::actions::context::Context;
use crate::actions::plan_line::{PlanLine, early, name};
use crate::actions::rotation::{Standing, standing};
use crate::audit;
use crate::clock::{self, Timestamp};
use crate::durable::Stop;
use crate::failure::Failure;
use crate::plan::{Aim, Class};
use crate::report::fact::counted;
use crate::vault::{Current, SecretUrl, Version, short};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Outputs {
    /// How stanch signed in.
    identity: String,
    /// Who it is, as far as the token tells.
    principal: String,
    versions: usize,
    enabled: usize,
    /// The current version.
    current: String,
    /// Readers that are pinned to a version: they fail once it is disabled.
    pinned: Vec<String>,
    /// Why the list may lack some: `not known: …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned_because: Option<String>,
}

/// What stands in the vault, as it is recorded.
#[derive(Serialize, Deserialize)]
struct Seen {
    id: String,
    enabled: bool,
    created: Timestamp,
    updated: Timestamp,
    expires: Option<Timestamp>,
    content_type: Option<String>,
}

impl From<&Version> for Seen {
    fn from(version: &Version) -> Self {
        Self {
            id: version.id.clone(),
            enabled: version.enabled,
            created: version.created,
            updated: version.updated,
            expires: version.expires,
            content_type: version.content_type.clone(),
        }
    }
}

const EXAMPLE: &str = r#"- id: preflight
  uses: keyvault/check
  with: { secret: "${{ inputs.secret }}" }
"#;

early!(Known of Parameters { secret: SecretUrl });

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/check",
        Class::Read,
        "looks before anything is changed: identity, permissions, versions, pinned readers",
        "asks again",
        run,
    )
    .aim(Aim::Preflight)
    .plan(|known: &Known, _| {
        PlanLine::on(&known.secret).does(format!("looks at {}: who we are, what is there", name(&known.secret)))
    })
    .fact(|outputs| {
        let versions = counted(outputs.versions as u64, "version");
        let (enabled, current) = (outputs.enabled, short(&outputs.current));
        let (principal, identity) = (&outputs.principal, &outputs.identity);
        format!("{versions}, {enabled} enabled; current {current}; as {principal} ({identity})").into()
    })
    .idempotency("changes nothing: asking again is harmless")
    .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let secret = parameters.secret;
    let vault = crate::azure::Vault::open(&secret.vault, &context.services.azure)?;
    context.progress("reading the versions");
    let Standing { versions, current } = standing(&vault, &secret).await?;
    let current = match current {
        Current::Enabled(version) => version,
        // Everyone who reads "latest" fails already; a new version is what brings them back.
        Current::Disabled | Current::Missing => newest(&versions),
    };
    let seen: Vec<Seen> = versions.iter().map(Seen::from).collect();
    context.note("versions", &seen).await?;
    // What is not known is no reason to stop: it is looked at again when the readers are waited for.
    let (pinned, not_known) = pinned(context, &secret).await.unwrap_or_else(|not_known| (Vec::new(), Some(not_known)));
    let identity = &context.services.azure.identity;
    Ok(Outputs {
        identity: identity.name().unwrap_or_else(|| "unknown".to_owned()),
        principal: identity.principal().unwrap_or_else(|| "unknown".to_owned()),
        versions: versions.len(),
        enabled: versions.iter().filter(|version| version.enabled).count(),
        current,
        pinned,
        pinned_because: not_known.map(|not_known| format!("not known: {}", not_known.because())),
    })
}

fn newest(versions: &[Version]) -> String {
    versions.iter().max_by_key(|version| version.created).map(|version| version.id.clone()).unwrap_or_default()
}

/// Readers of late that are pinned to a version, and why some may be missing.
async fn pinned(context: &Context, secret: &SecretUrl) -> Result<(Vec<String>, Option<NotKnown>), NotKnown> {
    let now = clock::now();
    let trail = Trail::open(context, secret, (now - BASELINE, now)).await?;
    let (readers, coverage) = trail.ask(audit::readers).await?.into_parts();
    let by_number = |reader: &audit::Reader| {
        let pinned = reader.versions.iter().find(|read| read.by_number)?;
        (!reader.own).then(|| format!("{} is pinned to version {}", reader.name, short(&pinned.version)))
    };
    let in_part = coverage.in_part().map(|why| NotKnown::Unreadable(Failure::refused(why)));
    Ok((readers.iter().filter_map(by_number).collect(), in_part))
}
