//! Who calls: principals, and the tokens this cloud issued for them.
//!
//! Main type: [`Directory`]. A token is a JWT, signed as Entra signs it, and its services take it only if this very cloud
//! issued it: the directory keeps a digest of every token with what it stands for, and never the token.

use super::audit_trail::{RESOURCE_GROUP, SUBSCRIPTION};
use super::signing_keys::SigningKeys;
use crate::clock::Timestamp;
use chrono::TimeDelta;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use uuid::Uuid;

/// The tenant of every principal.
pub(crate) const TENANT: &str = "0c4f6b1e-5d1a-4a5e-9d4f-6a3c1f0e7b21";

/// The audience that Entra puts into tokens of its second version for Key Vault.
const KEY_VAULT_APPLICATION: &str = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";

/// Somebody who can call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Principal {
    pub(crate) name: String,
    /// Object id.
    pub(crate) oid: String,
    /// Application id.
    pub(crate) appid: String,
    /// The sign-in name of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upn: Option<String>,
}

impl Principal {
    /// As Key Vault's refusals name a caller.
    pub(crate) fn caller(&self) -> String {
        format!("appid={};oid={};iss={}", self.appid, self.oid, issuer())
    }

    /// The managed identity that a service signs in with, as tokens and the audit trail name it.
    pub(crate) fn resource(&self) -> String {
        let group = format!("/subscriptions/{SUBSCRIPTION}/resourcegroups/{RESOURCE_GROUP}");
        format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{}", self.name)
    }
}

/// What a good token stands for.
#[derive(Clone, Debug)]
pub(crate) struct Bearer {
    pub(crate) principal: Principal,
    pub(crate) audience: String,
    pub(crate) expires: Timestamp,
    /// The address the vault is to see, for simulated callers.
    pub(crate) address: Option<String>,
}

/// A token that was just issued.
pub(crate) struct IssuedToken {
    pub(crate) access_token: String,
    pub(crate) expires: Timestamp,
}

/// The principals and the tokens.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    principals: Vec<Principal>,
    tokens: HashMap<[u8; 32], Bearer>,
    pub(crate) signing_keys: SigningKeys,
}

pub(crate) fn issuer() -> String {
    format!("https://sts.windows.net/{TENANT}/")
}

impl Directory {
    pub(crate) fn principals(&self) -> &[Principal] {
        &self.principals
    }

    /// Makes a principal known, or changes the one with the same object id.
    pub(crate) fn admit(&mut self, principal: Principal) -> Principal {
        match self.principals.iter_mut().find(|known| known.oid == principal.oid) {
            Some(known) => known.clone_from(&principal),
            None => self.principals.push(principal.clone()),
        }
        principal
    }

    /// The service's own managed identity.
    pub(crate) fn managed_identity(&mut self) -> Principal {
        self.named("stanch")
    }

    /// The principal of an application, made up at its first call.
    pub(crate) fn application(&mut self, client_id: &str) -> Principal {
        if let Some(known) = self.principals.iter().find(|known| known.appid.eq_ignore_ascii_case(client_id)) {
            return known.clone();
        }
        let short: String = client_id.chars().take(8).collect();
        let principal = Principal {
            name: format!("application-{short}"),
            oid: identifier(&format!("object of {client_id}")),
            appid: client_id.to_owned(),
            upn: None,
        };
        self.admit(principal)
    }

    /// A principal whose ids follow from its name, so that they are the same in every cloud.
    pub(crate) fn named(&mut self, name: &str) -> Principal {
        if let Some(known) = self.principals.iter().find(|known| known.name == name) {
            return known.clone();
        }
        let principal = Principal {
            name: name.to_owned(),
            oid: identifier(&format!("object {name}")),
            appid: identifier(&format!("application {name}")),
            upn: None,
        };
        self.admit(principal)
    }

    /// Issues a token.
    pub(crate) fn issue(
        &mut self,
        principal: &Principal,
        audience: &str,
        now: Timestamp,
        life: TimeDelta,
    ) -> IssuedToken {
        self.issue_with(principal, audience, now, life, Map::new())
    }

    /// The same, with claims that are added or put in place of those that it would have.
    pub(crate) fn issue_with(
        &mut self,
        principal: &Principal,
        audience: &str,
        now: Timestamp,
        life: TimeDelta,
        changed: Map<String, Value>,
    ) -> IssuedToken {
        let expires = now + life;
        let mut claims = json!({
            "aud": audience,
            "iss": issuer(),
            "iat": now.timestamp(),
            "nbf": now.timestamp(),
            "exp": expires.timestamp(),
            "appid": principal.appid,
            "oid": principal.oid,
            "sub": principal.oid,
            "tid": TENANT,
            "idtyp": if principal.upn.is_some() { "user" } else { "app" },
            "ver": "1.0",
        });
        if let Some(upn) = &principal.upn {
            claims["upn"] = upn.clone().into();
            claims["scp"] = "user_impersonation".into();
        } else {
            claims["xms_mirid"] = principal.resource().into();
        }
        claims["uti"] = Uuid::new_v4().simple().to_string().into();
        claims.as_object_mut().into_iter().for_each(|claims| claims.extend(changed.clone()));
        let access_token = self.signing_keys.sign(&claims);
        let bearer = Bearer { principal: principal.clone(), audience: audience.to_owned(), expires, address: None };
        self.tokens.insert(Sha256::digest(&access_token).into(), bearer);
        IssuedToken { access_token, expires }
    }

    /// Gives the holder of a token an address of its own.
    pub(crate) fn set_address(&mut self, access_token: &str, address: String) {
        if let Some(bearer) = self.tokens.get_mut(&<[u8; 32]>::from(Sha256::digest(access_token))) {
            bearer.address = Some(address);
        }
    }

    /// Whose token it is, if it is one of this cloud's.
    pub(crate) fn bearer(&self, access_token: &str) -> Option<&Bearer> {
        self.tokens.get(&<[u8; 32]>::from(Sha256::digest(access_token)))
    }
}

impl Bearer {
    pub(crate) fn is_for(&self, resource: &str) -> bool {
        let audience = self.audience.trim_end_matches('/');
        audience == resource || audience == KEY_VAULT_APPLICATION
    }
}

/// A GUID that follows from a text.
pub(super) fn identifier(text: &str) -> String {
    let digest = Sha256::digest(text);
    let mut bytes = [0_u8; 16];
    for (byte, digit) in bytes.iter_mut().zip(digest) {
        *byte = digit;
    }
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
