#!/usr/bin/env bash
# Drives Lowkey Vault, an independent Key Vault, through a cloud file written by hand: rotate, revoke, prove, and resume
# after the process was killed. Exits with 77, the reason in FOLDER/reason, where it cannot be had.
# usage: lowkey_vault.sh STANCH FOLDER
set -euo pipefail
stanch=$1 folder=$2
mkdir -p "$folder"
unavailable() { echo "$1" >"$folder/reason"; exit 77; }

java=
for candidate in "${JAVA_HOME:-}" /usr/lib/jvm/*; do
  if [ -f "$candidate/release" ] && grep -q 'JAVA_VERSION="25' "$candidate/release"; then java=$candidate/bin/java; fi
done
[ -n "$java" ] || unavailable "no JDK 25"
command -v mvn >/dev/null 2>&1 || apt-get install -y maven >/dev/null 2>&1 || unavailable "no Maven"
version=7.3.74
artifact=com.github.nagyesta.lowkey-vault:lowkey-vault-app:$version
mvn -q -B -U dependency:get -Dartifact="$artifact" -Dtransitive=false >"$folder/maven.log" 2>&1 ||
  unavailable "$artifact cannot be fetched by Maven"
jar=$HOME/.m2/repository/com/github/nagyesta/lowkey-vault/lowkey-vault-app/$version/lowkey-vault-app-$version.jar
[ -f "$jar" ] || unavailable "the artifact is not where Maven keeps it"

"$java" -jar "$jar" --LOWKEY_AUTH_RESOURCE=vault.azure.net --LOWKEY_VAULT_NAMES=kv-drill \
  --LOWKEY_VAULT_RELAXED_PORTS=true >"$folder/server.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
curl() { command curl --silent --show-error --fail --noproxy '*' "$@"; }
for _ in $(seq 1 300); do
  curl http://127.0.0.1:8080/metadata/default-cert/password -o "$folder/password" 2>/dev/null && break
  kill -0 $server 2>/dev/null || { tail -n5 "$folder/server.log"; exit 1; }
  sleep 0.2
done
curl http://127.0.0.1:8080/metadata/default-cert/lowkey-vault.p12 -o "$folder/lowkey.p12"
openssl pkcs12 -in "$folder/lowkey.p12" -passin "file:$folder/password" -nokeys -legacy 2>/dev/null >"$folder/ca.pem" ||
  openssl pkcs12 -in "$folder/lowkey.p12" -passin "file:$folder/password" -nokeys >"$folder/ca.pem"
token=$(curl 'http://127.0.0.1:8080/metadata/identity/oauth2/token?resource=https://vault.azure.net' -H 'Metadata: true' |
  python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])')
base=https://localhost:8443
cat >"$folder/cloud.json" <<JSON
{"base_url": "$base", "ca_pem": "$folder/ca.pem", "hosts": ["kv-drill.localhost:8443", "localhost:8443"], "token": "$token"}
JSON
secret=https://kv-drill.localhost:8443/secrets/orders-db
for number in 1 2 3; do
  curl --insecure --resolve kv-drill.localhost:8443:127.0.0.1 -X PUT "$secret?api-version=7.4" -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/json' -d "{\"value\":\"old-$number\",\"contentType\":\"text/plain\",\"tags\":{\"owner\":\"orders\"}}" >/dev/null
done

run() { "$stanch" "$@" --cloud "$folder/cloud.json" --state-dir "$folder/state" --json --quiet; }
"$stanch" run secret-exposure --run-id r-lowkey -i "secret=$secret" -i exposed_at=2026-01-01T00:00:00Z -i overlap=2s --yes \
  --cloud "$folder/cloud.json" --state-dir "$folder/state" --json --quiet >"$folder/first.json" 2>"$folder/first.log" &
first=$!
journal=$folder/state/runs/r-lowkey/journal.jsonl
for _ in $(seq 1 2000); do
  if [ -f "$journal" ] && grep -q '"effect_started","step":"rotate"' "$journal"; then break; fi
  kill -0 $first 2>/dev/null || break
  sleep 0.005
done
kill -9 $first 2>/dev/null || true
wait $first 2>/dev/null || true
run resume r-lowkey >"$folder/resumed.json"
curl --insecure --resolve kv-drill.localhost:8443:127.0.0.1 "$secret/versions?api-version=7.4" -H "Authorization: Bearer $token" >"$folder/versions.json"
python3 - "$folder" <<'PYTHON'
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
status = json.loads((folder / "resumed.json").read_text())
assert status["status"] == "completed", status
versions = json.loads((folder / "versions.json").read_text())["value"]
assert len(versions) == 4, versions
new = [version for version in versions if version.get("tags", {}).get("stanch-run") == "r-lowkey"]
assert len(new) == 1 and new[0]["attributes"]["enabled"], versions
assert new[0]["contentType"] == "text/plain" and new[0]["tags"]["owner"] == "orders", new
assert all(not version["attributes"]["enabled"] for version in versions if version not in new), versions
proven = next(step for step in status["steps"] if step["id"] == "prove")["outputs"]["proven"]
assert len(proven) == 3, proven
print("ok: Lowkey Vault rotated once over a kill, 3 old versions disabled and proven to be refused")
PYTHON
