"""Slack's own client for Python drives the embedded cloud's Slack: listens over Socket Mode, acknowledges, posts, updates.

usage: slack_sdk.py READY_FILE
"""
import json
import queue
import ssl
import sys
import time
import urllib.request

# This file has the name of the package.
sys.path = [place for place in sys.path if not place.endswith("counterparts")]
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse

ready = json.load(open(sys.argv[1]))
trust = ssl.create_default_context(cafile=ready["ca_pem"]) if ready.get("ca_pem") else None
base_url = ready["base_url"].rstrip("/") + "/api/"


def control(path, body=None):
    request = urllib.request.Request(f"{ready['control']}/{path}", method="GET" if body is None else "POST")
    if body is not None:
        request.add_header("content-type", "application/json")
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request, context=trust, timeout=20) as answer:
        return json.load(answer)


def refused(call, error):
    try:
        call()
    except SlackApiError as refusal:
        assert refusal.response["error"] == error, refusal.response
    else:
        raise AssertionError(f"not refused: {error}")


web = WebClient(token="xoxb-embedded-cloud-bot", base_url=base_url, ssl=trust, timeout=20)
button = {
    "type": "button",
    "action_id": "approve",
    "text": {"type": "plain_text", "text": "Approve"},
    "style": "primary",
    "value": "python",
}
asking = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "go on?"}},
    {"type": "actions", "block_id": "gate", "elements": [button]},
]
posted = web.chat_postMessage(channel="C0PYTHON", text="go on?", blocks=asking)
assert posted["ok"] and posted["channel"] == "C0PYTHON" and posted["ts"], posted.data

refused(lambda: WebClient(token="xoxb-other", base_url=base_url, ssl=trust).chat_postMessage(channel="C", text="x"), "invalid_auth")
refused(lambda: web.chat_update(channel="C0PYTHON", ts="1.1", text="x"), "message_not_found")
refused(lambda: web.chat_postMessage(channel="C0PYTHON", blocks=asking * 26, text="x"), "invalid_blocks")
refused(lambda: web.apps_connections_open(app_token="xoxb-embedded-cloud-bot"), "not_allowed_token_type")

heard = queue.Queue()


def listener(client, request):
    client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
    heard.put(request)


client = SocketModeClient(app_token="xapp-embedded-cloud-app", web_client=web, ping_interval=1)
client.socket_mode_request_listeners.append(listener)
client.connect()


def press_and_answer(user):
    control("slack/press", {"user": user, "name": "alice", "action": "approve", "about": "python"})
    request = heard.get(timeout=20)
    assert request.type == "interactive", request.type
    payload = request.payload
    assert payload["type"] == "block_actions" and payload["user"]["id"] == user, payload
    assert payload["container"] == {
        "type": "message",
        "message_ts": posted["ts"],
        "channel_id": "C0PYTHON",
        "is_ephemeral": False,
    }, payload
    action = payload["actions"][0]
    assert (action["action_id"], action["block_id"], action["value"]) == ("approve", "gate", "python"), action
    updated = web.chat_update(channel=payload["channel"]["id"], ts=payload["message"]["ts"], text=f"approved by {user}", blocks=[])
    assert updated["ok"] and updated["ts"] == posted["ts"]
    assert web.chat_postEphemeral(channel="C0PYTHON", user=user, text="thank you")["ok"]


press_and_answer("U0ALICE")
web.chat_update(channel="C0PYTHON", ts=posted["ts"], text="go on?", blocks=asking)

# It is asked to connect anew, and does.
opened = control("state")["slack"]["opened"]
control("slack/disconnect", {"warns": True})
for _ in range(400):
    slack = control("state")["slack"]
    if slack["opened"] > opened and slack["listeners"]:
        break
    time.sleep(0.05)
else:
    raise AssertionError(f"it did not connect anew: {slack}")
press_and_answer("U0BOB")
client.close()

for _ in range(400):
    slack = control("state")["slack"]
    if all(envelope["acknowledged"] == 1 for envelope in slack["envelopes"]):
        break
    time.sleep(0.05)
else:
    raise AssertionError(slack["envelopes"])
message = next(message for message in slack["messages"] if message["ts"] == posted["ts"] and message["channel"] == "C0PYTHON")
assert message["body"]["text"] == "approved by U0BOB" and message["updates"] == 3, message
print("slack_sdk for Python: listens, acknowledges, posts, updates, connects anew")
