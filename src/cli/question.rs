//! What a run asks people, and how an answer becomes an event: one place for the terminal, for the commands
//! `approve`, `reject` and `settle`, and for a file of answers.

use crate::command_line::CommandLine;
use crate::engine::event::{AfterFailure, Answer, Event, Question, SettledAs};
use crate::engine::person::{self, Seen};
use crate::engine::{EffectPhase, State, StepState, StepStatus};
use crate::evidence::wants_value;
use crate::failure::Failure;
use crate::plan;
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A question that a step waits with.
pub(crate) struct Open {
    pub(crate) step: String,
    pub(crate) what: Asked,
    /// Whether a typed name is no answer.
    pub(crate) signs_in: bool,
    /// How whoever answers says who they are.
    says_who: &'static str,
}

/// What is asked.
pub(crate) enum Asked {
    /// A yes or a no, or something to be done by hand.
    Gate {
        question: Question,
        /// A yes is not enough: a value is to be entered, which only a process that goes on with the run can take.
        wants_value: bool,
    },
    /// Whether an effect happened.
    Decision { effect: String, summary: String },
    /// How to go on after a failure.
    Failure(Option<Failure>),
}

/// A word that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Word {
    /// Yes; with `human/do`: it is done
    Approve,
    /// No; with `human/do`: it could not be done
    Reject,
    /// The effect happened
    Done,
    /// The effect did not happen; it is sent again
    NotDone,
    /// The failed step is tried again
    Retry,
    /// The run goes on without the failed step
    Continue,
    /// The run stops on the failed step
    Stop,
}

/// An answer as somebody gave it.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) word: Word,
    /// What they say they are called.
    pub(crate) by: String,
    pub(crate) seen: Seen,
    pub(crate) because: Option<String>,
    /// What was asked for by name; texts are read as the type that was asked for.
    pub(crate) answers: Map<String, Value>,
}

/// All open questions, in the order of the steps' names.
pub(crate) fn open(state: &State) -> Vec<Open> {
    let steps = state.steps().filter(|_| state.abandoned().is_none());
    steps.filter_map(|(id, step)| Some(Open::new(state, id, asked(step)?))).collect()
}

/// The open question of a step.
pub(crate) fn of_step(state: &State, step: &str) -> Option<Open> {
    let at = Some(state.step(step)).filter(|_| state.abandoned().is_none());
    at.and_then(asked).map(|what| Open::new(state, step, what))
}

fn asked(step: &StepState) -> Option<Asked> {
    match step.status {
        StepStatus::Waiting if step.asks_after_failure => Some(Asked::Failure(step.error.clone())),
        StepStatus::Waiting => {
            let gate = step.gate.as_ref().filter(|gate| gate.answer.is_none())?;
            let wants_value = wants_value(step);
            Some(Asked::Gate { question: gate.question.clone(), wants_value })
        }
        StepStatus::Unknown => {
            let doubtful = |phase: &EffectPhase| matches!(phase, EffectPhase::Unknown | EffectPhase::Started);
            let (name, effect) = step.effects.iter().find(|(_, effect)| doubtful(&effect.phase))?;
            Some(Asked::Decision { effect: name.clone(), summary: effect.summary.clone() })
        }
        _ => None,
    }
}

impl Open {
    fn new(state: &State, step: &str, what: Asked) -> Self {
        Self { step: step.to_owned(), what, signs_in: state.takes_sign_ins_alone(step), says_who: state.says_who(step) }
    }

    /// Those who may answer it; everybody if nobody is listed.
    pub(crate) fn from(&self) -> &[String] {
        self.question().map_or(&[], |question| &question.from)
    }

    /// What is asked at a gate.
    pub(crate) fn question(&self) -> Option<&Question> {
        match &self.what {
            Asked::Gate { question, .. } => Some(question),
            Asked::Decision { .. } | Asked::Failure(_) => None,
        }
    }

