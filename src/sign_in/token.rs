//! What Entra signs of a token → who it speaks of, or why it is not taken.
//!
//! Main type: [`SignedPart`]: a token without its signature, which opens nothing.

use super::rsa::PublicKey;
use crate::azure::Authority;
use crate::clock::{Timestamp, second};
use crate::engine::person::{SignIns, Verified};
use crate::failure::{Failure, Retry};
use crate::visible;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A token with two hundred groups has some ten kilobytes.
const LONGEST: usize = 64 << 10;
/// How far this machine's clock may be behind Entra's.
const CLOCK_SKEW_SECONDS: i64 = 60;

/// How somebody comes by a token of their own.
pub const PRINTS_ONE: &str =
    "`az account get-access-token --resource https://vault.azure.net --query accessToken -o tsv` prints one";

/// A token's header and claims, as they are signed.
#[derive(Debug)]
pub(super) struct SignedPart<'a> {
    text: &'a str,
    /// Which key it says that it is signed with.
    pub(super) kid: String,
    claims: Value,
}

/// A sign-in that does not count, and why.
pub(super) fn refused(why: impl Into<String>) -> Failure {
    Failure::refused("the sign-in is not taken").because(why).retry(Retry::Never)
}

/// What is given is none.
fn no_token(why: &str) -> Failure {
    refused(why).help(PRINTS_ONE)
}

/// A token taken apart, as it was pasted: alone, or with the word that stands before it in a request.
pub(super) fn apart(token: &str) -> Result<(SignedPart<'_>, Vec<u8>), Failure> {
    let token = token.trim();
    if token.starts_with('{') {
        return Err(no_token("it is the whole answer that holds a token, not the token alone"));
    }
    let bare = ["authorization:", "bearer"].into_iter().fold(token.trim_matches('"'), |token, word| {
        let begins = token.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        token.get(word.len()..).filter(|_| begins).map_or(token, str::trim_start)
    });
    let (signed, signature) = bare.rsplit_once('.').ok_or_else(|| no_token("it is no token"))?;
    let signature =
        URL_SAFE_NO_PAD.decode(signature).map_err(|_| no_token("its signature cannot be read: it may be cut off"))?;
    Ok((SignedPart::read(signed)?, signature))
}

