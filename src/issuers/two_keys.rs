//! Accounts of Azure with two keys that are good at the same time, either of which can be regenerated.
//!
//! ```text
//! survey   which of the two keys stands in the secret? that one leaked, the other one is next
//! issue    regenerate the next key            asked: does `listKeys` tell another key than before?
//! test     try it at the account
//! publish  the secret's text with the next key in the leaked one's place
//! adopt    both keys are good
//! retire   regenerate the leaked key          asked: does `listKeys` tell another key than before?
//! prove    try every old version at the account: refused, and in no listing
//! ```
//!
//! The new key needs no staging: `listKeys` tells it again. What is recorded of a key is a keyed fingerprint. Older
//! versions hold earlier texts of either key, and both are regenerated, so all of them are dead at the end.

use super::issuer::{Held, Impact, Issuance, Issued, Issuer, Work};
use super::record::IssuerState;
use super::resolve::{Named, TAG_CREDENTIAL};
use super::surroundings::{NoSettings, Surroundings, settings};
use super::trial::Trial;
use crate::azure::{Realm, ResourceManager, Transport};
use crate::clock;
use crate::failure::{Failure, Retry};
use crate::secret::Secret;
use crate::told::told;
use async_trait::async_trait;
use futures::future::LocalBoxFuture;
use hmac::{Hmac, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a regeneration that was accepted is waited for.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_secs(2);
/// What every key of an account is longer than.
const SHORTEST_KEY: usize = 32;

/// One of the two keys.
#[derive(Debug)]
pub(super) struct Slot {
    /// As the tag `CredentialId` names it.
    pub(super) name: &'static str,
    /// What the request to regenerate calls it.
    pub(super) asked: &'static str,
    /// The field of the listing that holds it.
    pub(super) field: &'static str,
}

/// Where an account can be asked whether a key works.
pub(super) struct Door<'a> {
    pub(super) transport: &'a Transport,
    pub(super) realm: Realm,
    pub(super) account: &'a str,
    /// The name of the rule, where keys belong to one.
    pub(super) rule: &'a str,
    pub(super) key: &'a Secret,
}

/// What came of knocking.
#[derive(Debug)]
pub(super) enum Knock {
    Accepted(String),
    Refused(String),
    /// The answer says nothing about the key.
    NoAnswer(String),
}

type KnockAt = for<'a> fn(Door<'a>) -> LocalBoxFuture<'a, Knock>;

/// A kind of account.
pub(super) struct Kind {
    /// What it is called in messages.
    pub(super) title: &'static str,
    /// The last parts of its address that take a name, in lower case.
    pub(super) types: &'static [&'static str],
    pub(super) api_version: &'static str,
    pub(super) regenerate: &'static str,
    /// The field of the request that names the key.
    pub(super) field: &'static str,
    pub(super) slots: [Slot; 2],
    /// Tries a key at the account; absent where it is not reached over HTTP.
    pub(super) knock: Option<KnockAt>,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kind").field("title", &self.title).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(super) struct TwoKeys {
    kind: &'static Kind,
    /// The account's address in the resource manager, without a slash at its end.
    id: String,
    manager: ResourceManager,
    transport: Transport,
    realm: Realm,
}

impl TwoKeys {
    pub(super) fn new(kind: &'static Kind, named: &Named, surroundings: &Surroundings) -> Result<Self, Failure> {
        let NoSettings {} = settings(named)?;
        let id = named.address.as_deref().unwrap_or_default().trim_end_matches('/').to_owned();
        let lower = id.to_lowercase();
        let fits = id.starts_with("/subscriptions/")
            && kind.types.iter().all(|part| lower.contains(part))
            && id.chars().all(|character| character.is_ascii_alphanumeric() || "/-_.()".contains(character));
        if !fits {
            let shape = kind.types.iter().map(|part| format!("{part}NAME")).collect::<String>();
            return Err(Failure::refused(format!("`{id}` is not the address of a {}", kind.title)).help(format!(
                "put it into the tag `ProviderAddress`, or into `settings: {{ address: … }}`: `/subscriptions/…/providers{shape}`"
            )));
        }
        let azure = &surroundings.azure;
        Ok(Self {
            kind,
            id,
            manager: ResourceManager::new(azure, &surroundings.secret.vault),
            transport: azure.transport.clone(),
            realm: Realm::of(&surroundings.secret.vault),
        })
    }