    /// The words that answer it.
    pub(crate) fn words(&self) -> &'static [Word] {
        match self.what {
            Asked::Gate { .. } => &[Word::Approve, Word::Reject],
            Asked::Decision { .. } => &[Word::Done, Word::NotDone],
            Asked::Failure(_) => &[Word::Retry, Word::Continue, Word::Stop],
        }
    }

    /// The word that somebody typed, if it is one that answers.
    pub(crate) fn word(&self, typed: &str) -> Option<Word> {
        self.words().iter().copied().find(|word| name(*word).eq_ignore_ascii_case(typed))
    }

    /// The answer as an event.
    pub(crate) fn answer(&self, given: Given) -> Result<Event, Failure> {
        let Given { word, by, seen, because, answers } = given;
        let by = person::name(&by)
            .map_err(|why| Failure::refused(why).help("say who answers, by a name that others know"))?;
        let seen = Some(seen);
        let step = self.step.clone();
        let because_of = |because: Option<String>| {
            because.ok_or_else(|| {
                Failure::refused(format!("`{}` needs a reason", self.step)).help("say how you know, with `--because`")
            })
        };
        match (&self.what, word) {
            (Asked::Gate { question, .. }, Word::Approve | Word::Reject) => {
                let (answer, answers) = match word {
                    Word::Approve => (Answer::Approved, typed(question, &answers)?),
                    _ => (Answer::Rejected, Map::new()),
                };
                let plan = Some(question.plan.clone()).filter(|plan| !plan.is_empty());
                Ok(Event::GateAnswered { step, answer, by, seen, comment: because, answers, plan })
            }
            (Asked::Decision { effect, .. }, Word::Done | Word::NotDone) => {
                let outcome = if word == Word::Done { SettledAs::Done } else { SettledAs::NotDone };
                Ok(Event::Settled { step, effect: effect.clone(), outcome, because: because_of(because)?, by, seen })
            }
            (Asked::Failure(_), Word::Retry | Word::Continue | Word::Stop) => {
                let answer = match word {
                    Word::Retry => AfterFailure::Retry,
                    Word::Continue => AfterFailure::Continue,
                    _ => AfterFailure::Stop,
                };
                Ok(Event::FailureAnswered { step, answer, by, seen, because: because_of(because)? })
            }
            _ => {
                let words: Vec<String> = self.words().iter().map(|word| format!("`{}`", name(*word))).collect();
                Err(Failure::refused(format!("`{}` is no answer to `{}`", name(word), self.step))
                    .help(format!("it asks for {}", words.join(" or "))))
            }
        }
    }

    /// The commands that answer it from another terminal.
    pub(crate) fn commands(&self, run: &str) -> Vec<String> {
        let of = |command| CommandLine::stanch(command).name(run).name(&self.step);
        let resume = CommandLine::stanch("resume").name(run);
        let by = self.says_who;
        let reject = of("reject").words(by).words("--comment WHY");
        match &self.what {
            Asked::Gate { wants_value: true, .. } => vec![
                format!("{resume}                  (asks for the value at a terminal)"),
                format!("{}   (reads it from standard input)", resume.words("--secret-stdin")),
                reject.to_string(),
            ],
            Asked::Gate { question, .. } => {
                let approve = of("approve").words(by);
                let approve = question.fields.iter().fold(approve, |line, field| line.open("--answer", &field.name));
                vec![approve.to_string(), reject.to_string()]
            }
            Asked::Decision { .. } | Asked::Failure(_) => self
                .words()
                .iter()
                .map(|word| {
                    let settle = of("settle").option("--as", name(*word));
                    let settle = if self.signs_in { settle.words(by) } else { settle };
                    settle.words("--because \"…\"").to_string()
                })
                .collect(),
        }
    }
}

/// The answers by name, each of the type that was asked for. Everything that is wrong with them is said at once.
fn typed(question: &Question, given: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let (mut answers, mut problems) = (Map::new(), Vec::new());
    let names: Vec<&str> = question.fields.iter().map(|field| field.name.as_str()).collect();
    for name in given.keys().filter(|name| !names.contains(&name.as_str())) {
        problems.push(format!("nothing called `{name}` is asked for"));
    }
    for field in &question.fields {
        match given.get(&field.name) {
            Some(value) => match plan::answer(field, value) {
                Ok(value) => drop(answers.insert(field.name.clone(), value)),
                Err(problem) => problems.push(format!("`{}`: {problem}", field.name)),
            },
            None if field.required => problems.push(format!("`{}` is missing", field.name)),
            None => {}
        }
    }
    match problems.is_empty() {
        true => Ok(answers),
        false => {
            let failure = Failure::refused("the answers are not what was asked for");
            let failure = problems.into_iter().fold(failure, Failure::because);
            Err(failure.help(format!("give `--answer NAME=VALUE` for {}", names.join(", "))))
        }
    }
}

/// The word as it is typed.
pub(crate) fn name(word: Word) -> &'static str {
    match word {
        Word::Approve => "approve",
        Word::Reject => "reject",
        Word::Done => "done",
        Word::NotDone => "not-done",
        Word::Retry => "retry",
        Word::Continue => "continue",
        Word::Stop => "stop",
    }
}
