#!/usr/bin/env python3
"""Compare the calendars with exchange_calendars: every session, open and close, from 1990 (XLON, XETR and XTKS: 2000) to 2030.

Run it from the repository root (the script installs nothing):

    python3 -m venv /tmp/xcal
    /tmp/xcal/bin/pip install exchange_calendars==4.13.2
    /tmp/xcal/bin/python bench/calendars/compare.py

It runs `go run ./bench/calendars`, which prints our sessions as JSON lines, and looks up each difference in
differences.json in the same folder. An entry there has an exchange, a cause, a source and one of

    "only_ours"    dates that are sessions only in our calendar; or from, to, weekday and the number of days
    "only_theirs"  dates that are sessions only in exchange_calendars
    "hours"        dates whose open or close differs, with our local hours "HH:MM-HH:MM"; or, as text, our local hours of all the
                   sessions between from and to that have no entry of their own, and the number of days

It prints each difference with its cause and ends with one line of JSON. Exit code 1: a difference without an
explanation, or an explanation without a difference; 2: the comparison failed.
"""

import datetime
import json
import pathlib
import subprocess
import sys
import zoneinfo

PINNED = "4.13.2"
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FIRST = {"XNYS": "1990-01-01", "XKRX": "1990-01-01", "XLON": "2000-01-01", "XETR": "2000-01-01", "XTKS": "2000-01-01"}
LAST = "2030-12-31"
ZONES = {
    "XNYS": "America/New_York",
    "XKRX": "Asia/Seoul",
    "XLON": "Europe/London",
    "XETR": "Europe/Berlin",
    "XTKS": "Asia/Tokyo",
}


