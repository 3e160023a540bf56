#!/usr/bin/env python3
"""Writes the public holidays that Prophet sees, for package calendar/holidays and its tests.

For each country the rows of prophet.make_holidays.make_holidays_df (date,name, ordered by date and name) go to
<CC>.csv, and the names of get_holiday_names, one per line and in byte order, to testdata/<CC>_names.txt. The first line
of each file names the versions. KR and US are rules in Go, so their rows go to testdata; the rows of the other countries are the
tables that the package embeds. Needs prophet and holidays:

    pip install prophet==1.5.0 holidays==0.109
    python3 bench/prophet/country_holidays.py calendar/holidays

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
RULES = {"KR": (1990, 2050), "US": (1971, 2050)}
# The other countries with the largest ETF markets, by the assets of the ETFs listed there.
TABLES = ("AU", "CA", "CH", "CN", "DE", "FR", "GB", "HK", "IE", "IN", "IT", "JP", "NL", "SE", "TW")
FIRST, LAST = 1990, 2050


def rows_of(country, first, last):
    frame = make_holidays_df(list(range(first, last + 1)), country)
    return sorted((d.date().isoformat(), name) for d, name in zip(frame["ds"], frame["holiday"]))


def main(folder):
    versions = f"# prophet {prophet.__version__}, holidays {holidays.__version__}, python {sys.version.split()[0]}"
    print(versions)
    for country in (*RULES, *TABLES):
        if country in RULES:
            target, (first, last) = folder / "testdata", RULES[country]
        else:
            entity = getattr(holidays, country)
            target, first, last = folder / "tables", max(FIRST, entity.start_year), min(LAST, entity.end_year)
        rows = rows_of(country, first, last)
        years = {int(date[:4]) for date, _ in rows}
        assert years == set(range(first, last + 1)), f"{country}: no holidays in {set(range(first, last + 1)) - years}"
        with open(target / f"{country}.csv", "w", newline="", encoding="utf-8") as f:
            f.write(versions + "\n")
            csv.writer(f, lineterminator="\n").writerows([("date", "name"), *rows])
        names = sorted(get_holiday_names(country), key=lambda name: name.encode())
        with open(folder / "testdata" / f"{country}_names.txt", "w", newline="", encoding="utf-8") as f:
            f.write("\n".join([versions, *names]) + "\n")
        others = sorted(name for name in dir(holidays) if isinstance(getattr(holidays, name), type)
                        and issubclass(getattr(holidays, name), holidays.HolidayBase) and getattr(getattr(holidays, name), "country", "") == country)
        print(f"{country}: {len(rows)} rows of {first} to {last}, {len(names)} names; also called {' '.join(others)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
