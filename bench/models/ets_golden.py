"""Writes forecast/ets/testdata/golden.json: what statsforecast's AutoETS and statsmodels' ETSModel make of 20 generated and 8 real series.

    pip install -r bench/models/requirements.txt
    ETFCAST_REAL_DATA=<folder of real prices> python bench/models/ets_golden.py [--check]

Models are fitted to log closes. The closes of the generated series are in the file; of real ones only the SHA-256 of the text that
forecast.ClosesHash describes. With --check nothing is written: numbers that differ by more than 1e-6 (relatively) are printed, and the exit code is 1.
"""

import csv
import hashlib
import json
import math
import os
import pathlib
import sys
import warnings

import numpy as np
import statsforecast
import statsmodels
from statsforecast.ets import ets_f, forecast_ets
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

OUT = pathlib.Path(__file__).parents[2] / "forecast/ets/testdata/golden.json"
MODELS = [(e, t, d) for e in "AM" for t, d in (("N", False), ("A", False), ("A", True))]
HORIZONS = [1, 5, 21]
LAST_SESSION, ROWS = "2025-06-30", 2520  # of the real series


def generated():
    """20 series of closes: name, closes. Each has a seed of its own."""
    def random(seed):
        return np.random.default_rng(seed)

    def closes(log, digits=2):
        return [float(f"{c:.{digits}f}") for c in np.exp(log)]

    def walk(seed, n, mu, sigma, start=100.0):
        return math.log(start) + np.cumsum(random(seed).normal(mu, sigma, n))

    def smoothing(seed, n, alpha, beta=0.0, phi=1.0, b=0.0, sigma=0.01, start=100.0, relative=False):
        l, out, r = math.log(start), [], random(seed)
        for e in r.normal(0, sigma, n):
            f = l + phi * b
            if relative:
                e *= f
            out.append(f + e)
            l, b = f + alpha * e, phi * b + beta * e
        return np.array(out)

    def autoregressive(seed, n, rho, sigma):
        r, x, out = random(seed), 0.0, []
        for e in r.normal(0, sigma, n):
            x = rho * x + e
            out.append(x)
        return math.log(50) + np.cumsum(out)

    def garch(seed, n, start):
        r, v, e, out = random(seed), 1e-4, 0.0, []
        for z in r.standard_normal(n):
            v = 2e-6 + 0.09 * e * e + 0.89 * v
            e = math.sqrt(v) * z
            out.append(e + 3e-4)
        return math.log(start) + np.cumsum(out)

    def broken(seed, n):
        r = random(seed)
        return math.log(80) + np.cumsum(np.concatenate([r.normal(0, 0.006, n // 2), r.normal(0, 0.02, n - n // 2)]))

    yield "walk", closes(walk(1, 400, 0, 0.01))
    yield "walk with drift", closes(walk(2, 500, 0.0005, 0.012))
    yield "walk, long", closes(walk(3, 1200, 0.0003, 0.009, 250))
    yield "walk, short", closes(walk(4, 80, 0, 0.01))
    yield "falling", closes(walk(5, 400, -0.003, 0.01, 300))
    yield "in won", closes(walk(6, 500, 0.0002, 0.011, 35000), 0)
    yield "below 1", closes(walk(7, 300, 0, 0.01, 0.5), 4)
    yield "just above 1", closes(smoothing(8, 300, 0.3, sigma=0.01, start=1.3), 4)
    yield "level, alpha .3", closes(smoothing(9, 400, 0.3))
    yield "level, alpha .05", closes(smoothing(10, 400, 0.05))
    yield "white noise", closes(smoothing(11, 400, 0.0))
    yield "trend", closes(smoothing(12, 400, 0.5, 0.05, b=0.001))
    yield "fast trend", closes(smoothing(13, 300, 0.9, 0.6, b=0.0, sigma=0.005))
    yield "straight line with noise", closes(smoothing(14, 400, 0.001, 0.0005, b=0.002))
    yield "damped trend", closes(smoothing(15, 400, 0.8, 0.3, 0.9, b=0.01))
    yield "relative errors", closes(smoothing(16, 400, 0.7, 0.01, b=0.001, sigma=0.004, relative=True))
    yield "momentum", closes(autoregressive(17, 500, 0.4, 0.01))
    yield "reversal", closes(autoregressive(18, 500, -0.3, 0.01))
    yield "garch", closes(garch(19, 800, 60))
    yield "volatility break", closes(broken(20, 600))


def real(folder):
    """8 real series: name, sessions, closes."""
    def yahoo(path):
        for r in csv.reader(open(path)):
            if len(r[0]) >= 10 and r[0][4] == "-":
                yield r[0][:10], float(r[2])

    def krx(path):
        for r in csv.DictReader(open(path)):
            d = r["date"]
            yield f"{d[:4]}-{d[4:6]}-{d[6:]}", float(r["close"])

    for symbol in ("SPY", "QQQ", "IWM", "EEM"):
        yield f"yahoo/{symbol}.csv", yahoo(folder / "prices" / "yahoo" / f"{symbol}.csv")
    for symbol in ("069500", "114800", "139230", "152380"):
        yield f"krx/{symbol}_D.csv", krx(folder / "prices" / "krx" / f"{symbol}_D.csv")


def closes_hash(rows):
    text = "".join(f"{s} {np.format_float_positional(c, unique=True, trim='-')} {min(i, 1)}\n" for i, (s, c) in enumerate(rows))
    return hashlib.sha256(text.encode()).hexdigest()


def numbers(values):
    return [float(v) for v in values]


def by_statsforecast(y, error, trend, damped):
    f = ets_f(y, 1, error + trend + "N", damped=damped)
    points = forecast_ets(f, h=HORIZONS[-1], level=[90])
    at = [h - 1 for h in HORIZONS]
    p = [0.0 if math.isnan(v) else float(v) for v in f["par"][:4]]
    return {
        "alpha": p[0], "beta": p[1], "phi": p[3] if damped else 1.0, "initial": numbers(f["par"][4:]),
        "likelihood": float(f["loglik"]), "aicc": float(f["aicc"]), "sigma2": float(f["sigma2"]),
        "mean": numbers(points["mean"][at]), "upper": numbers(points["hi-90"][at]),
    }


def by_statsmodels(y, error, trend, damped):
    m = ETSModel(y, error="add" if error == "A" else "mul", trend="add" if trend == "A" else None, damped_trend=damped)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f = m.fit(disp=False, maxiter=2000)
    p = dict(zip(f.param_names, f.params))
    mean = np.asarray(f.forecast(HORIZONS[-1]))[[h - 1 for h in HORIZONS]]
    initial = [p["initial_level"]] + ([p["initial_trend"]] if trend == "A" else [])
    return {
        "alpha": float(p["smoothing_level"]), "beta": float(p.get("smoothing_trend", 0.0)), "phi": float(p.get("damping_trend", 1.0)),
        "initial": numbers(initial), "likelihood": float(f.llf), "aicc": float(f.aicc), "mean": numbers(mean),
    }


def case(name, prices, **more):
    y = np.log(np.array(prices))
    kept = {"name": name, **more, "models": {}}
    for error, trend, damped in MODELS:
        if error == "M" and y.min() <= 0:
            continue
        key = error + trend + ("d" if damped else "") + "N"
        kept["models"][key] = {
            "statsforecast": by_statsforecast(y, error, trend, damped),
            "statsmodels": by_statsmodels(y, error, trend, damped),
        }
    chosen = ets_f(y, 1, "ZZN")
    kept["chosen"] = chosen["components"][:2] + ("d" if chosen["components"][3] == "D" else "") + "N"
    kept["chosen_aicc"] = float(chosen["aicc"])
    print(name, kept["chosen"], file=sys.stderr, flush=True)
    return kept


def make():
    cases = [case(name, closes, closes=closes) for name, closes in generated()]
    folder = os.environ.get("ETFCAST_REAL_DATA")
    if not folder:
        sys.exit("ETFCAST_REAL_DATA is not set: set it to the folder of real prices")
    for name, rows in real(pathlib.Path(folder)):
        rows = [r for r in rows if r[0] <= LAST_SESSION][-ROWS:]
        cases.append(case(name, [c for _, c in rows], sha256=closes_hash(rows)))
    return {
        "versions": {"statsforecast": statsforecast.__version__, "statsmodels": statsmodels.__version__, "numpy": np.__version__},
        "horizons": HORIZONS, "rows": ROWS, "last_session": LAST_SESSION, "cases": cases,
    }


def differences(a, b, at=""):
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return [d for k in a for d in differences(a[k], b[k], f"{at}/{k}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [d for i, (x, y) in enumerate(zip(a, b)) for d in differences(x, y, f"{at}[{i}]")]
    if isinstance(a, float) and isinstance(b, float):
        return [] if math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9) else [f"{at}: {a} is now {b}"]
    return [] if a == b else [f"{at}: {a} is now {b}"]


def main():
    now = json.loads(json.dumps(make()))
    if "--check" in sys.argv[1:]:
        found = differences(json.loads(OUT.read_text()), now)
        print("\n".join(found) or "no differences")
        sys.exit(1 if found else 0)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    head = {k: v for k, v in now.items() if k != "cases"}
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in now["cases"])
    OUT.write_text(json.dumps(head, separators=(",", ":"))[:-1] + ',"cases":[\n' + lines + "\n]}\n")


if __name__ == "__main__":
    main()
