//! `provider/find`: who issues the secret, where that is written, and what killing the old credential would break.

use super::open;
use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::plan_line::{PlanLine, early, name};
use crate::azure::Vault;
use crate::durable::Stop;
use crate::failure::Failure;
use crate::issuers::{Breaks, Held, ProviderKind, Said, Survey};
use crate::plan::{Aim, Class};
use crate::vault::Current;
use crate::vault::SecretUrl;
use futures::try_join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
    /// The issuer; what the secret's tags say, else the inventory, unless given.
    #[serde(default)]
    provider: Option<ProviderKind>,
    /// The issuer where nothing names one; the vault unless given.
    #[serde(default)]
    fallback: Option<ProviderKind>,
    /// The issuer's settings.
    #[serde(default)]
    settings: Map<String, Value>,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Outputs {
    provider: ProviderKind,
    /// Why this one, and where that is written.
    because: String,
    /// Nothing names an issuer, so the vault is taken for it.
    assumed: bool,
    address: String,
    /// The credential in the current version.
    old: String,
    /// The one to come, where it is known beforehand.
    next: String,
    /// What each policy would break.
    breaks: Breaks,
    /// What a person must do, where only a person can.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_hand: Option<String>,
}

const EXAMPLE: &str = r#"- id: issuer
  uses: provider/find
  with: { secret: "${{ inputs.secret }}" }
"#;

early!(Known of Parameters { secret: SecretUrl });

pub(crate) fn action() -> Action {
    Action::new(
        "provider/find",
        Class::Read,
        "finds who issues the secret, and what ending the old credential would break",
        "asks again",
        run,
    )
    .aim(Aim::Identify)
    .plan(|known: &Known, surroundings| {
        let name = name(&known.secret);
        let does = format!("who issues {name}, and what ending the old one breaks");
        PlanLine { does: surroundings.issuer.as_ref().map(|_| does), ..PlanLine::on(&known.secret) }
    })
    .fact(|outputs| {
        let breaks = Some(outputs.breaks.overlap.as_str()).filter(|breaks| !breaks.is_empty()).unwrap_or("nobody");
        format!("{}; ending the old one breaks: {breaks}", outputs.because).into()
    })
    .idempotency("it only reads")
    .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let Parameters { secret, provider, fallback, settings } = parameters;
    let (azure, config) = (&context.services.azure, &context.services.config);
    let vault = Vault::open(&secret.vault, azure)?;
    let (versions, current) = try_join!(vault.versions(&secret.name), vault.current(&secret.name))?;
    let current = match current {
        Current::Enabled(id) => versions.iter().find(|version| version.id == id),
        // Its tags tell who issued it, although nobody gets its value.
        Current::Disabled => versions.iter().max_by_key(|version| version.created),
        Current::Missing => None,
    };
    let tags = current.map(|version| version.tags.clone()).unwrap_or_default();
    let named = super::issuer(config, &secret, &tags, &Said { provider, settings, fallback, in_words: None })?;
    let issuer = open(azure, &secret, &named)?;
    let survey = match (named.provider, current.filter(|version| version.enabled)) {
        // There is nobody to ask, and no reason to read the value.
        (ProviderKind::Random, _) => Survey::default(),
        (_, Some(current)) => {
            context.progress(format!("asking {}", named.provider.name()));
            let value = vault.value(&secret.name, Some(&current.id)).await?;
            let salt = context.key("fingerprints");
            issuer.survey(&Held { value: &value, tags: &tags, older: &[], salt: &salt }).await?
        }
        (_, None) => {
            return Err(Failure::refused(format!("`{}` has no version that can be read", secret.name))
                .help("enable the current version: its value tells which credential is to be replaced")
                .into());
        }
    };
    Ok(Outputs {
        provider: named.provider,
        because: named.because,
        assumed: named.assumed,
        address: named.address,
        old: survey.old,
        next: survey.next,
        breaks: issuer.breaks(),
        by_hand: issuer.by_hand(),
    })
}
