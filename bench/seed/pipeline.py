#!/usr/bin/env python3
"""A day's job of an ETF pipeline as it is usually written: SQLAlchemy, pandas and Prophet with its defaults.

    pipeline.py check                    exit with 1 and say what is missing, if anything
    pipeline.py prepare N YEARS SESSION  create the tables, with YEARS years of daily bars before SESSION for N ETFs
    pipeline.py run N SESSION            the job: the last line is JSON

The database is PIPELINE_DATABASE_URL, as SQLAlchemy takes it. `make bench-seed` runs it beside etfcast, on the same
MySQL server.

The job, for each ETF, in one of two processes that are started and have imported everything before the clock starts:

 1. fetch the newest 15 bars from a simulated source, in memory (etfcast's does the same);
 2. validate them with pandas: duplicates, weekends, missing and non-positive values, high and low against open and close,
    jumps;
 3. insert the bars that are new, update those that have changed;
 4. read the closes, fit Prophet(), predict 21 business days;
 5. store the forecast, and commit: one transaction for 3 to 5.

It does what etfcast does only in part: it keeps no responses, no revisions and no fits, and a crash loses the ETFs that
were under way.
"""

import json
import logging
import multiprocessing
import os
import sys
import time

# Two processes on few cores: threads of their own would only get in each other's way.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

PROCESSES = 2
HORIZON = 21
WINDOW = 15
REQUIREMENTS = "bench/seed/requirements.txt"

logging.getLogger("prophet.plot").disabled = True  # it reports that plotly, which is optional, is missing
try:
    import numpy as np
    import pandas as pd
    import pymysql  # noqa: F401 (SQLAlchemy's driver)
    import sqlalchemy as sa
    from prophet import Prophet
except ImportError as missing:
    print(f"bench-seed: {sys.executable} lacks {missing.name}; install its requirements: {sys.executable} -m pip install -r {REQUIREMENTS}, "
          "or name another Python with PYTHON=...", file=sys.stderr)
    sys.exit(1)

logging.getLogger("cmdstanpy").disabled = True
logging.getLogger("prophet").setLevel(logging.ERROR)

metadata = sa.MetaData()
etfs = sa.Table("etfs", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("symbol", sa.String(16), unique=True, nullable=False))
bars = sa.Table(
    "bars", metadata,
    sa.Column("etf_id", sa.Integer, primary_key=True, autoincrement=False), sa.Column("session", sa.Date, primary_key=True),
    *[sa.Column(c, sa.Double, nullable=False) for c in ("open", "high", "low", "close", "volume")],
)
forecasts = sa.Table(
    "forecasts", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("etf_id", sa.Integer, nullable=False, index=True),
    sa.Column("origin", sa.Date, nullable=False), sa.Column("created_at", sa.DateTime, nullable=False),
)
points = sa.Table(
    "forecast_points", metadata,
    sa.Column("forecast_id", sa.Integer, primary_key=True, autoincrement=False), sa.Column("target", sa.Date, primary_key=True),
    *[sa.Column(c, sa.Double, nullable=False) for c in ("yhat", "yhat_lower", "yhat_upper")],
)


def engine():
    return sa.create_engine(os.environ["PIPELINE_DATABASE_URL"])


def history(number, last, rows):
    """The simulated source: the last `rows` bars of one ETF up to a session."""
    days = pd.bdate_range(end=last, periods=2600)
    rng = np.random.default_rng(number)
    close = 100 * np.exp(np.cumsum(rng.normal(0.0003, 0.012, len(days))))
    spread = 1 + abs(rng.normal(0, 0.004, len(days)))
    open_ = close * (1 + rng.normal(0, 0.002, len(days)))
    frame = pd.DataFrame({
        "session": days.date, "open": open_, "high": np.maximum(open_, close) * spread, "low": np.minimum(open_, close) / spread,
        "close": close, "volume": rng.integers(100_000, 5_000_000, len(days)).astype(float),
    })
    return frame.tail(rows).round(4).reset_index(drop=True)


def prepare(number_of_etfs, years, session):
    db = engine()
    metadata.create_all(db)
    for number in range(1, number_of_etfs + 1):
        # All but the measured session.
        frame = history(number, session, 252 * years + 1).iloc[:-1].assign(etf_id=number)
        with db.begin() as connection:
            connection.execute(etfs.insert(), {"id": number, "symbol": f"SIM{number:05d}"})
            connection.execute(bars.insert(), frame.to_dict("records"))


