#!/usr/bin/env bash
# Verifies a journal with nothing but sha256sum, and compares the head with what stanch says.
# usage: verify_journal.sh JOURNAL STANCH
set -euo pipefail
prev=$(printf '0%.0s' $(seq 64))
lines=0
while IFS= read -r line; do
  case "$line" in
    *"\"prev\":\"$prev\""*) ;;
    *) echo "line $((lines + 1)) does not follow from the one before"; exit 1 ;;
  esac
  prev=$(printf '%s' "$line" | sha256sum | cut -d' ' -f1)
  lines=$((lines + 1))
done <"$1"
[ "$prev" = "$(tail -n1 "$1" | tr -d '\n' | sha256sum | cut -d' ' -f1)" ]
[ "sha256:$prev" = "$("$2" verify "$1" 2>/dev/null)" ] || { echo "stanch says another head"; exit 1; }
[ "$lines" -gt 10 ]
echo "ok: $lines lines, head sha256:$prev"
