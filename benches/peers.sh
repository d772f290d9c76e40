#!/usr/bin/env bash
# 100 steps that do nothing, as a whole program run by each tool that can be had: wall time from start to end, median
# of N turns taken by all tools in rotation.
#
#   benches/peers.sh            what is installed
#   benches/peers.sh --install  also what a Python 3.12 can install: Ansible, Chaos Toolkit, audited-runbook
#
# What each does in a step is written beside it: only stanch and audited-runbook make anything durable on the way.
set -euo pipefail
cd "$(dirname "$0")/.."
turns=${TURNS:-5}
steps=100
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
have() { command -v "$1" >/dev/null 2>&1; }

cargo build --locked --release --quiet
stanch=$PWD/target/release/stanch
export STANCH_STATE_DIR=$work/state

if [ "${1:-}" = --install ]; then
  python=$(for candidate in python3.14 python3.13 python3.12 python3; do have $candidate && echo $candidate && break; done)
  "$python" -m venv "$work/venv"
  for package in ansible-core chaostoolkit audited-runbook; do
    "$work/venv/bin/pip" install --quiet "$package" >"$work/pip.log" 2>&1 || echo "skipped: $package ($(tail -n1 "$work/pip.log"))"
  done
  export PATH=$work/venv/bin:$PATH
fi

{ echo "schema: stanch/v1"; echo "name: hundred"; echo "steps:"; for i in $(seq $steps); do echo "  - { id: s$i, uses: wait, with: { for: 0s } }"; done; } >"$work/hundred.yaml"
{ printf 'all:'; for i in $(seq $steps); do printf ' s%d' $i; done; echo; for i in $(seq $steps); do printf 's%d:\n\t@/bin/true\n' $i; done; } >"$work/Makefile"
{ echo "- hosts: localhost"; echo "  connection: local"; echo "  gather_facts: false"; echo "  tasks:"; for i in $(seq $steps); do echo "    - ansible.builtin.debug: { msg: s$i }"; done; } >"$work/playbook.yaml"
python3 - "$steps" >"$work/experiment.json" <<'PY'
import json, sys
probe = lambda i: {"type": "probe", "name": f"s{i}", "provider": {"type": "process", "path": "/bin/true"}}
print(json.dumps({"version": "1.0.0", "title": "hundred", "description": "hundred", "tags": [],
                  "method": [probe(i) for i in range(int(sys.argv[1]))], "rollbacks": []}))
PY
python3 - "$steps" >"$work/audited.yaml" <<'PY'
import sys
print("name: hundred\nsteps:")
for i in range(int(sys.argv[1])):
    print(f"  - name: s{i}\n    command: /bin/true")
PY

run_stanch() { "$stanch" run "$work/hundred.yaml" --yes --quiet --json; }
run_make() { make -s -f "$work/Makefile"; }
run_ansible() { ANSIBLE_LOCALHOST_WARNING=False ansible-playbook -i localhost, "$work/playbook.yaml"; }
run_chaos() { (cd "$work" && chaos --no-version-check run --journal-path "$work/chaos.json" "$work/experiment.json"); }
run_audited() { runbook --db "$work/audited.db" run "$work/audited.yaml"; }

tools=(stanch)
declare -A does=(
  [stanch]="end of every wait durable, hash chain; spawns nothing"
  [make]="spawns /bin/true; nothing durable"
  [ansible]="debug; nothing durable"
  [chaos]="spawns /bin/true; journal at the end"
  [audited]="spawns /bin/true; SQLite commits"
)
have make && tools+=(make)
have ansible-playbook && tools+=(ansible)
have chaos && tools+=(chaos)
have runbook && tools+=(audited)

declare -A times
for tool in "${tools[@]}"; do
  "run_$tool" >"$work/$tool.log" 2>&1 || { echo "skipped: $tool does not run ($(tail -n1 "$work/$tool.log"))"; does[$tool]=; }
done
for _ in $(seq "$turns"); do
  for tool in "${tools[@]}"; do
    [ -n "${does[$tool]}" ] || continue
    begun=$(date +%s%N)
    "run_$tool" >/dev/null 2>&1
    times[$tool]+="$((($(date +%s%N) - begun) / 1000)) "
  done
done
median() { tr ' ' '\n' <<<"$1" | grep . | sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
base=$(median "${times[stanch]}")
for tool in "${tools[@]}"; do
  [ -n "${does[$tool]}" ] || continue
  took=$(median "${times[$tool]}")
  awk -v tool="$tool" -v took="$took" -v base="$base" -v does="${does[$tool]}" \
    'BEGIN { printf "%-10s %9.1f ms   %6.2f x stanch   %s\n", tool, took / 1000, took / base, does }'
done

if have strace; then
  strace -f -c -e trace=fdatasync,fsync -o "$work/strace" "$stanch" run "$work/hundred.yaml" --yes --quiet --json >/dev/null 2>&1
  grep -E 'fdatasync|fsync|calls' "$work/strace"
fi
