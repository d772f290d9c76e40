//! What came of trying a value at its issuer.

use crate::told::told;
use serde::Serialize;

/// What came of trying a value at its issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Trial {
    /// It works, with what the issuer answered.
    Accepted {
        how: String,
        answer: String,
    },
    Refused {
        how: String,
        answer: String,
    },
    /// Nothing can tell, and why.
    Untried {
        because: String,
    },
}

impl Trial {
    pub(super) fn accepted(how: &str, answer: impl AsRef<str>) -> Self {
        Self::Accepted { how: how.to_owned(), answer: told(answer.as_ref()) }
    }

    pub(super) fn refused(how: &str, answer: impl AsRef<str>) -> Self {
        Self::Refused { how: how.to_owned(), answer: told(answer.as_ref()) }
    }

    pub(super) fn untried(because: impl AsRef<str>) -> Self {
        Self::Untried { because: told(because.as_ref()) }
    }
}