impl<'a> SignedPart<'a> {
    /// Reads it. Only RS256 by a named key is known here: a token does not say how it is to be checked.
    pub(super) fn read(text: &'a str) -> Result<Self, Failure> {
        if text.len() > LONGEST {
            return Err(no_token("it is longer than any token"));
        }
        let object = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
        };
        let parts = text.split_once('.').filter(|(_, claims)| !claims.contains('.'));
        let parts = parts.and_then(|(header, claims)| Some((object(header)?, object(claims)?)));
        let (header, claims) = parts.ok_or_else(|| no_token("it is no token"))?;
        let said = |name: &str| header.get(name).and_then(Value::as_str);
        if said("alg") != Some("RS256") {
            return Err(refused("it is not signed by RS256"));
        }
        if header.get("crit").is_some() || said("typ").is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) {
            return Err(refused("it is a token of another kind"));
        }
        let kid = said("kid").filter(|kid| !kid.is_empty());
        let kid = kid.ok_or_else(|| refused("it does not say which key signed it"))?.to_owned();
        Ok(Self { text, kid, claims })
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Whether this signature is the key's.
    pub(super) fn is_signed(&self, key: &PublicKey, signature: &[u8]) -> bool {
        key.has_signed(self.text.as_bytes(), signature)
    }

    /// Who it speaks of, at a time; says what it lacks. That it is signed is looked at elsewhere.
    pub(super) fn speaks_of(
        &self,
        pinned: &SignIns,
        authority: Authority,
        now: Timestamp,
    ) -> Result<Verified, Failure> {
        self.is_of_the_tenant(pinned, authority)?;
        if !self.text_of("aud").is_some_and(|audience| authority.is_audience(audience)) {
            let audience = self.text_of("aud").map(seen).unwrap_or_else(|| "nothing that can be read".to_owned());
            let why = format!("it is for another audience than {} or storage: for {audience}", authority.vault);
            let command = format!("az account get-access-token --resource {}", authority.vault);
            return Err(refused(why).help(format!("`{command} --query accessToken -o tsv` prints one that counts")));
        }
        self.is_valid_at(now)?;
        self.is_of_a_person()?;
        let id = |text: &str| uuid::Uuid::try_parse(text).ok().map(|id| id.to_string());
        let oid = self.text_of("oid").and_then(id).ok_or_else(|| refused("it names no object id"))?;
        // The second version has another name for it; others than these two may be of anybody's choosing.
        let second = self.text_of("preferred_username").filter(|_| self.text_of("ver") == Some("2.0"));
        let upn = self.text_of("upn").or(second).map(str::to_owned);
        let groups = self.claims.get("groups").and_then(Value::as_array);
        let told = groups.into_iter().flatten().filter_map(|group| id(group.as_str()?)).collect();
        Ok(Verified {
            oid,
            upn,
            tenant: pinned.tenant.clone(),
            token_sha256: hex::encode(Sha256::digest(self.text)),
            groups: told,
            groups_not_known: groups.is_none() || self.has_more_groups(),
        })
    }

    fn is_of_the_tenant(&self, pinned: &SignIns, authority: Authority) -> Result<(), Failure> {
        let issuers = authority.issuers(&pinned.tenant);
        let is_issued = self.text_of("iss").is_some_and(|issuer| issuers.iter().any(|known| known == issuer));
        let tenant = self.text_of("tid").unwrap_or_default();
        if is_issued && tenant.eq_ignore_ascii_case(&pinned.tenant) {
            return Ok(());
        }
        let other = uuid::Uuid::try_parse(tenant).ok().map(|id| id.to_string()).filter(|id| *id != pinned.tenant);
        let of = other.map_or_else(String::new, |other| format!(", but of {other}"));
        let why = format!("it is not of the tenant {}, by which this run goes{of}", pinned.tenant);
        Err(refused(why).help(format!("sign in there as yourself: `az login --tenant {}`", pinned.tenant)))
    }

    fn is_valid_at(&self, now: Timestamp) -> Result<(), Failure> {
        let time = |name: &str| DateTime::from_timestamp(self.claims.get(name).and_then(Value::as_i64)?, 0);
        let (Some(from), Some(until)) = (time("nbf"), time("exp")) else {
            return Err(refused("it does not say until when it is valid"));
        };
        let here = format!("and it is {} by the clock of this machine", second(now));
        if from.timestamp() > now.timestamp() + CLOCK_SKEW_SECONDS {
            let why = format!("it is not valid yet: it begins to be at {}, {here}", second(from));
            return Err(refused(why).help("set the clock of this machine, then answer again"));
        }
        if until.timestamp() <= now.timestamp() {
            let why = format!("it has expired at {}, {here}", second(until));
            return Err(refused(why).help("sign in anew (`az login`); if that time is wrong, set the clock first"));
        }
        Ok(())
    }

    /// An application's token is nobody's word.
    fn is_of_a_person(&self) -> Result<(), Failure> {
        let is_user = self.text_of("idtyp").is_none_or(|kind| kind == "user");
        let is_delegated = self.text_of("scp").is_some_and(|scopes| !scopes.trim().is_empty());
        match is_user && is_delegated {
            true => Ok(()),
            false => {
                Err(refused("it is an application's, and only a person answers")
                    .help("sign in as yourself: `az login`"))
            }
        }
    }

    /// Whoever is in too many groups has a token that names none of them, or some, and says so.
    fn has_more_groups(&self) -> bool {
        let elsewhere = self.claims.get("_claim_names").and_then(|names| names.get("groups")).is_some();
        elsewhere || self.claims.get("hasgroups").is_some_and(|more| *more != Value::Bool(false))
    }

    fn text_of(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }
}

/// What a token says, as it may be shown.
fn seen(text: &str) -> String {
    const LONGEST: usize = 100;
    format!("`{}`", visible::line(text).chars().take(LONGEST).collect::<String>())
}
