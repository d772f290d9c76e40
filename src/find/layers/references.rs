//! Texts that only say where a value comes from: variables of shells, templates, programs and pipelines.

use super::names::{bare_name, is_name, known_name};

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

/// Tags of YAML that stand before the name of a value, or for one that is put in.
const TAGS: &[&str] = &[
    "vault",
    "secret",
    "env",
    "env_var",
    "ENV",
    "Ref",
    "Sub",
    "GetAtt",
    "ImportValue",
    "reference",
    "encrypted",
    "lookup",
    "var",
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
    // `!vault`, `!secret NAME`, `!Ref NAME`: a tag of YAML that has a program put the value in.
    let tag = text.strip_prefix('!').map(|rest| rest.split_once(' ').unwrap_or((rest, "")));
    let is_tag = tag.is_some_and(|(tag, name)| TAGS.contains(&tag) && (name.is_empty() || is_path(name)));
    let percent = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
    let token = text.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"));
    is_tag
        || AROUND.iter().any(is_around)
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
    !text.contains('\n') && (is_reference(text) || settings(text).any(is_reference))
}

/// The value of the setting that a line is, if its name says that it is a secret.
pub(crate) fn setting(text: &str) -> Option<&str> {
    let text = text.trim();
    let value = || {
        ['=', ':'].into_iter().find_map(|sign| {
            let (name, _) = text.split_once(sign)?;
            known_name(bare_name(name))?;
            value_of(text, sign)
        })
    };
    (!text.contains('\n')).then(value).flatten()
}

/// What stands behind the name in a line, whichever sign stands between.
fn settings(text: &str) -> impl Iterator<Item = &str> {
    ['=', ':'].into_iter().filter_map(|sign| value_of(text, sign))
}

fn value_of(text: &str, sign: char) -> Option<&str> {
    let (name, value) = text.split_once(sign)?;
    let is_one = !bare_name(name).is_empty() && is_name(bare_name(name));
    is_one.then(|| value.trim_start_matches(['=', '>', ':']).split(" #").next().unwrap_or_default().trim())
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
