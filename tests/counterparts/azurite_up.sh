# Starts Azurite, Microsoft's own storage emulator, with a certificate of its own; sourced by the scripts that need it.
# Wants `work`; sets `port`, `server` and `$work/ca.pem`. Leaves with 77 and a reason in WORK/reason where it cannot be had.
mkdir -p "$work/npm"
cannot() { echo "$*" >"$work/reason"; exit 77; }
command -v npm >/dev/null || cannot "there is no npm"
command -v openssl >/dev/null || cannot "there is no openssl to make a certificate with"
(cd "$work/npm" && npm install --silent --no-audit --no-fund azurite@3.35.0 >"$work/npm.log" 2>&1) || cannot "azurite cannot be installed"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=counterpart authority' -keyout "$work/ca.key" -out "$work/ca.pem" 2>"$work/openssl.log"
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$work/key.pem" -out "$work/request.pem" 2>>"$work/openssl.log"
openssl x509 -req -days 2 -in "$work/request.pem" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -out "$work/cert.pem" \
  -extfile <(echo 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:*.blob.core.windows.net') 2>>"$work/openssl.log"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$work/npm/node_modules/.bin/azurite-blob" --oauth basic --cert "$work/cert.pem" --key "$work/key.pem" --inMemoryPersistence \
  --skipApiVersionCheck --disableTelemetry --silent --blobPort "$port" >"$work/azurite.log" 2>&1 & server=$!
trap 'kill $server 2>/dev/null || true' EXIT
