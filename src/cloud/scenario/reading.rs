//! A text, or the name of a built-in scenario → a [`Scenario`].

use super::checks;
use super::model::{SCHEMA, Scenario};
use super::syntax::WrittenScenario;

/// The scenario that is played where none is named.
pub const DEFAULT: &str = "leaked-secret";

const BUILT_IN: [(&str, &str); 8] = [
    (DEFAULT, include_str!("../scenarios/leaked-secret.yaml")),
    ("quiet", include_str!("../scenarios/quiet.yaml")),
    ("leaked-string", include_str!("../scenarios/leaked-string.yaml")),
    ("open-vault", include_str!("../scenarios/open-vault.yaml")),
    ("storage-account-key", include_str!("../scenarios/storage-account-key.yaml")),
    ("entra-app-secret", include_str!("../scenarios/entra-app-secret.yaml")),
    ("database-credential", include_str!("../scenarios/database-credential.yaml")),
    ("third-party-api-key", include_str!("../scenarios/third-party-api-key.yaml")),
];

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// With the place and the reason where the text has not the right form, else with everything that is wrong with
    /// what it says, one line each.
    pub fn parse(text: &str) -> Result<Self, String> {
        let written: WrittenScenario =
            serde_saphyr::from_str_with_options(text, serde_saphyr::options! { strict_booleans: true })
                .map_err(|error| misformed(text, &error))?;
        checks::resolve(written).map_err(|problems| problems.join("\n"))
    }

    /// A built-in scenario's text.
    pub fn builtin_text(name: &str) -> Option<&'static str> {
        BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// A built-in scenario.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn builtin(name: &str) -> Result<Self, String> {
        let text = Self::builtin_text(name).ok_or_else(|| {
            let names: Vec<String> = Self::builtin_names().map(|known| format!("`{known}`")).collect();
            format!("there is no scenario `{name}`; built in are {}", names.join(", "))
        })?;
        Self::parse(text)
    }

    /// The names of the built-in scenarios, the default one first.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }
}

/// The reason, the line and the text around it. What does not name its schema may be another file than was meant: of that
/// one, the place alone.
fn misformed(text: &str, error: &serde_saphyr::Error) -> String {
    if !text.contains(SCHEMA) {
        let place = error.location().map_or_else(String::new, |place| format!(" from line {} on", place.line()));
        return format!("it is no scenario{place}: one begins with `schema: {SCHEMA}`");
    }
    let whole = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    whole.strip_prefix("error: ").unwrap_or(&whole).trim_end().to_owned()
}
