"""Drives the issuers of the embedded cloud with the official Python clients.

usage: official_issuers.py READY_FILE

READY_FILE is what `stanch emulate --tls --ready-file READY_FILE` wrote. Needs azure-mgmt-storage, azure-mgmt-cosmosdb,
azure-mgmt-servicebus, azure-mgmt-redis, azure-mgmt-web, azure-storage-blob and azure-servicebus. Every key is listed,
tried at its door with the service's own client, regenerated, and tried again. One line `ok ...` is printed at the end.
"""

import json
import os
import socket
import ssl
import sys
import urllib.request
from urllib.parse import urlparse

READY = json.load(open(sys.argv[1], encoding="utf-8"))
PLACE = urlparse(READY["base_url"])
os.environ["REQUESTS_CA_BUNDLE"] = READY["ca_pem"]
REAL = socket.getaddrinfo


def near(_host, _port, *arguments, **options):
    """Every host is the embedded cloud."""
    return REAL(PLACE.hostname, PLACE.port, *arguments, **options)


socket.getaddrinfo = near

from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.mgmt.cosmosdb import CosmosDBManagementClient
from azure.mgmt.redis import RedisManagementClient
from azure.mgmt.servicebus import ServiceBusManagementClient
from azure.mgmt.storage import StorageManagementClient
from azure.mgmt.web import WebSiteManagementClient
from azure.servicebus.management import ServiceBusAdministrationClient
from azure.storage.blob import BlobServiceClient

SUBSCRIPTION = "5f0d1c2b-7a34-4e6b-9c58-1d2e3f405162"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-drill/providers"
CONTEXT = ssl.create_default_context(cafile=READY["ca_pem"])


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{READY['control']}/{path}", data=data), context=CONTEXT) as answer:
        return json.load(answer)


class Token:
    def get_token(self, *scopes, **_options):
        assert scopes == ("https://management.azure.com/.default",), scopes
        wanted = {"oid": "o-1", "appid": "a-1", "resource": "https://management.azure.com"}
        issued = control("tokens", wanted)
        return AccessToken(issued["access_token"], int(issued["expires_on"]))


def refused(call, *kinds):
    try:
        call()
    except kinds as error:
        return error
    raise AssertionError("it was not refused")


def storage():
    control("accounts", {"id": f"{GROUP}/Microsoft.Storage/storageAccounts/ordersstore"})
    client = StorageManagementClient(Token(), SUBSCRIPTION)
    keys = {key.key_name: key.value for key in client.storage_accounts.list_keys("rg-drill", "ordersstore").keys_property}

    def door(key):
        return list(BlobServiceClient("https://ordersstore.blob.core.windows.net", credential=key, retry_total=0).list_containers())

    assert set(keys) == {"key1", "key2"}
    assert door(keys["key1"]) == [] and door(keys["key2"]) == []
    client.storage_accounts.regenerate_key("rg-drill", "ordersstore", {"keyName": "key1"})
    error = refused(lambda: door(keys["key1"]), ClientAuthenticationError, HttpResponseError)
    assert error.status_code == 403 and error.error_code == "AuthenticationFailed", error
    assert door(keys["key2"]) == []


def cosmos():
    control("accounts", {"id": f"{GROUP}/Microsoft.DocumentDB/databaseAccounts/orders-db"})
    client = CosmosDBManagementClient(Token(), SUBSCRIPTION)
    before = client.database_accounts.list_keys("rg-drill", "orders-db")
    client.database_accounts.begin_regenerate_key("rg-drill", "orders-db", {"keyKind": "secondary"}, polling=False)
    after = client.database_accounts.list_keys("rg-drill", "orders-db")
    assert before.primary_master_key == after.primary_master_key
    assert before.secondary_master_key != after.secondary_master_key


def service_bus():
    control("accounts", {"id": f"{GROUP}/Microsoft.ServiceBus/namespaces/orders-bus/AuthorizationRules/worker"})
    client = ServiceBusManagementClient(Token(), SUBSCRIPTION)
    keys = client.namespaces.list_keys("rg-drill", "orders-bus", "worker")

    def door(text):
        return list(ServiceBusAdministrationClient.from_connection_string(text, retry_total=0).list_queues())

    assert keys.key_name == "worker"
    assert door(keys.primary_connection_string) == []
    client.namespaces.regenerate_keys("rg-drill", "orders-bus", "worker", {"keyType": "PrimaryKey"})
    refused(lambda: door(keys.primary_connection_string), ClientAuthenticationError, HttpResponseError)
    assert door(keys.secondary_connection_string) == []


def redis():
    control("accounts", {"id": f"{GROUP}/Microsoft.Cache/redis/orders-cache"})
    client = RedisManagementClient(Token(), SUBSCRIPTION)
    before = client.redis.list_keys("rg-drill", "orders-cache")
    client.redis.regenerate_key("rg-drill", "orders-cache", {"keyType": "Primary"})
    after = client.redis.list_keys("rg-drill", "orders-cache")
    assert before.primary_key != after.primary_key and before.secondary_key == after.secondary_key


def sites():
    reference = "@Microsoft.KeyVault(SecretUri=https://kv-drill.vault.azure.net/secrets/orders-key/)"
    control("sites", {"id": f"{GROUP}/Microsoft.Web/sites/orders-web", "settings": {"Key": reference}})
    client = WebSiteManagementClient(Token(), SUBSCRIPTION)
    assert [site.name for site in client.web_apps.list()] == ["orders-web"]
    found = list(client.web_apps.get_app_settings_key_vault_references("rg-drill", "orders-web"))
    assert [one.name for one in found] == ["Key"], found


for part in (storage, cosmos, service_bus, redis, sites):
    part()
    print(f"ok {part.__name__}")
print("ok: the official clients list, regenerate and try keys at the embedded cloud")
