//! A command of this program that somebody will paste into a shell: nothing that others wrote goes into it unquoted, and
//! nothing of it is taken for an option.

use crate::visible::is_hidden;
use std::fmt;
use std::sync::OnceLock;

/// Options with which this program was called, and without which a command that it shows would look elsewhere.
static GIVEN: OnceLock<Given> = OnceLock::new();

/// What a command that somebody pastes needs beside what it says itself.
#[derive(Debug, Default)]
pub struct Given {
    /// Where runs are kept: for every command.
    pub state_dir: Option<String>,
    pub state: Option<String>,
    /// What a run keeps once it has begun: for commands that begin something.
    pub config: Option<String>,
    pub cloud: Option<String>,
}

/// Says once how this program was called. Only the command line does.
pub fn give(given: Given) {
    drop(GIVEN.set(given));
}

/// A command as a record holds it, whoever reads that and where: as it is to be pasted here.
pub fn here(recorded: &str) -> String {
    let command = recorded.strip_prefix("stanch ").and_then(|rest| rest.split(' ').next());
    command
        .map_or_else(|| recorded.to_owned(), |command| [vec![recorded.to_owned()], given(command)].concat().join(" "))
}

fn given(command: &str) -> Vec<String> {
    let Some(Given { state_dir, state, config, cloud }) = GIVEN.get() else { return Vec::new() };
    let begins = ["plan", "run", "find", "audit", "inventory"].contains(&command.split(' ').next().unwrap_or_default());
    let of_beginning = if begins { [("--config", config), ("--cloud", cloud)].to_vec() } else { Vec::new() };
    let all = of_beginning.into_iter().chain([("--state-dir", state_dir), ("--state", state)]);
    all.filter_map(|(name, value)| Some(option(name, value.as_ref()?))).collect()
}

fn option(option: &str, value: &str) -> String {
    let joint = match (value.starts_with('-'), option.starts_with("--")) {
        (true, true) => "=",
        (true, false) => "",
        (false, _) => " ",
    };
    format!("{option}{joint}{}", quoted(value))
}

/// A command, as it is shown.
#[derive(Clone, Debug)]
pub struct CommandLine {
    command: &'static str,
    named: Vec<String>,
    options: Vec<String>,
}

impl CommandLine {
    /// `stanch COMMAND`.
    pub fn stanch(command: &'static str) -> Self {
        Self { command, named: Vec::new(), options: Vec::new() }
    }

    /// Adds an argument without a name.
    #[must_use]
    pub fn name(mut self, value: impl AsRef<str>) -> Self {
        self.named.push(value.as_ref().to_owned());
        self
    }

    /// Adds an option with its value.
    #[must_use]
    pub fn option(mut self, option: &'static str, value: impl AsRef<str>) -> Self {
        self.options.push(self::option(option, value.as_ref()));
        self
    }

    /// Adds words of our own, as they stand: options without a value, and what the reader is to fill in.
    #[must_use]
    pub fn words(mut self, words: &'static str) -> Self {
        self.options.push(words.to_owned());
        self
    }

    /// Adds an option whose value begins with something known, and whose rest the reader is to fill in: `-i NAME=…`.
    #[must_use]
    pub fn open(mut self, option: &'static str, name: &str) -> Self {
        self.options.push(format!("{option} {}=…", quoted(name)));
        self
    }
}

impl CommandLine {
    /// For a record, which is the same wherever it is made; [`here`] adds what it needs when it is shown.
    pub fn recorded(&self) -> String {
        self.with(&[])
    }

    /// Options that this program was called with, unless the command says otherwise itself.
    fn given(&self) -> Vec<String> {
        let name = |option: &str| option.split([' ', '=']).next().unwrap_or_default().to_owned();
        let own: Vec<String> = self.options.iter().map(|option| name(option)).collect();
        given(self.command).into_iter().filter(|option| !own.contains(&name(option))).collect()
    }

    fn with(&self, given: &[String]) -> String {
        let named: Vec<String> = self.named.iter().map(|name| quoted(name)).collect();
        let options: Vec<String> = self.options.iter().chain(given).cloned().collect();
        let mut words = vec!["stanch".to_owned(), self.command.to_owned()];
        if self.named.iter().any(|name| name.starts_with('-')) {
            words.extend(options);
            words.push("--".to_owned());
            words.extend(named);
        } else {
            words.extend(named);
            words.extend(options);
        }
        words.join(" ")
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.with(&self.given()))
    }
}

/// A word that a shell takes as it is. What would not be seen is written as an escape (`$'…'` of bash, zsh, ksh and POSIX
/// 2024), so that what is pasted is what was read.
pub fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=@,+%".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if !word.contains(is_hidden) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut text = "$'".to_owned();
    for character in word.chars() {
        match character {
            '\'' | '\\' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            // Bytes, because a shell may know no other characters than ASCII; three digits, so that none is taken along.
            hidden if is_hidden(hidden) => {
                let mut bytes = [0; 4];
                for byte in hidden.encode_utf8(&mut bytes).bytes() {
                    text.push_str(&format!("\\{byte:03o}"));
                }
            }
            seen => text.push(seen),
        }
    }
    text + "'"
}

#[cfg(test)]
mod tests {
    use super::{CommandLine, quoted};
    use crate::visible::is_hidden;
    use proptest::prelude::*;

    #[test]
    fn a_shell_sees_one_word() {
        assert_eq!(
            quoted("secret=https://kv.vault.azure.net/secrets/a-b"),
            "secret=https://kv.vault.azure.net/secrets/a-b"
        );
        assert_eq!(quoted("found_at=$(id) it's"), r"'found_at=$(id) it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a\n\u{1b}7'\\"), r"$'a\n\0337\'\\'");
    }

    #[test]
    fn no_value_is_taken_for_an_option() {
        let line = CommandLine::stanch("approve").name("r").name("step[0]").words("--by NAME");
        assert_eq!(line.to_string(), "stanch approve r 'step[0]' --by NAME");
        let line = CommandLine::stanch("resume").name("--take-over").option("--because", "-x y").words("--wait");
        assert_eq!(line.to_string(), "stanch resume --because='-x y' --wait -- --take-over");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn what_is_pasted_is_what_was_meant(word in any::<String>()) {
            // No argument of a program holds a zero byte.
            let word = word.replace('\0', "");
            let line = quoted(&word);
            prop_assert!(!line.contains(is_hidden));
            let echoed = std::process::Command::new("bash")
                .args(["-c", &format!("printf %s {line}")])
                .env("LC_ALL", "C")
                .output();
            // A machine without bash pastes into something else.
            if let Ok(echoed) = echoed {
                prop_assert_eq!(String::from_utf8_lossy(&echoed.stdout).into_owned(), word);
            }
        }
    }
}