    /// The part of the address after a part of it.
    fn part(&self, before: &str) -> &str {
        let at = self.id.to_lowercase().find(before).map_or(self.id.len(), |at| at + before.len());
        self.id.get(at..).unwrap_or_default().split('/').next().unwrap_or_default()
    }

    fn account(&self) -> &str {
        self.part(self.kind.types.first().copied().unwrap_or_default())
    }

    async fn keys(&self) -> Result<[Secret; 2], Failure> {
        let listed = self.manager.ask(&self.id, "listKeys", self.kind.api_version).await?;
        let key = |slot: &Slot| {
            let found = listed.get(slot.field).or_else(|| {
                // Storage lists its keys by name.
                let keys = listed.get("keys").and_then(Value::as_array)?;
                keys.iter().find(|key| key.get("keyName").and_then(Value::as_str) == Some(slot.field))?.get("value")
            });
            let text = found.and_then(Value::as_str).filter(|text| text.len() >= SHORTEST_KEY);
            text.map(|text| Secret::new(text.to_owned())).ok_or_else(|| {
                Failure::refused(format!("`{}` lists no key `{}`", self.account(), slot.name))
                    .help("it may have key access switched off; then its keys cannot leak either")
            })
        };
        let [one, other] = &self.kind.slots;
        Ok([key(one)?, key(other)?])
    }

    fn slot(&self, name: &str) -> Result<usize, Failure> {
        let found = self.kind.slots.iter().position(|slot| slot.name == name);
        found.ok_or_else(|| Failure::refused(format!("`{}` has no key `{name}`", self.account())))
    }

    async fn key(&self, name: &str) -> Result<Secret, Failure> {
        let [one, other] = self.keys().await?;
        Ok(if self.slot(name)? == 0 { one } else { other })
    }

    async fn has_changed(&self, state: &IssuerState, name: &str) -> Result<bool, Failure> {
        let salt = state.marks.get("salt").map(String::as_str).unwrap_or_default();
        let now = fingerprint(salt, &self.key(name).await?);
        Ok(state.marks.get(name).is_some_and(|before| *before != now))
    }

    /// Sends once, then looks until the listing tells another key.
    async fn regenerate(&self, state: &IssuerState, name: &str) -> Result<(), Failure> {
        let slot = self.slot(name)?;
        let asked = self.kind.slots.get(slot).map(|slot| slot.asked).unwrap_or_default();
        let body = Value::Object(Map::from_iter([(self.kind.field.to_owned(), asked.into())]));
        self.manager.act(&self.id, self.kind.regenerate, self.kind.api_version, &body).await?;
        let until = clock::now() + PATIENCE;
        loop {
            // It was sent: a look that fails leaves open what came of it.
            if self.has_changed(state, name).await.map_err(Failure::after_sending)? {
                return Ok(());
            }
            if clock::now() >= until {
                let summary =
                    format!("`{}` accepted to regenerate `{name}`, but still lists the old key", self.account());
                return Err(Failure::unknown(summary));
            }
            clock::sleep(PAUSE).await;
        }
    }
}

/// Tells two keys apart without telling either: the first half of a keyed digest.
fn fingerprint(salt: &str, key: &Secret) -> String {
    match Hmac::<Sha256>::new_from_slice(salt.as_bytes()) {
        Ok(mac) => {
            let digest = mac.chain_update(key.expose()).finalize().into_bytes();
            hex::encode(digest).chars().take(32).collect()
        }
        Err(_) => String::new(),
    }
}

