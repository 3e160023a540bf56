"""Times the Python package arch for bench/models/garch, which starts it. Reads {"rounds": n, "series": [[closes]]} from standard input and writes
{"garch": {"cpu": seconds of CPU a fit, "wall": seconds a fit, "likelihoods": [of each series]}, "gjr": the same, "version": ...}.

One thread; every series is fitted once before the clock starts."""

import json
import os
import sys
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import arch
import numpy as np


def fit(y, o, dist):
    model = arch.arch_model(y, mean="Constant", vol="GARCH", p=1, o=o, q=1, dist=dist, rescale=False)
    return model.fit(disp="off", show_warning=False)


def main():
    warnings.simplefilter("ignore")
    job = json.load(sys.stdin)
    series = [100 * np.diff(np.log(np.array(s))) for s in job["series"]]
    out = {"version": arch.__version__}
    for name, o, dist in [("garch", 0, "t"), ("gjr", 1, "skewt")]:
        likelihoods = [float(fit(y, o, dist).loglikelihood) for y in series]
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(job["rounds"]):
            for y in series:
                fit(y, o, dist)
        n = job["rounds"] * len(series)
        out[name] = {"cpu": (time.process_time() - cpu) / n, "wall": (time.perf_counter() - wall) / n, "likelihoods": likelihoods}
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
