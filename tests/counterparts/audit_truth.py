"""Compares `stanch audit` with the right answers beside a generated archive.

usage: audit_truth.py STANCH ARCHIVE_FOLDER
"""

import collections
import json
import pathlib
import subprocess
import sys

stanch, folder = sys.argv[1], pathlib.Path(sys.argv[2])
params = json.loads((folder / "params.json").read_text())
found = json.loads(
    subprocess.run(
        [
            stanch, "audit", "--json",
            "--archive", folder / "insights-logs-auditevent",
            "--secret", f"https://{params['vault']}.vault.azure.net/secrets/{params['target']}",
            "--since", params["from"], "--until", params["to"],
            "--known", folder / "known_callers.txt",
        ],
        check=True, capture_output=True, text=True,
    ).stdout
)


def rows(name):
    return [tuple(line.split("\t")) for line in (folder / name).read_text().splitlines()]


accesses = {}
for access in found["accesses"]:
    key = (access["oid"], access["ip"], access["operation"], access["version"])
    count, first, last = accesses.get(key, (0, access["first"], access["last"]))
    accesses[key] = (count + access["count"], min(first, access["first"]), max(last, access["last"]))
wanted = {row[:4]: (int(row[4]), row[5], row[6]) for row in rows("truth_q1.tsv")}
assert accesses == wanted, set(accesses.items()) ^ set(wanted.items())

touched = collections.Counter()
for other in found["second_order"]:
    touched[(other["oid"], other["secret"])] += other["count"]
wanted = {(oid, secret): int(count) for oid, secret, count in rows("truth_q2.tsv")}
assert dict(touched) == wanted, set(touched.items()) ^ set(wanted.items())
print(f"ok: {len(accesses)} groups of accesses, {len(touched)} second-order rows")
