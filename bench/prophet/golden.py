#!/usr/bin/env python3
"""Run the original Prophet on every case of cases.json and write its results as golden files.

    python3 bench/prophet/golden.py [--out FOLDER] [--only NAME ...] [--real FOLDER] [--skip-generated] [--spread N]

Generated series go to FOLDER/<case>.json, real ones (read from --real or ETFCAST_REAL_DATA, left out without it) to
FOLDER/real/<case>.json. Files of real series contain no observations, only dates, parameters and forecasts. Default
FOLDER: forecast/prophet/testdata/golden. forecast/prophet/golden_test.go compares; parity.py writes the report.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import sys

from original import PINNED, TESTDATA, fit, log_posterior, np, pd, prophet, raw_params, read_series, termination, versions

HERE = pathlib.Path(__file__).resolve().parent
HORIZON = 30  # rows ahead
SHOWN = 10  # last rows of the history among the predictions
RUNS = 5  # of 1,000 samples each, for the interval widths
SPREAD = 8  # fits with other last bits, unless the case says how many


def stamps(series):
    return [t.strftime("%Y-%m-%d" if t == t.normalize() else "%Y-%m-%d %H:%M:%S") for t in pd.to_datetime(series)]


def numbers(values):
    return [float(v) for v in values]


def add_columns(df, case):
    """The columns that a case has besides those of its series: a constant cap, and regressors made from the date."""
    if "cap" in case:
        df["cap"] = float(case["cap"])
    if case.get("weekday"):
        df["monday"] = (df["ds"].dt.dayofweek == 0).astype(float)
        df["day_of_month"] = df["ds"].dt.day.astype(float)
    return df


def future_frame(model, df, case):
    """The last rows of the history and the rows ahead. Columns ahead repeat the series' first rows; caps and floors
    keep their last values."""
    history = model.history[["ds"]].drop_duplicates()
    ahead = model.make_future_dataframe(HORIZON, freq=case["freq"], include_history=False)
    extra = [c for c in df.columns if c not in ("ds", "y")]
    known = df.sort_values("ds", kind="stable").drop_duplicates("ds").set_index("ds")
    past = history.tail(SHOWN).reset_index(drop=True)
    for c in extra:
        past[c] = known.loc[past["ds"], c].to_numpy(dtype=float)
        values = df[c].to_numpy(dtype=float)
        ahead[c] = values[-1] if c in ("cap", "floor") else values[:HORIZON]
    if case.get("weekday"):
        ahead = add_columns(ahead, case)
    return pd.concat([past, ahead], ignore_index=True)


def widths(model, frame):
    """Mean width of the interval of yhat over the rows, averaged over RUNS runs of the model's 1,000 samples."""
    total = 0.0
    for run in range(RUNS):
        np.random.seed(run)
        out = model.predict(frame)
        total += float((out["yhat_upper"] - out["yhat_lower"]).mean())
    return total / RUNS


def spread(case, df, model, frame):
    """How far the original is from itself, by fits of the same series with the last bits of y changed.

    L-BFGS stops where its gradient test happens to hold, and the path to there is chaotic: to show the effect of another
    compiler's rounding, every y is multiplied by 1 plus -2 to +2 units in the last place, at random. Differences are from
    the fit of the unchanged series: that of the log posterior, and the largest of yhat over the history and the rows
    ahead, as a fraction of the range of y.
    """
    rng = np.random.default_rng(1)
    width = float(df["y"].max() - df["y"].min())
    past = df[df["y"].notnull()].drop(columns="y")

    def curve(m):
        samples, m.uncertainty_samples = m.uncertainty_samples, 0
        out = np.concatenate([m.predict(past)["yhat"], m.predict(frame)["yhat"]])
        m.uncertainty_samples = samples
        return out

    base, height = curve(model), log_posterior(model, raw_params(model))
    out = {"yhat": [], "log_posterior": [], "iterations": []}
    for _ in range(case.get("spread", SPREAD)):
        changed = df.copy()
        changed["y"] *= 1 + np.finfo(float).eps * rng.integers(-2, 3, len(df))
        other = fit(case["config"], changed)
        out["yhat"].append(round(float(np.abs(curve(other) - base).max()) / width, 8))
        out["log_posterior"].append(round(log_posterior(other, raw_params(other)) - height, 6))
        out["iterations"].append(termination(other)["iterations"])
    return out


