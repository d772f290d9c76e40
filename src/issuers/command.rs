//! `command`: a program of the team's own, for an issuer that stanch does not know.
//!
//! It is started once per request, with the request as one JSON object on its standard input, and answers with one
//! JSON object on its standard output. Values go through these two only, never through arguments or the environment.
//! Of our environment it gets the little that every program needs (`programs`), and what `environment:` names.
//! What it writes to standard error is not shown: it may hold anything. What it answers is kept only as far as it does not
//! repeat a value: an `answer` that does is replaced, and a `credential` that holds a part of one is no name.
//!
//! ```text
//! {"do":"issue","key":K,"secret":URL,"value":OLD}                    → {"value":NEW,"credential":ID}
//! {"do":"retire","key":K,"secret":URL,"credential":ID,"value":OLD}   → {}
//! {"do":"try","secret":URL,"value":VALUE}                            → {"accepted":true|false,"answer":TEXT} or {}
//! ```
//!
//! `issue` may come again with the same key: then the answer to the first was lost, and what was issued under that key
//! must be replaced. `retire` may come again as well. A program that cannot try a value answers `{}`, and the report
//! says "not proven". Which program it is stands in the runbook or the inventory, never in a tag.

use super::issuer::{Held, Impact, Issuance, Issued, Issuer, Work};
use super::likeness::too_large;
use super::record::IssuerState;
use super::surroundings::Surroundings;
use super::trial::Trial;
use crate::failure::Failure;
use crate::files;
use crate::programs::{self, Complaints, Unanswered};
use crate::secret::Secret;
use crate::told::{named, told_about};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How long a program may take. What it may say is bounded by [`programs::LARGEST_OUTPUT`].
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The program and its arguments; it is started as it stands here, by no shell.
    program: Vec<String>,
    /// Variables of our environment that it gets beside the few that every program needs, by their names.
    #[serde(default)]
    environment: Vec<String>,
}

pub(super) struct Command {
    program: Vec<String>,
    /// Where it lies.
    path: PathBuf,
    environment: Vec<String>,
    secret: String,
    is_drill: bool,
}

/// What a program answered. It may hold a value.
#[derive(Default, Deserialize)]
pub struct Answer {
    value: Option<String>,
    credential: Option<String>,
    accepted: Option<bool>,
    answer: Option<String>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Answer(…)")
    }
}

impl Answer {
    /// Reads what a program of this name wrote.
    ///
    /// # Errors
    /// If it is no JSON object.
    pub fn read(name: &str, output: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(output)
            .map_err(|_| Failure::unknown(format!("what the program `{name}` answered is no JSON object")))
    }

    /// The credential that it issued in place of `old`.
    ///
    /// # Errors
    /// If it told none, or the old one.
    pub fn issued(self, name: &str, old: Option<&Secret>) -> Result<Issued, Failure> {
        let Some(value) = self.value.filter(|value| !value.is_empty()).map(Secret::new) else {
            return Err(Failure::refused(format!("the program `{name}` answered without a value"))
                .help("to `issue` it answers `{\"value\": …, \"credential\": …}`"));
        };
        if let Some(why) = too_large(&value) {
            return Err(Failure::refused(format!("the program `{name}` gave a value that is too large"))
                .because(why)
                .help("what it issued is nowhere stored: have it retired at its issuer; the old value is in place"));
        }
        if old.is_some_and(|old| old.expose() == value.expose()) {
            return Err(Failure::refused(format!("the program `{name}` gave the old value as the new one"))
                .help("to `issue` it answers with a value that is not known to anybody"));
        }
        let values: Vec<&Secret> = old.into_iter().chain([&value]).collect();
        let credential = self.credential.and_then(|credential| named(&credential, &values));
        Ok(Issued { credential: Some(credential.unwrap_or_else(|| "the new value".to_owned())), value: Some(value) })
    }

    /// What came of trying a value.
    pub fn trial(self, name: &str, value: &Secret) -> Trial {
        let said = self.answer.map_or_else(|| "no text".to_owned(), |said| told_about(&said, &[value]));
        let how = format!("asked the program `{name}`");
        match self.accepted {
            Some(true) => Trial::accepted(&how, said),
            Some(false) => Trial::refused(&how, said),
            None => Trial::untried(format!("the program `{name}` cannot try a value")),
        }
    }
}

