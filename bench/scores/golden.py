#!/usr/bin/env python3
"""Compute the golden values of packages forecast/scoring and forecast/scoreboard.

    python3 bench/scores/golden.py [--check | --widths]

Writes forecast/scoring/testdata/losses.json and forecast/scoreboard/testdata/statistics.json, or with --check compares
with them. --widths prints the half-widths of confseq's sequences beside ours on the same increments. Each number comes from a published package, or, where none has it, from a formula written down here in another way than
in Go: numerical integration of the stated distribution (scipy.integrate.quad) for the CRPS of arbitrary quantiles,
the Harvey-Leybourne-Newbold correction on statsmodels' autocovariances, and the ends of the confidence sequence as roots
(scipy.optimize.brentq) of the capital that confseq's bets have made. See requirements.txt.
"""

import argparse
import json
import pathlib
import sys
import warnings

import numpy as np
import scoringrules
import statsmodels.api as sm
from scipy import integrate, optimize, stats
from scipy.special import logsumexp
from statsmodels.tsa.stattools import acovf

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import properscoring

np.float_ = np.float64  # which confseq still uses
from confseq.betting import betting_mart, hedged_cs  # noqa: E402
from confseq.boundaries import gamma_exponential_mixture_bound  # noqa: E402
from confseq.predmix import predmix_empbern_twosided_cs  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEVELS = np.array([.05, .10, .25, .50, .75, .90, .95])
TAILS = np.array([.025, .975])
LIMIT, ALPHA = .5, .05
BETS = .95 / LIMIT * 2. ** (-np.arange(12) / 2)
WEIGHTS = 1 / (np.arange(1, 13) * np.arange(2, 14))
WEIGHTS /= WEIGHTS.sum()


class Distribution:
    """Linear in the normal score between quantiles; the outermost segments go on."""

    def __init__(self, q, tails):
        self.levels = LEVELS if tails is None else np.concatenate([TAILS[:1], LEVELS, TAILS[1:]])
        self.q = np.array(q if tails is None else [tails[0], *q, tails[1]], dtype=float)
        self.z = stats.norm.ppf(self.levels)

    def cdf(self, x):
        """The right-continuous distribution function."""
        q, z = self.q, self.z
        i = int(np.searchsorted(q, x, side="right")) - 1  # the last quantile that is not above x
        i = min(max(i, 0), len(q) - 2)
        if q[i + 1] == q[i]:  # only at the ends: beyond a point mass there is nothing
            return float(x >= q[i])
        return float(stats.norm.cdf(z[i] + (x - q[i]) * (z[i + 1] - z[i]) / (q[i + 1] - q[i])))

    def pit(self, y):
        below = self.cdf(np.nextafter(y, -np.inf)) if y in self.q else self.cdf(y)
        return (below + self.cdf(y)) / 2

    def crps(self, y):
        q, z = self.q, self.z
        low = min(q[0] - 45 * (q[1] - q[0]) / (z[1] - z[0]), y)
        high = max(q[-1] + 45 * (q[-1] - q[-2]) / (z[-1] - z[-2]), y)
        # The tails in steps, so that quad does not miss where they bend.
        ends = np.unique(np.concatenate([q, [y, low, high], np.linspace(low, q[0], 60), np.linspace(q[-1], high, 60)]))
        total = 0.
        for a, b in zip(ends[:-1], ends[1:]):
            middle = (a + b) / 2
            after = 1. if middle >= y else 0.
            # Inside (a, b) only: at its ends another segment may begin.
            total += integrate.quad(lambda x: (self.cdf(x) - after) ** 2, np.nextafter(a, b), np.nextafter(b, a), epsabs=1e-14, epsrel=1e-13, limit=200)[0]
        return total


