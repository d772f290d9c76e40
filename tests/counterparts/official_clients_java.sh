#!/usr/bin/env bash
# Drives the embedded cloud with the official Java client for Key Vault secrets, in its newest version that can be had.
#
# usage: official_clients_java.sh READY_FILE WORK
#
# READY_FILE is what `stanch emulate --tls --ready-file READY_FILE` wrote. Ends with 77 where there is no Java, no Maven or no
# client; the reason stands in WORK/reason.
set -euo pipefail
ready=$(realpath "$1") work=$2
script=$(realpath "$(dirname "$0")/official_clients.java")
mkdir -p "$work"
missing() { echo "$*" >"$work/reason"; exit 77; }
for tool in java mvn keytool python3; do
  command -v "$tool" >/dev/null || missing "there is no $tool"
done
cat >"$work/pom.xml" <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>stanch</groupId><artifactId>counterpart</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>com.azure</groupId><artifactId>azure-security-keyvault-secrets</artifactId><version>RELEASE</version></dependency>
  </dependencies>
</project>
POM
timeout 90 mvn --batch-mode --quiet --file "$work/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$work/lib" \
  >"$work/maven.log" 2>&1 || missing "com.azure:azure-security-keyvault-secrets cannot be resolved ($(grep -m1 ERROR "$work/maven.log" | cut -c1-200))"
version=$(basename "$work"/lib/azure-security-keyvault-secrets-*.jar .jar)
ca=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["ca_pem"])' "$ready")
rm -f "$work/trust.p12"
keytool -importcert -noprompt -alias stanch -file "$ca" -keystore "$work/trust.p12" -storetype PKCS12 -storepass changeit >"$work/keytool.log" 2>&1
timeout 90 java -cp "$work/lib/*" "-Djavax.net.ssl.trustStore=$work/trust.p12" -Djavax.net.ssl.trustStorePassword=changeit \
  "$script" "$ready" "${version#azure-security-keyvault-secrets-}" 2>"$work/java.log" || { tail -n 30 "$work/java.log"; exit 1; }
