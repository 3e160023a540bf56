"""The original Prophet, driven by the config keys of `etfcast prophet`; shared by the other scripts of this folder.

Nothing here is used by the product. Needs prophet 1.5.0 (pip install prophet==1.5.0).
"""

import contextlib
import logging
import os
import pathlib
import platform
import re
import sys
import warnings

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TESTDATA = ROOT / "forecast" / "prophet" / "testdata"
PINNED = "1.5.0"

# These variables make a BLAS assume another machine, which would make the original slower than its users know it.
for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(_name, None)

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

with contextlib.redirect_stdout(open(os.devnull, "w")), contextlib.redirect_stderr(open(os.devnull, "w")):
    try:
        import numpy as np
        import pandas as pd
        import prophet
        from prophet import Prophet
    except ImportError as err:
        sys.__stderr__.write(f"{err}: pip install prophet=={PINNED}\n")
        raise SystemExit(2) from None
logging.disable(logging.CRITICAL)

PLAIN = (
    "growth", "changepoints", "n_changepoints", "changepoint_range", "yearly_seasonality", "weekly_seasonality",
    "daily_seasonality", "seasonality_mode", "holidays_mode", "seasonality_prior_scale", "holidays_prior_scale",
    "changepoint_prior_scale", "interval_width", "uncertainty_samples", "scaling",
)  # fmt: skip


def versions():
    import cmdstanpy
    import holidays
    from prophet.models import CmdStanPyBackend

    return {
        "prophet": prophet.__version__,
        "cmdstan": CmdStanPyBackend.CMDSTAN_VERSION,
        "cmdstanpy": cmdstanpy.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "holidays": holidays.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def read_series(path, rows=0):
    """Read ds and y (and any other columns) in any of the layouts used here; rows > 0 keeps only the last ones."""
    text = path.read_text()
    header = re.split(r"[\r\n]", text, maxsplit=1)[0].replace('"', "").split(",")
    read = {"float_precision": "round_trip"}
    if header[0] == "ds":
        df = pd.read_csv(path, **read)
    elif header[0] == "Price":  # Yahoo's download: three more header lines, the date in the first column
        table = pd.read_csv(path, header=None, skiprows=4, **read)
        df = pd.DataFrame({"ds": table[0], "y": table[header.index("Close")]})
    else:
        table = pd.read_csv(path, dtype={"date": str}, **read)
        df = pd.DataFrame({"ds": table["date"], "y": table["close"]})
    df["ds"] = pd.to_datetime(df["ds"])
    df["y"] = df["y"].astype(float)
    if rows:
        df = df.iloc[-rows:]
    return df.reset_index(drop=True)


def new_model(config):
    """Return a Prophet for a config, and the arguments of its fit. Keys that the original does not have are refused, except
    compat, which asks for what the original does anyway."""
    unknown = set(config) - set(PLAIN) - {"seasonalities", "regressors", "holidays", "country_holidays", "optimizer", "compat"}
    if unknown:
        raise ValueError(f"the original has no {sorted(unknown)}")
    args = {key: config[key] for key in PLAIN if key in config}
    if "holidays" in config:
        table = pd.DataFrame(config["holidays"])
        table["ds"] = pd.to_datetime(table["ds"])
        windows = ["lower_window", "upper_window"]  # the original needs both or neither
        if set(windows) & set(table):
            for name in windows:
                table[name] = table[name].fillna(0) if name in table else 0
        args["holidays"] = table
    model = Prophet(**args)
    for s in config.get("seasonalities", []):
        model.add_seasonality(**s)
    for r in config.get("regressors", []):
        model.add_regressor(**r)
    if "country_holidays" in config:
        model.add_country_holidays(config["country_holidays"])
    algorithm = {"newton": "Newton", "lbfgs": "LBFGS", "auto": None}[config.get("optimizer", "auto")]
    return model, ({"algorithm": algorithm} if algorithm else {})


def fit(config, df):
    model, args = new_model(config)
    model.fit(df, **args)
    return model


def log_posterior(model, params):
    """The log posterior without constants, computed from the definition by plain sums: independent of Stan and our Go.

    params has k, m, sigma_obs (numbers) and delta, beta (vectors), for the scaled data that the model keeps.
    """
    h = model.history
    t = h["t"].to_numpy()
    y = h["y_scaled"].to_numpy()
    features, prior_scales, columns, _ = model.make_all_seasonality_features(h)
    x = features.to_numpy(dtype=float)
    additive = columns["additive_terms"].to_numpy(dtype=float)
    multiplicative = columns["multiplicative_terms"].to_numpy(dtype=float)
    k, m, sigma = params["k"], params["m"], params["sigma_obs"]
    delta = np.asarray(params["delta"], dtype=float)
    beta = np.asarray(params["beta"], dtype=float)
    changes = np.asarray(model.changepoints_t, dtype=float)
    if model.growth == "linear":
        g = k * t + m
        for c, d in zip(changes, delta):
            g = g + d * np.maximum(0.0, t - c)
    elif model.growth == "flat":
        g = np.full(len(t), m)
    else:
        rate, offset = np.full(len(t), k), np.full(len(t), m)
        r, o = k, m
        for c, d in zip(changes, delta):
            o = o + (c - o) * (1 - r / (r + d))
            r = r + d
            rate[t >= c], offset[t >= c] = r, o
        g = h["cap_scaled"].to_numpy() / (1 + np.exp(-rate * (t - offset)))
    mu = g * (1 + x @ (beta * multiplicative)) + x @ (beta * additive)
    sse = float(np.sum((y - mu) ** 2))
    return float(
        -len(t) * np.log(sigma)
        - sse / (2 * sigma**2)
        - k**2 / 50
        - m**2 / 50
        - np.sum(np.abs(delta)) / model.changepoint_prior_scale
        - 2 * sigma**2
        - np.sum(beta**2 / (2 * np.asarray(prior_scales, dtype=float) ** 2))
    )


def raw_params(model):
    """The parameters where the optimiser stopped, before the rate of the placeholder changepoint is added to k."""
    if model.stan_fit is None:
        return {name: value[0].tolist() for name, value in model.params.items() if name != "trend"}
    found = {}
    for name, value in zip(model.stan_fit.column_names, model.stan_fit.optimized_params_np):
        base = re.split(r"[.\[]", name)[0]
        found.setdefault(base, []).append(float(value))
    out = {name: found[name][0] for name in ("k", "m", "sigma_obs")}
    out.update({name: found[name] for name in ("delta", "beta")})
    return out


def termination(model):
    """How the optimiser reports that it ended, and after how many iterations."""
    if model.stan_fit is None:
        return {"algorithm": "none", "status": "constant history, not optimised", "iterations": 0}
    # Each run has its own file of console output; the parameters that the program echoes name the algorithm.
    text = pathlib.Path(model.stan_fit.runset.stdout_files[0]).read_text()
    algorithm = re.search(r"algorithm = (\w+)", text)
    ended = re.search(r"Optimization terminated[^\n]*\n\s*([^\n]*)", text)
    iterations = [int(i) for i in re.findall(r"^\s*(\d+)\s+[-\d.]+", text, re.M)]
    newton = [int(i) for i in re.findall(r"Iteration\s+(\d+)\.", text)]
    return {
        "algorithm": algorithm.group(1) if algorithm else "",
        "status": ended.group(1).strip() if ended else "",
        "iterations": max(iterations + newton, default=0),
    }