def validate(fetched):
    problems = []
    if fetched["session"].duplicated().any():
        problems.append("duplicate sessions")
    if (pd.to_datetime(fetched["session"]).dt.day_of_week >= 5).any():
        problems.append("weekend")
    prices = fetched[["open", "high", "low", "close"]]
    if fetched.isna().any().any() or (prices <= 0).any().any() or (fetched["volume"] < 0).any():
        problems.append("missing or non-positive values")
    if (fetched["high"] < prices.max(axis=1)).any() or (fetched["low"] > prices.min(axis=1)).any():
        problems.append("high or low does not contain open and close")
    if (fetched["close"].pct_change().abs() > 0.5).any():
        problems.append("jump")
    return problems


db = None  # each process's engine


def start(barrier):
    global db
    db = engine()
    with db.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    # Stan's library is loaded by the first fit.
    Prophet().fit(pd.DataFrame({"ds": pd.bdate_range("2024-01-01", periods=100), "y": np.arange(100.0)}))
    barrier.wait()


def update(task):
    number, session = task
    fetched = history(number, session, WINDOW)
    with db.begin() as connection:
        stored = pd.read_sql(
            sa.select(bars).where(bars.c.etf_id == number, bars.c.session >= fetched["session"].iloc[0]).order_by(bars.c.session), connection)
        problems = validate(fetched)
        if problems:
            return number, problems
        merged = fetched.merge(stored, on="session", how="left", suffixes=("", "_stored"))
        new = merged[merged["close_stored"].isna()]
        changed = merged[merged["close_stored"].notna() & (merged["close_stored"] != merged["close"])]
        columns = ["session", "open", "high", "low", "close", "volume"]
        if len(new):
            connection.execute(bars.insert(), new[columns].assign(etf_id=number).to_dict("records"))
        for row in changed[columns].to_dict("records"):
            connection.execute(bars.update().where(bars.c.etf_id == number, bars.c.session == row["session"]).values(row))
        closes = pd.read_sql(
            sa.select(bars.c.session.label("ds"), bars.c.close.label("y")).where(bars.c.etf_id == number).order_by(bars.c.session), connection)
        model = Prophet()
        model.fit(closes)
        future = pd.DataFrame({"ds": pd.bdate_range(closes["ds"].iloc[-1], periods=HORIZON + 1)[1:]})
        predicted = model.predict(future)
        inserted = connection.execute(forecasts.insert(), {"etf_id": number, "origin": closes["ds"].iloc[-1], "created_at": pd.Timestamp.now("UTC").to_pydatetime()})
        connection.execute(points.insert(), [
            {"forecast_id": inserted.inserted_primary_key[0], "target": row.ds.date(), "yhat": row.yhat, "yhat_lower": row.yhat_lower, "yhat_upper": row.yhat_upper}
            for row in predicted[["ds", "yhat", "yhat_lower", "yhat_upper"]].itertuples()
        ])
    return number, []


def cpu_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(number_of_etfs, session):
    barrier = multiprocessing.Barrier(PROCESSES + 1)
    with multiprocessing.Pool(PROCESSES, start, (barrier,)) as pool:
        barrier.wait()
        pids = [child.pid for child in multiprocessing.active_children()] + [os.getpid()]
        before, began = sum(map(cpu_of, pids)), time.perf_counter()
        failed = [result for result in pool.imap_unordered(update, [(n, session) for n in range(1, number_of_etfs + 1)]) if result[1]]
        seconds, cpu = time.perf_counter() - began, sum(map(cpu_of, pids)) - before
    with engine().connect() as connection:
        stored = connection.execute(sa.select(sa.func.count()).select_from(forecasts)).scalar_one()
        new = connection.execute(sa.select(sa.func.count()).select_from(bars).where(bars.c.session == session)).scalar_one()
    if failed or stored != number_of_etfs or new != number_of_etfs:
        print(f"bench-seed: {len(failed)} ETFs failed ({failed[:3]}), {stored} forecasts and {new} new bars for {number_of_etfs} ETFs", file=sys.stderr)
        return 1
    print(json.dumps({"etfs": number_of_etfs, "etfs_per_s": number_of_etfs / seconds, "cpu_ms_per_etf": 1e3 * cpu / number_of_etfs}))
    return 0


def main(arguments):
    if arguments[:1] == ["check"]:
        return 0
    if len(arguments) == 4 and arguments[0] == "prepare":
        prepare(int(arguments[1]), int(arguments[2]), pd.Timestamp(arguments[3]).date())
        return 0
    if len(arguments) == 3 and arguments[0] == "run":
        return run(int(arguments[1]), pd.Timestamp(arguments[2]).date())
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
