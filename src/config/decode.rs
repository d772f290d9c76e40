//! The configuration's text becomes a [`Config`], or a list of everything that is wrong with it.

use super::configuration::Config;
use crate::azure::{IdentityChoice, VaultLimits};
use crate::engine::person;
use crate::files::{self, LARGEST_TEXT};
use crate::notify;
use crate::runbook::diagnostic::nearest;
use crate::runbook::duration;
use crate::runbook::source::{shows_sign, text};
use crate::runbook::syntax::{self, Node, NodeValue};
use crate::runbook::{Diagnostic, Diagnostics, Span};
use crate::settings::{SecretReference, SettingsDecoder, get, is_near};
use crate::slack::SlackApp;
use crate::timestamp::Authority;
use sha2::{Digest, Sha256};
use std::path::Path;
use url::Url;

const SCHEMA: &str = "stanch-config/v1";
const KEYS: &[&str] = &[
    "schema",
    "identity",
    "audit",
    "vaults",
    "subscription",
    "channels",
    "known_callers",
    "templates",
    "limits",
    "approvals",
    "approvers",
    "inventory",
    "timestamp",
    "runbooks",
    "tenant",
    "state",
    "slack",
];
const APPROVALS: &[&str] = &["named", "verified"];
const IDENTITIES: &[&str] = &["auto", "workload", "managed", "client_secret", "azure_cli", "azd"];

impl Config {
    /// Reads a configuration that the user named, for the real world.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        let name = path.display().to_string();
        let wrong = |why: String, help: &str| {
            let message = format!("the configuration `{name}` cannot be read: {why}");
            Diagnostics::of(&name, "", vec![Diagnostic::error(message, Span::default()).help(help)])
        };
        let bytes = files::read_named(path, LARGEST_TEXT);
        let bytes = bytes.map_err(|error| wrong(error.to_string(), "check the path after `--config`"))?;
        let text = text(bytes).map_err(|why| wrong(why, "save it as UTF-8"))?;
        Self::of(path, text, false)
    }

    /// Reads the text of a configuration; paths in it are relative to its folder. `in_drill` says that whoever listens on
    /// this machine is the embedded cloud.
    pub fn of(path: &Path, text: String, in_drill: bool) -> Result<Self, Diagnostics> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let config = read(&path.display().to_string(), &text, SettingsDecoder::new(folder).in_drill(in_drill))?;
        Ok(Self { sha256: Some(hex::encode(Sha256::digest(&text))), text: Some(text), ..config })
    }
}

/// Reads the text of a configuration.
fn read(name: &str, text: &str, mut decoder: SettingsDecoder<'_>) -> Result<Config, Diagnostics> {
    let root = match syntax::parse(text) {
        Ok(root) => root,
        // Of a configuration no value is shown at all.
        Err(_) if !shows_sign(text, 1, KEYS.iter().copied()) => {
            return Err(Diagnostics::another_file(name, "configuration", SCHEMA));
        }
        Err(problem) => return Err(not_yaml(name, text, problem)),
    };
    let config = decoder.config(&root);
    if decoder.problems.is_empty() {
        return Ok(config);
    }
    decoder.suspect(&root);
    let shown = match decoder.literals.iter().map(|span| span.offset).min() {
        Some(from) => hide(text, value_start(text, from)),
        None => text.to_owned(),
    };
    Err(Diagnostics::of(name, shown, decoder.problems))
}

/// A text whose structure is not known: which of its values are secrets is not either, so none is shown.
fn not_yaml(name: &str, text: &str, problem: Diagnostic) -> Diagnostics {
    let shown: String = text.split_inclusive('\n').map(hide_value).collect();
    let gives_away = problem
        .message
        .split(|character: char| !character.is_alphanumeric())
        .any(|word| word.len() >= 4 && text.contains(word) && !shown.contains(word));
    let message = if gives_away { "this is not YAML".to_owned() } else { problem.message };
    let problem = Diagnostic::error(message, problem.span)
        .help("the configuration must be YAML 1.2; its values are not shown, because some may be secrets");
    Diagnostics::of(name, shown, vec![problem])
}

/// Keeps a line's key, if it begins with one.
fn hide_value(line: &str) -> String {
    let key = line.trim_start_matches([' ', '-']);
    let length = key.find(|character: char| !character.is_ascii_alphanumeric() && !"_-".contains(character));
    let from = match length {
        Some(length) if length > 0 && key.get(length..).is_some_and(|rest| rest.starts_with(':')) => {
            line.len() - key.len() + length
        }
        _ => 0,
    };
    hide(line, from)
}

/// Where a value begins: before its tag, which may be a secret that begins with `!`.
fn value_start(text: &str, from: usize) -> usize {
    let before = text.get(..from).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.get(line_start..).unwrap_or_default();
    line_start + line.rfind(": ").map_or(0, |colon| colon + 1)
}