def losses(q, tails, mean, y, crps=None, sources=()):
    q = np.array(q, dtype=float)
    d = Distribution(q, tails)
    integral = d.crps(y)
    for other in sources:
        assert abs(other - integral) < 1e-9 * max(1, abs(other)), (other, integral)
    return {
        "quantiles": list(q), "tails": tails, "mean": mean, "actual": y,
        "pinball": [float(scoringrules.quantile_score(y, v, float(p))) for p, v in zip(LEVELS, q)],
        "tail_pinball": None if tails is None else [float(scoringrules.quantile_score(y, v, float(p))) for p, v in zip(TAILS, tails)],
        "winkler": [float(scoringrules.interval_score(y, q[1], q[5], .2)), float(scoringrules.interval_score(y, q[0], q[6], .1))],
        "crps": integral if crps is None else crps,
        "pit": d.pit(y),
    }


def scoring():
    rng = np.random.default_rng(20260102)
    cases = []
    for mean, sd in ((100, 1), (43.21, .6), (10500, 310)):
        q, tails = mean + sd * stats.norm.ppf(LEVELS), list(mean + sd * stats.norm.ppf(TAILS))
        for z in (-4.5, -1.7, -.3, 0, .8, 1.6448, 3.3):
            y = mean + sd * z
            ours, theirs = float(scoringrules.crps_normal(y, mean, sd)), float(properscoring.crps_gaussian(y, mean, sd))
            assert abs(ours - theirs) < 1e-12 * sd
            for t in (None, tails):
                case = losses(q, t, mean, y, crps=ours, sources=(ours, theirs))
                case["pit"] = float(stats.norm.cdf(z))
                cases.append(case)
    for i in range(60):
        steps = rng.exponential(2, 7) * (rng.random(7) < (1 if i < 40 else .6))
        q = 90 + np.cumsum(steps)
        tails = [q[0] - rng.exponential(2), q[6] + rng.exponential(2)] if i % 2 else None
        y = float(rng.choice([rng.uniform(q[0] - 5, q[6] + 5), q[rng.integers(7)], 60., 140.]))
        cases.append(losses(q, tails, float(q.mean()), y))
    return cases


def capital(x, sign):
    """What each bet on the sign of the increments has made of 1, bet by increment. confseq wants values from 0 to 1."""
    unit = (x + LIMIT) / (2 * LIMIT)
    rows = [betting_mart(unit, .5, theta=1 if sign > 0 else 0, trunc_scale=1,
                         lambdas_fn_positive=lambda x, m, b=b: np.repeat(b, len(x)), lambdas_fn_negative=lambda x, m, b=b: np.repeat(b, len(x)))
            for b in 2 * LIMIT * BETS]
    return np.array(rows)


def least(capitals):
    """The sum of expectations at which the weighted mean of the bets is 2/ALPHA."""
    return optimize.brentq(lambda m: logsumexp(np.log(capitals * WEIGHTS) - BETS * m) - np.log(2 / ALPHA), -1e4, 1e4, xtol=1e-13, rtol=1e-14, maxiter=500)


