//! `issuer/identify`: who issues the secret, where that is written, and what killing the old credential would break.

use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::rotation::{issuer as issuer_of, open_issuer};
use crate::azure::Vault;
use crate::durable::Stop;
use crate::failure::Failure;
use crate::issuers::{Held, Impact, IssuerClaim, IssuerKind, IssuerState};
use crate::plan::{Aim, Class};
use crate::vault::{History, SecretUrl};
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
    provider: Option<IssuerKind>,
    /// The issuer where nothing names one; the vault unless given.
    #[serde(default)]
    fallback: Option<IssuerKind>,
    /// The issuer's settings.
    #[serde(default)]
    settings: Map<String, Value>,
}

#[derive(Serialize, JsonSchema)]
struct Outputs {
    provider: IssuerKind,
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
    breaks: Impact,
    /// What a person must do, where only a person can.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_hand: Option<String>,
}

const EXAMPLE: &str = r#"- id: issuer
  uses: issuer/identify
  with: { secret: "${{ inputs.secret }}" }
"#;

pub(crate) fn action() -> Action {
    Action::new(
        "issuer/identify",
        Class::Read,
        "finds who issues the secret, and what ending the old credential would break",
        "asks again",
        run,
    )
    .aim(Aim::Identify)
    .idempotency("it only reads")
    .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let Parameters { secret, provider, fallback, settings } = parameters;
    let (azure, config) = (&context.services.azure, &context.services.config);
    let vault = Vault::open(&secret.vault, azure)?;
    let (versions, current) = try_join!(vault.versions(&secret.name), vault.current(&secret.name))?;
    let history = History::new(versions);
    // Its tags tell who issued it, although nobody may get its value.
    let current = history.latest(&current);
    let tags = current.map(|version| version.tags.clone()).unwrap_or_default();
    let named = issuer_of(config, &secret, &tags, &IssuerClaim { provider, settings, fallback, in_words: None })?;
    let issuer = open_issuer(azure, &secret, &named)?;
    let state = match current.filter(|version| version.enabled) {
        // There is nobody to ask, and no reason to read the value.
        _ if !issuer.needs_value() => IssuerState::default(),
        Some(current) => {
            context.progress(format!("asking {}", named.provider.name()));
            let value = vault.value(&secret.name, Some(&current.id)).await?;
            let salt = context.key("fingerprints");
            issuer.survey(&Held { value: &value, tags: &tags, older: &[], salt: &salt }).await?
        }
        None => {
            return Err(Failure::refused(format!("`{}` has no version that can be read", secret.name))
                .help("enable the current version: its value tells which credential is to be replaced")
                .into());
        }
    };
    Ok(Outputs {
        provider: named.provider,
        because: named.because,
        assumed: named.assumed,
        address: named.address.unwrap_or_default(),
        old: state.old.unwrap_or_default(),
        next: state.next.unwrap_or_default(),
        breaks: issuer.impact(),
        by_hand: issuer.by_hand(),
    })
}
