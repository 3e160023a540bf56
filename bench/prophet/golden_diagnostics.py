#!/usr/bin/env python3
"""Writes the results of the original's diagnostics, for the tests of package forecast/prophet/diagnostics.

    pip install prophet==1.5.0
    python3 bench/prophet/golden_diagnostics.py

It rewrites everything in forecast/prophet/diagnostics/testdata, the same on every run: tables of forecasts and
histories (CSV, synthetic, seeded), and

    metrics.json  performance_metrics of the tables, for windows, lists of metrics and months
    cutoffs.json  generate_cutoffs of stamps with and without gaps
    cv.json       cross_validation of the histories with several models

each with the versions that produced it.

The sort of performance_metrics may shuffle rows of one horizon, differently on different processors, and mdape depends
on that. Here pandas is told to sort stably, which gives one of the original's possible orders.
"""

import json
import warnings

import original
from original import np, pd

from prophet import Prophet
from prophet.diagnostics import cross_validation, generate_cutoffs, performance_metrics

FOLDER = original.ROOT / "forecast" / "prophet" / "diagnostics" / "testdata"
warnings.filterwarnings("ignore")

unstable = pd.DataFrame.sort_values


def stable(self, by, **how):
    how.setdefault("kind", "stable")
    return unstable(self, by, **how)


def number(v):
    """JSON has no infinities and no NaN."""
    v = float(v)
    return v if np.isfinite(v) else str(v)


