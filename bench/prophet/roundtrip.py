"""Checks that models work in both directions: fitted by `etfcast prophet fit` and forecast by Python, and fitted by
Python and forecast by `etfcast prophet predict`.

    python3 bench/prophet/roundtrip.py [--etfcast bin/etfcast] [--keep FOLDER]

The series are made here from a seed. Each case is fitted once by each program, saved, and forecast by both on the same
future rows; the table has the largest difference over trend, every component and yhat, relative to the range of y (to 1
for multiplicative components, which are fractions). The exit code is 1 if any is above 1e-6 or columns differ.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import original  # first: it keeps the original quiet
from original import np, pd
from prophet.serialize import model_from_json, model_to_json

TOLERANCE = 1e-6
SEED = 20260105


def series(rows, start="2021-01-04", freq="D", level=100.0):
    rng = np.random.default_rng(SEED)
    at = np.arange(rows)
    wave = 3 * np.sin(2 * np.pi * at / 7) + 5 * np.sin(2 * np.pi * at / 365.25)
    y = level + 0.05 * at - 0.04 * np.maximum(at - rows // 2, 0) + wave + rng.normal(0, 1, rows)
    return pd.DataFrame({"ds": pd.date_range(start, periods=rows, freq=freq), "y": y})


def ahead(history, periods=45, freq="D"):
    return pd.DataFrame({"ds": pd.date_range(history["ds"].iloc[-1], periods=periods + 1, freq=freq)[1:]})


def with_columns(frame, seed):
    rng = np.random.default_rng(SEED + seed)
    frame["even"] = (frame["ds"].dt.isocalendar().week % 2 == 0).astype(int)
    frame["odd"] = 1 - frame["even"]
    frame["price"] = rng.normal(20, 3, len(frame))
    frame["open"] = (rng.random(len(frame)) > 0.5).astype(int)
    return frame


HOLIDAYS = [
    {"holiday": "fair", "ds": "2021-03-10", "lower_window": -2, "upper_window": 11, "prior_scale": 3.0},
    {"holiday": "fair", "ds": "2022-03-09", "lower_window": -2, "upper_window": 11, "prior_scale": 3.0},
    {"holiday": "promo", "ds": "2021-11-26", "lower_window": 0, "upper_window": 0, "prior_scale": 10.0},
    {"holiday": "promo", "ds": "2023-02-01", "lower_window": 0, "upper_window": 0, "prior_scale": 10.0},
]


def cases():
    h = series(760)
    yield "linear", {}, h, ahead(h)
    h = series(500, freq="B")
    yield "linear, weekdays", {"n_changepoints": 40, "changepoint_prior_scale": 0.5}, h, ahead(h, freq="B")
    yield "linear, minmax", {"scaling": "minmax", "changepoint_range": 0.95}, series(300), ahead(series(300))
    h = series(400)
    f = ahead(h)
    for frame in (h, f):
        frame["cap"] = 160.0 + np.arange(len(frame)) / 100
    yield "logistic", {"growth": "logistic"}, h, f
    h, f = h.copy(), f.copy()
    for frame in (h, f):
        frame["floor"] = 60.0
    yield "logistic, floor", {"growth": "logistic"}, h, f
    yield "logistic, floor, minmax", {"growth": "logistic", "scaling": "minmax"}, h, f
    h = series(300)
    yield "flat", {"growth": "flat"}, h, ahead(h)
    yield "flat, minmax", {"growth": "flat", "scaling": "minmax"}, h, ahead(h)
    yield "no changepoints, nothing else", {"n_changepoints": 0, "weekly_seasonality": False}, h, ahead(h)
    yield "given changepoints", {"changepoints": ["2021-08-01", "2021-03-01"], "optimizer": "newton"}, h, ahead(h)
    h = series(760)
    yield "multiplicative", {"seasonality_mode": "multiplicative", "optimizer": "lbfgs"}, h, ahead(h)
    yield "multiplicative, minmax", {"seasonality_mode": "multiplicative", "scaling": "minmax", "compat": True}, h, ahead(h)
    yield "holidays", {"holidays": HOLIDAYS, "holidays_prior_scale": 5, "holidays_mode": "multiplicative"}, h, ahead(h)
    yield "holidays and US", {"holidays": HOLIDAYS, "country_holidays": "US"}, h, ahead(h, 200)
    yield "KR", {"country_holidays": "KR", "seasonality_mode": "multiplicative"}, h, ahead(h, 200)
    seasonalities = [
        {"name": "weekly_even", "period": 7, "fourier_order": 3, "prior_scale": 2, "condition_name": "even"},
        {"name": "weekly_odd", "period": 7, "fourier_order": 2, "mode": "additive", "condition_name": "odd"},
        {"name": "monthly", "period": 30.5, "fourier_order": 4},
    ]
    regressors = [
        {"name": "price", "prior_scale": 0.5, "mode": "additive"},
        {"name": "open", "standardize": False},
    ]
    config = {
        "seasonality_mode": "multiplicative", "yearly_seasonality": 5, "weekly_seasonality": False,
        "seasonalities": seasonalities, "regressors": regressors,
    }  # fmt: skip
    h = with_columns(series(400), 1)
    yield "conditions and regressors", config, h, with_columns(ahead(h), 2)
    h = series(400, start="2021-01-04 06:30", freq="h")
    yield "hourly", {"n_changepoints": 10}, h, ahead(h, freq="h")
    h = series(100)
    yield "sampled", {"mcmc_samples": 20, "n_changepoints": 4}, h, ahead(h)
    h = series(60)
    h["y"] = 42.0
    yield "constant", {}, h, ahead(h)


def run(command, *args):
    """Run the command and return what it printed; raise its message if it fails."""
    done = subprocess.run([command, "prophet", *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"etfcast prophet {args[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def python_frame(frame):
    out = frame.copy()
    for name in ("even", "odd"):
        if name in out:
            out[name] = out[name].astype(bool)
    return out


def by_python(model, future):
    """Return a forecast without random draws, and the names of the columns of one with intervals."""
    samples = model.uncertainty_samples
    columns = list(model.predict(python_frame(future)).columns)
    model.uncertainty_samples = 0
    forecast = model.predict(python_frame(future))
    model.uncertainty_samples = samples
    return forecast, columns


def by_etfcast(command, folder, model):
    run(command, "predict", "--model", model, "--in", folder / "future.csv", "--out", folder / "forecast.csv")
    forecast = pd.read_csv(folder / "forecast.csv", float_precision="round_trip")
    forecast["ds"] = pd.to_datetime(forecast["ds"])
    return forecast


def difference(python, columns, ours, model, y):
    """Return the largest relative difference and the column it is in."""
    if list(ours.columns) != columns:
        return np.inf, f"columns {list(ours.columns)}, but Python has {columns}"
    if not (ours["ds"].to_numpy() == python["ds"].to_numpy()).all():
        return np.inf, "ds"
    spread = float(y.max() - y.min()) or float(abs(y).max())
    worst, where = 0.0, ""
    for name in python.columns.drop("ds"):
        base = name.removesuffix("_lower").removesuffix("_upper")
        scale = min(1.0, spread) if base in model.component_modes["multiplicative"] else spread
        off = float(np.abs(python[name].to_numpy() - ours[name].to_numpy()).max()) / scale
        if not off <= worst:
            worst, where = off, name
    return worst, where


def fit(command, folder, config):
    """Fit with the command and return the model as Python reads it."""
    (folder / "config.json").write_text(json.dumps(config))
    paths = {"--in": "history.csv", "--config": "config.json", "--model-out": "ours.json"}
    run(command, "fit", *[part for flag, name in paths.items() for part in (flag, folder / name)])
    return model_from_json((folder / "ours.json").read_text())


def one_way(command, folder, config, history, future):
    """Fitted here, forecast by Python."""
    model = fit(command, folder, config)
    python, columns = by_python(model, future)
    return difference(python, columns, by_etfcast(command, folder, folder / "ours.json"), model, history["y"])


def other_way(command, folder, config, history, future, as_string):
    """Fitted by Python, forecast here; saved as text or, as is also common, as a JSON string of that text."""
    samples = config.get("mcmc_samples", 0)
    model, args = original.new_model({key: value for key, value in config.items() if key != "mcmc_samples"})
    if samples:
        model.mcmc_samples = samples
        args.update(chains=2, seed=1, show_progress=False)
    model.fit(python_frame(history), **args)
    text = model_to_json(model)
    (folder / "python.json").write_text(json.dumps(text) if as_string else text)
    python, columns = by_python(model, future)
    return difference(python, columns, by_etfcast(command, folder, folder / "python.json"), model, history["y"])


def refused(command, folder, config):
    """A model that forecasts otherwise than the original loads in Python, but does not forecast other numbers."""
    history = series(300, freq="B")
    history.to_csv(folder / "history.csv", index=False)
    model = fit(command, folder, config)
    try:
        model.predict(ahead(history, freq="B"))
    except Exception as err:
        return f"refused by Python ({type(err).__name__}), growth {model.growth!r}", True
    return "not refused by Python, which forecasts wrongly", False


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    built = str(original.ROOT / "bin" / "etfcast")
    p.add_argument("--etfcast", default=built, help="the command (default: bin/etfcast)")
    p.add_argument("--keep", help="folder to leave the files in (default: a temporary one)")
    args = p.parse_args()
    if not os.access(args.etfcast, os.X_OK):
        sys.exit(f"{args.etfcast} does not exist; build it with `make build`, or name it with --etfcast")
    version = subprocess.run([args.etfcast, "version"], capture_output=True, text=True).stdout.split("\n")[0]
    print("etfcast:", version)
    print(", ".join(f"{name} {v}" for name, v in original.versions().items()))
    print(f"\nlargest difference of a column, relative to the range of y (allowed: {TOLERANCE:g})\n")
    print(f"{'case':32} {'etfcast -> Python':>18}  {'Python -> etfcast':>18}")
    bad = 0
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(args.keep or temporary)
        for i, (name, config, history, future) in enumerate(cases()):
            folder = root / name.replace(", ", "-").replace(" ", "-")
            folder.mkdir(parents=True, exist_ok=True)
            history.to_csv(folder / "history.csv", index=False)
            future.to_csv(folder / "future.csv", index=False)
            cells, notes = [], []
            for way, extra in ((one_way, ()), (other_way, (i % 2 == 0,))):
                try:
                    off, where = way(args.etfcast, folder, config, history, future, *extra)
                except Exception as err:
                    off, where = np.inf, f"{type(err).__name__}: {err}"
                cells.append(f"{off:.1e}")
                if not off <= TOLERANCE:
                    bad += 1
                    notes.append(f"    {way.__doc__.split(';')[0].rstrip('.')}: {where}")
            print(f"{name:32} {cells[0]:>18}  {cells[1]:>18}", *notes, sep="\n", flush=True)
        for name, config in (
            ("market", {"market": True, "exchange": "XNYS"}),
            ("multiplicative above a floor", {"seasonality_mode": "multiplicative", "scaling": "minmax"}),
        ):
            folder = root / name.replace(" ", "-")
            folder.mkdir(exist_ok=True)
            try:
                text, good = refused(args.etfcast, folder, config)
            except Exception as err:
                text, good = f"{type(err).__name__}: {err}", False
            print(f"{name:32} {text}")
            bad += not good
    print("\nall within the tolerance" if bad == 0 else f"\n{bad} outside the tolerance")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
