"""Compares `stanch audit` with the right answers beside a generated archive.

usage: audit_truth.py STANCH ARCHIVE_FOLDER [OPTION...]

The options say where else than in the archive the same events are to be found, for example
`--workspace ID --cloud FILE`; times then need to agree to the microsecond only, which is all that some engines keep.
"""

import collections
import json
import pathlib
import subprocess
import sys

stanch, folder, elsewhere = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
params = json.loads((folder / "params.json").read_text())
found = json.loads(
    subprocess.run(
        [
            stanch, "audit", "--json",
            *(elsewhere or ["--archive", folder / "insights-logs-auditevent"]),
            "--secret", f"https://{params['vault']}.vault.azure.net/secrets/{params['target']}",
            "--since", params["from"], "--until", params["to"],
            "--known", folder / "known_callers.txt",
        ],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout
)


def rows(name):
    return [tuple(line.split("\t")) for line in (folder / name).read_text().splitlines()]


def moment(text):
    return text[:26] if elsewhere else text


accesses = {}
for access in found["accesses"]:
    key = (access["oid"], access["ip"], access["operation"], access["version"])
    first, last = moment(access["first"]), moment(access["last"])
    count, earlier, later = accesses.get(key, (0, first, last))
    accesses[key] = (count + access["count"], min(first, earlier), max(last, later))
wanted = {row[:4]: (int(row[4]), moment(row[5]), moment(row[6])) for row in rows("truth_q1.tsv")}
assert accesses == wanted, set(accesses.items()) ^ set(wanted.items())

touched = collections.Counter()
for other in found["second_order"]:
    touched[(other["oid"], other["secret"])] += other["count"]
wanted = {(oid, secret): int(count) for oid, secret, count in rows("truth_q2.tsv")}
assert dict(touched) == wanted, set(touched.items()) ^ set(wanted.items())

coverage = found["coverage"]
assert coverage["events"] > 0 and coverage["unreadable_lines"] == 0, coverage
assert not coverage["gaps"] and not coverage["truncations"], coverage
print(f"ok: {len(accesses)} groups of accesses, {len(touched)} second-order rows of {', '.join(coverage['sources'])}")
