//! A run in a chat: its message is kept up to date, and what people press there becomes an answer. Used by the process that
//! works on a run, and by `serve --slack`.

mod board;
mod desk;
mod line;
mod told;

use crate::clock;
use crate::engine::State;
use crate::journal::RunFolder;
use crate::slack::{self, Standing};
use board::Board;
use desk::Desk;
pub(crate) use line::Line;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, LocalSet};

/// How long the last word about a run may take once its process ends.
const LAST_WORD: Duration = Duration::from_millis(1500);
/// Presses that wait to be looked at.
const MOST_PRESSES: usize = 64;

/// A run's process in the chat.
pub(crate) struct Chat {
    standing: watch::Receiver<Standing>,
    finish: Option<oneshot::Sender<()>>,
    board: JoinHandle<()>,
    listening: JoinHandle<()>,
}

impl Chat {
    /// Posts the run's message, keeps it up to date, and listens from its first button on. Must be called inside a `LocalSet`.
    pub(crate) fn open(line: Line, folder: &RunFolder) -> Self {
        let (standing, looked_at) = watch::channel(Standing::default());
        let (finish, mut finished) = oneshot::channel();
        let wanted = Arc::new(Notify::new());
        let mut board = Board::new(line.clone(), folder.clone());
        let wants = Arc::clone(&wanted);
        let board = tokio::task::spawn_local(async move {
            loop {
                board.pass().await;
                if board.has_buttons() {
                    wants.notify_one();
                }
                tokio::select! {
                    _ = &mut finished => return board.last_pass().await,
                    () = clock::sleep(board.pace()) => {}
                }
            }
        });
        let desk = Desk::new(line.clone(), folder.runs());
        let listening = tokio::task::spawn_local(async move {
            wanted.notified().await;
            listen(line, desk, standing).await;
        });
        Self { standing: looked_at, finish: Some(finish), board, listening }
    }

    /// What tells whether somebody there may answer what is asked now.
    pub(crate) fn takes(&self) -> impl Fn(&State) -> bool + use<> {
        let standing = self.standing.clone();
        move |state| *standing.borrow() != Standing::GaveUp && told::can_be_pressed(state)
    }

    /// Ends with a last word about the run.
    pub(crate) async fn finish(mut self) {
        if let Some(finish) = self.finish.take() {
            // It may have ended by itself.
            finish.send(()).ok();
        }
        drop(tokio::time::timeout(LAST_WORD, &mut self.board).await);
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.board.abort();
        self.listening.abort();
    }
}

/// Takes what people press, to any run that is kept where this one is, and keeps this one's message up to date. Ends when
/// Slack will not have it any more.
pub(crate) async fn serve(line: Line, folder: RunFolder, note: impl Fn(&str)) {
    let desk = Desk::new(line.clone(), folder.runs());
    let (standing, mut looked_at) = watch::channel(Standing::default());
    let noting = async {
        while looked_at.wait_for(|standing| *standing == Standing::Listening).await.is_ok() {
            note("listening in Slack");
            looked_at.wait_for(|standing| *standing != Standing::Listening).await.ok();
        }
        std::future::pending().await
    };
    let serving = async {
        tokio::select! {
            () = listen(line.clone(), desk, standing) => {}
            () = stand_in(line.clone(), folder) => {}
            () = noting => {}
        }
    };
    LocalSet::new().run_until(serving).await;
}

/// Listens, and takes to the desk what is heard, until Slack will not have it any more. Must run inside a `LocalSet`.
async fn listen(line: Line, desk: Desk, standing: watch::Sender<Standing>) {
    let (heard, mut presses) = mpsc::channel(MOST_PRESSES);
    let desk = Arc::new(desk);
    let answering = async move {
        while let Some(press) = presses.recv().await {
            let desk = Arc::clone(&desk);
            let runtime = Handle::current();
            // An answer may wait until the process that works on its run takes it, and whoever drives a run never waits for
            // a store that is slow.
            tokio::task::spawn_blocking(move || runtime.block_on(desk.take(press)));
        }
    };
    let listening = slack::listen(&line.app, &line.azure, heard, &standing, |failure| (line.tell)(failure));
    tokio::join!(answering, listening);
}

/// Keeps a run's message up to date while no process works on the run that does it itself.
async fn stand_in(line: Line, folder: RunFolder) {
    let mut board = Board::new(line, folder).standing_in();
    loop {
        board.pass().await;
        clock::sleep(board.pace()).await;
    }
}
