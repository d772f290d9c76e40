//! `keyvault/rotate`: has the secret's issuer issue a new credential and puts it in as a new version, exactly one,
//! whatever happens to the answers. How stands in [`crate::actions::rotation`].

use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::plan_line::{PlanLine, Replaces, Surroundings, early, name};
use crate::actions::rotation::{
    Issued, PREDECESSOR, Rotation, blaming_tags, confirm, issuer_of, open_issuer, predecessor,
};
use crate::azure::Vault;
use crate::clock::Timestamp;
use crate::durable::Stop;
use crate::issuers::{Draw, IssuerClaim, IssuerKind, IssuerRecord, LETTERS_AND_DIGITS, Named};
use crate::plan::{Aim, Class, Fact};
use crate::vault::{SecretUrl, short};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
    /// Who issues the new value; what the secret's tags say, else the inventory, else the vault, unless given.
    #[serde(default)]
    provider: Option<IssuerKind>,
    /// The issuer where nothing names one; the vault unless given.
    #[serde(default)]
    fallback: Option<IssuerKind>,
    /// The issuer's settings; each provider has its own. `random` takes `within`: the place in the value that alone is
    /// replaced, `Password` of a connection string or `/db/password` of JSON.
    #[serde(default)]
    settings: Map<String, Value>,
    /// Whether what the secret's tags say of its issuer is left aside: whoever may set a secret may tag it.
    #[serde(default)]
    ignore_tags: bool,
    /// Whether the old credential is killed before the new one is published. Its users fail until they have read the
    /// new version; so does whoever exploits it.
    #[serde(default)]
    revoke_first: bool,
    /// Characters of a value that stanch chooses.
    #[serde(default = "forty_eight")]
    #[schemars(range(min = 13, max = 25_000))]
    length: usize,
    /// The characters to draw such a value from, each once; letters and digits unless given.
    #[serde(default = "letters_and_digits")]
    alphabet: String,
}

fn forty_eight() -> usize {
    48
}

fn letters_and_digits() -> String {
    LETTERS_AND_DIGITS.to_owned()
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Outputs {
    /// The new version.
    version: String,
    /// When the vault says it was made.
    created: String,
    /// When it expires: it lives as long as the one before was meant to. Empty where it does not.
    expires: String,
    /// The version that was current before.
    predecessor: String,
    /// Who issued it.
    provider: String,
    /// Why that one.
    because: String,
    /// The new credential at its issuer, where it has a name there.
    credential: String,
    /// What the later steps at the issuer need: its address, and which credentials are to die.
    issuer: IssuerRecord,
}

const EXAMPLE: &str = r#"- id: rotate
  uses: keyvault/rotate
  with: { secret: "${{ inputs.secret }}", provider: random, length: 48 }
  retry: { max: 8, backoff: 1s..30s }
"#;

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/rotate",
        Class::Write,
        "has a new credential issued and puts it into the vault as the current version",
        "asks the issuer, and the vault for the tag of the new version",
        run,
    )
    .aim(Aim::Rotate)
    .plan(plan)
    .fact(fact)
    .idempotency("exactly one new version: it carries the effect's key as the tag `stanch-effect`, and is looked for before another is made")
    .example(EXAMPLE)
}

early!(Known of Parameters {
    secret: SecretUrl,
    provider: Option<IssuerKind>,
    fallback: Option<IssuerKind>,
    settings: Map<String, Value>,
    ignore_tags: bool,
    revoke_first: bool,
    length: usize,
});

fn plan(known: &Known, surroundings: &Surroundings) -> PlanLine {
    let provider = known.provider.flatten();
    let said = IssuerClaim {
        provider,
        settings: known.settings.clone().unwrap_or_default(),
        fallback: known.fallback.flatten(),
        in_words: None,
        ignore_tags: known.ignore_tags.unwrap_or_default(),
        length: known.length,
    };
    let from = match (&surroundings.issuer, provider) {
        (Some(issuer), _) if issuer.is_vault => ", randomly generated".to_owned(),
        (Some(issuer), _) if issuer.by_hand || issuer.next.is_empty() => format!(", issued by `{}`", issuer.name),
        (Some(issuer), _) => format!(": {} of `{}`", issuer.next, issuer.name),
        (None, Some(provider)) => format!(", issued by `{}`", provider.name()),
        (None, None) => String::new(),
    };
    let replaces = Replaces { said, revoke_first: known.revoke_first.unwrap_or_default() };
    let line = PlanLine::on(&known.secret).does(format!("1 new version of {}{from}", name(&known.secret)));
    PlanLine { replaces: Some(replaces), ..line }
}

fn fact(outputs: &Outputs) -> Fact {
    let issued = match outputs.credential.as_str() {
        "" => String::new(),
        credential => format!(", it holds {} of {}", short(credential), outputs.provider),
    };
    let expires = match outputs.expires.as_str() {
        "" => String::new(),
        expires => format!(", until {expires}"),
    };
    Fact::from(format!("version {} is current{issued}{expires}", short(&outputs.version)))
}

fn in_seconds(time: Timestamp) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let secret = &parameters.secret;
    let draw = Draw::new(parameters.length, &parameters.alphabet)?;
    let vault = Vault::open(&secret.vault, &context.services.azure)?;
    let predecessor = context.observe(PREDECESSOR, async || predecessor(&vault, secret).await).await?;
    let Parameters { provider, fallback, settings, ignore_tags, .. } = &parameters;
    let said = IssuerClaim {
        provider: *provider,
        settings: settings.clone(),
        fallback: *fallback,
        in_words: None,
        ignore_tags: *ignore_tags,
        length: Some(parameters.length),
    };
    let config = &context.services.config;
    let version = Issued {
        id: predecessor.version.as_deref(),
        content_type: predecessor.content_type.as_deref(),
        tags: &predecessor.tags,
    };
    let found = async || issuer_of(&vault, config, secret, &version, &said).await;
    let named: Named = context.observe("issuer", found).await?;
    let draw = if named.assumed { draw.like(named.form.as_ref()) } else { draw };
    let blamed = |failure| if named.from_tags { blaming_tags(failure) } else { failure };
    let issuer = open_issuer(&context.services.azure, secret, &named).map_err(blamed)?;
    let held = if *ignore_tags { predecessor.without_tags() } else { predecessor.clone() };
    let rotation = Rotation {
        context,
        vault: &vault,
        secret,
        predecessor: &predecessor,
        tagged: &held,
        issuer: issuer.as_ref(),
        draw: &draw,
    };
    let (published, record) = rotation.run(&named, parameters.revoke_first).await?;
    confirm(&vault, secret, &published).await?;
    Ok(Outputs {
        version: published.version,
        created: in_seconds(published.created),
        expires: published.expires.map(in_seconds).unwrap_or_default(),
        predecessor: predecessor.version.unwrap_or_default(),
        provider: named.provider.name().to_owned(),
        because: named.because,
        credential: record.new.clone().unwrap_or_default(),
        issuer: record,
    })
}
