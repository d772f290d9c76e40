//! How the terminal stands while somebody may type. Whoever wants keys takes it; it is given back on every way out:
//! the normal one, a signal, a stop (Ctrl-Z) and a panic. What nobody took in by then is thrown away before anything is
//! echoed again, so that it reaches no shell.

use super::typed::Typed;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{self, Signal};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcgetpgrp,
    tcsetattr,
};
use std::io::{IsTerminal, stdin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

/// Nobody waits longer for the rest of what was typed: whoever tells the program to end gets it to end.
const LONGEST_DRAIN: Duration = Duration::from_millis(3500);
/// A terminal that knows it marks where a paste begins and ends.
const MARK_PASTES: &[u8] = b"\x1b[?2004h";
const MARK_NO_PASTES: &[u8] = b"\x1b[?2004l";

/// What is wanted of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Every key at once, not echoed; Ctrl-C and Ctrl-Z work as ever.
    Keys,
    /// A value that must not be shown: every byte as it comes, pastes marked.
    Hidden,
}

struct Terminal {
    /// The modes as they were; nothing while nobody wants another one.
    before: Option<Termios>,
    wanted: Vec<Mode>,
    /// The process is about to stop, or has.
    stopped: bool,
    /// Somebody looks after stops.
    guarded: bool,
    /// How often it was taken back from somebody who had it in between.
    taken_back: u32,
    /// What was read of something that may go on.
    typed: Typed,
    /// Something came while it was given back, and is gone.
    lost: bool,
}

static TERMINAL: Mutex<Terminal> = Mutex::new(Terminal {
    before: None,
    wanted: Vec::new(),
    stopped: false,
    guarded: false,
    taken_back: 0,
    typed: Typed::nothing(),
    lost: false,
});

fn terminal() -> MutexGuard<'static, Terminal> {
    TERMINAL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The terminal in the hands of somebody who wants it so, until it is dropped.
#[derive(Debug)]
pub(crate) struct Taken(Mode);

/// Takes the terminal. What was typed before is thrown away. Must be called inside the runtime.
pub(crate) fn take(mode: Mode) -> Result<Taken, Errno> {
    let mut terminal = terminal();
    if terminal.before.is_none() {
        terminal.before = Some(tcgetattr(stdin())?);
    }
    if !terminal.guarded {
        terminal.guarded = true;
        tokio::spawn(look_after_stops());
    }
    if mode == Mode::Hidden {
        (terminal.typed, terminal.lost) = (Typed::nothing(), false);
    }
    terminal.wanted.push(mode);
    let taken = Taken(mode);
    let applied = terminal.apply(true);
    // Dropped below, it needs the lock.
    drop(terminal);
    applied.map(|()| taken)
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut terminal = terminal();
        let Some(place) = terminal.wanted.iter().rposition(|mode| *mode == self.0) else { return };
        terminal.wanted.remove(place);
        if terminal.wanted.is_empty() {
            terminal.give_back();
            return;
        }
        // The rest of a value is nobody's answer; what comes later is left to whoever has the terminal now.
        if self.0 == Mode::Hidden && terminal.typed.is_unfinished() && is_in_foreground() {
            terminal.drain();
        }
        terminal.apply(false).ok();
    }
}

impl Terminal {
    fn mode(&self) -> Option<Mode> {
        let hidden = self.wanted.contains(&Mode::Hidden);
        if hidden { Some(Mode::Hidden) } else { self.wanted.last().copied() }
    }

