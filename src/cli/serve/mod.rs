//! `stanch serve`: the war room, one page that follows a run. It reads, and answers nothing: whoever sees the page can
//! copy a command, and needs a terminal to give it.

mod doors;
mod follow;

use super::ending::InOrder;
use super::exit::{CommandError, Outcome};
use super::options::Common;
use super::page::Page;
use super::runs;
use super::session;
use super::terminal::ui::Ui;
use crate::failure::Failure;
use doors::{Doors, Token};
use serde_json::json;
use std::net::SocketAddr;
use tokio::net::TcpListener;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id [default: the latest]
    run: Option<String>,
    /// Where to listen; loopback only
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    if !args.listen.ip().is_loopback() {
        let failure = Failure::refused(format!("`{}` is not a loopback address", args.listen));
        return Err(CommandError::usage(failure.help(
            "the page is not encrypted; it is served on 127.0.0.1 or [::1] only. From elsewhere, reach it through `ssh -L`",
        )));
    }
    let run = match args.run {
        Some(run) => run,
        None => runs::latest(common, ui)?.ok_or_else(|| {
            CommandError::usage(Failure::refused("there are no runs yet, so there is nothing to show"))
        })?,
    };
    let folder = session::existing(common, &run)?;
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
    let shown = follow::follow(folder).await?;
    let doors = Doors::new(&token, address, shown);
    let serving = tokio::spawn(doors.serve(listener));
    let url = token.url(address);
    if ui.json {
        ui.json(&json!({ "run": run, "url": url }));
    } else {
        ui.note(&format!("the war room of `{run}`, for whoever has this address; stop it with Ctrl-C"));
        ui.data(&Page::of(url));
    }
    let told = in_order.wait().await;
    serving.abort();
    Ok(told)
}
