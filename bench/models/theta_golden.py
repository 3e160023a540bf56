"""Golden values of the Theta models, by statsforecast (versions in requirements.txt):

    python bench/models/theta_golden.py [--real FOLDER]

writes forecast/theta/testdata/golden.json: 20 generated series with their closes and, if the folder of real prices is given
(ETFCAST_REAL_DATA), the results of 8 real series without their closes. For each series and variant: the reference's parameters, its sum of
squared errors from the fourth row on, and its forecasts of the logarithm at horizons 1, 5 and 21.
"""

import argparse
import csv
import hashlib
import json
import pathlib

import numpy as np
import statsforecast
from statsforecast.theta import auto_theta, forecast_theta

VARIANTS = {"theta": "STM", "theta-optimised": "OTM", "theta-dynamic": "DOTM"}
HORIZONS = [1, 5, 21]
REAL = ["yahoo/SPY", "yahoo/QQQ", "yahoo/IWM", "yahoo/EEM", "krx/069500_D", "krx/114800_D", "krx/139230_D", "krx/152380_D"]
WINDOW = 2520


def generated():
    """Walks, trends with noise, autoregressions, clusters of volatility and jumps, of 40 to 240 rows."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = [40, 60, 90, 126, 240][seed % 5]
        e = rng.standard_normal(n)
        kind = ["walk", "trend", "noise around a level", "clusters"][seed // 5]
        if kind == "walk":
            x = np.cumsum(0.0005 + 0.012 * e)
        elif kind == "trend":
            x = 0.002 * np.arange(n) + 0.02 * e + np.cumsum(0.003 * rng.standard_normal(n))
        elif kind == "noise around a level":
            x = np.zeros(n)
            for i in range(1, n):
                x[i] = 0.7 * x[i - 1] + 0.01 * e[i]
        else:
            s, x = 0.01, np.zeros(n)
            for i in range(1, n):
                s = np.sqrt(5e-6 + 0.9 * s * s + 0.08 * (s * e[i - 1]) ** 2)
                x[i] = x[i - 1] - 0.001 + s * e[i] + (0.08 if rng.random() < 0.01 else 0)
        yield f"{kind} {seed}", [round(float(c), 4) for c in 50 * (1 + seed) * np.exp(x)]


def real(folder):
    for name in REAL:
        with open(pathlib.Path(folder) / "prices" / (name + ".csv")) as f:
            rows = list(csv.reader(f))
        if name.startswith("yahoo"):
            closes = [float(r[2]) for r in rows if len(r[0]) >= 10 and r[0][4] == "-"]
        else:
            closes = [float(r[4]) for r in rows[1:]]
        yield name, closes[-WINDOW:]


def results(closes):
    y = np.log(np.array(closes))
    out = {}
    for name, kind in VARIANTS.items():
        m = auto_theta(y, m=1, model=kind)
        f = forecast_theta(m, max(HORIZONS))["mean"]
        e = m["residuals"][3:]
        out[name] = {
            "initial": float(m["par"]["initial_smoothed"]),
            "alpha": float(m["par"]["alpha"]),
            "theta": float(m["par"]["theta"]),
            "squares": float(np.dot(e, e)),
            "forecast": [float(f[h - 1]) for h in HORIZONS],
        }
    return out


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--real", help="folder of real prices")
    folder = args.parse_args().real
    doc = {"reference": f"statsforecast {statsforecast.__version__}", "horizons": HORIZONS, "series": []}
    for name, closes in generated():
        doc["series"].append({"name": name, "rows": len(closes), "closes": closes, "results": results(closes)})
    for name, closes in real(folder) if folder else []:
        text = "\n".join(repr(c) for c in closes)
        doc["series"].append({"name": name, "rows": len(closes), "hash": hashlib.sha256(text.encode()).hexdigest(), "results": results(closes)})
    path = pathlib.Path(__file__).parents[2] / "forecast/theta/testdata/golden.json"
    path.write_text("{\n" + ",\n".join(f'"{k}": ' + (json.dumps(v) if k != "series" else "[\n" + ",\n".join(json.dumps(s) for s in v) + "\n]") for k, v in doc.items()) + "\n}\n")


if __name__ == "__main__":
    main()
