"""Times statsforecast's AutoETS for bench/models/ets, which starts it. Reads {"rounds": n, "series": [[closes]]} from standard input and writes
{"cpu": seconds of CPU a fit, "wall": seconds a fit, "likelihoods": [of the model chosen for each series], "models": [...], "version": ...}.

One thread; every series is fitted once before the clock starts."""

import json
import math
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import statsforecast
from statsforecast.models import AutoETS


def main():
    job = json.load(sys.stdin)
    series = [np.log(np.array(s)) for s in job["series"]]
    fits = [AutoETS(season_length=1, model="ZZN").fit(y).model_ for y in series]
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(job["rounds"]):
        for y in series:
            AutoETS(season_length=1, model="ZZN").fit(y)
    n = job["rounds"] * len(series)
    cpu, wall = (time.process_time() - cpu) / n, (time.perf_counter() - wall) / n
    json.dump({
        "cpu": cpu, "wall": wall, "version": statsforecast.__version__,
        # statsforecast leaves out the constant of the density.
        "likelihoods": [float(f["loglik"]) - len(y) / 2 * (math.log(2 * math.pi / len(y)) + 1) for f, y in zip(fits, series)],
        "aicc": [float(f["aicc"]) + len(y) * (math.log(2 * math.pi / len(y)) + 1) for f, y in zip(fits, series)],
        "models": [f["components"][:2] + ("d" if f["components"][3] == "D" else "") + "N" for f in fits],
    }, sys.stdout)


if __name__ == "__main__":
    main()