    fn apply(&self, forget: bool) -> Result<(), Errno> {
        let (Some(before), Some(mode)) = (&self.before, self.mode()) else { return Ok(()) };
        if self.stopped || !is_in_foreground() {
            return Ok(());
        }
        let mut modes = before.clone();
        let lines = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ECHONL;
        modes.local_modes.remove(lines);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        match mode {
            // A core is no way out of a run.
            Mode::Keys => modes.special_codes[SpecialCodeIndex::VQUIT] = 0,
            Mode::Hidden => {
                modes.local_modes.remove(LocalModes::ISIG | LocalModes::IEXTEN);
                let changed = InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR | InputModes::ISTRIP;
                modes.input_modes.remove(changed | InputModes::IXON);
            }
        }
        // A terminal that nobody reads (Ctrl-S, a connection that stands still) must not hold anybody up: nothing here waits
        // until what was written is read.
        if forget {
            tcflush(stdin(), QueueSelector::IFlush).ok();
        }
        tcsetattr(stdin(), OptionalActions::Now, &modes)?;
        write(if mode == Mode::Hidden { MARK_PASTES } else { MARK_NO_PASTES });
        Ok(())
    }

    /// As it was before anybody wanted it otherwise, for good.
    fn give_back(&mut self) {
        self.wanted.clear();
        self.show();
        self.before = None;
    }

    /// As it was before. What is on its way is thrown away first: it was meant for us, and would be shown and run.
    fn show(&mut self) {
        let Some(before) = self.before.clone() else { return };
        if self.stopped || !is_in_foreground() {
            return;
        }
        // Marks until then: a paste that begins now is known to have an end as well.
        self.lost |= self.drain();
        write(MARK_NO_PASTES);
        // Nothing can be done about a terminal that went away.
        tcflush(stdin(), QueueSelector::IFlush).ok();
        tcsetattr(stdin(), OptionalActions::Now, &before).ok();
    }

    /// Throws away what comes until nothing comes any more, nor is expected. Says whether it was more than line ends.
    fn drain(&mut self) -> bool {
        let begun = Instant::now();
        let mut bytes = Zeroizing::new([0; 4 << 10]);
        let mut came = false;
        while let Some(left) = LONGEST_DRAIN.checked_sub(begun.elapsed())
            && is_ready(self.typed.quiet().min(left))
        {
            let Ok(count @ 1..) = rustix::io::read(stdin(), bytes.as_mut_slice()) else { break };
            let bytes = bytes.get(..count).unwrap_or_default();
            self.typed.feed(bytes);
            came |= bytes.iter().any(|byte| !byte.is_ascii_whitespace());
        }
        self.typed = Typed::nothing();
        came
    }
}

/// Gives the terminal back whatever happens to its owner: when this is dropped, by a panic as well.
pub(crate) struct GivenBack;