def micros(delta):
    return int(delta // pd.Timedelta("1us"))


def write_json(name, **what):
    text = json.dumps({"versions": original.versions(), **what}, indent=None, separators=(",", ":"))
    # One case per line keeps diffs readable.
    (FOLDER / name).write_text(text.replace('{"case":', '\n{"case":') + "\n")


# Tables of forecasts.


def table(rng, days, cutoffs, horizon, step="1D", keep=1.0, intervals=True, digits=3):
    ds = pd.date_range("2021-03-01", periods=days, freq=step)
    y = 40 + np.arange(days) * 0.05 + 6 * np.sin(np.arange(days) / 5) + rng.normal(0, 2, days)
    y = y.round(digits)
    parts = []
    for cutoff in cutoffs:
        cutoff = pd.Timestamp(cutoff)
        at = (ds > cutoff) & (ds <= cutoff + pd.Timedelta(horizon)) & (rng.random(days) < keep)
        yhat = (y[at] + rng.normal(0.5, 3, at.sum())).round(digits)
        width = (2 + rng.random(at.sum()) * 3).round(digits)
        part = pd.DataFrame({"ds": ds[at], "yhat": yhat})
        if intervals:
            part["yhat_lower"] = (yhat - width).round(digits)
            part["yhat_upper"] = (yhat + width).round(digits)
        part["y"] = y[at]
        part["cutoff"] = cutoff
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def tables():
    rng = np.random.default_rng(20260701)
    out = {}
    monthly_cutoffs = ["2021-04-10", "2021-05-01", "2021-05-20", "2021-06-11"]
    out["daily"] = table(rng, 150, monthly_cutoffs, "20D")
    out["gaps"] = table(rng, 150, monthly_cutoffs, "31D", keep=0.6)
    out["hours"] = table(rng, 300, ["2021-03-04 06:00", "2021-03-06 01:30", "2021-03-07 12:00"], "40h", step="5h", keep=0.9)
    out["ties"] = table(rng, 200, [f"2021-{m:02d}-{d:02d}" for m in (3, 4, 5) for d in range(2, 30)], "3D")
    out["months"] = table(rng, 60, ["2021-12-15", "2022-12-31", "2023-12-01", "2024-02-29"], "400D", step="MS")
    out["no_intervals"] = table(rng, 100, ["2021-04-01", "2021-04-20"], "15D", intervals=False)
    zero = table(rng, 100, ["2021-04-01", "2021-04-20", "2021-05-05"], "12D")
    zero.loc[[1, 7, 8, 30], "y"] = 0.0
    zero.loc[[7, 30], "yhat"] = 0.0
    out["zero_y"] = zero
    nothing = zero.copy()
    nothing[["yhat", "yhat_lower", "yhat_upper", "y"]] = 0.0
    out["all_zero"] = nothing
    out["one_row"] = out["daily"].iloc[[5]].reset_index(drop=True)
    out["seconds"] = table(rng, 40, ["2021-03-01 00:00:03", "2021-03-01 00:00:05.5"], "6s", step="250ms")
    negative = out["daily"].copy()
    negative[["yhat", "yhat_lower", "yhat_upper", "y"]] -= 45.0
    out["negative"] = negative.round(3)
    return out


def metrics_golden():
    all_tables = tables()
    cases = []
    for name, df in all_tables.items():
        path = FOLDER / f"table_{name}.csv"
        df.to_csv(path, index=False)
        df = pd.read_csv(path, float_precision="round_trip")
        for column in ("ds", "cutoff"):
            df[column] = pd.to_datetime(df[column], format="mixed")
        lists = [None, ["smape", "mdape", "rmse"], ["coverage", "mae"], ["mape"]]
        for window in (-1, -0.001, 0, 0.1, 0.2, 0.37, 0.9999, 1, 7):
            for monthly in (False, True):
                for metrics in lists if window == 0.37 else lists[:1]:
                    asked = list(metrics) if metrics is not None else None
                    got = performance_metrics(df, metrics=asked, rolling_window=window, monthly=monthly)
                    case = {"case": len(cases), "table": name, "window": window, "monthly": monthly, "metrics": metrics}
                    if got is not None:
                        case["columns"] = list(got.columns)
                        case["horizon"] = [int(h) if monthly else micros(h) for h in got["horizon"]]
                        text = got[["horizon"]].to_csv(index=False).split("\n")[1:-1]
                        case["horizon_csv"] = text
                        case["values"] = [[number(v) for v in got[c]] for c in got.columns[1:]]
                    cases.append(case)
    write_json("metrics.json", cases=cases)
    return len(cases)


# Cutoffs.


def stamps():
    rng = np.random.default_rng(20260702)
    day = pd.Timedelta("1D")
    out = {
        "daily": pd.date_range("2019-01-01", periods=400, freq="D"),
        "trading": pd.bdate_range("2018-05-18", periods=300),
        "monthly": pd.date_range("2010-01-01", periods=90, freq="MS"),
        "minutes": pd.date_range("2020-02-28 09:30", periods=500, freq="5min"),
        "month_ends": pd.date_range("2015-01-31", periods=60, freq="ME"),
    }
    daily = out["daily"]
    out["one_gap"] = daily[(daily < "2019-05-01") | (daily > "2019-08-10")]
    out["two_gaps"] = daily[~((daily > "2019-03-03") & (daily < "2019-04-14")) & ~((daily > "2019-09-01") & (daily < "2019-11-20"))]
    out["early_gap"] = daily[(daily < "2019-01-04") | (daily > "2019-06-30")]
    out["islands"] = daily[[i for i in range(400) if i % 50 < 6]]
    out["irregular"] = pd.DatetimeIndex(sorted({daily[0] + day * int(k) for k in rng.integers(0, 1500, 120)}))
    out["odd_times"] = pd.DatetimeIndex(sorted(daily[0] + pd.to_timedelta(rng.integers(0, 90 * 86_400_000_000, 150), unit="us")))
    return out


def cutoffs_golden():
    series, cases = stamps(), []
    lengths = {"short": [(4, 10, 10), (4, 4, 115), (10, 10, 140), (7, 3, 21), (30, 15, 90), (30, 180, 60), (1, 30, 1), (90, 45, 270), (60, 7, 200), (365, 180, 30), (33, 1, 300), (500, 10, 10)]}
    units = {"minutes": "5min", "odd_times": "6h", "monthly": "7D", "month_ends": "5D"}
    for name, ds in series.items():
        unit = pd.Timedelta(units.get(name, "1D"))
        df = pd.DataFrame({"ds": ds})
        for horizon, period, initial in lengths["short"]:
            h, p, i = horizon * unit, period * unit, initial * unit
            case = {"case": len(cases), "series": name, "horizon": micros(h), "period": micros(p), "initial": micros(i)}
            try:
                got = generate_cutoffs(df, h, i, p)
                case["cutoffs"] = [micros(pd.Timestamp(c) - pd.Timestamp(0)) for c in got]
            except ValueError as error:
                case["error"] = str(error)
            cases.append(case)
    write_json("cutoffs.json", series={name: [micros(s - pd.Timestamp(0)) for s in ds] for name, ds in series.items()}, cases=cases)
    return len(cases)


# Cross-validation. Below 100 rows the original uses Newton, whose result, unlike that of L-BFGS, does not depend on the
# processor.

WINDOWS = {"horizon": "12 days", "period": "15 days", "initial": "45 days"}
MODELS = {
    "plain": ("weekdays", {}),
    "minmax": ("weekdays", {"scaling": "minmax"}),
    "multiplicative": ("weekdays", {"seasonality_mode": "multiplicative", "changepoint_prior_scale": 0.3}),
    "changepoints": ("weekdays", {"changepoints": ["2022-02-01", "2022-03-01", "2022-03-25"]}),
    "flat": ("weekdays", {"growth": "flat"}),
    "custom": (
        "regressors",
        {
            "weekly_seasonality": False,
            "seasonalities": [{"name": "weekly_on", "period": 7, "fourier_order": 2, "condition_name": "on"}],
            # Not "auto": the refits see late standardised, and can't tell that its values are 0 and 1.
            "regressors": [{"name": "load"}, {"name": "late", "standardize": True}, {"name": "flag"}],
            "holidays": [{"holiday": "sale", "ds": d, "lower_window": -1, "upper_window": 1} for d in ("2022-01-20", "2022-02-21", "2022-03-21")],
        },
    ),
    "logistic": ("saturating", {"growth": "logistic", "weekly_seasonality": False}),
    "logistic_minmax": ("falling", {"growth": "logistic", "scaling": "minmax", "weekly_seasonality": False}),
    "logistic_floor": ("floor", {"growth": "logistic", "weekly_seasonality": False}),
    "intervals": ("weekdays", {"uncertainty_samples": 4000}),
}


def histories():
    rng = np.random.default_rng(20260703)
    days = pd.bdate_range("2022-01-03", periods=75)
    t = np.arange(len(days))
    trend = np.where(t < 40, 20 + 0.2 * t, 28 - 0.1 * (t - 40))
    weekdays = pd.DataFrame({"ds": days, "y": (trend + days.dayofweek + rng.normal(0, 0.4, len(t))).round(3)})
    dates = pd.date_range("2022-01-01", periods=90)
    t = np.arange(len(dates))
    load = rng.normal(10, 3, len(t)).round(3)
    late = np.where(t < 60, t % 2, t % 5).astype(float)  # 0 and 1 in the first windows only
    flag = (rng.random(len(t)) < 0.3).astype(float)
    on = ((t // 15) % 2).astype(float)
    y = 50 + 0.1 * t + 0.7 * load + 0.5 * late + 2 * flag + on * 1.5 * np.sin(2 * np.pi * t / 7) + rng.normal(0, 0.5, len(t))
    regressors = pd.DataFrame({"ds": dates, "y": y.round(3), "load": load, "late": late, "flag": flag, "on": on})
    s = 80 / (1 + np.exp(-(t - 40) / 12)) + 12 + rng.normal(0, 1, len(t))
    saturating = pd.DataFrame({"ds": dates, "y": s.round(3), "cap": 95.0})
    floor = saturating.assign(floor=10.0)
    falling = saturating.assign(y=saturating["y"].to_numpy()[::-1])  # the lowest y is after every cutoff
    return {"weekdays": weekdays, "regressors": regressors, "saturating": saturating, "floor": floor, "falling": falling}


def cv_golden():
    frames, cases = histories(), []
    for name, df in frames.items():
        df.to_csv(FOLDER / f"history_{name}.csv", index=False)
    for name, (history, config) in MODELS.items():
        np.random.seed(1)
        df = frames[history].copy()
        model = original.fit({"uncertainty_samples": 0, **config}, df)
        got = cross_validation(model, **WINDOWS, disable_tqdm=True)
        case = {"case": name, "history": history, "config": config, "columns": list(got.columns)}
        case["ds"] = [str(s.date()) for s in got["ds"]]
        case["cutoff"] = [str(s.date()) for s in got["cutoff"]]
        for column in got.columns.difference(["ds", "cutoff"]):
            case[column] = [number(v) for v in got[column]]
        cases.append(case)
    write_json("cv.json", windows=WINDOWS, cases=cases)
    return len(cases)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    pd.DataFrame.sort_values = stable
    print("metrics.json:", metrics_golden(), "cases")
    print("cutoffs.json:", cutoffs_golden(), "cases")
    pd.DataFrame.sort_values = unstable
    print("cv.json:", cv_golden(), "cases")
