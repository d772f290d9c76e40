//! A person's own sign-in at Entra, checked against the keys that the tenant publishes.
//!
//! Main type: [`Checker`]. It turns a token into a [`SignedIn`], once its signature, issuer, tenant, audience and time are
//! right and it speaks of a person. Whoever answers checks the own token so, and, where another process works on the run,
//! leaves the answer with a [`Shown`]: the part of the token that was signed, and a proof, bound to this answer, of having
//! the signature. That process checks the same by itself before it takes the answer: what it rests on is the tenant's
//! keys, not what the file says. The token itself stays with whoever signed in; it is written nowhere.

mod rsa;
mod token;

use crate::azure::{Authority, Transport};
use crate::clock::{self, Timestamp};
use crate::engine::event::{Event, RunOpened};
use crate::engine::person::{SignIns, Verified};
use crate::failure::{Failure, Retry};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::PublicKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use token::{SignedPart, apart};

/// An answer that was given longer ago, or is to come, is taken from no file.
const FRESH: Duration = Duration::from_secs(120);

/// Checks sign-ins of the tenant that a run is pinned to.
#[derive(Debug)]
pub struct Checker {
    transport: Transport,
    authority: Authority,
    pinned: SignIns,
    /// The run, told from any other, also from one of the same id.
    run: RunMark,
    /// Digests of the answers that were proven here: none counts twice.
    proven: Mutex<BTreeSet<[u8; 32]>>,
}

/// Somebody whose token was checked.
#[derive(Debug)]
pub struct SignedIn {
    verified: Verified,
    run: RunMark,
    key: PublicKey,
    token: Secret,
}

/// The id of a run, and the number that was drawn when it was begun.
type RunMark = (String, Option<String>);

/// What is shown of a token with an answer that is left for another process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The token without its signature.
    signed: String,
    /// When the answer was given.
    at: Timestamp,
    /// That whoever gave this answer has the signature.
    proof: String,
}

impl Checker {
    /// Of a run that is pinned to these sign-ins. Nothing is asked yet.
    ///
    /// # Errors
    /// If what the run is pinned to is no authority of Azure's.
    pub fn new(transport: Transport, pinned: SignIns, opened: &RunOpened) -> Result<Self, Failure> {
        let authority = Authority::at(&pinned.login)
            .ok_or_else(|| Failure::refused(format!("`{}` is no authority of Azure's", pinned.login)))?;
        let run = (opened.run.clone(), opened.nonce.clone());
        Ok(Self { transport, authority, pinned, run, proven: Mutex::default() })
    }

    /// What a token must be for, as sign-ins are asked for it.
    pub fn scope(&self) -> String {
        format!("{}/.default", self.authority.vault)
    }

    /// The tenant in which a person must have signed in.
    pub fn pinned(&self) -> &SignIns {
        &self.pinned
    }

    /// The host at which they sign in.
    pub fn login(&self) -> &'static str {
        self.authority.login
    }

    /// Checks a token.
    pub async fn sign_in(&self, token: Secret) -> Result<SignedIn, Failure> {
        let (verified, key) = {
            let (signed, signature) = apart(token.expose()).map_err(refused)?;
            let key = self.key(&signed.kid).await?;
            if !signed.is_signed(&key, &signature) {
                return Err(refused("its signature is not the tenant's".to_owned()));
            }
            (self.speaks_of(&signed)?, key)
        };
        Ok(SignedIn { verified, run: self.run.clone(), key, token })
    }

    /// Checks what was shown with an answer that somebody left.
    pub async fn shown(&self, shown: &Shown, answer: &Event) -> Result<Verified, Failure> {
        let signed = SignedPart::read(&shown.signed).map_err(refused)?;
        let proof = URL_SAFE_NO_PAD.decode(&shown.proof).map_err(|_| refused("its proof cannot be read".to_owned()))?;
        if (clock::now() - shown.at).abs().to_std().is_ok_and(|age| age > FRESH) {
            return Err(refused("the answer was not given just now".to_owned()));
        }
        let key = self.key(&signed.kid).await?;
        let message = message(&self.run, shown.at, answer)?;
        if !key.is_proven(signed.text().as_bytes(), &message, &proof) {
            return Err(refused("it does not prove that this answer is of whoever signed in".to_owned()));
        }
        let verified = self.speaks_of(&signed)?;
        let is_new = self.proven.lock().unwrap_or_else(PoisonError::into_inner).insert(Sha256::digest(message).into());
        if is_new { Ok(verified) } else { Err(refused("this very answer was given before".to_owned())) }
    }

    fn speaks_of(&self, signed: &SignedPart<'_>) -> Result<Verified, Failure> {
        signed.speaks_of(&self.pinned, self.authority, clock::now()).map_err(refused)
    }

    /// A key by its name, if it is published now: one that was withdrawn counts no more.
    async fn key(&self, kid: &str) -> Result<PublicKey, Failure> {
        let published = self.authority.token_keys(&self.transport, &self.pinned.tenant).await?;
        let key = published.iter().find(|key| key.kid == kid).and_then(PublicKey::of);
        key.ok_or_else(|| refused("it is signed with a key that the tenant does not publish".to_owned()))
    }
}

impl SignedIn {
    /// Who it is.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// What is shown with an answer to the run.
    pub fn show(&self, answer: &Event) -> Result<Shown, Failure> {
        let at = clock::now();
        let (signed, signature) = apart(self.token.expose()).map_err(refused)?;
        let message = message(&self.run, at, answer)?;
        let proof = self
            .key
            .prove(signed.text().as_bytes(), &signature, &message)
            .map_err(|error| Failure::refused("the operating system gives no randomness").because(error.to_string()))?;
        Ok(Shown { signed: signed.text().to_owned(), at, proof: URL_SAFE_NO_PAD.encode(proof) })
    }
}

/// What is proven: this answer, to this run, at this time. What a machine knows of whoever gave it is not theirs to say.
fn message(run: &RunMark, at: Timestamp, answer: &Event) -> Result<Vec<u8>, Failure> {
    let mut answer = answer.clone();
    answer.seen_mut().map(Option::take);
    let unwritten = |error: serde_json::Error| Failure::refused("the answer cannot be read").because(error.to_string());
    serde_json::to_vec(&(run, at, answer)).map_err(unwritten)
}

fn refused(why: String) -> Failure {
    Failure::refused("the sign-in is not taken").because(why).retry(Retry::Never)
}
