//! Asking for a value without showing it: a hidden prompt at a terminal, standard input elsewhere.
//!
//! The value is read past the standard library's buffer, which would keep it.

use super::keyboard;
use crate::failure::Failure;
use crate::secret::{Secret, SecretPrompt};
use async_trait::async_trait;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{IsTerminal, Write, stderr, stdin};
use zeroize::Zeroizing;

/// Key Vault takes 25 KiB; a leaked file that holds a value may be larger.
const LARGEST: usize = 256 << 10;
/// A terminal takes no longer line.
const LONGEST_LINE: usize = 4_095;

/// The standard input of this process.
#[derive(Debug)]
pub(crate) struct StandardInput {
    /// Whether the prompt is written here; while a run is shown, its display does that.
    pub(crate) writes_prompt: bool,
}

#[async_trait]
impl SecretPrompt for StandardInput {
    async fn ask(&self, prompt: &str) -> Result<Option<Secret>, Failure> {
        let terminal = stdin().is_terminal();
        let _hidden = if terminal { Some(Hidden::new(self.writes_prompt.then_some(prompt))?) } else { None };
        let read = tokio::task::spawn_blocking(move || read(terminal));
        let bytes = read
            .await
            .map_err(|error| error.to_string())
            .and_then(|read| read.map_err(|error| error.to_string()))
            .map_err(|why| Failure::refused("the value cannot be read").because(why))?;
        value(bytes, terminal)
    }
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Hidden {
    before: Option<Termios>,
    prompted: bool,
}

impl Hidden {
    fn new(prompt: Option<&str>) -> Result<Self, Failure> {
        let failed = |error: rustix::io::Errno| {
            Failure::refused("the terminal cannot be told to hide what is typed")
                .because(error.to_string())
                .help("pipe the value in instead")
        };
        let before = tcgetattr(stdin()).map_err(failed)?;
        keyboard::hide(true);
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // A question before this one may have left the terminal without lines.
        hidden.local_modes.insert(LocalModes::ICANON);
        tcsetattr(stdin(), OptionalActions::Flush, &hidden).map_err(|error| {
            keyboard::hide(false);
            failed(error)
        })?;
        if let Some(prompt) = prompt {
            let mut out = stderr().lock();
            drop(write!(out, "{prompt}"));
            drop(out.flush());
        }
        Ok(Self { before: Some(before), prompted: prompt.is_some() })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        keyboard::hide(false);
        if let Some(before) = self.before.take() {
            // Nothing can be done about a terminal that went away.
            tcsetattr(stdin(), OptionalActions::Now, &before).ok();
        }
        if self.prompted {
            drop(writeln!(stderr().lock()));
        }
    }
}

/// Everything up to the end, or to the end of the line at a terminal.
fn read(line: bool) -> rustix::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 << 10));
    let mut chunk = Zeroizing::new([0; 8 << 10]);
    while bytes.len() <= LARGEST {
        let count = match rustix::io::read(stdin(), chunk.as_mut_slice()) {
            Ok(0) => break,
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error),
        };
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        if line && bytes.ends_with(b"\n") {
            break;
        }
    }
    Ok(bytes)
}

fn value(mut bytes: Zeroizing<Vec<u8>>, terminal: bool) -> Result<Option<Secret>, Failure> {
    if bytes.len() > LARGEST {
        return Err(Failure::refused(format!("the value is larger than {} KiB", LARGEST >> 10))
            .help("Key Vault holds 25 KiB at most: give it the value alone"));
    }
    if terminal && bytes.len() >= LONGEST_LINE {
        return Err(Failure::refused("the value is longer than a terminal's line, and may have been cut")
            .help("pipe it in: `… | stanch …`"));
    }
    // Whoever types a value, or lets a shell write one, ends it with a line end that is none of its own.
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Some(Secret::new(text.to_owned()))),
        Err(_) => Err(Failure::refused("the value is not text").help("a secret of Key Vault is UTF-8")),
    }
}
