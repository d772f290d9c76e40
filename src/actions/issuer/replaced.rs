//! What the last steps at an issuer work on.

use crate::actions::plan_line::early;
use crate::issuers::IssuerRecord;
use crate::vault::SecretUrl;
use schemars::JsonSchema;
use serde::Deserialize;

/// What the last steps at an issuer work on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Replaced {
    /// The secret, by its URL.
    pub(super) secret: SecretUrl,
    /// The version that stays.
    pub(super) keep: String,
    /// What the rotation recorded of the issuer: `${{ steps.rotate.outputs.issuer }}`.
    pub(super) issuer: IssuerRecord,
}

early!(pub(super) ReplacedKnown of Replaced { secret: SecretUrl });
