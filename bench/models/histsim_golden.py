"""Golden values of filtered historical simulation, by numpy (version in requirements.txt):

    python bench/models/histsim_golden.py

writes forecast/histsim/testdata/golden.json: two generated series, and for each the quantiles of the logarithm of the close 1, 5 and 21
sessions ahead. Those of one session are exact; the others come from 400,000 paths that draw residuals independently.
"""

import json
import pathlib

import numpy as np

LEVELS = [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975]
HORIZONS = [1, 5, 21]
DECAY, WARM_UP, PATHS = 0.94, 33, 400_000


def series(seed):
    """Clusters of volatility, t innovations with more weight below than above."""
    rng = np.random.default_rng(seed)
    s, x = 0.01, [4.0]
    for _ in range(500):
        z = rng.standard_t(5) * np.sqrt(3 / 5)
        z *= 1.2 if z < 0 else 0.8
        x.append(x[-1] + 0.0003 + s * z)
        s = np.sqrt(2e-6 + 0.88 * s * s + 0.1 * (s * z) ** 2)
    return [round(float(c), 4) for c in np.exp(x)]


def forecast(closes, seed):
    x = np.log(np.array(closes))
    mu = (x[-1] - x[0]) / (len(x) - 1)
    e = np.diff(x) - mu
    z = []
    for i in range(1, len(e) + 1):
        w = DECAY ** np.arange(i - 1, -1, -1)
        sigma = np.sqrt(np.sum(w * e[:i] ** 2) / np.sum(w))
        if WARM_UP <= i < len(e):
            z.append(e[i] / sigma)
    z = np.array(z) - np.mean(z)
    c = np.mean(z**2)
    out = {"1": list(x[-1] + mu + sigma * np.quantile(z, LEVELS, method="weibull"))}
    rng = np.random.default_rng(seed)
    path, variance = np.zeros(PATHS), np.full(PATHS, sigma**2)
    for h in range(1, max(HORIZONS) + 1):
        draw = rng.choice(z, PATHS)
        path += np.sqrt(variance) * draw
        variance *= DECAY + (1 - DECAY) * draw**2 / c
        if h in HORIZONS[1:]:
            out[str(h)] = list(x[-1] + h * mu + np.quantile(path, LEVELS))
    return out


def main():
    doc = {"reference": f"numpy {np.__version__}", "levels": LEVELS, "series": []}
    for seed in (1, 2):
        closes = series(seed)
        doc["series"].append({"closes": closes, "quantiles": forecast(closes, seed)})
    path = pathlib.Path(__file__).parents[2] / "forecast/histsim/testdata/golden.json"
    path.write_text(json.dumps(doc) + "\n")


if __name__ == "__main__":
    main()
