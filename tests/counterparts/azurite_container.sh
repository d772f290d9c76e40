# Makes a container at the Azurite that `azurite_up.sh` started, and says where it is to tests and benchmarks; sourced.
# Wants `work` and `port`; exports STANCH_AZURITE, STANCH_AZURITE_CA and STANCH_AZURITE_TOKEN.
part() { printf '%s' "$1" | base64 -w0 | tr '+/' '-_' | tr -d '='; }
now=$(date +%s)
tenant=11111111-2222-4333-8444-555555555555
# Azurite looks at what a token says, not at who signed it.
claims="{\"aud\":\"https://storage.azure.com\",\"iss\":\"https://sts.windows.net/$tenant/\",\"nbf\":$((now - 60)),\"iat\":$((now - 60)),\"exp\":$((now + 86400)),\"oid\":\"$tenant\"}"
export STANCH_AZURITE=https://127.0.0.1:$port STANCH_AZURITE_CA=$work/ca.pem
STANCH_AZURITE_TOKEN="$(part '{"alg":"none","typ":"JWT"}').$(part "$claims").x"
export STANCH_AZURITE_TOKEN
for attempt in $(seq 1 100); do
  status=$(curl --silent --output "$work/container.log" --write-out '%{http_code}' --cacert "$work/ca.pem" --request PUT \
    --header "Authorization: Bearer $STANCH_AZURITE_TOKEN" --header 'x-ms-version: 2023-11-03' --header 'Content-Length: 0' \
    --header 'Host: devstoreaccount1.blob.core.windows.net' "$STANCH_AZURITE/stanch?restype=container") || true
  [ "$status" = 201 ] && break
  [ "$attempt" = 100 ] && { echo "no container can be made: $status"; cat "$work/container.log"; exit 1; }
  sleep 0.2
done
