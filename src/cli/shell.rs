//! `stanch completions` and `stanch man`: what a shell and `man` know of the commands, from the same definition.

use super::completing;
use super::exit::{CommandError, Exit, Outcome};
use super::page::Page;
use super::terminal::ui::Ui;
use crate::failure::Failure;
use crate::files;
use clap::Command;
use clap_complete::Shell;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Write one page for each command into this folder, instead of the main page to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn completions(ui: Ui, args: &CompletionsArgs) -> Outcome {
    let script = completing::script(&args.shell.to_string());
    ui.own(&Page::document(&String::from_utf8_lossy(&script)));
    Ok(Exit::Done)
}

pub(crate) fn man(ui: Ui, args: &ManArgs, mut stanch: Command) -> Outcome {
    let Some(folder) = &args.out else {
        let page = page(stanch)?;
        ui.own(&Page::document(&String::from_utf8_lossy(&page)));
        return Ok(Exit::Done);
    };
    stanch.build();
    write(folder, "stanch", stanch.clone())?;
    for subcommand in stanch.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let name = format!("stanch-{}", subcommand.get_name());
        write(folder, &name, subcommand.clone().display_name(&name))?;
    }
    ui.note(&format!("written to {}", folder.display()));
    Ok(Exit::Done)
}

fn page(command: Command) -> Result<Vec<u8>, CommandError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(|error| {
        CommandError::program(Failure::refused("the manual page cannot be made").because(error.to_string()))
    })?;
    Ok(page)
}

#[expect(clippy::disallowed_methods, reason = "the folder was named by the user")]
fn write(folder: &std::path::Path, name: &str, command: Command) -> Result<(), CommandError> {
    let page = page(command)?;
    let path = folder.join(format!("{name}.1"));
    let written = std::fs::create_dir_all(folder).and_then(|()| files::write_whole(&path, &page));
    written.map_err(|error| {
        let failure = Failure::refused(format!("`{}` cannot be written", path.display())).because(error.to_string());
        CommandError::program(failure.help("name a folder that can be written with `--out`"))
    })
}
