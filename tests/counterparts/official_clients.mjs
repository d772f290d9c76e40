// Drives the embedded cloud with the official JavaScript client for Key Vault secrets.
//
// usage: node official_clients.mjs READY_FILE
//
// READY_FILE is what `stanch emulate --tls --ready-file READY_FILE` wrote. Needs the package @azure/keyvault-secrets,
// installed in the working directory. Every step is asserted; one line `ok ...` is printed at the end.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import https from "node:https";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const require = createRequire(join(process.cwd(), "package.json"));
const { SecretClient } = require("@azure/keyvault-secrets");
const version = JSON.parse(
  readFileSync(join(process.cwd(), "node_modules/@azure/keyvault-secrets/package.json"), "utf8"),
).version;

const ready = JSON.parse(readFileSync(process.argv[2], "utf8"));
const ca = readFileSync(ready.ca_pem, "utf8");

/** From the App Service endpoint, as a managed identity does. */
function fetchToken() {
  const path = "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net";
  return new Promise((resolve, reject) => {
    https
      .get(ready.base_url + path, { ca, headers: { "X-IDENTITY-HEADER": "any" } }, (answer) => {
        let text = "";
        answer.on("data", (chunk) => (text += chunk));
        answer.on("end", () => resolve(JSON.parse(text)));
      })
      .on("error", reject);
  });
}

const body = await fetchToken();
const credential = {
  async getToken() {
    return { token: body.access_token, expiresOnTimestamp: Number(body.expires_on) * 1000 };
  },
};
const url = ready.base_url.replace("127.0.0.1", "localhost");
const client = new SecretClient(url, credential, {
  disableChallengeResourceVerification: true,
  tlsOptions: { ca },
});
const name = `javascript-${randomUUID().slice(0, 8)}`;

async function collect(pages) {
  const items = [];
  for await (const item of pages) items.push(item);
  return items;
}

async function restoreWhenPurged(backup) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await client.restoreSecretBackup(backup);
    } catch (error) {
      assert.equal(error.statusCode, 409);
      assert.ok(Date.now() < deadline, "the purge never came to its end");
      await sleep(100);
    }
  }
}

const first = await client.setSecret(name, "value-1", { contentType: "text/plain", tags: { owner: "drill" } });
assert.equal(first.value, "value-1");
assert.deepEqual(first.properties.tags, { owner: "drill" });
await client.setSecret(name, "value-2");
assert.equal((await client.getSecret(name)).value, "value-2");
assert.equal((await client.getSecret(name, { version: first.properties.version })).value, "value-1");

for (let more = 0; more < 28; more++) await client.setSecret(name, "value-2");
const latest = (await client.getSecret(name)).properties.version;
const versions = (await collect(client.listPropertiesOfSecretVersions(name))).map((item) => item.version);
assert.equal(versions.length, 30);
assert.deepEqual(versions, [...versions].sort());
const pages = await collect(client.listPropertiesOfSecretVersions(name).byPage({ maxPageSize: 4 }));
assert.deepEqual(pages.map((page) => page.length), [4, 4, 4, 4, 4, 4, 4, 2]);
assert.deepEqual(pages.flat().map((item) => item.version), versions);
assert.ok((await collect(client.listPropertiesOfSecrets())).some((item) => item.name === name));

const updated = await client.updateSecretProperties(name, first.properties.version, { tags: { owner: "core" } });
assert.deepEqual(updated.tags, { owner: "core" });
assert.equal(updated.contentType, "text/plain");

assert.equal((await client.updateSecretProperties(name, latest, { enabled: false })).enabled, false);
await assert.rejects(client.getSecret(name), (error) => {
  assert.equal(error.statusCode, 403);
  assert.equal(error.details.error.innerError.code, "SecretDisabled");
  return true;
});
await client.updateSecretProperties(name, latest, { enabled: true });

const backup = await client.backupSecret(name);
const deletion = await client.beginDeleteSecret(name, { intervalInMs: 100 });
const deleted = await deletion.pollUntilDone();
assert.ok(deleted.properties.scheduledPurgeDate > deleted.properties.deletedOn);
assert.ok((await collect(client.listDeletedSecrets())).some((item) => item.name === name));
await assert.rejects(client.getSecret(name), { statusCode: 404, code: "SecretNotFound" });
const recovery = await client.beginRecoverDeletedSecret(name, { intervalInMs: 100 });
assert.equal((await recovery.pollUntilDone()).version, latest);
assert.equal((await client.getSecret(name)).value, "value-2");

await (await client.beginDeleteSecret(name, { intervalInMs: 100 })).pollUntilDone();
await client.purgeDeletedSecret(name);
assert.equal((await restoreWhenPurged(backup)).version, latest);
assert.equal((await client.getSecret(name, { version: first.properties.version })).value, "value-1");
assert.equal((await collect(client.listPropertiesOfSecretVersions(name))).length, 30);
console.log(`ok @azure/keyvault-secrets ${version} (javascript) against ${url}`);
