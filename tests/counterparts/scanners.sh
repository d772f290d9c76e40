#!/usr/bin/env bash
# The scanners themselves look through a small repository with planted secrets, and `stanch find` reads what they write:
# each report must lead to the right secret and version of an embedded cloud.
#   scanners.sh STANCH WORK
# Exit 77 if no scanner can be had; WORK/reason says why, WORK/skipped which of them could not.
set -euo pipefail
stanch=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") work=$2
mkdir -p "$work" && work=$(cd "$work" && pwd)
: >"$work/skipped"
export STANCH_STATE_DIR=$work/state NO_COLOR=1 GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
skip() { echo "$*" >>"$work/skipped"; echo "skipped: $*"; }
fail() { echo "FAILED: $*"; exit 1; }

# What leaks: a password, and a token. Both were drawn for this, and open nothing.
password=Kq7mZ2tR9vL4xPp0aQ token=ghp_1A2b3C4d5E6f7G8h9I0jK1l2M3n4O5p6Q7r8
repository=$work/repository
rm -rf "$repository" && git init -q "$repository"
printf 'DB_HOST=db.example\nDB_PASSWORD="%s"\n' "$password" >"$repository/prod.env"
printf 'github_token = "%s"\n' "$token" >"$repository/app.py"
git -C "$repository" add .
GIT_AUTHOR_DATE=2026-09-14T10:31:07+02:00 GIT_COMMITTER_DATE=2026-09-14T10:31:07+02:00 TZ=UTC \
  git -C "$repository" -c user.name=Kim -c user.email=kim@contoso.example commit -qm 'add the settings'

"$stanch" emulate --data "$work/cloud" --ready-file "$work/ready.json" --quiet & cloud=$!
trap 'kill $cloud 2>/dev/null || true' EXIT
for _ in $(seq 600); do [ -e "$work/ready.json" ] && break; sleep 0.1; done
export STANCH_CLOUD=$work/ready.json
control=$(python3 -c "import json;print(json.load(open('$work/ready.json'))['control'])")
seed() { # NAME VALUE CREATED
  python3 -c 'import json,sys;print(json.dumps({"value":sys.argv[1],"created":sys.argv[2]}))' "$2" "$3" |
    curl -fsS -X PUT -H 'content-type: application/json' --data-binary @- "$control/secrets/kv-drill/$1" >/dev/null
}
# The password leaked from the older of two versions.
seed orders-db "Server=db.example;User Id=app;Password=$password;Encrypt=true" 2026-08-01T00:00:00Z
seed orders-db 'Server=db.example;User Id=app;Password=another-One-0815;Encrypt=true' 2026-10-01T00:00:00Z
seed github-token "$token" 2026-08-01T00:00:00Z
seed unrelated 'nothing to do with it 4711' 2026-08-01T00:00:00Z

