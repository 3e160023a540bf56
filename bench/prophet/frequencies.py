#!/usr/bin/env python3
"""Writes what pandas makes of frequencies, for the tests of forecast/prophet/freq.go.

frequencies.jsonl has the dates that Prophet's make_future_dataframe gives for each frequency and last date (an empty list:
pandas refuses the frequency), and the frequency that pandas infers from the last five of a history's dates. Needs prophet:

    pip install prophet==1.5.0 pandas==3.1.1
    python3 bench/prophet/frequencies.py forecast/prophet/testdata
"""

import json
import pathlib
import sys
import warnings

warnings.filterwarnings("ignore")

import pandas as pd
import prophet

MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
DAYS = "MON TUE WED THU FRI SAT SUN".split()

FREQUENCIES = (
    "D d 1D 2D 10D B b 3B W w 2W MS ms ME SMS SME 2SMS 3SME SMS-10 SME-20 SMS-2 BMS BME 2BME 5MS QS QE BQS BQE 2QS 3BQE YS YE BYS BYE 2YS "
    "h min s us 12h 90min 1h30min 1D12h 2D3h 1h1min1s 1.5h 0.5D 1.5D 2.5min 0.1s 250ms 1500us 1000ns ns 1ns 1s500ms "
    "WOM-1MON WOM-2TUE WOM-3FRI WOM-4SUN WOM-5FRI 2WOM-3FRI LWOM-FRI LWOM-SUN 3LWOM-MON MIN wom-3fri W-mon W-ABC "
    "1W1D 1.5W 1.5MS 0D -1D +2D 2_D D2 DD 1h30 30 h30min bms sms qs ye Me YS-ABC QS-1 SMS-31 SMS-1 SME-28 WOM-6FRI WOM-0FRI WOM WOM-FRI LWOM "
    "day week Q-DEC MS-JAN ME-2 D-MON B-MON h-1 YS- -MS 1e3D 1h-30min 1h,30min"
).split() + ["2 D", " D", "D ", "1h 30min", "1 h 30 min", "", " "]
FREQUENCIES += [f"W-{d}" for d in DAYS]
FREQUENCIES += [f"{unit}-{m}" for unit in "QS QE BQS BQE YS YE BYS BYE".split() for m in MONTHS]

LAST = ["2026-01-30", "2024-02-29", "2023-12-31 23:59:59", "2024-01-01", "2021-05-15 09:30:00", "2022-07-01"]

PERIODS = 4


def ahead(freq, last):
    last = pd.Timestamp(last)
    try:
        dates = pd.date_range(start=last, periods=PERIODS + 1, freq=freq)
        dates = dates[dates > last][:PERIODS]
    except Exception:
        return []
    return [str(d).removesuffix(" 00:00:00") for d in dates] if len(dates) == PERIODS else []


def inferred():
    """Histories of five dates, and what pandas calls them."""
    frequencies = (
        "D 2D W-FRI 3W-TUE B MS ME BMS BME 2MS 5ME 7BMS QS-JAN QS-FEB QE-NOV BQS-MAR BQE-OCT 2QS-JAN 3QE-DEC YS-JAN YS-APR YE-JUN BYS-MAY BYE-AUG 2YS-JAN 3BYE-DEC "
        "h 30min s 90min 36h WOM-3FRI WOM-1MON WOM-4SUN SMS SME"
    ).split()
    for freq in frequencies:
        for first in ("2021-03-03", "2019-11-28 08:00:00"):
            dates = list(pd.date_range(first, periods=7, freq=freq))
            yield freq, dates[-5:]
            yield freq + ", one missing", dates[:3] + dates[4:6]
    yield "irregular", [pd.Timestamp(d) for d in ("2021-01-01", "2021-01-02", "2021-01-05", "2021-01-09", "2021-01-11")]


def main(folder):
    out = {
        "versions": f"prophet {prophet.__version__}, pandas {pd.__version__}",
        "frequencies": [{"freq": f, "last": last, "dates": ahead(f, last)} for f in FREQUENCIES for last in LAST],
        "inferred": [],
    }
    for name, dates in inferred():
        freq = pd.infer_freq(pd.DatetimeIndex(dates))
        row = {"name": name, "history": [str(d).removesuffix(" 00:00:00") for d in dates], "freq": freq or ""}
        row["dates"] = ahead(freq, row["history"][-1]) if freq else []
        out["inferred"].append(row)
    lines = [json.dumps({"versions": out["versions"]})]
    lines += [json.dumps(row, separators=(",", ":")) for key in ("frequencies", "inferred") for row in out[key]]
    (folder / "frequencies.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(out['frequencies'])} lists of dates, {len(out['inferred'])} histories")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
