#!/usr/bin/env bash
# Lets an independent engine answer stanch's KQL over a generated archive, in both shapes of table and with both beside each other, and compares the
# answers. Leaves with 77 and a reason in WORK/reason where the engine cannot be had.
# usage: kql_engine.sh STANCH ARCHIVE_FOLDER WORK
set -euo pipefail
stanch=$1 archive=$2 work=$3
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"
cannot() { echo "$*" >"$work/reason"; exit 77; }
python3 -m venv "$work/venv" >"$work/venv.log" 2>&1 || cannot "no virtual environment"
"$work/venv/bin/pip" install --quiet 'duckdb-kql[duckdb]' >"$work/pip.log" 2>&1 || cannot "duckdb-kql cannot be installed"
for shape in specific diagnostics both; do
  "$work/venv/bin/python" "$here/kql_workspace.py" "$archive" "$shape" "$work/$shape.json" & server=$!
  trap 'kill $server 2>/dev/null || true' EXIT
  for _ in $(seq 1 1200); do [ -e "$work/$shape.json" ] && break; kill -0 $server || exit 1; sleep 0.1; done
  python3 "$here/audit_truth.py" "$stanch" "$archive" --cloud "$work/$shape.json" --workspace 11111111-2222-4333-8444-555555555555
  kill $server; wait $server 2>/dev/null || true
done
