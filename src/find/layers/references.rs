//! Texts that only say where a value comes from: variables of shells, templates, programs and pipelines.

use super::fields::{bare_name, is_name};

/// What stands around a name: how it begins and ends.
const AROUND: &[(&str, &str)] = &[
    ("${", "}"),
    ("{{", "}}"),
    ("$(", ")"),
    ("<%", "%>"),
    ("#{", "}"),
    ("@Microsoft.KeyVault(", ")"),
    ("@microsoft.keyvault(", ")"),
    ("os.environ[", "]"),
    ("os.environ.get(", ")"),
    ("os.getenv(", ")"),
    ("os.Getenv(", ")"),
    ("os.LookupEnv(", ")"),
    ("getenv(", ")"),
    ("env(", ")"),
    ("System.getenv(", ")"),
    ("System.getProperty(", ")"),
    ("Environment.GetEnvironmentVariable(", ")"),
    ("[Environment]::GetEnvironmentVariable(", ")"),
    ("std::env::var(", ")"),
    ("env::var(", ")"),
    ("Deno.env.get(", ")"),
    ("process.env[", "]"),
    ("ENV[", "]"),
    ("ENV.fetch(", ")"),
    ("$_ENV[", "]"),
    ("$ENV{", "}"),
    ("lookup(", ")"),
    ("secretref:", ""),
    ("process.env.", ""),
    ("import.meta.env.", ""),
    ("$env:", ""),
    ("Env:", ""),
    ("env:", ""),
    ("vault:", ""),
    ("keyvault:", ""),
    ("azurekeyvault://", ""),
    ("op://", ""),
    ("arn:aws:secretsmanager:", ""),
    ("#{", "}#"),
    ("secrets.", ""),
    ("var.", ""),
];

/// Whether a text is nothing but a reference: `${DB_PASSWORD}`, `$DB_PASSWORD`, `%DB_PASSWORD%`, `os.getenv("DB")`,
/// `@Microsoft.KeyVault(…)`.
pub(crate) fn is_reference(text: &str) -> bool {
    let text = text.trim().trim_end_matches([';', ',']).trim_matches(['"', '\'', '`']).trim();
    if text.contains('\n') {
        return false;
    }
    let is_around = |(open, close): &(&str, &str)| {
        let inside = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        inside.is_some_and(|inside| !close.is_empty() || (is_path(inside) && !inside.starts_with("v1:")))
    };
    // What somebody chose as a password mixes small letters in; a variable of a shell does not.
    let is_variable = |name: &str| {
        name.len() > 1
            && name.starts_with(|letter: char| letter.is_ascii_uppercase() || letter == '_')
            && name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
    };
    let percent = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
    let token = text.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"));
    AROUND.iter().any(is_around)
        || text.strip_prefix('$').is_some_and(is_variable)
        || token.is_some_and(is_variable)
        || percent.is_some_and(is_path)
        || is_address_of_secret(text)
}

/// The address of a secret in a vault, which is where its value is to be had.
fn is_address_of_secret(text: &str) -> bool {
    let rest = text.strip_prefix("https://").filter(|rest| is_path(rest));
    rest.and_then(|rest| rest.split_once("/secrets/")).is_some_and(|(host, _)| host.contains(".vault"))
}

/// The name of a variable, perhaps of one in another.
fn is_path(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./:#".contains(letter))
}

/// Whether a line says nothing but that: a reference, or a setting whose value is one.
pub(crate) fn is_referring(text: &str) -> bool {
    let text = text.trim();
    let is_setting = |separator: char| {
        text.split_once(separator).is_some_and(|(name, value)| {
            let value = value.trim_start_matches(['=', '>', ':']);
            let value = value.split(" #").next().unwrap_or_default();
            !bare_name(name).is_empty() && is_name(bare_name(name)) && is_reference(value)
        })
    };
    !text.contains('\n') && (is_reference(text) || is_setting('=') || is_setting(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_told_from_a_value() {
        for text in [
            "$DB_PASSWORD",
            "$env:DB_PASSWORD",
            "${env:DB_PASSWORD}",
            "%DB_PASSWORD%",
            "${DB_PASSWORD:-changeme}",
            "password: ${DB_PASSWORD}",
            "pw=${DB}",
            "export PW=\"$DB_PASSWORD\"",
            "\"password\": \"${DB}\",",
            "password = os.getenv(\"DB\")",
            "String p = System.getenv(\"X\");",
            "os.environ[\"X\"]",
            "os.environ.get('X', '')",
            "pw: process.env.DB_PW",
            "${{ secrets.DB }}",
            "$(DbPassword)",
            "PW=%X%",
            "__DB_PASSWORD__",
            "#{DbPassword}#",
            "op://Private/orders/password",
            "vault:secret/data/orders#password",
            "https://kv.vault.azure.net/secrets/orders-db",
            "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/x)",
        ] {
            assert!(is_referring(text), "{text}");
        }
        for text in [
            "$ecretPassw0rd!",
            "$ECRET!",
            "$aA1",
            "%ab%cd",
            "100%sure",
            "${open",
            "PW=$ecretPassw0rd!",
            "variety",
            "env",
            "x=1;Password=abc",
            "Tr0ub4dor&3",
            "$1$abc",
            "__c0rrect-horse__",
            "https://u:c0rrect-horse@kv.vault.azure.net/secrets/x",
        ] {
            assert!(!is_referring(text), "{text}");
        }
    }
}
