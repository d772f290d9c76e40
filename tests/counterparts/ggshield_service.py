"""What ggshield asks: a service on loopback that finds one planted value in the documents it is sent.

    ggshield_service.py VALUE READY_FILE
"""
import http.server
import json
import os
import sys

VALUE, READY = sys.argv[1:]


def scanned(document):
    text = document.get("document", "")
    begin = text.find(VALUE)
    matches = [] if begin < 0 else [{"match": VALUE, "type": "apikey", "index_start": begin, "index_end": begin + len(VALUE) - 1}]
    breaks = [{"type": "Generic Password", "detector_name": "generic_password", "policy": "Secrets detection", "validity": "no_checker", "known_secret": False, "incident_url": None, "is_excluded": False, "exclude_reason": None, "matches": matches}]
    return {"policy_break_count": len(matches), "policies": ["Secrets detection"], "policy_breaks": breaks if matches else [], "is_diff": False}


class Service(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if "metadata" in self.path:
            preferences = {"general__maximum_payload_size": 2621440, "marketplace_enabled": False}
            limits = {"secret_scan_preferences": {"maximum_document_size": 1048576, "maximum_documents_per_scan": 20}}
            self.answer({"version": "v2", "preferences": preferences, "remediation_messages": {}, **limits})
        elif "api_tokens" in self.path:
            token = {"id": "00000000-0000-0000-0000-000000000000", "name": "t", "workspace_id": 1, "type": "personal_access_token", "status": "active"}
            self.answer({**token, "created_at": "2026-01-01T00:00:00Z", "scopes": ["scan"]})
        else:
            self.answer({"detail": "Valid API key."})

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length) or b"null")
        self.answer([scanned(document) for document in body] if isinstance(body, list) else scanned(body))

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
with open(READY + ".new", "w") as ready:
    ready.write(f"http://127.0.0.1:{server.server_port}")
os.rename(READY + ".new", READY)
server.serve_forever()