def load_ours():
    """Return {exchange: {date: (open, close)}} with time zone-aware UTC datetimes."""
    out = subprocess.run(["go", "run", "./bench/calendars"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    ours = {exchange: {} for exchange in ZONES}
    for line in out.splitlines():
        row = json.loads(line)
        ours[row["exchange"]][row["session"]] = tuple(
            datetime.datetime.fromisoformat(row[k].replace("Z", "+00:00")) for k in ("open", "close")
        )
    return ours


def load_theirs(exchange_calendars):
    theirs = {}
    for exchange in ZONES:
        calendar = exchange_calendars.get_calendar(exchange, start=FIRST[exchange], end=LAST)
        schedule = calendar.schedule
        theirs[exchange] = {
            session.date().isoformat(): (opens.to_pydatetime(), closes.to_pydatetime())
            for session, opens, closes in zip(schedule.index, schedule["open"], schedule["close"])
        }
    return theirs


def local_hours(exchange, instants):
    zone = zoneinfo.ZoneInfo(ZONES[exchange])
    return "-".join(t.astimezone(zone).strftime("%H:%M") for t in instants)


def find_differences(ours, theirs):
    """Return {(exchange, kind, date): local hours}."""
    found = {}
    for exchange in ZONES:
        mine, other = ours[exchange], theirs[exchange]
        for date in sorted(mine.keys() | other.keys()):
            if date not in other:
                found[exchange, "only_ours", date] = local_hours(exchange, mine[date])
            elif date not in mine:
                found[exchange, "only_theirs", date] = local_hours(exchange, other[date])
            elif mine[date] != other[date]:
                found[exchange, "hours", date] = local_hours(exchange, mine[date])
    return found


def explain(found, entries):
    """Split into explained [(key, cause)], unexplained [key] and stale explanations [text]."""
    causes, stale = {}, []
    for entry in sorted(entries, key=lambda entry: isinstance(entry.get("hours"), str)):  # ranges last
        exchange, cause = entry["exchange"], f'{entry["cause"]} [{entry["source"]}]'
        keys = []
        if "weekday" in entry:
            keys = [
                key
                for key in found
                if key[0] == exchange
                and key[1] == "only_ours"
                and entry["from"] <= key[2] <= entry["to"]
                and datetime.date.fromisoformat(key[2]).strftime("%A") == entry["weekday"]
                and key not in causes
            ]
            if len(keys) != entry["days"]:
                stale.append(f'{exchange} {entry["weekday"]}s: {len(keys)} differences, {entry["days"]} explained')
        for kind in ("only_ours", "only_theirs"):
            keys += [(exchange, kind, date) for date in entry.get(kind, [])]
        if isinstance(entry.get("hours"), str):
            keys = [
                key
                for key, hours in found.items()
                if key[0] == exchange
                and key[1] == "hours"
                and entry["from"] <= key[2] <= entry["to"]
                and hours == entry["hours"]
                and key not in causes
            ]
            if len(keys) != entry["days"]:
                stale.append(f'{exchange} {entry["hours"]}: {len(keys)} differences, {entry["days"]} explained')
            causes.update(dict.fromkeys(keys, cause))
            continue
        for date, hours in entry.get("hours", {}).items():
            key = (exchange, "hours", date)
            if found.get(key, hours) != hours:
                stale.append(f"{exchange} {date}: our hours are {found[key]}, {hours} explained")
                continue
            keys.append(key)
        for key in keys:
            if key not in found:
                stale.append(f"{key[0]} {key[2]}: explained as {key[1]}, but there is no such difference")
            causes[key] = cause
    explained = [(key, causes[key]) for key in sorted(found) if key in causes]
    return explained, [key for key in sorted(found) if key not in causes], stale


def main():
    try:
        import exchange_calendars
    except ImportError:
        print(__doc__, file=sys.stderr)
        print(f"exchange_calendars is not installed: pip install exchange_calendars=={PINNED}", file=sys.stderr)
        return 2
    if exchange_calendars.__version__ != PINNED:
        print(
            f"exchange_calendars {exchange_calendars.__version__} is installed, but the differences are explained for"
            f" {PINNED}: pip install exchange_calendars=={PINNED}",
            file=sys.stderr,
        )
        return 2
    try:
        ours = load_ours()
    except (OSError, subprocess.CalledProcessError) as err:
        print(f"go run ./bench/calendars: {err}\n{getattr(err, 'stderr', '') or ''}", file=sys.stderr)
        return 2
    theirs = load_theirs(exchange_calendars)
    found = find_differences(ours, theirs)
    explained, unexplained, stale = explain(found, json.loads((HERE / "differences.json").read_text()))

    saturdays, ranges = {}, {}
    for key, cause in explained:
        if key[1] == "only_ours" and datetime.date.fromisoformat(key[2]).weekday() == 5:
            saturdays.setdefault((key[0], cause), []).append(key[2])
            continue
        if key[0] == "XETR" and key[1] == "hours" and found[key] == "09:00-20:00":
            ranges.setdefault((key[0], found[key], cause), []).append(key[2])
            continue
        print(f"{key[0]} {key[2]} {key[1]} ({found[key]}): {cause}")
    for (exchange, cause), dates in saturdays.items():
        print(f"{exchange} {dates[0]} to {dates[-1]} only_ours, {len(dates)} Saturdays: {cause}")
    for (exchange, hours, cause), dates in ranges.items():
        print(f"{exchange} {dates[0]} to {dates[-1]} hours ({hours}), {len(dates)} sessions: {cause}")
    for key in unexplained:
        print(f"UNEXPLAINED {key[0]} {key[2]} {key[1]} ({found[key]})")
    for text in stale:
        print(f"STALE {text}")
    print(
        json.dumps(
            {
                "exchange_calendars": exchange_calendars.__version__,
                "sessions": {exchange: len(ours[exchange]) for exchange in ZONES},
                "sessions_theirs": {exchange: len(theirs[exchange]) for exchange in ZONES},
                "differences": len(found),
                "explained": len(explained),
                "unexplained": len(unexplained),
                "stale": len(stale),
            }
        )
    )
    return 1 if unexplained or stale else 0


if __name__ == "__main__":
    sys.exit(main())