/// The keys in a text: runs of what Base64 is written with, and long.
fn keys_in(text: &str) -> impl Iterator<Item = &str> {
    let in_key = |character: char| character.is_ascii_alphanumeric() || "+/-_=".contains(character);
    text.split(move |character| !in_key(character)).filter_map(|run| {
        // `AccountKey=…`: a key does not begin with what comes before its own padding.
        let body = run.trim_end_matches('=');
        let from = body.rfind('=').map_or(0, |at| at + 1);
        run.get(from..).filter(|key| key.len() >= SHORTEST_KEY)
    })
}

#[async_trait(?Send)]
impl Issuer for TwoKeys {
    fn issuance(&self) -> Issuance {
        Issuance::Relisted
    }

    fn impact(&self) -> Impact {
        let account = self.account();
        Impact {
            overlap: format!(
                "whoever uses the other key of `{account}`, at once; whoever has not moved, when the overlap ends"
            ),
            revoke_first: format!("every user of `{account}` by key, at once, until it has read the new version"),
        }
    }

    async fn survey(&self, held: &Held<'_>) -> Result<IssuerState, Failure> {
        let keys = self.keys().await?;
        let text = held.value.expose();
        let place = keys
            .iter()
            .enumerate()
            .find_map(|(slot, key)| text.find(key.expose()).map(|start| (slot, start, key.expose().len())));
        let Some((slot, start, length)) = place else {
            let tagged =
                held.tags.get(TAG_CREDENTIAL).map(|tag| format!(" (it is tagged `{}`)", told(tag))).unwrap_or_default();
            return Err(Failure::refused(format!("neither key of `{}` stands in the current version{tagged}", self.account()))
                .because("either the account is another one, or its keys were regenerated after this version was put in")
                .help("check `ProviderAddress`; if the account is the right one, the value is dead already: put a living key in by hand, then run again"));
        };
        let salt = held.salt.to_owned();
        let mut marks = BTreeMap::from([("place".to_owned(), format!("{start}:{length}"))]);
        for (slot, key) in self.kind.slots.iter().zip(&keys) {
            marks.insert(slot.name.to_owned(), fingerprint(&salt, key));
        }
        marks.insert("salt".to_owned(), salt);
        let name = |slot: usize| self.kind.slots.get(slot).map(|slot| slot.name.to_owned()).unwrap_or_default();
        Ok(IssuerState { old: Some(name(slot)), next: Some(name(1 - slot)), retire: vec![name(slot)], marks })
    }

    async fn issue(&self, work: &Work<'_>) -> Result<Issued, Failure> {
        let next = work.state.next()?;
        self.regenerate(work.state, next).await?;
        Ok(Issued { credential: Some(next.to_owned()), value: None })
    }

    async fn issued(&self, work: &Work<'_>) -> Result<bool, Failure> {
        self.has_changed(work.state, work.state.next()?).await
    }

    async fn relisted(&self, state: &IssuerState) -> Result<Secret, Failure> {
        self.key(state.next()?).await
    }

    fn compose(&self, state: &IssuerState, old: &Secret, fresh: &Secret) -> Result<Secret, Failure> {
        let place = state.marks.get("place").and_then(|place| place.split_once(':'));
        let place =
            place.and_then(|(start, length)| Some((start.parse::<usize>().ok()?, length.parse::<usize>().ok()?)));
        let parts =
            place.and_then(|(start, length)| Some((old.expose().get(..start)?, old.expose().get(start + length..)?)));
        match parts {
            Some((before, after)) => Ok(Secret::new(format!("{before}{}{after}", fresh.expose()))),
            None => Err(Failure::refused("the version that is replaced is not the one that was looked at")
                .help("somebody works on this secret at the same time; find out who before going on")),
        }
    }

