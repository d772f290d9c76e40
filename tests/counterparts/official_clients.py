"""Drives the embedded cloud with the official Python client for Key Vault secrets.

usage: official_clients.py READY_FILE

READY_FILE is what `stanch emulate --tls --ready-file READY_FILE` wrote. Needs the package azure-keyvault-secrets.
Every step is asserted; one line `ok ...` is printed at the end.
"""

import json
import ssl
import sys
import time
import urllib.request
import uuid

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient, __version__


class Token:
    """A token that was fetched before."""

    def __init__(self, text, expires_on):
        self.token = AccessToken(text, expires_on)

    def get_token(self, *scopes, **_options):
        assert scopes == ("https://vault.azure.net/.default",), scopes
        return self.token


def fetch_token(ready):
    """From the App Service endpoint, as a managed identity does."""
    request = urllib.request.Request(
        ready["base_url"] + "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net",
        headers={"X-IDENTITY-HEADER": "any"},
    )
    context = ssl.create_default_context(cafile=ready["ca_pem"])
    with urllib.request.urlopen(request, context=context) as answer:
        body = json.load(answer)
    return Token(body["access_token"], int(body["expires_on"]))


def inner_code(error):
    return json.loads(error.response.text())["error"]["innererror"]["code"]


def restore_when_purged(client, backup):
    deadline = time.monotonic() + 30
    while True:
        try:
            return client.restore_secret_backup(backup)
        except ResourceExistsError:
            assert time.monotonic() < deadline, "the purge never came to its end"
            time.sleep(0.1)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        ready = json.load(file)
    url = ready["base_url"].replace("127.0.0.1", "localhost")
    client = SecretClient(
        url,
        fetch_token(ready),
        verify_challenge_resource=False,
        connection_verify=ready["ca_pem"],
    )
    name = "python-" + uuid.uuid4().hex[:8]

    first = client.set_secret(name, "value-1", content_type="text/plain", tags={"owner": "drill"})
    assert first.value == "value-1" and first.properties.tags == {"owner": "drill"}
    assert first.properties.vault_url == url, first.properties.vault_url
    second = client.set_secret(name, "value-2")
    assert client.get_secret(name).value == "value-2"
    assert client.get_secret(name, first.properties.version).value == "value-1"

    for _ in range(28):
        client.set_secret(name, "value-2")
    latest = client.get_secret(name).properties.version
    versions = [version.version for version in client.list_properties_of_secret_versions(name)]
    assert len(versions) == 30 and versions == sorted(versions), versions
    small_pages = [version.version for version in client.list_properties_of_secret_versions(name, max_page_size=4)]
    assert small_pages == versions
    assert name in [secret.name for secret in client.list_properties_of_secrets()]

    updated = client.update_secret_properties(name, first.properties.version, tags={"owner": "core"}, enabled=True)
    assert updated.tags == {"owner": "core"} and updated.content_type == "text/plain"
    assert client.get_secret(name, second.properties.version).properties.tags is None

    assert client.update_secret_properties(name, latest, enabled=False).enabled is False
    try:
        client.get_secret(name)
        raise AssertionError("a disabled current version was read")
    except HttpResponseError as error:
        assert error.status_code == 403 and inner_code(error) == "SecretDisabled", error
    client.update_secret_properties(name, latest, enabled=True)

    backup = client.backup_secret(name)
    deletion = client.begin_delete_secret(name, _polling_interval=0.1)
    deletion.wait()
    deleted = deletion.result()
    assert deleted.name == name and deleted.scheduled_purge_date > deleted.deleted_date
    assert client.get_deleted_secret(name).recovery_id == f"{url}/deletedsecrets/{name}"
    assert name in [secret.name for secret in client.list_deleted_secrets()]
    try:
        client.get_secret(name)
        raise AssertionError("a deleted secret was read")
    except ResourceNotFoundError as error:
        assert error.error.code == "SecretNotFound", error
    recovery = client.begin_recover_deleted_secret(name, _polling_interval=0.1)
    recovery.wait()
    assert recovery.result().version == latest and client.get_secret(name).value == "value-2"

    client.begin_delete_secret(name, _polling_interval=0.1).wait()
    client.purge_deleted_secret(name)
    restored = restore_when_purged(client, backup)
    assert restored.version == latest
    assert client.get_secret(name, first.properties.version).value == "value-1"
    assert len(list(client.list_properties_of_secret_versions(name))) == 30
    print(f"ok azure-keyvault-secrets {__version__} (python) against {url}")


main()
