//! A rotation, whoever issues the credential: survey, stage, issue, test, publish.
//!
//! Each is an effect of its own with a question that tells whether it happened, in an order in which no crash loses
//! the old or the new credential. Where the new one lives meanwhile stands in [`crate::issuers`].

use super::entered::ask;
use super::identified::own_tags;
use super::naming::blaming_tags;
use super::publication::{Predecessor, Published, find, publish};
use super::values::Values;
use crate::actions::context::Context;
use crate::azure::{NewVersion, Vault};
use crate::durable::{Intent, Probed, Stop};
use crate::engine::event::{Answer, Question};
use crate::evidence::{EffectName, ObservationName};
use crate::failure::{Failure, Retry};
use crate::issuers::none_if_empty;
use crate::issuers::{
    Draw, Form, Held, Issuance, Issuer, IssuerRecord, IssuerState, Named, Proof, TAG_CREDENTIAL, Trial, Work, is_same,
    too_large, unlike,
};
use crate::secret::Secret;
use crate::vault::{SecretUrl, TAG_EFFECT, TAG_RUN};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Key Vault takes no longer names; the staging secret's has 16 characters more than the secret's.
const LONGEST_STEM: usize = 127 - 16;

/// One rotation.
pub(crate) struct Rotation<'a> {
    pub(crate) context: &'a Context,
    pub(crate) vault: &'a Vault,
    pub(crate) secret: &'a SecretUrl,
    pub(crate) predecessor: &'a Predecessor,
    /// The same, with the tags that are believed.
    pub(crate) tagged: &'a Predecessor,
    pub(crate) issuer: &'a dyn Issuer,
    /// Draws a value that stanch chooses.
    pub(crate) draw: &'a Draw,
}

/// What was issued, as it is recorded.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Made {
    #[serde(default, deserialize_with = "none_if_empty")]
    credential: Option<String>,
    /// The staging version that holds the value.
    staged: Option<String>,
}

