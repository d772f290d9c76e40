"""Fills Azurite with a generated archive, as append blobs like Azure's own, and writes a cloud file that leads there.

usage: azurite_fill.py ARCHIVE_FOLDER PORT CERTIFICATE READY_FILE
"""

import base64
import json
import pathlib
import sys
import time

from azure.core.credentials import AccessToken
from azure.storage.blob import ContainerClient

folder, port, certificate, ready = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])
part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
now = int(time.time())
claims = {"aud": "https://storage.azure.com", "iss": "https://sts.windows.net/11111111-2222-4333-8444-555555555555/",
          "nbf": now - 60, "iat": now - 60, "exp": now + 86_400, "oid": "11111111-2222-4333-8444-555555555555"}
token = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.x"


class Credential:
    def get_token(self, *_, **__):
        return AccessToken(token, now + 86_400)


container = ContainerClient.from_container_url(
    f"https://127.0.0.1:{port}/devstoreaccount1/insights-logs-auditevent", credential=Credential(), connection_verify=certificate)
for attempt in range(100):
    try:
        container.create_container()
        break
    except Exception:
        if attempt == 99:
            raise
        time.sleep(0.2)
root = folder / "insights-logs-auditevent"
blobs = 0
for path in sorted(root.glob("**/PT1H.json*")):
    blob = container.get_blob_client(path.relative_to(root).as_posix())
    blob.create_append_blob()
    data = path.read_bytes()
    for start in range(0, len(data), 3 << 20):
        blob.append_block(data[start:start + (3 << 20)])
    blobs += 1
ready.write_text(json.dumps({
    "base_url": f"https://127.0.0.1:{port}", "ca_pem": certificate, "hosts": ["*.blob.core.windows.net"], "token": token,
    "archive": None, "config": None, "control": None}))
print(f"{blobs} blobs in Azurite")
