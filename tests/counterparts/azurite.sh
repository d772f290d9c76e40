#!/usr/bin/env bash
# Puts a generated archive into Azurite, Microsoft's own storage emulator, and compares what stanch reads from there.
# Leaves with 77 and a reason in WORK/reason where it cannot be had.
# usage: azurite.sh STANCH ARCHIVE_FOLDER WORK
set -euo pipefail
stanch=$1 archive=$2 work=$3
here=$(cd "$(dirname "$0")" && pwd)
. "$here/azurite_up.sh"
python3 -m venv "$work/venv" >"$work/venv.log" 2>&1 || cannot "no virtual environment"
"$work/venv/bin/pip" install --quiet azure-storage-blob >"$work/pip.log" 2>&1 || cannot "azure-storage-blob cannot be installed"
"$work/venv/bin/python" "$here/azurite_fill.py" "$archive" "$port" "$work/ca.pem" "$work/ready.json"
url=https://devstoreaccount1.blob.core.windows.net/insights-logs-auditevent
python3 "$here/audit_truth.py" "$stanch" "$archive" --cloud "$work/ready.json" --archive "$url"
# Entered at the vault's own folder, only the months of the window are listed.
vault=$(cd "$archive/insights-logs-auditevent" && find . -type d -name 'y=*' -printf '%h\n' -quit)
python3 "$here/audit_truth.py" "$stanch" "$archive" --cloud "$work/ready.json" --archive "$url/${vault#./}"