def scoreboard():
    rng = np.random.default_rng(20260103)
    cases = []
    for n, h, etfs in ((12, 1, 1), (60, 1, 30), (64, 21, 8), (250, 1, 1), (250, 5, 40), (250, 21, 25), (750, 5, 3), (1250, 1, 500), (40, 2, 2)):
        of = rng.integers(max(1, etfs // 2), etfs + 1, n)
        common = np.convolve(rng.standard_normal(n + h - 1), np.ones(h) / np.sqrt(h), "valid")
        hits = np.array([rng.binomial(k, stats.norm.cdf(1.2 + .6 * c)) for k, c in zip(of, common)])
        difference = np.convolve(rng.standard_t(5, n + h - 1), np.ones(h) / h, "valid") * .05 + .01
        if n == 40:  # so that the rectangular variance of Diebold and Mariano is negative
            difference = .01 + .05 * (-1.) ** np.arange(n) + .001 * rng.standard_normal(n)
        increments = np.clip(difference * rng.uniform(.5, 2, n), -LIMIT, LIMIT)

        # The share of hits is the weighted mean over sessions of their shares.
        lag = min(max(int(4 * (n / 100) ** (2 / 9)), 2 * (h - 1)), n - 1)
        fit = sm.WLS(hits / of, np.ones(n), weights=of).fit(cov_type="HAC", cov_kwds={"maxlags": lag, "kernel": "bartlett", "use_correction": True})

        g = acovf(difference, adjusted=False, demean=True, fft=False, nlag=h - 1)  # sums divided by n
        v = g[0] + 2 * g[1:h].sum()
        bartlett = bool(v <= 0)
        if bartlett:
            v = g[0] + 2 * (g[1:h] * (1 - np.arange(1, h) / h)).sum()
        dm = difference.mean() / np.sqrt(v / n)
        hln = dm * np.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)

        used = increments[::h]
        count = np.arange(1, len(used) + 1)
        up, down = capital(used, 1), capital(used, -1)
        mean = np.cumsum(used) / count
        low = [max(-LIMIT, least(up[:, i]) / (i + 1)) for i in range(len(used))]
        high = [min(LIMIT, -least(down[:, i]) / (i + 1)) for i in range(len(used))]
        cases.append({
            "horizon": h, "of": of.tolist(), "hits": hits.tolist(), "difference": difference.tolist(), "increments": increments.tolist(),
            "coverage": float(fit.params[0]), "coverage_se": float(fit.bse[0]),
            "dm": float(hln), "dm_p": float(2 * stats.t.sf(abs(hln), n - 1)), "dm_bartlett": bartlett,
            "mean": mean.tolist(), "low": low, "high": high,
            "capital_up": (WEIGHTS @ up).tolist(), "capital_down": (WEIGHTS @ down).tolist(),
        })
    return cases


def widths():
    rng = np.random.default_rng(20260104)
    places = np.array([60, 250, 750])
    print("| standard deviation | n | ours | hedged capital | predictable plug-in | gamma-exponential |\n|---:|---:|---:|---:|---:|---:|")
    for sd in (.02, .05, .1):
        x = np.clip(sd * rng.standard_t(5, 750) / np.sqrt(5 / 3), -LIMIT, LIMIT)
        unit = (x + LIMIT) / (2 * LIMIT)
        up, down = capital(x, 1), capital(x, -1)
        columns = [np.array([-(least(up[:, n - 1]) + least(down[:, n - 1])) / 2 / n for n in places])]
        for low, high in (hedged_cs(unit, breaks=2000, running_intersection=False), predmix_empbern_twosided_cs(unit)):
            columns.append(((high - low) * LIMIT)[places - 1])
        columns.append((gamma_exponential_mixture_bound(np.cumsum(x ** 2), alpha=ALPHA / 2, v_opt=1, c=LIMIT, alpha_opt=ALPHA / 2) / np.arange(1, 751))[places - 1])
        for i, n in enumerate(places):
            print(f"| {sd:.2f} | {n} | " + " | ".join(f"±{c[i]:.4f}" for c in columns) + " |")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    arguments.add_argument("--widths", action="store_true", help="print the half-widths of several confidence sequences")
    options = arguments.parse_args()
    if options.widths:
        return widths()
    check = options.check
    for path, cases in (("forecast/scoring/testdata/losses.json", scoring()), ("forecast/scoreboard/testdata/statistics.json", scoreboard())):
        file = ROOT / path
        if not check:
            file.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
            continue
        stored = json.loads(file.read_text())
        assert len(stored) == len(cases), path
        for i, (a, b) in enumerate(zip(stored, cases)):
            for key in b:
                if b[key] is None or a[key] is None:
                    same = a[key] is b[key]
                else:
                    same = np.allclose(np.array(a[key], dtype=float), np.array(b[key], dtype=float), rtol=1e-10, atol=1e-12)
                if not same:
                    sys.exit(f"{path}: case {i} has another {key}: {a[key]}, now {b[key]}")
        print(f"{path}: {len(cases)} cases agree")


if __name__ == "__main__":
    main()