impl Rotation<'_> {
    /// Rotates; gives the new version, and how the issuer's credentials stand.
    pub(crate) async fn run(&self, named: &Named, revoke_first: bool) -> Result<(Published, IssuerRecord), Stop> {
        let state = match self.issuer.needs_value() {
            true => {
                let rests_on_tags = named.from_tags || !self.tagged.older.is_empty();
                let blamed = |failure| if rests_on_tags { blaming_tags(failure) } else { failure };
                self.context.observe("survey", async || self.survey().await.map_err(blamed)).await?
            }
            // There is nobody to ask, and no reason to read the value.
            false => IssuerState::default(),
        };
        let mut record = IssuerRecord::of(named.clone(), state);
        record.replaced.clone_from(&self.predecessor.version);
        record.issue_key = Some(self.context.key(&EffectName::Issue.to_string()));
        if revoke_first && self.issuer.retires_first() {
            record.retired_by = Some(match self.issuer.by_hand() {
                None => self.retire_first(&record).await?,
                Some(question) => self.revoked_by_hand(question).await?,
            });
        }
        if !matches!(self.issuer.issuance(), Issuance::Drawn | Issuance::Relisted) {
            // Known from here on, so that a run that is given up says what it left.
            self.context.observe(ObservationName::Staging, async || Ok(self.staging())).await?;
        }
        let made = match self.issuer.issuance() {
            Issuance::Drawn => Made::default(),
            Issuance::Relisted => self.issue(&record, None).await?,
            Issuance::ToldOnce => self.issue_and_stage(&record).await?,
            Issuance::Chosen => {
                let staged = self.stage(None).await?;
                self.issue(&record, Some(staged)).await?
            }
            Issuance::Entered => {
                let staged = self.stage_entered(named).await?;
                Made { credential: None, staged: Some(staged) }
            }
        };
        record.new.clone_from(&made.credential);
        record.staging = made.staged.is_some().then(|| self.staging());
        if self.issuer.proof() == Proof::IssuersRefusal {
            self.test(&record, &made).await?;
        }
        let tags = own_tags(self.issuer, named, made.credential.as_deref());
        let value = async || self.value(&record, &made).await;
        let published = publish(self.context, self.vault, self.secret, self.predecessor, tags, value).await?;
        Ok((published, record))
    }

    /// The value that is replaced, if the vault still gives it.
    async fn replaced(&self) -> Result<Option<Secret>, Failure> {
        match &self.predecessor.version {
            Some(version) => self.vault.value_if_enabled(&self.secret.name, version).await,
            None => Ok(None),
        }
    }

    /// The value that is replaced. It stays in the vault until it is dead.
    async fn old(&self) -> Result<Secret, Failure> {
        self.replaced().await?.ok_or_else(|| {
            Failure::refused(format!("the current version of `{}` cannot be read", self.secret.name))
                .because("it is disabled, and its value tells which credential is to be replaced")
                .help("enable it, then resume")
        })
    }

    async fn survey(&self) -> Result<IssuerState, Failure> {
        let (value, salt) = (self.old().await?, self.context.key("fingerprints"));
        let Predecessor { tags, older, .. } = self.tagged;
        self.issuer.survey(&Held { value: &value, tags, older, salt: &salt }).await
    }

    /// The name of the staging secret: one of its own for every rotation, so that none is hindered by a deleted one.
    fn staging(&self) -> String {
        let stem: String = self.secret.name.chars().take(LONGEST_STEM).collect();
        let digits: String = self.context.key(&EffectName::Stage.to_string()).chars().take(8).collect();
        format!("{stem}-stanch-{digits}")
    }

    async fn staged(&self, version: &str) -> Result<Secret, Failure> {
        self.vault.value(&self.staging(), Some(version)).await
    }

    async fn put_aside(&self, key: &str, value: &Secret, credential: Option<&str>) -> Result<String, Failure> {
        let mut tags = BTreeMap::from([
            (TAG_RUN.to_owned(), self.context.services.run.clone()),
            (TAG_EFFECT.to_owned(), key.to_owned()),
        ]);
        tags.extend(credential.map(|credential| (TAG_CREDENTIAL.to_owned(), credential.to_owned())));
        let new = NewVersion { content_type: None, tags, expires: None };
        Ok(self.vault.set(&self.staging(), value, new).await?.id)
    }

    async fn retire_first(&self, record: &IssuerRecord) -> Result<String, Stop> {
        let old = self.old().await?;
        let versions = self.vault.versions(&self.secret.name).await?;
        let others = versions.iter().filter(|version| Some(&version.id) != record.replaced.as_ref());
        let older = Values::older(self.vault, &self.secret.name, others, self.issuer).await?;
        let work = Work::of(record, Some(&old), None).with_older(&older);
        let names = record.state.retire.join(", ");
        self.context.progress(format!("revoking {names} first"));
        self.context
            .effect(
                Intent::new(
                    EffectName::RevokeAtIssuer,
                    format!("revoke {names} at its issuer, before there is a new one"),
                ),
                async |_| self.issuer.retire(&work).await,
                async |_| {
                    Ok(match self.issuer.retired(&work).await? {
                        Some(true) => Probed::Done(()),
                        Some(false) | None => Probed::NotDone,
                    })
                },
            )
            .await?;
        Ok("stanch".to_owned())
    }

    /// A person revokes the old credential, and says so. Gives who.
    async fn revoked_by_hand(&self, question: String) -> Result<String, Stop> {
        const SAID: &str = "revoked by hand";
        let observed = self.context.ledger().step(&self.context.step).observations;
        if let Some(by) = observed.get(SAID).and_then(|by| by.as_str()) {
            return Ok(by.to_owned());
        }
        let answer = self.context.gate(Question::new(question), None).await?;
        if answer.answer == Answer::Approved {
            self.context.note(SAID, &answer.names()).await?;
            return Ok(answer.who());
        }
        Err(Failure::refused("the old credential was not revoked at its issuer")
            .because(format!("{} said no", answer.who()))
            .help("start another run with `containment=overlap`; nothing was changed")
            .into())
    }

    /// Stages a value: the one that was entered, or one that is drawn.
    async fn stage(&self, entered: Option<&Secret>) -> Result<String, Stop> {
        self.context
            .effect(
                Intent::new(EffectName::Stage, format!("put the new value aside in {}", self.staging())),
                async |key| match entered {
                    Some(value) => self.put_aside(&key, value, None).await,
                    None => self.put_aside(&key, &self.draw.value()?, None).await,
                },
                async |key| {
                    let found = find(self.vault, &self.staging(), &key).await?;
                    Ok(found.map_or(Probed::NotDone, |version| Probed::Done(version.id)))
                },
            )
            .await
    }

    /// Asks a person for the value, unless it is staged already.
    async fn stage_entered(&self, named: &Named) -> Result<String, Stop> {
        let is_staged =
            find(self.vault, &self.staging(), &self.context.key(&EffectName::Stage.to_string())).await?.is_some();
        if is_staged {
            return self.stage(None).await;
        }
        let old = self.old().await?;
        let form = Form::of(Some(&old), None);
        let kind = form.in_words().filter(|_| form.is_structured());
        let kind = kind.map(|words| format!(", whole: the old one is {words}")).unwrap_or_default();
        let (name, provider) = (&self.secret.name, named.provider.name());
        let question = format!("new value of {name}, made at its issuer ({provider}){kind}");
        let value = ask(self.context, &question).await?;
        let whole = self.issuer.compose(&IssuerState::default(), &old, &value)?;
        fits(&old, &value, &whole, self.context.is_meant())?;
        self.stage(Some(&value)).await
    }

    async fn issue(&self, record: &IssuerRecord, staged: Option<String>) -> Result<Made, Stop> {
        let value = match &staged {
            Some(version) => Some(self.staged(version).await?),
            None => None,
        };
        let old = self.replaced().await?;
        let work = Work::of(record, old.as_ref(), value.as_ref());
        let next = record.state.next()?;
        let credential = self
            .context
            .effect(
                Intent::new(EffectName::Issue, format!("issue {next} anew")),
                async |_| self.issuer.issue(&work).await.map(|_| next.to_owned()),
                async |_| {
                    Ok(if self.issuer.issued(&work).await? { Probed::Done(next.to_owned()) } else { Probed::NotDone })
                },
            )
            .await?;
        Ok(Made { credential: Some(credential), staged })
    }

    /// The value is told once: it is put aside in the effect that asks for it.
    async fn issue_and_stage(&self, record: &IssuerRecord) -> Result<Made, Stop> {
        let old = self.replaced().await?;
        let work = Work::of(record, old.as_ref(), None);
        self.context
            .effect(
                Intent::new(EffectName::Issue, format!("issue a credential and put it aside in {}", self.staging())),
                async |key| {
                    let issued = self.issuer.issue(&work).await?;
                    let value = issued.value.ok_or_else(|| Failure::refused("the issuer told no value"))?;
                    let staged = self
                        .put_aside(&key, &value, issued.credential.as_deref())
                        .await
                        .map_err(Failure::after_sending)?;
                    Ok(Made { credential: issued.credential, staged: Some(staged) })
                },
                async |key| {
                    let found = find(self.vault, &self.staging(), &key).await?;
                    Ok(found.map_or(Probed::NotDone, |version| {
                        let credential = version.tags.get(TAG_CREDENTIAL).cloned();
                        Probed::Done(Made { credential, staged: Some(version.id) })
                    }))
                },
            )
            .await
    }

    /// The whole text of the new version.
    async fn composed(&self, record: &IssuerRecord, made: &Made) -> Result<Secret, Failure> {
        let fresh = match &made.staged {
            Some(version) => self.staged(version).await?,
            None => self.issuer.relisted(&record.state).await?,
        };
        self.issuer.compose(&record.state, &self.old().await?, &fresh)
    }

    /// What is published.
    async fn value(&self, record: &IssuerRecord, made: &Made) -> Result<Secret, Failure> {
        match self.issuer.issuance() {
            Issuance::Drawn if !self.issuer.needs_value() => self.draw.value(),
            Issuance::Drawn => self.issuer.compose(&record.state, &self.old().await?, &self.draw.value()?),
            _ => self.composed(record, made).await,
        }
    }

    /// Nothing is published that does not work, as far as anybody can tell.
    async fn test(&self, record: &IssuerRecord, made: &Made) -> Result<(), Stop> {
        let tried = self.context.ledger().step(&self.context.step).observations.contains_key("tested");
        if tried {
            return Ok(());
        }
        self.context.progress("trying the new credential");
        let trial = self.issuer.try_credential(&record.state, &self.composed(record, made).await?).await?;
        if let Trial::Refused { how, answer } = &trial {
            return Err(Failure::refused("the issuer does not take the new credential")
                .because(format!("{how}: {answer}"))
                .help(
                    "a new one may take a while to be known everywhere; nothing was published, the old one is in place",
                )
                .retry(Retry::Later)
                .into());
        }
        self.context.note("tested", &trial).await
    }
}

/// Refuses what a person entered where it ends nothing, cannot be put in, or would break every reader of the secret.
fn fits(old: &Secret, entered: &Secret, whole: &Secret, is_meant: bool) -> Result<(), Failure> {
    if is_same(old, entered) || is_same(old, whole) {
        return Err(Failure::refused("the value that was entered is the one that leaked")
            .help("make a new credential at the issuer, then resume"));
    }
    if let Some(why) = too_large(whole) {
        return Err(Failure::refused("the value that was entered is too large")
            .because(why)
            .help("resume, and enter the value alone; what is larger is kept elsewhere, and its key here")
            .and("nothing was changed"));
    }
    match unlike(old, entered, whole) {
        Some(unlike) if !is_meant => Err(Failure::refused(unlike)
            .because("every reader of the secret would break on it")
            .help("resume, and enter the whole new value; nothing was changed")
            .and("if it is meant as it is, resume with `--as-entered`, and enter it once more")),
        _ => Ok(()),
    }
}
