#!/usr/bin/env python3
"""Compute the golden values of package forecast/garch with the Python package arch.

    ETFCAST_REAL_DATA=... python3 bench/models/garch_golden.py [--check]

Writes forecast/garch/testdata/golden.json, or with --check compares with it. The 20 generated series are in the file, as closes; their
seeds are below. Of the 8 real series only the results are, and the SHA-256 of the closes that they are of: the last 2,521 rows, each
close as the text that reads back exactly, separated by line feeds. Without ETFCAST_REAL_DATA the real ones are kept as they are. The
models are a constant mean with GARCH(1,1) and Student-t errors ("garch"), and with GJR-GARCH(1,1,1) and Hansen's skewed t ("gjr"), on
100 times the log returns, arch's own starting values and tolerance. See requirements.txt.
"""

import argparse
import csv
import hashlib
import json
import os
import pathlib
import sys
import warnings

import arch
import numpy as np
from arch.univariate import SkewStudent

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = ROOT / "forecast" / "garch" / "testdata" / "golden.json"
HORIZONS = 21
ROWS = 2521
REAL = ["yahoo/SPY", "yahoo/QQQ", "yahoo/IWM", "yahoo/EEM", "krx/069500", "krx/114800", "krx/139230", "krx/152380"]


def simulate(seed, n, omega, alpha, beta, gamma=0.0, nu=8.0, lam=0.0, mu=0.03, scale=None):
    """Returns in percent, after 500 that are thrown away. scale multiplies the return of each session."""
    u = np.random.default_rng(seed).random(n + 500)
    z = SkewStudent().ppf(u, [nu, lam])
    h = omega / (1 - alpha - gamma / 2 - beta)
    out = []
    for x in z:
        e = np.sqrt(h) * x
        out.append(e)
        h = omega + (alpha + gamma * (e < 0)) * e * e + beta * h
    out = np.array(out[500:])
    return mu + (out if scale is None else out * scale)


def closes(returns, start=100.0, tick=1e-4):
    return np.round(start * np.exp(np.cumsum(np.concatenate([[0], returns])) / 100) / tick) * tick


def generated():
    """The series: name, seed, closes."""
    out = []

    def add(name, seed, returns, **kw):
        decimals = 0 if kw.get("tick", 0) >= 1 else 4
        out.append((f"{name}, seed {seed}", [round(float(c), decimals) for c in closes(returns, **kw)]))

    add("GARCH-t", 1, simulate(1, 1500, .02, .08, .90))
    add("GARCH-t, heavy tails", 2, simulate(2, 1500, .02, .10, .88, nu=4.))
    add("GARCH-t, nearly normal", 3, simulate(3, 1200, .05, .05, .90, nu=50.))
    add("GARCH-t, quick", 4, simulate(4, 1000, .30, .30, .40, nu=6.))
    add("GARCH-t, wild", 5, simulate(5, 1000, .50, .15, .80, nu=5.))
    add("GJR", 6, simulate(6, 1500, .02, .02, .88, gamma=.14))
    add("GJR, skewed", 7, simulate(7, 1500, .03, .00, .88, gamma=.18, nu=7., lam=-.15))
    add("GJR, more so", 8, simulate(8, 1000, .05, .05, .75, gamma=.25, nu=5., lam=-.30))
    add("GJR, the other way", 9, simulate(9, 1000, .05, .15, .80, gamma=-.12, lam=.10))
    add("iid normal", 10, np.random.default_rng(10).normal(.03, 1.0, 1200))
    add("iid t of 4", 11, np.random.default_rng(11).standard_t(4, 1200) * .7)
    add("iid uniform", 12, np.random.default_rng(12).uniform(-1, 1, 800))
    add("near IGARCH", 13, simulate(13, 1500, .002, .06, .938, nu=6.))
    add("near IGARCH, quicker", 14, simulate(14, 1500, .005, .15, .848, nu=5.))
    add("near IGARCH, GJR", 15, simulate(15, 1200, .005, .02, .918, gamma=.12, nu=8., lam=-.1))
    add("break upwards", 16, simulate(16, 1200, .05, .05, .90, scale=np.repeat([1., 3.], 600)))
    add("break downwards", 17, simulate(17, 1200, .05, .05, .90, scale=np.repeat([3., 1.], 600)))
    add("short", 18, simulate(18, 260, .02, .08, .90))
    add("tick-bound", 19, simulate(19, 1000, .00001, .05, .92, mu=.002), start=100000., tick=5.)
    outlier = np.random.default_rng(20).standard_t(6, 1000) * .8
    outlier[700] = -25.
    add("one outlier", 20, outlier)
    return out


