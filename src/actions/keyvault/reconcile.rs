//! `keyvault/reconcile`: compares the versions that carry the run's tag with the one that the journal knows.
//!
//! A request whose answer was lost may still be on its way when the vault, asked for it, knows nothing; it is then sent
//! again, and may arrive twice. What arrived late is disabled, and the vault's refusal taken down as evidence. Where it
//! became the current version, the value of the version that the run went on with is put in once more before, so that
//! nobody is left with a value that only the vault knows.

use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::plan_line::{PlanLine, early, name};
use crate::actions::rotation::{Late, history, put_right};
use crate::azure::Vault;
use crate::durable::Stop;
use crate::failure::Failure;
use crate::plan::{Aim, Class};
use crate::report::fact::counted;
use crate::vault::{SecretUrl, short};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
    /// The version that the rotation put in; empty if none is known to be.
    #[serde(default)]
    keep: String,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Outputs {
    /// Versions of this run that nobody knew of; they are disabled.
    late: Vec<String>,
    /// The version that carries the kept value and is current; empty where the kept version stayed current.
    put_in_again: String,
}

const EXAMPLE: &str = r#"- id: rotate
  uses: keyvault/rotate
  with: { secret: "${{ inputs.secret }}" }
- id: reconcile
  uses: keyvault/reconcile
  with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
"#;

early!(Known of Parameters { secret: SecretUrl });

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/reconcile",
        Class::Write,
        "looks for what arrived late, and puts it right",
        "asks the vault for the tag of the new version, and whether the late one is disabled",
        run,
    )
    .aim(Aim::Reconcile)
    .plan(|known: &Known, _| {
        PlanLine::on(&known.secret).does(format!("versions of {} that arrived late", name(&known.secret)))
    })
    .fact(|outputs| match outputs.late.len() {
        0 => "nothing arrived late".into(),
        late => format!("{} arrived late and was put right", counted(late as u64, "version")).into(),
    })
    .idempotency(
        "a version that is put in again carries the effect's key as a tag, and is looked for before another is made",
    )
    .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let Parameters { secret, keep } = parameters;
    let vault = Vault::open(&secret.vault, &context.services.azure)?;
    let history = history(context, &vault, &secret.name, &keep).await?;
    let Ok(successor) = history.successor(&keep) else {
        let ours: Vec<String> = history.of_run(&context.services.run).map(|version| short(&version.id)).collect();
        return match ours.as_slice() {
            [] => Ok(Outputs { late: Vec::new(), put_in_again: String::new() }),
            found => Err(unknown_to_us(&secret, found).into()),
        };
    };
    let Late { versions: late, put_in_again } = put_right(context, &vault, &secret, successor).await?;
    Ok(Outputs { late, put_in_again })
}

fn unknown_to_us(secret: &SecretUrl, found: &[String]) -> Failure {
    Failure::refused(format!("{} of {} came from this run, and no step knows of it", found.join(", "), secret.name))
        .because("a request of the rotation arrived after the vault was asked for it")
        .help("resume the run: the rotation goes on, and finds it by its tag")
}
