//! Those at the terminal, and those who answer from another one.

use crate::clock;
use crate::driver::People;
use crate::engine::event::{Answer, Event};
use crate::engine::{State, StepStatus};
use crate::journal::RunFolder;
use futures::future::LocalBoxFuture;
use std::io::BufRead;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the answers from other terminals are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The people around a run.
pub(crate) struct Terminal {
    folder: RunFolder,
    interactive: bool,
    operator: String,
    typed: Option<mpsc::UnboundedReceiver<String>>,
}

impl Terminal {
    /// `interactive` says whether somebody can type an answer here.
    pub(crate) fn new(folder: RunFolder, interactive: bool, operator: String) -> Self {
        Self { folder, interactive, operator, typed: None }
    }

    /// The answer to a gate that somebody typed here.
    fn read(&self, line: &str, state: &State) -> Option<Event> {
        let (step, gate) = state.steps().find_map(|(id, step)| {
            let gate = step.gate.as_ref().filter(|gate| gate.answer.is_none())?;
            (step.status == StepStatus::Waiting).then_some((id, gate))
        })?;
        let requester = state.opened().map(|opened| opened.operator.as_str());
        let answer = match line.trim().to_lowercase().as_str() {
            "y" | "yes" if gate.not_requester && requester == Some(self.operator.as_str()) => return None,
            "y" | "yes" => Answer::Approved,
            "n" | "no" => Answer::Rejected,
            _ => return None,
        };
        Some(Event::GateAnswered { step: step.to_owned(), answer, by: self.operator.clone(), comment: None })
    }
}

impl People for Terminal {
    fn are_there(&self) -> bool {
        self.interactive
    }

    fn answer<'a>(&'a mut self, state: &'a State) -> LocalBoxFuture<'a, Event> {
        Box::pin(async move {
            loop {
                while let Some(answer) = self.folder.take_answer() {
                    // A file that is no answer is nobody's answer.
                    if let Ok(event @ (Event::GateAnswered { .. } | Event::Settled { .. })) =
                        serde_json::from_slice(&answer)
                    {
                        return event;
                    }
                }
                if self.interactive {
                    let typed = self.typed.get_or_insert_with(read_lines);
                    if let Ok(line) = typed.try_recv()
                        && let Some(event) = self.read(&line, state)
                    {
                        return event;
                    }
                }
                clock::sleep(LOOK_EVERY).await;
            }
        })
    }
}

/// Lines typed at the terminal; the thread ends with the program.
fn read_lines() -> mpsc::UnboundedReceiver<String> {
    let (lines, typed) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    typed
}

/// Asks at the start whether to go.
pub(crate) async fn confirm() -> bool {
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    matches!(line.await, Ok(Ok(line)) if ["y", "yes", "go"].contains(&line.trim().to_lowercase().as_str()))
}
