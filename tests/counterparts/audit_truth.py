"""Compares `stanch audit` with the right answers beside a generated archive.

usage: audit_truth.py STANCH ARCHIVE_FOLDER [OPTION...]

The options say where else than in the archive the same events are to be found, for example
`--workspace ID --cloud FILE`; times then need to agree to the microsecond only, which is all that some engines keep.
Asks twice: as nobody, and with some of the events made requests of our own runs.
"""

import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

stanch, folder, elsewhere = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
params = json.loads((folder / "params.json").read_text())
OWN_RUNS = 120


def ask(state):
    command = [
        stanch, "audit", "--json", "--state-dir", state,
        *(elsewhere or ["--archive", folder / "insights-logs-auditevent"]),
        "--secret", f"https://{params['vault']}.vault.azure.net/secrets/{params['target']}",
        "--since", params["from"], "--until", params["to"],
        "--known", folder / "known_callers.txt",
    ]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def requests():
    """The request ids of the events that name the secret, within the window."""
    for path in sorted(folder.glob("insights-logs-auditevent/**/PT1H.json*")):
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as file:
            for event in map(json.loads, file):
                uri = event["properties"]["requestUri"].lower()
                of_vault = event["resourceId"].lower().endswith(f"/vaults/{params['vault']}")
                named = uri.split("?")[0].split("/")[3:5] == ["secrets", params["target"]]
                if of_vault and named and params["from"] <= event["time"] < params["to"]:
                    yield event["correlationId"]


def make_run(state, number, prefix):
    """A run that began and did nothing else, whose requests begin so."""
    run = f"r-20260101-{number:06}-abcd"
    opened = {
        "type": "run_opened", "run": run, "runbook": "secret-exposure", "runbook_sha256": "0" * 64, "inputs": {},
        "mode": "real", "operator": "oncall", "host": "laptop", "program_version": "0.1.0", "lock": "", "cloud": None,
        "request_prefix": prefix, "config": None,
    }
    place = pathlib.Path(state) / "runs" / run
    place.mkdir(parents=True)
    record = {"v": 1, "seq": 0, "at": "2026-01-01T00:00:00.000000Z", "prev": "0" * 64, "event": opened}
    (place / "journal.jsonl").write_text(json.dumps(record) + "\n")


with tempfile.TemporaryDirectory() as state:
    found = ask(state)


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

ids = list(requests())
assert sum(access["count"] for access in found["accesses"]) == len(ids), len(ids)
assert not any(access["own"] for access in found["accesses"])
with tempfile.TemporaryDirectory() as state:
    prefixes = {identifier[:13] for identifier in ids[:: max(1, len(ids) // 3)]}
    for number in range(OWN_RUNS):
        make_run(state, number, f"{number:08x}-ffff")
    for number, prefix in enumerate(prefixes):
        make_run(state, OWN_RUNS + number, prefix)
    again = ask(state)
own = sum(access["count"] for access in again["accesses"] if access["own"])
assert own == sum(identifier[:13] in prefixes for identifier in ids) >= 3, own
assert sum(access["count"] for access in again["accesses"]) == len(ids)

coverage = found["coverage"]
assert coverage["events"] > 0 and coverage["unreadable_lines"] == 0, coverage
assert not coverage["gaps"] and not coverage["truncations"], coverage
print(f"ok: {len(accesses)} groups of accesses, {len(touched)} second-order rows of {', '.join(coverage['sources'])}")
