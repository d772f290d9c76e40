//! Asking for a value without showing it: a hidden prompt at a terminal, standard input elsewhere.
//!
//! The value is read past the standard library's buffer, which would keep it, and past the terminal's lines, which would
//! cut it.

use super::entry::{Entry, Key, LARGEST, Stand};
use super::modes::{self, Mode, Taken};
use crate::clock;
use crate::failure::Failure;
use crate::find::text_of;
use crate::secret::{Secret, SecretPrompt, ShowEntered};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::io::Errno;
use std::io::{IsTerminal, stdin};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How often the terminal is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long an interruption may take to be heard.
const HEARD: Duration = Duration::from_secs(5);
/// Fewer bytes that are no text are no key.
const FEWEST_BYTES: usize = 8;
const PIPE_IT_IN: &str = "pipe the value in instead: `… | stanch …`";

/// The standard input of this process.
#[derive(Debug, Default)]
pub(crate) struct StandardInput {
    /// Whether the value is meant as it is.
    pub(crate) as_entered: bool,
    /// Whether bytes that are no text are taken as well: they come as base64.
    pub(crate) takes_bytes: bool,
}

#[async_trait]
impl SecretPrompt for StandardInput {
    async fn ask(&self, shown: ShowEntered<'_>) -> Result<Option<Secret>, Failure> {
        if stdin().is_terminal() {
            return value(entered(shown).await?, self.takes_bytes);
        }
        let read = tokio::task::spawn_blocking(piped).await;
        value(read.map_err(unreadable)?.map_err(unreadable)?, self.takes_bytes)
    }

    fn is_meant(&self) -> bool {
        self.as_entered
    }
}

/// What is entered at the terminal, once it is whole.
async fn entered(shown: ShowEntered<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let hidden = modes::take(Mode::Hidden).map_err(|error| {
        Failure::refused("the terminal cannot be told to hide what is typed")
            .because(error.to_string())
            .help(PIPE_IT_IN)
    })?;
    shown("");
    let mut entry = Entry::default();
    let mut chunk = Zeroizing::new([0; 8 << 10]);
    let (mut last, mut told, mut kept) = (Instant::now(), String::new(), modes::keep());
    loop {
        if std::mem::replace(&mut kept, modes::keep()) != kept {
            // Somebody else had the terminal.
            shown("");
            told.clear();
        }
        if let Some(count) = modes::read(chunk.as_mut_slice()).map_err(unreadable)? {
            let key = entry.feed(chunk.get(..count).unwrap_or_default(), last.elapsed());
            last = Instant::now();
            match key {
                _ if count == 0 => return Err(cut("the terminal went away")),
                Some(Key::End) => return taken(entry, hidden),
                Some(Key::Stop) => modes::stop(),
                Some(Key::Interrupt) => {
                    modes::interrupt();
                    // Whoever hears of it drops this.
                    clock::sleep(HEARD).await;
                    return Err(Failure::refused("no value was entered"));
                }
                None => {
                    tokio::task::yield_now().await;
                    continue;
                }
            }
        }
        match entry.stand(last.elapsed()) {
            Stand::Whole => {
                modes::is_whole();
                return taken(entry, hidden);
            }
            Stand::Open(ends) => tell(&entry, ends, &mut told, shown),
        }
        clock::sleep(LOOK_EVERY).await;
    }
}

/// Shows how much was entered, and what would end it.
fn tell(entry: &Entry, ends: &str, told: &mut String, shown: ShowEntered<'_>) {
    let text = if entry.is_empty() { String::new() } else { format!("{}; {ends}", entry.size()) };
    if text != *told {
        shown(if text.is_empty() { "0 characters" } else { &text });
        *told = text;
    }
}

/// The value, if there is nothing that says that it was cut.
fn taken(entry: Entry, hidden: Taken) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let unfinished = if entry.is_empty() { None } else { entry.unfinished() };
    let more = modes::more_came();
    drop(hidden);
    match unfinished {
        _ if entry.too_large => Err(too_large()),
        Some(why) => Err(cut(why)),
        None if more => Err(cut("more came after its end")),
        None => Ok(entry.into_bytes()),
    }
}

/// A part of a value is not looked for, and not stored.
pub(crate) fn cut(why: &str) -> Failure {
    Failure::refused("the value may have been cut").because(why).help(format!("paste it once more, or {PIPE_IT_IN}"))
}

fn too_large() -> Failure {
    Failure::refused(format!("the value is larger than {} KiB", LARGEST >> 10))
        .help("Key Vault holds 25 KiB at most: give it the value alone")
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::refused("the value cannot be read").because(error.to_string())
}

/// Everything up to the end.
fn piped() -> Result<Zeroizing<Vec<u8>>, Errno> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 << 10));
    let mut chunk = Zeroizing::new([0; 8 << 10]);
    while bytes.len() <= LARGEST {
        match rustix::io::read(stdin(), chunk.as_mut_slice()) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

fn value(mut bytes: Zeroizing<Vec<u8>>, takes_bytes: bool) -> Result<Option<Secret>, Failure> {
    if bytes.len() > LARGEST {
        return Err(too_large());
    }
    // Windows writes two bytes a letter, and a mark before them that no UTF-8 begins with.
    let is_marked = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
    if is_marked && let Some(text) = text_of(&bytes) {
        bytes = Zeroizing::new(text.as_bytes().to_vec());
    } else if takes_bytes && (bytes.contains(&0) || std::str::from_utf8(&bytes).is_err()) {
        let encoded = || (bytes.len() >= FEWEST_BYTES).then(|| Zeroizing::new(STANDARD.encode(bytes.as_slice())));
        if let Some(text) = text_of(&bytes).or_else(encoded) {
            return Ok(Some(Secret::from(text)));
        }
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
        Err(_) => Err(Failure::refused("the value is not text: a secret of Key Vault is UTF-8").help(
            "where it is a file of bytes (PFX, DER, a key store), pipe it in as base64: `base64 -w0 FILE | stanch …`",
        )),
    }
}