def real(folder, name):
    source, symbol = name.split("/")
    if source == "yahoo":
        rows = list(csv.reader(open(folder / "prices" / "yahoo" / f"{symbol}.csv")))
        values = [float(r[2]) for r in rows if len(r[0]) >= 10 and r[0][4] == "-"]
    else:
        values = [float(r["close"]) for r in csv.DictReader(open(folder / "prices" / "krx" / f"{symbol}_D.csv"))]
    return values[-ROWS:]


def digest(values):
    return hashlib.sha256("\n".join(repr(v).removesuffix(".0") for v in values).encode()).hexdigest()


def fit(values, model):
    y = 100 * np.log(np.array(values[1:]) / np.array(values[:-1]))
    o, dist = (0, "t") if model == "garch" else (1, "skewt")
    m = arch.arch_model(y, mean="Constant", vol="GARCH", p=1, o=o, q=1, dist=dist, rescale=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r = m.fit(disp="off", show_warning=False)
        # Not r.forecast, which starts the recursion anew with another backcast than the fit had: of the residuals from mu, not from the mean.
        f = m.volatility.forecast(
            r.params.to_numpy()[1 : 4 + o], np.asarray(r.resid, dtype=float), m._backcast, m._var_bounds, start=len(y) - 1, horizon=HORIZONS
        )
    p = list(map(float, r.params))
    if model == "garch":
        p = p[:3] + [0.0] + p[3:] + [0.0]
    return {
        "params": dict(zip(["mu", "omega", "alpha", "gamma", "beta", "nu", "lambda"], p)),
        "log_likelihood": float(r.loglikelihood),
        "variance": [float(v) for v in f.forecasts[-1]],
        "converged": bool(r.convergence_flag == 0),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="compare with the file, write nothing")
    args = parser.parse_args()
    old = json.loads(FILE.read_text()) if FILE.exists() else {"real": []}
    new = {"made_by": f"bench/models/garch_golden.py with arch {arch.__version__}", "generated": [], "real": old["real"]}
    for name, values in generated():
        new["generated"].append({"name": name, "closes": values, "garch": fit(values, "garch"), "gjr": fit(values, "gjr")})
    folder = os.environ.get("ETFCAST_REAL_DATA")
    if folder:
        new["real"] = []
        for name in REAL:
            values = real(pathlib.Path(folder), name)
            new["real"].append({"name": name, "sha256": digest(values), "garch": fit(values, "garch"), "gjr": fit(values, "gjr")})
    text = json.dumps(new)
    # a line for each series keeps differences readable
    text = text.replace('{"name"', '\n{"name"').replace('], "real"', '],\n"real"') + "\n"
    if args.check:
        worst = 0.0
        for group in ["generated", "real"]:
            for a, b in zip(old[group], new[group], strict=True):
                assert a["name"] == b["name"] and a.get("closes") == b.get("closes") and a.get("sha256") == b.get("sha256"), a["name"]
                for m in ["garch", "gjr"]:
                    worst = max(worst, abs(a[m]["log_likelihood"] - b[m]["log_likelihood"]))
        print(f"log likelihoods differ by {worst:.2g} at most")
        sys.exit(worst > 1e-3)
    FILE.write_text(text)


if __name__ == "__main__":
    main()
