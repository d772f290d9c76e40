//! Runs on disks that fill up: nothing is lost, and nothing is sent that is not written down.

use crate::stage::{Said, Stage};
use std::process::Command;

#[tokio::test]
async fn a_disk_that_fills_up_at_any_append_loses_nothing_and_sends_nothing() {
    let whole = Stage::set().await;
    whole.stanch(&whole.containment("r-whole")).exit(0).done();
    let bytes = std::fs::read(whole.journal("r-whole")).unwrap();
    let ends: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(index, _)| index + 1).collect();
    // The system refuses to make any file longer than this, in the middle of a line or at its end.
    let every = if crate::stage::is_heavy() { 1 } else { 31 };
    let limits = ends.iter().flat_map(|end| [end.saturating_sub(40), *end]).step_by(every).filter(|end| *end > 900);
    for limit in limits.take_while(|limit| limit + 200 < bytes.len()) {
        let stage = Stage::set().await;
        let run = format!("r-full-{limit}");
        let containment = stage.command(&stage.containment(&run));
        let mut command = std::process::Command::new("sh");
        // Without its signal the limit is an error like that of a full disk.
        let script = "trap '' XFSZ; limit=$1; shift; exec prlimit --fsize=$limit:$limit \"$@\"";
        command.args(["-c", script, "sh", &limit.to_string()]);
        command.arg(containment.get_program()).args(containment.get_args());
        for (name, value) in containment.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let said = Said::from(command.output().unwrap());
        if !stage.journal(&run).exists() {
            // Not even its beginning was durable: there is no run, and nothing was sent.
            let state = stage.state().await;
            assert!(state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().is_some_and(|all| all.len() == 3));
            continue;
        }
        let said = said.exit(1);
        assert!(said.stderr.contains("the journal cannot be written"), "{limit}: {}", said.stderr);
        stage.stanch(&["verify", &run]).exit(0).done();
        stage.stanch(&["resume", &run, "--json"]).exit(0).done();
        assert_eq!(crate::run::contained(&stage, &run).await, Ok(()), "at {limit} bytes");
    }
}

#[tokio::test]
async fn a_run_on_a_disk_that_is_really_full_goes_on_once_there_is_space() {
    let stage = Stage::set().await;
    let containment = stage.containment("r-tmpfs").join(" ");
    let cloud = stage.ready_file().display().to_string();
    // A filesystem of a few pages, in a namespace of its own; the pinned files and some of the journal fit.
    let script = format!(
        "mount -t tmpfs -o size=40k,mode=700 none /mnt || exit 77; export STANCH_STATE_DIR=/mnt STANCH_CLOUD={cloud}; \
         {stanch} {containment} >/dev/null 2>/mnt/../$LOG; echo $?; mount -o remount,size=8m /mnt || exit 77; \
         {stanch} verify r-tmpfs >/dev/null 2>&1; echo $?; {stanch} resume r-tmpfs --json >/dev/null 2>&1; echo $?",
        stanch = crate::stage::STANCH
    );
    let log = stage.path("full.log");
    let output = Command::new("unshare").args(["-rm", "sh", "-c", &script]).env("LOG", &log).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        println!("skipped: no namespace of its own can be had here");
        return;
    };
    let said = Said::from(output);
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(said.stdout.split_whitespace().collect::<Vec<_>>(), ["1", "0", "0"], "{log}");
    assert!(log.contains("the disk is full"), "{log}");
    assert_eq!(crate::run::contained(&stage, "r-tmpfs").await, Ok(()));
}
