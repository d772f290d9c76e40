#!/usr/bin/env bash
# Measures the store of runs on Azurite. STANCH_PROFILE names another profile than `bench`.
# usage: store.sh WORK
set -euo pipefail
work=$1
here=$(cd "$(dirname "$0")" && pwd)
counterparts=$here/../tests/counterparts
# shellcheck source-path=SCRIPTDIR
. "$counterparts/azurite_up.sh"
. "$counterparts/azurite_container.sh"
cd "$here/.."
cargo bench --locked --profile "${STANCH_PROFILE:-bench}" --bench store
