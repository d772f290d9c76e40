//! A [`BlastRadius`] → CSV: the accesses, then what the unrecognised callers did elsewhere.
//!
//! Spreadsheets take a cell that begins with `=`, `+`, `-` or `@` for a formula, and callers chose some of the cells: such
//! a cell begins with an apostrophe here. Control characters become marks.

use super::blast_radius::BlastRadius;
use crate::failure::Failure;
use crate::visible;

const HEADER: [&str; 17] = [
    "relation",
    "vault",
    "secret",
    "oid",
    "name",
    "appid",
    "upn",
    "resource",
    "ip",
    "operation",
    "version",
    "status",
    "count",
    "first",
    "last",
    "known",
    "own",
];

/// The accesses (`relation` is `access`) and the second order (`second_order`) as CSV.
///
/// # Errors
/// Never for a blast radius that fits into memory; the writer's own errors are passed on.
pub fn csv(radius: &BlastRadius, vault: &str) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Failure::refused("the table cannot be written").because(error.to_string());
    writer.write_record(HEADER).map_err(failed)?;
    for access in &radius.accesses {
        let (status, count) = (access.all_statuses(), access.count.to_string());
        let cells = [
            "access",
            vault,
            &radius.secret,
            &access.oid,
            access.caller(),
            &access.appid,
            &access.upn,
            &access.resource,
            &access.ip,
            &access.operation,
            &access.version,
            &status,
            &count,
            &access.first,
            &access.last,
            yes(access.known),
            yes(access.own),
        ];
        writer.write_record(cells.map(visible::cell)).map_err(failed)?;
    }
    for touched in &radius.second_order {
        let count = touched.count.to_string();
        let cells = [
            "second_order",
            &touched.vault,
            &touched.secret,
            &touched.oid,
            "",
            "",
            "",
            "",
            "",
            &touched.operation,
            "",
            "",
            &count,
            &touched.first,
            &touched.last,
            "false",
            "false",
        ];
        writer.write_record(cells.map(visible::cell)).map_err(failed)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| Failure::refused("the table cannot be written").because(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn yes(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}
