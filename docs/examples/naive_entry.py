#!/usr/bin/env python3
"""Enters a naive forecast of every ETF: the last close times the returns that came before.

For each ETF on the exchange whose newest session can still be entered, the quantiles at horizon h are those of the h-session
returns of the last 500 sessions, applied to the last close. They go into requests of 200 ETFs: one has at most 1 MiB.

    pip install pandas requests
    python3 naive_entry.py                                  # all ETFs of a server on this machine
    python3 naive_entry.py --api http://127.0.0.1:8080 --model naive --symbols SPY QQQ
"""

import argparse
import io
import sys

import pandas as pd
import requests

LEVELS = [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975]
HORIZONS = [1, 5, 21]  # those that are scored
SESSIONS = 500
AT_ONCE = 200  # entries in a request


def symbols_of(api):
    """Every registered ETF that is not retired."""
    symbols, cursor = [], None
    while True:
        page = get(f"{api}/v1/etfs", params={"limit": 1000, **({"cursor": cursor} if cursor else {})}).json()
        symbols += [etf["symbol"] for etf in page["items"] if not etf["retired"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return symbols


def closes_of(api, symbol):
    """The believed closes of an ETF, in today's shares, by session."""
    answer = get(f"{api}/v1/etfs/{symbol}/bars", params={"adjust": "split"}, headers={"Accept": "text/csv"})
    bars = pd.read_csv(io.StringIO(answer.text), parse_dates=["session"])
    bars = bars[~bars["quarantined"] & ~bars["held"]]
    return bars.set_index("session")["close"].tail(SESSIONS)


def entry_of(symbol, closes):
    """The entry of one ETF, from its newest session."""
    points = []
    for horizon in HORIZONS:
        ratios = (closes / closes.shift(horizon)).dropna()
        quantiles = closes.iloc[-1] * ratios.quantile(LEVELS)
        points.append(
            {
                "horizon": horizon,
                "mean": float(closes.iloc[-1] * ratios.mean()),
                "quantiles": {str(level): float(value) for level, value in quantiles.items()},
            }
        )
    return {"symbol": symbol, "origin": closes.index[-1].date().isoformat(), "points": points}


def get(url, **options):
    answer = requests.get(url, timeout=30, **options)
    answer.raise_for_status()
    return answer


def submit(api, model, entries):
    """Enters the forecasts; those that were entered before, or too late, are left out and the rest is sent again."""
    while entries:
        answer = requests.post(f"{api}/v1/entries", json={"model": model, "entries": entries}, timeout=60)
        if answer.status_code == 201:
            return answer.json()
        problem = answer.json()
        named = {error["field"] for error in problem.get("errors", [])} - {"entries"}  # "entries" says how many more there are
        refused = {int(field[len("entries[") : field.index("]")]) for field in named if field.endswith(".origin")}
        if not refused or len(refused) != len(named):  # something else is wrong
            sys.exit(f"{answer.status_code}: {problem['detail']}")
        for index in sorted(refused):
            print(f"left out: {entries[index]['symbol']} from {entries[index]['origin']}", file=sys.stderr)
        entries = [entry for index, entry in enumerate(entries) if index not in refused]
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--api", default="http://127.0.0.1:8080")
    parser.add_argument("--model", default="naive")
    parser.add_argument("--symbols", nargs="*", help="default: all ETFs")
    options = parser.parse_args()

    entries = []
    for symbol in options.symbols or symbols_of(options.api):
        closes = closes_of(options.api, symbol)
        if len(closes) > 2 * max(HORIZONS):
            entries.append(entry_of(symbol, closes))
    parts = [entries[start : start + AT_ONCE] for start in range(0, len(entries), AT_ONCE)]
    receipts = [receipt for part in parts if (receipt := submit(options.api, options.model, part))]
    if not receipts:
        print("nothing was entered")
    for receipt in receipts:
        for item in receipt["items"]:
            print(item["symbol"], item["origin"], item["standing"], "until", item["deadline"], "forecast", item["id"])
        if receipt["checkpoint"]:
            print(receipt["checkpoint"]["note"])  # keep it: it proves what was entered before the session opened
        else:
            print("not anchored yet:", receipt["not_anchored"])


if __name__ == "__main__":
    main()
