//! The form in which a secret holds a login: the password alone, a URL, a JSON object, or `key=value` pairs.
//!
//! A new version keeps the form of the old one, and everything in it but the login.

use crate::secret::Secret;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

const PASSWORD_KEYS: [&str; 8] =
    ["password", "pwd", "clientsecret", "client_secret", "secret", "accesskey", "token", "api_key"];
const USER_KEYS: [&str; 6] = ["username", "user", "user id", "uid", "role", "login"];
/// All but what stands for itself in a URL.
const IN_URL: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a value holds.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Secret,
    /// Host, port and database, where the value says them.
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) database: Option<String>,
}

impl Login {
    fn bare(password: &str) -> Self {
        let password = Secret::from(Zeroizing::new(password.to_owned()));
        Self { user: None, password, host: None, port: None, database: None }
    }
}

enum Form {
    Bare,
    Url(Url),
    Json(serde_json::Map<String, Value>),
    /// The parts, and what separates them.
    Pairs(Vec<(String, String)>, char),
}

fn form(text: &str) -> Form {
    if let Ok(Value::Object(object)) = serde_json::from_str(text) {
        return Form::Json(object);
    }
    if let Ok(url) = Url::parse(text)
        && url.has_host()
        && url.password().is_some()
    {
        return Form::Url(url);
    }
    for separator in [';', ' '] {
        let parts: Vec<&str> = text.split(separator).filter(|part| !part.trim().is_empty()).collect();
        let pairs: Option<Vec<(String, String)>> = parts
            .iter()
            .map(|part| part.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
            .collect();
        if let Some(pairs) = pairs.filter(|pairs| pairs.iter().any(|(key, _)| is_one_of(key, &PASSWORD_KEYS))) {
            return Form::Pairs(pairs, separator);
        }
    }
    Form::Bare
}

fn is_one_of(key: &str, keys: &[&str]) -> bool {
    keys.contains(&key.trim().to_lowercase().as_str())
}

fn decoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned())
}

/// The login in a value.
pub(super) fn open(value: &Secret) -> Login {
    match form(value.expose()) {
        Form::Bare => Login::bare(value.expose()),
        Form::Url(url) => Login {
            user: Some(decoded(url.username()).to_string()).filter(|user| !user.is_empty()),
            host: url.host_str().map(str::to_owned),
            port: url.port(),
            database: Some(decoded(url.path().trim_start_matches('/')).to_string()).filter(|name| !name.is_empty()),
            ..Login::bare(&decoded(url.password().unwrap_or_default()))
        },
        Form::Json(object) => {
            let text = |keys: &[&str]| {
                object.iter().find(|(key, _)| is_one_of(key, keys)).and_then(|(_, value)| value.as_str())
            };
            let port = object.iter().find(|(key, _)| is_one_of(key, &["port"])).map(|(_, port)| port);
            let port = port.and_then(|port| port.as_u64().or_else(|| port.as_str()?.parse().ok()));
            Login {
                user: text(&USER_KEYS).map(str::to_owned),
                host: text(&["host", "server"]).map(str::to_owned),
                port: port.and_then(|port| u16::try_from(port).ok()),
                database: text(&["database", "dbname", "db"]).map(str::to_owned),
                ..Login::bare(text(&PASSWORD_KEYS).unwrap_or_default())
            }
        }
        Form::Pairs(pairs, _) => {
            let text = |keys: &[&str]| {
                pairs.iter().find(|(key, _)| is_one_of(key, keys)).map(|(_, value)| unquoted(value).to_owned())
            };
            Login {
                user: text(&USER_KEYS),
                host: text(&["host", "server"]),
                port: text(&["port"]).and_then(|port| port.parse().ok()),
                database: text(&["database", "dbname"]),
                ..Login::bare(&Zeroizing::new(text(&PASSWORD_KEYS).unwrap_or_default()))
            }
        }
    }
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(text)
}

/// The value with another login in it; nothing where its form has no place for one.
pub(super) fn with(value: &Secret, user: Option<&str>, password: &Secret) -> Option<Secret> {
    let encoded = |text: &str| percent_encoding::utf8_percent_encode(text, IN_URL).to_string();
    match form(value.expose()) {
        Form::Bare if user.is_some() => None,
        Form::Bare => Some(Secret::new(password.expose().to_owned())),
        Form::Url(mut url) => {
            if let Some(user) = user {
                url.set_username(&encoded(user)).ok()?;
            }
            url.set_password(Some(&encoded(password.expose()))).ok()?;
            Some(Secret::new(url.into()))
        }
        Form::Json(mut object) => {
            let mut set = |keys: &[&str], text: &str| {
                let entry = object.iter_mut().find(|(key, _)| is_one_of(key, keys)).map(|(_, value)| value);
                entry.map(|value| *value = text.into())
            };
            set(&PASSWORD_KEYS, password.expose())?;
            if let Some(user) = user {
                set(&USER_KEYS, user)?;
            }
            Some(Secret::new(Value::Object(object).to_string()))
        }
        Form::Pairs(mut pairs, separator) => {
            let mut set = |keys: &[&str], text: &str| {
                let entry = pairs.iter_mut().find(|(key, _)| is_one_of(key, keys)).map(|(_, value)| value);
                entry.map(|value| text.clone_into(value))
            };
            set(&PASSWORD_KEYS, password.expose())?;
            if let Some(user) = user {
                set(&USER_KEYS, user)?;
            }
            let parts: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
            Some(Secret::new(parts.join(&separator.to_string())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{open, with};
    use crate::secret::Secret;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn every_form_gives_its_login_and_takes_another_one() {
        for (old, new) in [
            (
                "postgres://app_a:o%20ld@db:5433/orders?sslmode=require",
                "postgres://app_b:n%26w%2F@db:5433/orders?sslmode=require",
            ),
            (
                r#"{"host":"db","username":"app_a","password":"o ld","n":1}"#,
                r#"{"host":"db","username":"app_b","password":"n&w/","n":1}"#,
            ),
            ("Host=db;Username=app_a;Password=o ld;Pooling=true", "Host=db;Username=app_b;Password=n&w/;Pooling=true"),
        ] {
            let login = open(&secret(old));
            assert_eq!(login.user.as_deref(), Some("app_a"), "{old}");
            assert_eq!(login.password.expose(), "o ld");
            assert_eq!(login.host.as_deref(), Some("db"));
            let changed = with(&secret(old), Some("app_b"), &secret("n&w/")).unwrap();
            assert_eq!(changed.expose(), new);
            assert_eq!(open(&changed).password.expose(), "n&w/");
        }
    }

    #[test]
    fn a_bare_password_has_no_place_for_a_user() {
        assert_eq!(open(&secret("a=b;c")).password.expose(), "a=b;c");
        assert!(with(&secret("old"), Some("app_b"), &secret("new")).is_none());
        assert_eq!(with(&secret("old"), None, &secret("new")).unwrap().expose(), "new");
    }
}
