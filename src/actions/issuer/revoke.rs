//! `issuer/revoke`: revokes the old credential at its issuer. The vault still holds it, so that its refusal can be proven.

use super::replaced::{Replaced, ReplacedKnown};
use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::plan_line::{PlanLine, Surroundings};
use crate::actions::rotation::{Values, history, reopen};
use crate::azure::Vault;
use crate::durable::{Intent, Probed, Stop};
use crate::engine::event::{Answer, Question};
use crate::evidence::EffectName;
use crate::failure::Failure;
use crate::issuers::Work;
use crate::plan::{Aim, Class, Fact};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Outputs {
    /// The credentials that were revoked.
    retired: Vec<String>,
    /// Who revoked them: `stanch`, a person's name, or nobody where the vault is the issuer.
    by: String,
    /// They were revoked before the new version was published.
    before: bool,
}

const EXAMPLE: &str = r#"- id: rotate
  uses: keyvault/rotate
  with: { secret: "${{ inputs.secret }}" }
- id: retire
  uses: issuer/revoke
  with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}", issuer: "${{ steps.rotate.outputs.issuer }}" }
"#;

pub(crate) fn action() -> Action {
    Action::new(
        "issuer/revoke",
        Class::Irreversible,
        "revokes the old credential at its issuer",
        "asks the issuer whether the old credential is dead",
        run,
    )
    .aim(Aim::RevokeAtIssuer)
    .plan(plan)
    .fact(fact)
    .idempotency("a credential that its issuer calls dead is not revoked again")
    .example(EXAMPLE)
}

fn plan(known: &ReplacedKnown, surroundings: &Surroundings) -> PlanLine {
    let at_issuer = surroundings.issuer.as_ref().map(|issuer| {
        let (old, name) = (&issuer.old, issuer.name);
        match (issuer.is_vault, issuer.revoke_first, issuer.by_hand) {
            (true, ..) => "nothing: the vault is treated as the issuer".to_owned(),
            (_, true, _) => format!("nothing more: {old} was ended before `rotate` published"),
            (_, _, true) => format!("asks a person to revoke {old} at `{name}`"),
            _ => format!("ends {old} at `{name}`"),
        }
    });
    PlanLine { does: at_issuer, ..PlanLine::on(&known.secret) }
}

fn fact(outputs: &Outputs) -> Fact {
    Fact::from(match (outputs.by.as_str(), outputs.by.strip_prefix("nobody: ")) {
        ("stanch", _) => format!("revoked {} at the issuer", outputs.retired.join(", ")),
        (_, Some(why)) => format!("no issuer credential to revoke: {why}"),
        (by, None) => format!("revoked at the issuer by {by}"),
    })
}

async fn run(context: &Context, replaced: Replaced) -> Result<Outputs, Stop> {
    let Replaced { secret, keep, issuer: record } = replaced;
    let retired = record.state.retire.clone();
    if let Some(by) = record.retired_by {
        return Ok(Outputs { retired, by, before: true });
    }
    if retired.is_empty() {
        let by = match record.named.assumed {
            true => "nobody: the vault was treated as the issuer",
            false => "nobody: the vault is the issuer",
        };
        return Ok(Outputs { retired, by: by.to_owned(), before: false });
    }
    let vault = Vault::open(&secret.vault, &context.services.azure)?;
    let history = history(context, &vault, &secret.name, &keep).await?;
    let kept = history.keeping(&keep, &vault.current(&secret.name).await?)?;
    let issuer = reopen(context, &secret, &record)?;
    if let Some(question) = issuer.by_hand() {
        let answer = context.gate(Question::new(question), None).await?;
        return match answer.answer {
            Answer::Approved => Ok(Outputs { retired, by: answer.who(), before: false }),
            Answer::Rejected | Answer::Expired => {
                Err(Failure::refused("the old credential was not revoked at its issuer")
                    .because(format!("{} said no", answer.who()))
                    .help("it still works: revoke it there, then start another run")
                    .into())
            }
        };
    }
    let values = Values::read(&vault, &secret.name, &record, &keep).await?;
    let before_it = kept.older().iter().copied().filter(|version| Some(&version.id) != record.replaced.as_ref());
    let older = Values::older(&vault, &secret.name, before_it, issuer.as_ref()).await?;
    let work = Work::of(&record, values.old.as_ref(), values.new.as_ref()).with_older(&older);
    let names = retired.join(", ");
    context.progress(format!("revoking {names}"));
    context
        .effect(
            Intent::new(EffectName::RevokeAtIssuer, format!("revoke {names} at its issuer")),
            async |_| issuer.retire(&work).await,
            async |_| {
                Ok(match issuer.retired(&work).await? {
                    Some(true) => Probed::Done(()),
                    Some(false) | None => Probed::NotDone,
                })
            },
        )
        .await?;
    Ok(Outputs { retired, by: "stanch".to_owned(), before: false })
}