# REPORT WHICH...: some finding of the report leads to each of these, and none to anything else.
leads() {
  local report=$1
  shift
  python3 - "$stanch" "$report" "$password" "$token" "$@" <<'PY'
import json, subprocess, sys
stanch, report, password, token, *wanted = sys.argv[1:]
vault = "https://kv-drill.vault.azure.net"
def find(*more):
    said = subprocess.run([stanch, "find", "--vault", vault, "--from", report, "--json", "-q", *more], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    for secret in (password, token):
        assert secret not in said.stdout + said.stderr, f"{report}: a value is shown"
    return said
first = find()
answers = []
listed = json.loads(first.stdout) if first.stdout.strip() else {}
if "findings" in listed:
    answers = [find("--finding", str(row["finding"])) for row in listed["findings"]]
else:
    answers = [first]
reached, hidden, times = set(), 0, set()
for said in answers:
    if said.returncode == 2:
        assert "does not hold the value" in said.stderr or "no value was given" in said.stderr, (report, said.stderr)
        hidden += 1
        continue
    assert said.stdout.strip(), (report, said.returncode, said.stderr)
    answer = json.loads(said.stdout)
    for hit in answer["found"]:
        name = hit["secret"].rsplit("/", 1)[1]
        assert hit["how"] != "in_leak" and name != "unrelated", (report, hit)
        reached.add(name)
        # Of the database's versions only the older one holds it.
        assert (name == "orders-db") != hit["current"], (report, hit)
    times.add(answer["leak"].get("exposed_at"))
if wanted == ["hidden"]:
    assert hidden == len(answers) > 0, (report, hidden, len(answers))
else:
    assert reached == set(wanted), (report, reached, wanted, [said.stderr for said in answers])
print(f"{report.rsplit('/', 1)[1]}: {len(answers)} findings, {sorted(reached) or 'asked for'}, {sorted(filter(None, times))}")
PY
}
had=0
python3 -m venv "$work/venv" >"$work/venv.log" 2>&1 || skip "Python's scanners: no virtual environment"
install() { [ -x "$work/venv/bin/pip" ] && "$work/venv/bin/pip" install --quiet "$1" >"$work/$1.log" 2>&1; }

gitleaks=$(command -v gitleaks || true)
if [ -z "$gitleaks" ] && command -v go >/dev/null; then
  GOBIN=$work/bin go install github.com/zricethezav/gitleaks/v8@latest >"$work/gitleaks.log" 2>&1 && gitleaks=$work/bin/gitleaks
fi
if [ -n "$gitleaks" ]; then
  had=1
  for format in json csv junit sarif; do
    "$gitleaks" git "$repository" --no-banner --exit-code 0 --report-format "$format" --report-path "$work/gitleaks.$format" >/dev/null 2>&1
    leads "$work/gitleaks.$format" orders-db github-token
    "$gitleaks" git "$repository" --no-banner --exit-code 0 --redact --report-format "$format" --report-path "$work/redacted.$format" >/dev/null 2>&1
    leads "$work/redacted.$format" hidden
  done
  git init -q "$work/empty"
  "$gitleaks" dir "$work/empty" --no-banner --report-format json --report-path "$work/clean.json" >/dev/null 2>&1
  "$stanch" find --vault https://kv-drill.vault.azure.net --from "$work/clean.json" -q | grep -q 'nothing leaked' || fail "clean.json"
else
  skip "gitleaks: neither the program nor Go is here"
fi

if command -v trufflehog >/dev/null; then
  had=1
  trufflehog git "file://$repository" --json --no-update --no-verification >"$work/trufflehog.jsonl" 2>&1 || true
  leads "$work/trufflehog.jsonl" github-token
else
  skip "TruffleHog 3: it is not here, and its module cannot be installed by its name"
fi

if install truffleHog; then
  had=1
  (cd "$repository" && TZ=UTC "$work/venv/bin/trufflehog" --json --regex --entropy=True "file://$repository") >"$work/trufflehog-2.jsonl" 2>/dev/null || true
  leads "$work/trufflehog-2.jsonl" github-token
else
  skip "TruffleHog 2: it cannot be installed"
fi

# Newer than what the older scanners need.
rm -rf "$work/venv" && python3 -m venv "$work/venv" >"$work/venv.log" 2>&1 || true
if install detect-secrets; then
  had=1
  (cd "$repository" && "$work/venv/bin/detect-secrets" scan) >"$work/detect-secrets.json"
  leads "$work/detect-secrets.json" orders-db github-token
else
  skip "detect-secrets: it cannot be installed"
fi

if install semgrep; then
  had=1
  cat >"$work/rule.yml" <<'RULE'
rules:
  - { id: hard-coded, languages: [generic], severity: ERROR, message: A secret is hard-coded, pattern-regex: 'DB_PASSWORD="[^"]+"' }
RULE
  for format in json sarif; do
    (cd "$repository" && "$work/venv/bin/semgrep" scan --metrics off --disable-version-check --config "$work/rule.yml" "--$format" .) >"$work/semgrep.$format" 2>/dev/null
  done
  leads "$work/semgrep.json" hidden
  leads "$work/semgrep.sarif" orders-db
else
  skip "Semgrep: it cannot be installed"
fi

if install kingfisher-bin; then
  had=1
  for format in json jsonl sarif; do
    HOME=$work "$work/venv/bin/kingfisher" scan "$repository" --format "$format" --no-validate --no-update-check \
      >"$work/kingfisher.$format" 2>"$work/kingfisher.log" || true
    leads "$work/kingfisher.$format" github-token
  done
else
  skip "Kingfisher: it cannot be installed"
fi

# ggshield asks a service, which stands here on loopback and finds the password.
if install ggshield; then
  had=1
  python3 tests/counterparts/ggshield_service.py "$password" "$work/service" & service=$!
  trap 'kill $cloud $service 2>/dev/null || true' EXIT
  for _ in $(seq 600); do [ -e "$work/service" ] && break; sleep 0.1; done
  address=$(sed 's/127.0.0.1/localhost/' "$work/service")
  for shown in --show-secrets ''; do
    # shellcheck disable=SC2086
    (cd "$repository" && HOME=$work GITGUARDIAN_INSTANCE=$address GITGUARDIAN_API_KEY=none "$work/venv/bin/ggshield" \
      secret scan --json $shown repo .) >"$work/ggshield$shown.json" 2>"$work/ggshield.log" || true
    leads "$work/ggshield$shown.json" orders-db
  done
else
  skip "ggshield: it cannot be installed"
fi

if [ "$had" = 0 ]; then
  tail -n1 "$work/skipped" >"$work/reason"
  exit 77
fi