    async fn try_credential(&self, _: &IssuerState, value: &Secret) -> Result<Trial, Failure> {
        let Some(key) = keys_in(value.expose()).max_by_key(|key| key.len()) else {
            return Ok(Trial::untried("the version holds nothing that looks like a key of an account"));
        };
        let key = Secret::new(key.to_owned());
        let listed = self.keys().await?.iter().any(|current| current.expose() == key.expose());
        let rule = self.part("/authorizationrules/");
        let door = Door { transport: &self.transport, realm: self.realm, account: self.account(), rule, key: &key };
        let knock = match self.kind.knock {
            Some(knock) => knock(door).await,
            None => Knock::NoAnswer("it is not asked over HTTP".to_owned()),
        };
        let account = self.account();
        match (knock, listed) {
            (Knock::Refused(answer), false) => {
                Ok(Trial::refused("tried at the account, and not in its listing", answer))
            }
            (Knock::NoAnswer(why), false) => Ok(Trial::refused(
                &format!("by the account's listing; not tried at its door: {why}"),
                "not among the account's keys",
            )),
            (Knock::Accepted(answer), true) => Ok(Trial::accepted("tried at the account", answer)),
            (Knock::NoAnswer(why), true) => Ok(Trial::accepted(
                &format!("by the account's listing; not tried at its door: {why}"),
                "among the account's keys",
            )),
            // The two sides take a while to agree.
            (Knock::Accepted(_), false) => Err(Failure::refused(format!("`{account}` still takes the old key"))
                .because("its listing no longer has it; the account takes a while to follow")
                .retry(Retry::Later)),
            (Knock::Refused(answer), true) => {
                Err(Failure::refused(format!("`{account}` does not take its new key yet"))
                    .because(format!("it answered {answer}"))
                    .retry(Retry::Later))
            }
        }
    }

    async fn retire(&self, work: &Work<'_>) -> Result<(), Failure> {
        self.regenerate(work.state, work.state.old()?).await
    }

    async fn retired(&self, work: &Work<'_>) -> Result<Option<bool>, Failure> {
        self.has_changed(work.state, work.state.old()?).await.map(Some)
    }
}

/// What an answer's status says about the key.
pub(super) fn knocked(answer: Result<crate::azure::HttpAnswer, Failure>, wrong_key: fn(u16, &str) -> bool) -> Knock {
    match answer {
        Ok(answer) if (200..300).contains(&answer.status) => Knock::Accepted(answer.status.to_string()),
        Ok(answer) => {
            let code = answer.said_between("<Code>", "</Code>").unwrap_or_default();
            let said = format!("{} {code}", answer.status).trim_end().to_owned();
            if wrong_key(answer.status, &code) {
                Knock::Refused(said)
            } else {
                Knock::NoAnswer(format!("it answered {said}"))
            }
        }
        Err(failure) => Knock::NoAnswer(failure.summary),
    }
}

/// The signature of a text by a key.
pub(super) fn sign(key: &[u8], text: &str) -> Option<String> {
    use base64::Engine as _;
    let mac = Hmac::<Sha256>::new_from_slice(key).ok()?.chain_update(text);
    Some(base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes()))
}

/// A key that is written in Base64.
pub(super) fn decode(key: &Secret) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(key.expose()).ok().map(zeroize::Zeroizing::new)
}

/// The present as HTTP writes it.
pub(super) fn http_date() -> String {
    clock::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::keys_in;

    #[test]
    fn a_key_is_found_in_every_form_of_a_secret() {
        let key = format!("{}+/==", "k".repeat(84));
        for text in [
            key.clone(),
            format!(
                "DefaultEndpointsProtocol=https;AccountName=ordersstore;AccountKey={key};EndpointSuffix=core.windows.net"
            ),
            format!("Endpoint=sb://orders.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={key}"),
            format!("{{\"account\":\"orders\",\"key\":\"{key}\"}}"),
            format!("orders.redis.cache.windows.net:6380,password={key},ssl=True,abortConnect=False"),
        ] {
            assert_eq!(keys_in(&text).max_by_key(|found| found.len()), Some(key.as_str()), "{text}");
        }
    }
}
