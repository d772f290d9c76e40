"""A Log Analytics workspace that an independent engine answers for: duckdb-kql runs the KQL, this speaks the query API.

usage: kql_workspace.py ARCHIVE_FOLDER specific|diagnostics|both READY_FILE

Loads the events of a generated archive into `AZKVAuditLogs`, `AzureDiagnostics`, or both (each event into one, the other
or, mostly, both), serves
`POST /v1/workspaces/ID/query` on a loopback port, and writes READY_FILE as `stanch --cloud` takes it. The engine lacks
`column_ifexists`, which is replaced here by the column or the default before the query is run; nothing else is changed.
"""

import gzip
import http.server
import json
import pathlib
import re
import sys

import duckdb_kql

folder, shape, ready = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
LONG_OID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
LONG_UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
connection = duckdb_kql.connect()


def events():
    for path in sorted(folder.glob("insights-logs-auditevent/**/PT1H.json*")):
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as file:
            yield from map(json.loads, file)


def rows(table):
    for number, event in enumerate(events()):
        if shape == "both" and number % 4 == (0 if table == "AZKVAuditLogs" else 1):
            continue
        claim = event.get("identity", {}).get("claim", {})
        properties = event["properties"]
        at = event["time"][:26]
        common = (at, event["resourceId"], event["operationName"], event["callerIpAddress"], event["correlationId"],
                  event["resultSignature"], properties["httpStatusCode"], properties["id"], properties["requestUri"],
                  properties["clientInfo"])
        if table == "AZKVAuditLogs":
            yield (*common, event.get("identity", {}))
        else:
            yield (*common, claim.get(LONG_OID), claim.get("appid"), claim.get(LONG_UPN), claim.get("xms_mirid"), "VAULTS")


TABLES = {
    "AZKVAuditLogs": ("TimeGenerated TIMESTAMP", "_ResourceId VARCHAR", "OperationName VARCHAR", "CallerIpAddress VARCHAR",
                      "CorrelationId VARCHAR", "ResultSignature VARCHAR", "HttpStatusCode INTEGER", "Id VARCHAR",
                      "RequestUri VARCHAR", "ClientInfo VARCHAR", "Identity JSON"),
    "AzureDiagnostics": ("TimeGenerated TIMESTAMP", "ResourceId VARCHAR", "OperationName VARCHAR", "CallerIPAddress VARCHAR",
                         "CorrelationId VARCHAR", "ResultSignature VARCHAR", "httpStatusCode_d DOUBLE", "id_s VARCHAR",
                         "requestUri_s VARCHAR", "clientInfo_s VARCHAR",
                         "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g VARCHAR",
                         "identity_claim_appid_g VARCHAR",
                         "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s VARCHAR",
                         "identity_claim_xms_mirid_s VARCHAR", "ResourceType VARCHAR"),
}
held = {"specific": ["AZKVAuditLogs"], "diagnostics": ["AzureDiagnostics"], "both": list(TABLES)}[shape]
names = set()
for table in held:
    columns = TABLES[table]
    names |= {column.split()[0] for column in columns}
    staged = ready.with_suffix(f".{table}.jsonl")
    with open(staged, "w") as file:
        for row in rows(table):
            file.write(json.dumps(dict(zip((column.split()[0] for column in columns), row))) + "\n")
    typed = ", ".join(f"'{column.split()[0]}': '{column.split()[1]}'" for column in columns)
    connection.execute(
        f"CREATE TABLE {table} AS SELECT * FROM read_json('{staged}', format='newline_delimited', columns={{{typed}}})")


def without_column_ifexists(query):
    call = re.compile(r'column_ifexists\("(\w+)", ((?:[^(),]|\([^()]*\))+)\)')
    while (replaced := call.sub(lambda m: m[1] if m[1] in names else m[2], query)) != query:
        query = replaced
    return query


def plain(value):
    if hasattr(value, "isoformat"):
        return value.isoformat(timespec="microseconds") + "Z"
    return value


class Workspace(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        query = body["query"]
        asked = re.search(r"^(AZKVAuditLogs|AzureDiagnostics)$", query, re.M)
        if not self.headers.get("authorization", "").startswith("Bearer "):
            return self.answer(401, {"error": {"code": "InvalidTokenError", "message": "no token"}})
        if asked and asked[1] not in held:
            inner = {"code": "SEM0100", "message": f"'where' operator: Failed to resolve table or column expression named '{asked[1]}'"}
            return self.answer(400, {"error": {"code": "BadArgumentError", "message": "The request had some invalid properties",
                                               "innererror": {"code": "SemanticError", "message": "A semantic error occurred.", "innererror": inner}}})
        try:
            result = duckdb_kql.query(connection, without_column_ifexists(query))
            found = [[plain(value) for value in row] for row in result.fetchall()]
        except Exception as error:
            print(query, error, file=sys.stderr)
            return self.answer(400, {"error": {"code": "BadArgumentError", "message": str(error)}})
        header = [{"name": name, "type": "string"} for name in result.columns]
        self.answer(200, {"tables": [{"name": "PrimaryResult", "columns": header, "rows": found}]})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Workspace)
ready.with_suffix(".part").write_text(json.dumps({
    "base_url": f"http://127.0.0.1:{server.server_port}", "ca_pem": None, "hosts": ["api.loganalytics.azure.com"],
    "token": "a.b.c", "archive": None, "config": None, "control": None}))
ready.with_suffix(".part").rename(ready)
server.serve_forever()