impl Command {
    pub(super) fn new(settings: Settings, surroundings: &Surroundings) -> Result<Self, Failure> {
        if settings.program.is_empty() {
            return Err(Failure::refused("the provider `command` names no program")
                .help("add `program: [PATH, …]` to its settings"));
        }
        let name = settings.program.first().map(String::as_str).unwrap_or_default();
        let path = programs::find(name).map_err(|error| not_started(name, &error))?;
        let is_drill = surroundings.azure.transport.cloud().is_some();
        let Settings { program, environment } = settings;
        Ok(Self { program, path, environment, secret: surroundings.secret.to_string(), is_drill })
    }

    fn name(&self) -> &str {
        self.program.first().map(String::as_str).unwrap_or_default()
    }

    async fn ask(&self, mut request: Value) -> Result<Answer, Failure> {
        if let Some(fields) = request.as_object_mut() {
            fields.insert("secret".to_owned(), self.secret.clone().into());
            fields.insert("drill".to_owned(), self.is_drill.into());
        }
        let name = self.name();
        // It may have been changed since the run began.
        files::check_program(&self.path).map_err(|error| not_started(name, &error))?;
        let text = zeroize::Zeroizing::new(format!("{request}\n"));
        let mut command = programs::command(&self.path, &self.environment);
        command.args(self.program.iter().skip(1));
        let asked = programs::ask(command, text.as_bytes(), Complaints::Dropped, PATIENCE).await;
        let output = asked.map_err(|unanswered| match unanswered {
            Unanswered::NotStarted(error) => not_started(name, &error),
            unanswered => Failure::unknown(format!("the program `{name}` gave no answer"))
                .because(unanswered.to_string())
                .help("to each request it writes one JSON object to its standard output, and ends"),
        })?;
        if !output.status.success() {
            return Err(Failure::unknown(format!("the program `{name}` failed"))
                .because(output.status.to_string())
                .help("run it by hand with the same request to see why; its standard error is not kept"));
        }
        Answer::read(name, &output.stdout)
    }
}

fn not_started(name: &str, error: &io::Error) -> Failure {
    let failure = Failure::refused(format!("the program `{name}` is not started"));
    match files::distrust(error).map(files::Distrust::failure) {
        None => failure.because(error.to_string()),
        Some(distrust) => {
            let failure = distrust.reasons.into_iter().fold(failure.because(distrust.summary), Failure::because);
            failure.help(distrust.help.unwrap_or_default())
        }
    }
}

fn exposed(value: Option<&Secret>) -> Option<&str> {
    value.map(Secret::expose)
}

#[async_trait(?Send)]
impl Issuer for Command {
    fn issuance(&self) -> Issuance {
        Issuance::ToldOnce
    }

    fn impact(&self) -> Impact {
        let name = self.name();
        Impact {
            overlap: format!("whoever has not moved when `{name}` retires the old one"),
            revoke_first: format!("every user of the old one, as soon as `{name}` retires it"),
        }
    }

    async fn survey(&self, held: &Held<'_>) -> Result<IssuerState, Failure> {
        let tagged = held.tags.get(super::resolve::TAG_CREDENTIAL).and_then(|tag| named(tag, &[held.value]));
        let old = tagged.unwrap_or_else(|| "the old value".to_owned());
        Ok(IssuerState { old: Some(old.clone()), retire: vec![old], ..IssuerState::default() })
    }

    async fn issue(&self, work: &Work<'_>) -> Result<Issued, Failure> {
        let answer = self.ask(json!({ "do": "issue", "key": work.key, "value": exposed(work.old) })).await?;
        answer.issued(self.name(), work.old)
    }

    async fn try_credential(&self, _: &IssuerState, value: &Secret) -> Result<Trial, Failure> {
        let answer = self.ask(json!({ "do": "try", "value": value.expose() })).await?;
        Ok(answer.trial(self.name(), value))
    }

    async fn retire(&self, work: &Work<'_>) -> Result<(), Failure> {
        let request = json!({
            "do": "retire", "key": work.key, "credential": work.state.old, "value": exposed(work.old),
        });
        self.ask(request).await.map(drop)
    }

    async fn retired(&self, work: &Work<'_>) -> Result<Option<bool>, Failure> {
        let Some(old) = work.old else { return Ok(None) };
        Ok(match self.try_credential(work.state, old).await? {
            Trial::Refused { .. } => Some(true),
            Trial::Accepted { .. } => Some(false),
            Trial::Untried { .. } => None,
        })
    }
}
