//! What Entra signs of a token → who it speaks of, or why it is not taken.
//!
//! Main type: [`SignedPart`]: a token without its signature, which opens nothing.

use super::rsa::PublicKey;
use crate::azure::Authority;
use crate::clock::Timestamp;
use crate::engine::person::{SignIns, Verified};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A token with two hundred groups has some ten kilobytes.
const LONGEST: usize = 64 << 10;
/// How far this machine's clock may be behind Entra's.
const CLOCK_SKEW_SECONDS: i64 = 60;

/// A token's header and claims, as they are signed.
#[derive(Debug)]
pub(super) struct SignedPart<'a> {
    text: &'a str,
    /// Which key it says that it is signed with.
    pub(super) kid: String,
    claims: Value,
}

/// A token taken apart.
pub(super) fn apart(token: &str) -> Result<(SignedPart<'_>, Vec<u8>), String> {
    let (signed, signature) = token.trim().rsplit_once('.').ok_or("it is no token")?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "its signature cannot be read")?;
    Ok((SignedPart::read(signed)?, signature))
}

impl<'a> SignedPart<'a> {
    /// Reads it. Only RS256 by a named key is known here: a token does not say how it is to be checked.
    pub(super) fn read(text: &'a str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err("it is longer than any token".to_owned());
        }
        let object = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
        };
        let parts = text.split_once('.').filter(|(_, claims)| !claims.contains('.'));
        let parts = parts.and_then(|(header, claims)| Some((object(header)?, object(claims)?)));
        let (header, claims) = parts.ok_or("it is no token")?;
        let said = |name: &str| header.get(name).and_then(Value::as_str);
        if said("alg") != Some("RS256") {
            return Err("it is not signed by RS256".to_owned());
        }
        if header.get("crit").is_some() || said("typ").is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) {
            return Err("it is a token of another kind".to_owned());
        }
        let kid = said("kid").filter(|kid| !kid.is_empty()).ok_or("it does not say which key signed it")?.to_owned();
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
    pub(super) fn speaks_of(&self, pinned: &SignIns, authority: Authority, now: Timestamp) -> Result<Verified, String> {
        let is_tenant = |tenant: &str| tenant.eq_ignore_ascii_case(&pinned.tenant);
        let issuers = authority.issuers(&pinned.tenant);
        let issued = self.text_of("iss").is_some_and(|issuer| issuers.iter().any(|known| known == issuer));
        if !issued || !self.text_of("tid").is_some_and(is_tenant) {
            return Err(format!("it is not of the tenant {}", pinned.tenant));
        }
        if !self.text_of("aud").is_some_and(|audience| authority.is_audience(audience)) {
            return Err(format!("it is for another audience than {} or storage", authority.vault));
        }
        let seconds = |name: &str| self.claims.get(name).and_then(Value::as_i64);
        let now = now.timestamp();
        match (seconds("nbf"), seconds("exp")) {
            (Some(from), Some(until)) if from <= now + CLOCK_SKEW_SECONDS && now < until => {}
            (Some(from), Some(_)) if from > now + CLOCK_SKEW_SECONDS => return Err("it is not valid yet".to_owned()),
            (Some(_), Some(_)) => return Err("it has expired: sign in anew".to_owned()),
            _ => return Err("it does not say until when it is valid".to_owned()),
        }
        self.is_of_a_person()?;
        let id = |text: &str| uuid::Uuid::try_parse(text).ok().map(|id| id.to_string());
        let oid = self.text_of("oid").and_then(id).ok_or("it names no object id")?;
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

    /// An application's token is nobody's word.
    fn is_of_a_person(&self) -> Result<(), String> {
        let is_user = self.text_of("idtyp").is_none_or(|kind| kind == "user");
        let is_delegated = self.text_of("scp").is_some_and(|scopes| !scopes.trim().is_empty());
        match is_user && is_delegated {
            true => Ok(()),
            false => Err("it is an application's, and only a person answers: `az login` as yourself".to_owned()),
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