/// Hides everything after a place, whose end nobody knows: the lines that are shown must not show what may be a
/// secret.
fn hide(text: &str, from: usize) -> String {
    let (before, after) = text.split_at_checked(from).unwrap_or(("", text));
    let hidden = after.chars().flat_map(|character| match character {
        '\n' => vec!['\n'],
        // Places are in bytes, and must stay where they are.
        character => vec!['*'; character.len_utf8()],
    });
    before.chars().chain(hidden).collect()
}

impl SettingsDecoder<'_> {
    fn config(&mut self, root: &Node) -> Config {
        let entries = self.entries(root, "the configuration", KEYS);
        if let Some(node) = get(&entries, "schema")
            && self.text(node, "`schema`").is_some_and(|schema| schema != SCHEMA)
        {
            self.wrong(
                "this program does not know this kind of configuration",
                node.span,
                format!("write `schema: {SCHEMA}`"),
            );
        }
        let mut config = Config::default();
        if let Some(node) = get(&entries, "identity") {
            config.identity = self.identity(node);
        }
        if let Some(node) = get(&entries, "audit") {
            config.audit = self.audit(node);
        }
        if let Some(node) = get(&entries, "vaults") {
            for (name, _, node) in self.open(node, "`vaults`") {
                let vault = self.entries(node, &format!("the vault `{name}`"), &["audit"]);
                config.named_vaults.push(name.to_owned());
                if let Some(node) = get(&vault, "audit") {
                    let audit = self.audit(node);
                    config.vaults.insert(name.to_lowercase(), audit);
                }
            }
        }
        if let Some(node) = get(&entries, "channels") {
            for (name, span, node) in self.open(node, "`channels`") {
                if let Some(channel) = notify::read(self, name, span, node) {
                    config.channels.insert(name.to_owned(), channel);
                }
            }
        }
        if let Some(node) = get(&entries, "known_callers") {
            config.known_callers = self.callers(node, "known_callers");
        }
        if let Some(node) = get(&entries, "approvers") {
            config.approvers = self.approvers(node);
        }
        if let Some(node) = get(&entries, "inventory") {
            config.inventory = self.inventory(node);
        }
        config.verified_only = get(&entries, "approvals").is_some_and(|node| self.verified_only(node));
        config.tenant = get(&entries, "tenant").and_then(|node| self.tenant(node));
        config.subscription = get(&entries, "subscription").and_then(|node| self.subscription(node));
        config.runbooks = get(&entries, "runbooks").and_then(|node| self.path(node, "`runbooks`"));
        config.templates = get(&entries, "templates").and_then(|node| self.path(node, "`templates`"));
        config.timestamp = get(&entries, "timestamp").and_then(|node| self.timestamp(node));
        config.slack = get(&entries, "slack").and_then(|node| SlackApp::read(self, node));
        config.state = get(&entries, "state").and_then(|node| self.state(node));
        if let Some(node) = get(&entries, "limits") {
            config.limits = self.limits(node);
        }
        config
    }

    /// Where runs are kept. Nobody signs in by an address.
    fn state(&mut self, node: &Node) -> Option<Url> {
        let text = self.text(node, "`state`")?;
        let url = Url::parse(&text).ok().filter(|url| url.scheme() == "https" && url.has_host());
        let plain = |url: &Url| {
            url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none()
        };
        let help = "write `state: https://ACCOUNT.blob.core.windows.net/CONTAINER`; stanch signs in by itself";
        match url {
            Some(url) if plain(&url) => Some(url),
            Some(_) => {
                self.literals.push(node.span);
                self.wrong("`state` carries more than the address of a container", node.span, help);
                None
            }
            None => {
                self.wrong("`state` is not the address of a container", node.span, help);
                None
            }
        }
    }

    fn subscription(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node, "`subscription`")?;
        if uuid::Uuid::parse_str(&text).is_err() {
            self.wrong(
                format!("`{text}` is not the id of a subscription"),
                node.span,
                "`az account show --query id` prints it",
            );
        }
        Some(text)
    }

    /// Whether a typed name is no answer.
    fn verified_only(&mut self, node: &Node) -> bool {
        let Some(text) = self.text(node, "`approvals`") else { return false };
        if !APPROVALS.contains(&text.as_str()) {
            let help = match nearest(&text, APPROVALS.iter().copied()) {
                Some(close) => format!("did you mean `{close}`?"),
                None => "write `verified` where answers count from those alone who sign in, else `named`".to_owned(),
            };
            self.wrong(format!("`approvals` is `named` or `verified`, not `{text}`"), node.span, help);
        }
        text == "verified"
    }

    fn tenant(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node, "`tenant`")?;
        let id = uuid::Uuid::try_parse(&text).ok().map(|id| id.to_string());
        if id.is_none() {
            let help = "`az account show --query tenantId` prints it";
            self.wrong(format!("`{text}` is not the id of a tenant"), node.span, help);
        }
        id
    }

    /// People by the names under which they answer. Two that are one person would make a second pair of eyes of none.
    fn approvers(&mut self, node: &Node) -> Vec<String> {
        let names: Vec<String> = self.texts(node, "`approvers`").iter().map(|name| name.trim().to_owned()).collect();
        match person::names(&names) {
            Ok(different) if different.len() == names.len() => {}
            Ok(_) => self.wrong("`approvers` names somebody twice", node.span, "name each person once"),
            Err(why) => self.wrong(format!("`approvers`: {why}"), node.span, "name each person once, as they answer"),
        }
        names
    }

    /// Who stamps the journal's head: reached with encryption, or on this machine.
    fn timestamp(&mut self, node: &Node) -> Option<Authority> {
        let entries = self.entries(node, "`timestamp`", &["url", "ca"]);
        let certificates = get(&entries, "ca").and_then(|node| self.path(node, "`ca`"));
        let url = self.required(&entries, "url", "`timestamp`", node.span)?;
        let place = get(&entries, "url").map_or(node.span, |node| node.span);
        let Some(parsed) = Url::parse(&url).ok().filter(Url::has_host) else {
            self.wrong("the `url` of `timestamp` is not an address", place, "write `url: https://…`");
            return None;
        };
        if !(parsed.scheme() == "https" || is_near(&parsed) && parsed.scheme() == "http") {
            self.wrong("the authority would be asked without encryption", place, "write `url: https://…`");
            return None;
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            self.literals.push(place);
            self.wrong(
                "a secret stands in the `url` of `timestamp`",
                place,
                "take it out: the authority is asked without",
            );
            return None;
        }
        Some(Authority { url, certificates })
    }

    /// How often each vault is asked at most; what is left out stays under what Azure publishes.
    fn limits(&mut self, node: &Node) -> VaultLimits {
        let mut limits = VaultLimits::default();
        let entries = self.entries(node, "`limits`", &["creates", "others", "window"]);
        for (name, most) in [("creates", &mut limits.creates), ("others", &mut limits.others)] {
            let Some(node) = get(&entries, name) else { continue };
            match &node.value {
                NodeValue::Int(number) if (1..=1_000_000).contains(number) => {
                    *most = u32::try_from(*number).unwrap_or(u32::MAX);
                }
                _ => {
                    self.wrong(format!("`{name}` is no number of requests"), node.span, "write a whole number above 0")
                }
            }
        }
        if let Some(node) = get(&entries, "window") {
            match self.text(node, "`window`").map(|text| duration::parse(&text)) {
                Some(Ok(window)) if !window.is_zero() => limits.window = window,
                Some(_) => self.wrong("`window` is no time", node.span, "write `window: 10s`"),
                None => {}
            }
        }
        limits
    }

    fn identity(&mut self, node: &Node) -> IdentityChoice {
        let (word, client_id) = match &node.value {
            NodeValue::Map(_) => {
                let entries = self.entries(node, "`identity`", &["use", "client_id"]);
                let word = self.required(&entries, "use", "`identity`", node.span);
                (word, get(&entries, "client_id").and_then(|node| self.text(node, "`client_id`")))
            }
            _ => (self.text(node, "`identity`"), None),
        };
        match word.as_deref() {
            None | Some("auto") => IdentityChoice::Auto,
            Some("workload") => IdentityChoice::Workload,
            Some("managed") => IdentityChoice::Managed { client_id },
            Some("client_secret") => IdentityChoice::ClientSecret,
            Some("azure_cli") => IdentityChoice::AzureCli,
            Some("azd") => IdentityChoice::AzureDeveloperCli,
            Some(other) => {
                let help = match nearest(other, IDENTITIES.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it is one of {}", IDENTITIES.join(", ")),
                };
                self.wrong(format!("there is no identity `{other}`"), node.span, help);
                IdentityChoice::Auto
            }
        }
    }

    /// Takes every value of a channel for a secret that is neither a reference nor under a key that holds none: with
    /// its `kind` missing or misspelt, a channel is not looked at any closer.
    fn suspect(&mut self, root: &Node) {
        let map = |node: &Node| match &node.value {
            NodeValue::Map(map) => map.clone(),
            _ => Vec::new(),
        };
        let channels = map(root).into_iter().filter(|(key, _)| key.name == "channels").flat_map(|(_, node)| map(&node));
        for (key, node) in channels.flat_map(|(_, channel)| map(&channel)) {
            let is_open = match &node.value {
                NodeValue::String(text) if notify::is_open_key(&key.name) => {
                    !text.contains("://") || !text.contains('@')
                }
                NodeValue::String(text) => SecretReference::parse(text, self.folder).is_ok(),
                _ => notify::is_open_key(&key.name),
            };
            if !is_open {
                self.literals.push(node.span);
            }
        }
    }
}
