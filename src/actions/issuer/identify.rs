//! `issuer/identify`: who issues the secret, where that is written, and the impact of revoking the old credential.

use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::plan_line::{PlanLine, early, name};
use crate::actions::rotation::{Identified, identify};
use crate::durable::Stop;
use crate::issuers::{Impact, IssuerClaim, IssuerKind};
use crate::plan::{Aim, Class};
use crate::vault::SecretUrl;
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
    /// Whether what the secret's tags say of its issuer is left aside: whoever may set a secret may tag it.
    #[serde(default)]
    ignore_tags: bool,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Outputs {
    provider: IssuerKind,
    /// Why this one, and where that is written.
    because: String,
    /// Nothing names an issuer, so the vault is treated as the issuer.
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

early!(Known of Parameters { secret: SecretUrl });

pub(crate) fn action() -> Action {
    Action::new(
        "issuer/identify",
        Class::Read,
        "finds who issues the secret, and what ending the old credential would break",
        "asks again",
        run,
    )
    .aim(Aim::Identify)
    .plan(|known: &Known, surroundings| {
        let name = name(&known.secret);
        let does = format!("who issues {name}, and the impact of revoking the old credential");
        PlanLine { does: surroundings.issuer.as_ref().map(|_| does), ..PlanLine::on(&known.secret) }
    })
    .fact(|outputs| {
        let breaks =
            Some(outputs.breaks.overlap.as_str()).filter(|breaks| !breaks.is_empty()).unwrap_or("none expected");
        format!("{}; impact of revoking: {breaks}", outputs.because).into()
    })
    .idempotency("it only reads")
    .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let Parameters { secret, provider, fallback, settings, ignore_tags } = parameters;
    let claim = IssuerClaim { provider, settings, fallback, ignore_tags, ..IssuerClaim::default() };
    let (azure, config) = (&context.services.azure, &context.services.config);
    context.progress("asking who issues it");
    let salt = context.key("fingerprints");
    let Identified { named, state, impact, by_hand, .. } = identify(azure, config, &secret, &claim, &salt).await?;
    Ok(Outputs {
        provider: named.provider,
        because: named.because,
        assumed: named.assumed,
        address: named.address.unwrap_or_default(),
        old: state.old.unwrap_or_default(),
        next: state.next.unwrap_or_default(),
        breaks: impact,
        by_hand,
    })
}
