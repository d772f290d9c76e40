//! The program at a real terminal: a pseudo-terminal, with a shell on it that waits for what is left over.

mod asked;
mod paste;

use crate::stage::{STANCH, Stage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
/// What the shell says when it waits for a command.
const READY: &str = "ready> ";

/// A terminal, and a shell that has it.
struct Terminal {
    ours: File,
    theirs: File,
    shell: Child,
    screen: vt100::Parser,
    /// All that was ever written to it, since it was last looked at.
    written: String,
}

impl Terminal {
    /// A shell that finds the stage's cloud by the environment.
    fn open(stage: &Stage, rows: u16, columns: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let path = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = File::options().read(true).write(true).open(path).unwrap();
        tcsetwinsize(&ours, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        // A session of its own, with this terminal: jobs are stopped and go on as they do at a desk.
        let shell = Command::new("setsid")
            .args(["--ctty", "bash", "--norc", "--noprofile", "--noediting", "-i"])
            .env("PS1", READY)
            .env("TERM", "xterm")
            .env("HISTFILE", stage.path("history"))
            .env("STANCH_OPERATOR", "alice")
            .env("STANCH_CLOUD", stage.ready_file())
            .env("STANCH_STATE_DIR", stage.state_dir())
            .current_dir(stage.path("."))
            .stdin(Stdio::from(theirs.try_clone().unwrap()))
            .stdout(Stdio::from(theirs.try_clone().unwrap()))
            .stderr(Stdio::from(theirs.try_clone().unwrap()))
            .spawn()
            .unwrap();
        let ours = File::from(ours);
        let [rows, columns] = [rows, columns].map(|size| std::num::NonZero::new(size).unwrap());
        let screen = vt100::Parser::new(rows, columns, 0);
        let mut terminal = Self { ours, theirs, shell, screen, written: String::new() };
        terminal.until(READY);
        terminal
    }

    /// Types a command, with the program's path in place of `stanch`.
    fn command(&mut self, command: &str) {
        self.written.clear();
        self.send(command.replace("stanch", STANCH).as_bytes());
        self.send(b"\n");
    }

    /// Sends bytes as fast as they are taken.
    fn send(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(256) {
            self.ours.write_all(part).unwrap();
            self.look(Duration::ZERO);
        }
    }

    /// Sends bytes in parts, with a while between them.
    fn send_slowly(&mut self, bytes: &[u8], part: usize, pause: Duration) {
        for part in bytes.chunks(part) {
            self.send(part);
            self.rest(pause);
        }
    }

    /// Takes in what was written within this time; says whether anything was.
    fn look(&mut self, within: Duration) -> bool {
        let within = Timespec { tv_sec: 0, tv_nsec: i64::from(within.subsec_nanos()) };
        let mut ready = [PollFd::new(&self.ours, PollFlags::IN)];
        if poll(&mut ready, Some(&within)).unwrap_or_default() == 0 {
            return false;
        }
        let mut bytes = [0; 64 << 10];
        let count = self.ours.read(&mut bytes).unwrap();
        self.screen.process(&bytes[..count]);
        self.written.push_str(&String::from_utf8_lossy(&bytes[..count]));
        true
    }

    /// Looks on for a while.
    fn rest(&mut self, pause: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < pause {
            self.look(Duration::from_millis(5));
        }
    }

    fn wait(&mut self, what: &str, mut come: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !come(self) {
            assert!(begun.elapsed() < PATIENCE, "{what} does not come:\n{}", self.written);
            self.look(Duration::from_millis(10));
        }
    }

    /// Waits until something was written, and forgets all that was written up to it.
    fn until(&mut self, text: &str) -> String {
        self.wait(text, |terminal| terminal.written.contains(text));
        let end = self.written.find(text).unwrap() + text.len();
        self.written.drain(..end).collect()
    }

    /// Waits until the program hides what is typed.
    fn until_hidden(&mut self) {
        self.wait("the hidden prompt", |terminal| !terminal.echoes());
    }

    /// Whether what is typed is shown.
    fn echoes(&self) -> bool {
        tcgetattr(&self.theirs).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Waits for the shell; gives all that was written before, and the exit code of its last command.
    fn ended(&mut self) -> (String, i32) {
        let mut said = self.until(READY);
        assert!(self.echoes(), "what is typed is shown again");
        // What came late would be taken for commands now.
        self.rest(Duration::from_millis(300));
        self.send(b"echo code=$?.\n");
        said.push_str(&self.until("code=$?."));
        self.until("code=");
        self.wait("the code", |terminal| terminal.written.contains('.'));
        let code = self.written.split('.').next().unwrap().parse().unwrap();
        self.until(READY);
        (said, code)
    }

    /// The lines of the screen, as one text without the breaks between them.
    fn screen(&self) -> String {
        let contents = self.screen.screen().contents();
        contents.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.shell.kill());
        drop(self.shell.wait());
    }
}
