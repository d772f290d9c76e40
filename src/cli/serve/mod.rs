//! `stanch serve`: the war room, one page that follows a run. It reads, and answers nothing: whoever sees the page can
//! copy a command, and needs a terminal to give it. With `--slack` it also takes what people press there, to any run that is
//! kept here, so that an answer is there when a run is gone on with whose machine is down now.

mod doors;
mod follow;

use super::chat::{self, Line};
use super::completing;
use super::ending::InOrder;
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::runs;
use super::session::{self, Session};
use super::terminal::ui::Ui;
use crate::failure::Failure;
use doors::{Doors, Token};
use serde_json::json;
use std::net::SocketAddr;
use tokio::net::TcpListener;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id [default: the latest]
    #[arg(add = completing::runs())]
    run: Option<String>,
    /// Where to listen; loopback only
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Also take what people press in Slack, for all runs that are kept here; stanch.yaml says how, below `slack`
    #[arg(long)]
    slack: bool,
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    if !args.listen.ip().is_loopback() {
        let failure = Failure::refused(format!("`{}` is not a loopback address", args.listen));
        return Err(CommandError::usage(failure.help(
            "the page is not encrypted; it is served on 127.0.0.1 or [::1] only. From elsewhere, reach it through `ssh -L`",
        )));
    }
    let run = runs::meant(common, ui, args.run.as_deref())?;
    let folder = session::existing(common, &run)?;
    let line = args.slack.then(|| line(common, ui)).transpose()?;
    let token = Token::draw()?;
    let in_order = InOrder::hold();
    let cannot_listen = |error: std::io::Error| {
        let failure = Failure::refused(format!("`{}` cannot be listened on", args.listen)).because(error.to_string());
        CommandError::program(
            failure.help("another process may have the port; `--listen 127.0.0.1:0` takes a free one"),
        )
    };
    let listener = TcpListener::bind(args.listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let shown = follow::follow(folder.clone()).await?;
    let doors = Doors::new(&token, address, shown);
    let serving = tokio::spawn(doors.serve(listener));
    let url = token.url(address);
    if ui.json {
        ui.json(&json!({ "run": run, "url": url }));
    } else {
        ui.note(&format!("the war room of `{run}`, for whoever has this address; stop it with Ctrl-C"));
        ui.data(&Page::of(url));
    }
    let told = match line {
        None => in_order.wait().await,
        Some(line) => tokio::select! {
            told = in_order.wait() => told,
            // Why was told.
            () = chat::serve(line, folder, |text| ui.note(text)) => Exit::Refused,
        },
    };
    serving.abort();
    Ok(told)
}

/// The way to Slack.
fn line(common: &Common, ui: Ui) -> Result<Line, CommandError> {
    let session = Session::open(common, None)?;
    let azure = session.azure(&session::fingerprints(&session::runs(common)?)?.request_prefix())?;
    Line::new(session.config(), &azure, move |text| ui.note(&text)).ok_or_else(|| {
        let failure = Failure::refused("stanch.yaml says nothing of an app in Slack");
        CommandError::usage(failure.help("add `slack:` with `bot_token`, `app_token`, `channel` and `people`"))
    })
}
