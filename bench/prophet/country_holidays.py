#!/usr/bin/env python3
"""Writes the public holidays that Prophet sees, for the tests of package calendar/holidays.

For each country the rows of prophet.make_holidays.make_holidays_df (date,name, ordered by date and name) go to
<CC>.csv and the names of get_holiday_names, one per line and in byte order, to <CC>_names.txt. The first line
of each file names the versions. Needs prophet and holidays:

    pip install prophet==1.3.0 holidays==0.109
    python3 bench/prophet/country_holidays.py calendar/holidays/testdata

This file must not be called holidays.py: scripts in this folder would import it instead of the package.
"""

import csv
import pathlib
import sys
import warnings

warnings.filterwarnings("ignore")

import holidays
import prophet
from prophet.make_holidays import get_holiday_names, make_holidays_df

# The years package calendar/holidays covers, both inclusive.
YEARS = {"KR": (1990, 2050), "US": (1971, 2050)}


def main(folder):
    versions = f"# prophet {prophet.__version__}, holidays {holidays.__version__}, python {sys.version.split()[0]}"
    print(versions)
    for country, (first, last) in YEARS.items():
        frame = make_holidays_df(list(range(first, last + 1)), country)
        rows = sorted((d.date().isoformat(), name) for d, name in zip(frame["ds"], frame["holiday"]))
        with open(folder / f"{country}.csv", "w", newline="", encoding="utf-8") as f:
            f.write(versions + "\n")
            csv.writer(f, lineterminator="\n").writerows([("date", "name"), *rows])
        names = sorted(get_holiday_names(country), key=lambda name: name.encode())
        with open(folder / f"{country}_names.txt", "w", newline="", encoding="utf-8") as f:
            f.write("\n".join([versions, *names]) + "\n")
        print(f"{country}: {len(rows)} rows of {first} to {last}, {len(names)} names")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
