// Slack's own clients for JavaScript drive the embedded cloud's Slack: listen over Socket Mode, acknowledge, post, update.
//
// usage: node slack_sdk.mjs READY_FILE, in a folder with @slack/socket-mode and @slack/web-api
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { SocketModeClient } = require("@slack/socket-mode");
const { WebClient } = require("@slack/web-api");

const ready = JSON.parse(readFileSync(process.argv[2], "utf8"));
const slackApiUrl = `${ready.base_url.replace(/\/$/, "")}/api/`;

async function control(path, body) {
  const init = body && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  // Not by `fetch`, which says of itself that it is a page's.
  const { request } = await import(ready.base_url.startsWith("https") ? "node:https" : "node:http");
  return new Promise((resolve, reject) => {
    const sent = request(`${ready.control}/${path}`, { method: init?.method ?? "GET", headers: init?.headers }, (answer) => {
      let text = "";
      answer.on("data", (part) => (text += part));
      answer.on("end", () => (answer.statusCode < 300 ? resolve(JSON.parse(text)) : reject(new Error(text))));
    });
    sent.on("error", reject);
    sent.end(init?.body);
  });
}

const web = new WebClient("xoxb-embedded-cloud-bot", { slackApiUrl, retryConfig: { retries: 0 } });
const blocks = [
  { type: "section", text: { type: "mrkdwn", text: "go on?" } },
  {
    type: "actions",
    block_id: "gate",
    elements: [{ type: "button", action_id: "reject", style: "danger", value: "javascript", text: { type: "plain_text", text: "Reject" } }],
  },
];
const posted = await web.chat.postMessage({ channel: "C0SCRIPT", text: "go on?", blocks });
assert.ok(posted.ok && posted.ts);
await assert.rejects(web.chat.update({ channel: "C0SCRIPT", ts: "1.1", text: "x" }), /message_not_found/);

const client = new SocketModeClient({ appToken: "xapp-embedded-cloud-app", clientOptions: { slackApiUrl }, clientPingTimeout: 1000 });
const heard = [];
client.on("interactive", async ({ ack, body }) => {
  await ack();
  heard.push(body);
});
await client.start();
const until = async (what, done) => {
  for (let turn = 0; turn < 400; turn += 1) {
    const found = await done();
    if (found) return found;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error(`never: ${what}`);
};

await control("slack/press", { user: "U0ALICE", action: "reject", about: "javascript" });
const payload = await until("a press", () => heard.shift());
assert.equal(payload.type, "block_actions");
assert.equal(payload.user.id, "U0ALICE");
assert.equal(payload.actions[0].value, "javascript");
assert.equal(payload.container.message_ts, posted.ts);
const updated = await web.chat.update({ channel: payload.channel.id, ts: payload.message.ts, text: "rejected by U0ALICE", blocks: [] });
assert.ok(updated.ok);

const { opened } = (await control("state")).slack;
await control("slack/disconnect", { warns: true });
await until("another connection", async () => (await control("state")).slack.opened > opened);
await until("its first word", async () => (await control("state")).slack.listeners > 0);
await client.disconnect();
const { slack } = await control("state");
assert.ok(slack.envelopes.every((envelope) => envelope.acknowledged === 1), JSON.stringify(slack.envelopes));
console.log("@slack/socket-mode and @slack/web-api: listen, acknowledge, post, update, connect anew");
process.exit(0);