impl Drop for GivenBack {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, however the program ends.
pub(crate) fn give_back() {
    terminal().give_back();
}

/// Sees to it that the terminal is still as it was wanted: a shell that had it in between has modes of its own. Gives how
/// often it was not: what is asked must be shown anew whenever that changes.
pub(crate) fn keep() -> u32 {
    let mut terminal = terminal();
    if !terminal.wanted.is_empty() && !terminal.stopped && is_in_foreground() {
        let shown = LocalModes::ICANON | LocalModes::ECHO;
        let changed = tcgetattr(stdin()).is_ok_and(|modes| modes.local_modes.intersects(shown));
        if changed && terminal.apply(true).is_ok() {
            terminal.taken_back += 1;
        }
    }
    terminal.taken_back
}

/// Whether what is typed belongs to a hidden prompt.
pub(crate) fn is_hidden() -> bool {
    terminal().mode() == Some(Mode::Hidden)
}

/// What was typed by now is no answer to what is asked from now on.
pub(crate) fn drop_pending() {
    if stdin().is_terminal() && is_in_foreground() {
        tcflush(stdin(), QueueSelector::IFlush).ok();
    }
}

/// What has come and was not read, as much of it as fits; nothing, without waiting, if nothing has. An end of input is
/// no bytes.
pub(crate) fn read(bytes: &mut [u8]) -> Result<Option<usize>, Errno> {
    // Nobody else may throw it away meanwhile.
    let mut terminal = terminal();
    if !is_in_foreground() || !is_ready(Duration::ZERO) {
        return Ok(None);
    }
    match rustix::io::read(stdin(), &mut *bytes) {
        Ok(count) => {
            if terminal.mode() == Some(Mode::Hidden) {
                terminal.typed.feed(bytes.get(..count).unwrap_or_default());
            }
            Ok(Some(count))
        }
        Err(Errno::INTR | Errno::AGAIN) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What was typed is whole: nothing more of it is expected.
pub(crate) fn is_whole() {
    terminal().typed = Typed::nothing();
}

/// Whether more comes, line ends apart, before nothing comes any more, or came while the terminal was somebody else's.
/// Whatever it is, it is gone then.
pub(crate) fn more_came() -> bool {
    let mut terminal = terminal();
    let lost = std::mem::take(&mut terminal.lost);
    is_in_foreground() && terminal.drain() || lost
}

/// What a terminal does by itself at Ctrl-C, where it was told not to.
pub(crate) fn interrupt() {
    tell(Signal::INT);
}

/// What a terminal does by itself at Ctrl-Z, where it was told not to.
pub(crate) fn stop() {
    if is_ours() {
        tell(Signal::TSTP);
    }
}

/// Tells everybody who has the terminal now, as the terminal does.
fn tell(signal: Signal) {
    let told = match is_ours() {
        true => process::kill_current_process_group(signal),
        false => process::kill_process(process::getpid(), signal),
    };
    told.ok();
}

/// Whether a terminal is the one that this process is controlled by, and this process has it now.
fn is_ours() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == process::getpgrp())
}

/// Whoever touches its terminal from the background is stopped.
fn is_in_foreground() -> bool {
    tcgetpgrp(stdin()).map_or(true, |group| group == process::getpgrp())
}

/// Whether there is a shell that would wake this process up again.
fn can_stop() -> bool {
    let Some(parent) = process::getppid() else { return false };
    let in_session = process::getsid(Some(parent)).ok() == process::getsid(None).ok();
    // A shell that controls jobs gives each a group of its own; without one above, the session is the group.
    in_session && process::getsid(None).is_ok_and(|session| session != process::getpgrp())
}

/// Gives the terminal back while the process is stopped, and takes it again afterwards.
async fn look_after_stops() {
    let stops = SignalKind::from_raw(Signal::TSTP.as_raw());
    let goes_on = SignalKind::from_raw(Signal::CONT.as_raw());
    let (Ok(mut stops), Ok(mut goes_on)) = (signal(stops), signal(goes_on)) else { return };
    loop {
        tokio::select! {
            Some(()) = stops.recv() => {
                if can_stop() {
                    let mut terminal = terminal();
                    terminal.show();
                    terminal.stopped = true;
                    drop(terminal);
                    process::kill_process(process::getpid(), Signal::STOP).ok();
                }
            }
            Some(()) = goes_on.recv() => {
                terminal().stopped = false;
                keep();
            }
            else => return,
        }
    }
}

fn is_ready(within: Duration) -> bool {
    let input = stdin();
    let mut keys = [PollFd::new(&input, PollFlags::IN)];
    let seconds = i64::try_from(within.as_secs()).unwrap_or(i64::MAX);
    let within = Timespec { tv_sec: seconds, tv_nsec: i64::from(within.subsec_nanos()) };
    poll(&mut keys, Some(&within)).is_ok_and(|ready| ready > 0)
}

/// Whether the terminal takes what is written.
fn is_read() -> bool {
    let input = stdin();
    let mut room = [PollFd::new(&input, PollFlags::OUT)];
    poll(&mut room, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}

/// Tells the terminal something, if it understands such things.
#[expect(clippy::disallowed_methods, reason = "what a terminal understands is told by the environment")]
fn write(text: &[u8]) {
    if std::env::var_os("TERM").is_none_or(|kind| kind != "dumb") && is_read() {
        // Where it is open for reading only, pastes come without marks.
        rustix::io::write(stdin(), text).ok();
    }
}
