#!/usr/bin/env bash
# Two machines contend for runs that are kept in Azurite, Microsoft's own storage emulator: each round one of them dies, sleeps
# or is cut off at one of its requests. STANCH_ROUNDS says how many rounds, STANCH_SEED which; STANCH_TIMEOUT bounds them, in seconds.
# Leaves with 77 and a reason in WORK/reason where Azurite cannot be had.
# usage: store_azurite.sh WORK
set -euo pipefail
work=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR
. "$here/azurite_up.sh"
command -v curl >/dev/null || cannot "there is no curl"
. "$here/azurite_container.sh"
cd "$here/../.."
RUST_BACKTRACE=0 timeout "${STANCH_TIMEOUT:-420}" cargo test --locked --profile "${STANCH_PROFILE:-heavy}" --test it -- two_machines_that_contend --nocapture 2>&1 |
  tee "$work/rounds.log" | grep -E '^STANCH_ROUNDS|rounds with both|seed |^test '
grep -qE ' 0 are wrong' "$work/rounds.log"
