"""Gives the demo's server what the document's examples name, so that they meet data: the ETF SPY with a finished run, and an entry.

Prints the number of leaves of the ledger's newest checkpoint.
"""

import json
import sys
import time
import urllib.error
import urllib.request

base = sys.argv[1]


def call(method, path, body=None):
    request = urllib.request.Request(base + path, method=method, data=body and json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code}: {error.read().decode()}")


call("POST", "/v1/etfs", {"symbol": "SPY", "exchange": "XNYS", "sources": [{"name": "simulated", "ref": "SPY"}]})
run = call("POST", "/v1/runs", {"workflow": "daily", "exchange": "XNYS", "symbols": ["SPY"]})
deadline = time.monotonic() + 300
while (status := call("GET", run["links"]["self"])["status"]) == "running":
    if time.monotonic() > deadline:
        sys.exit("the run of SPY does not end")
    time.sleep(0.5)
if status != "completed":
    sys.exit(f"the run of SPY is {status}")
call("POST", "/v1/entries", {"model": "naive", "late": True, "entries": [{"symbol": "SPY", "origin": "2025-09-26", "points": [
    {"horizon": 1, "quantiles": {"0.05": 652.1, "0.1": 654.8, "0.25": 658.6, "0.5": 661.8, "0.75": 665.1, "0.9": 668.7, "0.95": 671.2}}]}]})
# The document says that the checkpoint is text unless JSON is asked for.
request = urllib.request.Request(base + "/v1/ledger/checkpoint", headers={"Accept": "application/json"})
with urllib.request.urlopen(request, timeout=60) as response:
    print(json.load(response)["size"])