def golden(case, df, real):
    model = fit(case["config"], df)
    raw = raw_params(model)
    history = model.history
    features, prior_scales, columns, _ = model.make_all_seasonality_features(history)
    x = features.to_numpy(dtype=float)
    k, m = {"linear": model.linear_growth_init, "flat": model.flat_growth_init, "logistic": model.logistic_growth_init}[model.growth](history)
    start = {"k": k, "m": m, "sigma_obs": 1.0, "delta": np.zeros(len(model.changepoints_t)), "beta": np.zeros(x.shape[1])}
    out = {
        "name": case["name"],
        "series": case["series"],
        "rows_used": case.get("rows", 0),
        "freq": case["freq"],
        "versions": versions(),
        "config": case["config"],
    }
    for key in ("cap", "weekday"):
        if key in case:
            out[key] = case[key]
    t, y = history["t"].to_numpy(), history["y_scaled"].to_numpy()
    rows = sorted({0, len(history) // 2, len(history) - 1})
    modes = []
    for a, mult in zip(columns["additive_terms"], columns["multiplicative_terms"]):
        modes.append("additive" if a else "multiplicative" if mult else "")
    out["prepared"] = {
        "rows": len(history),
        "y_scale": float(model.y_scale),
        "y_min": float(model.y_min),
        "start": stamps([model.start])[0],
        "t_scale_seconds": model.t_scale.total_seconds(),
        "t_first": numbers(t[:5]),
        "t_last": numbers(t[-5:]),
        "t_sum": math.fsum(t),
        "y_scaled_sum": math.fsum(y),
        "y_scaled_sum_squares": math.fsum(y * y),
        "n_changepoints": int(model.n_changepoints),
        "changepoints_t": numbers(model.changepoints_t),
        "initial_k": float(k),
        "initial_m": float(m),
        "initial_log_posterior": log_posterior(model, start),
        "columns": list(features.columns),
        "prior_scales": numbers(prior_scales),
        "modes": modes,
        "feature_rows": {str(i): numbers(x[i]) for i in rows},
        "feature_sums": [math.fsum(x[:, j]) for j in range(x.shape[1])],
        "feature_sums_absolute": [math.fsum(abs(x[:, j])) for j in range(x.shape[1])],
    }
    if not real:
        out["prepared"]["y_scaled_first"] = numbers(y[:5])
        out["prepared"]["y_scaled_last"] = numbers(y[-5:])
    out["fit"] = termination(model) | {
        "k": float(np.ravel(model.params["k"])[0]),
        "m": float(np.ravel(model.params["m"])[0]),
        "sigma_obs": float(np.ravel(model.params["sigma_obs"])[0]),
        "delta": numbers(np.ravel(model.params["delta"])),
        "beta": numbers(np.ravel(model.params["beta"])),
        "log_posterior": log_posterior(model, raw) if model.stan_fit is not None else 0.0,
    }
    if len(model.changepoints) == 0 and model.stan_fit is not None:
        # Where the optimiser stopped: the model has since added the rate of its placeholder changepoint to k.
        out["fit"] |= {"optimised_k": raw["k"], "optimised_delta": raw["delta"]}
    frame = future_frame(model, df, case)
    samples, model.uncertainty_samples = model.uncertainty_samples, 0
    forecast = model.predict(frame)
    model.uncertainty_samples = samples
    names = [c for c in forecast.columns if c not in ("ds", "cap", "floor") and not c.endswith(("_lower", "_upper"))]
    out["predicted"] = {
        "ds": stamps(forecast["ds"]),
        "columns": {c: numbers(frame[c]) for c in frame.columns if c != "ds"},
        "values": {name: numbers(forecast[name]) for name in names},
    }
    past = history.drop_duplicates("ds")[["ds", *[c for c in df.columns if c not in ("ds", "y")]]].copy()
    for c in past.columns[1:]:  # the model keeps regressors standardised: predict needs the original values
        past[c] = df.sort_values("ds", kind="stable").drop_duplicates("ds").set_index("ds").loc[past["ds"], c].to_numpy(dtype=float)
    out["interval_width"] = {
        "runs": RUNS,
        "history": widths(model, past),
        "horizon": widths(model, frame.tail(HORIZON).reset_index(drop=True)),
    }
    if out["fit"]["algorithm"] == "lbfgs" and case.get("spread", SPREAD):
        out["spread"] = spread(case, df, model, frame)
    return out


def make_future(case, df):
    model = fit({"n_changepoints": 0, "yearly_seasonality": False, "weekly_seasonality": False, "daily_seasonality": False}, df[["ds", "y"]])
    out = {"series": case["series"], "history_dates": len(model.history_dates), "freqs": {}}
    for freq in case["freqs"]:
        out["freqs"][freq] = stamps(model.make_future_dataframe(5, freq=freq, include_history=False)["ds"])
    inferred = model.make_future_dataframe(5, freq=None, include_history=False) if pd.infer_freq(model.history_dates.tail(5)) else None
    out["inferred"] = stamps(inferred["ds"]) if inferred is not None else None
    return out


def dump(value, indent=0):
    """JSON with one line for each key of the first two levels: long vectors stay on one line."""
    if isinstance(value, dict) and indent < 2 and value:
        inner = ",\n".join(f'{" " * (indent + 1)}{json.dumps(k)}: {dump(v, indent + 1)}' for k, v in value.items())
        return "{\n" + inner + "\n" + " " * indent + "}"
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(", ", ": ") if indent < 2 else (",", ":"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=TESTDATA / "golden")
    parser.add_argument("--real", type=pathlib.Path, default=os.environ.get("ETFCAST_REAL_DATA"))
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--skip-generated", action="store_true")
    parser.add_argument("--spread", type=int, help="number of fits with other last bits per case, instead of the number in cases.json; 0 leaves them out")
    args = parser.parse_args()
    if prophet.__version__ != PINNED:
        print(f"prophet {prophet.__version__} is installed, but the golden files need {PINNED}; run pip install prophet=={PINNED}", file=sys.stderr)
        return 2
    cases = json.loads((HERE / "cases.json").read_text())
    (args.out / "real").mkdir(parents=True, exist_ok=True)
    for kind, folder, out in (("generated", TESTDATA, args.out), ("real", args.real, args.out / "real")):
        if folder is None or (kind == "generated" and args.skip_generated):
            continue
        for case in cases[kind]:
            if args.only and case["name"] not in args.only:
                continue
            if args.spread is not None:
                case["spread"] = args.spread
            began = datetime.datetime.now()
            df = add_columns(read_series(pathlib.Path(folder) / case["series"], case.get("rows", 0)), case)
            result = golden(case, df, kind == "real")
            (out / f'{case["name"]}.json').write_text(dump(result) + "\n")
            took = (datetime.datetime.now() - began).total_seconds()
            print(f'{kind} {case["name"]}: {result["fit"]["algorithm"]}, {result["fit"]["iterations"]} iterations,'
                  f' log posterior {result["fit"]["log_posterior"]:.4f}, {took:.1f} s', file=sys.stderr)  # fmt: skip
    if not args.only and not args.skip_generated:
        future = [make_future(c, read_series(TESTDATA / c["series"])) for c in cases["make_future"]]
        (args.out / "make_future.json").write_text(dump({"versions": versions(), "cases": future}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
