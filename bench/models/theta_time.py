"""What statsforecast takes for the Theta models and the random walk with drift (versions in requirements.txt). It reads from stdin a JSON object
of lists of closes by name, and prints a JSON object for each series and model: milliseconds of CPU for a fit with forecast and intervals of 21
sessions, after a first one that compiles what is compiled, and the sum of squared errors that the fit reaches. bench/models/theta runs it.
"""

import json
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from statsforecast.models import DynamicOptimizedTheta, OptimizedTheta, RandomWalkWithDrift, Theta

MODELS = {
    "drift": RandomWalkWithDrift,
    "theta": lambda: Theta(season_length=1),
    "theta-optimised": lambda: OptimizedTheta(season_length=1),
    "theta-dynamic": lambda: DynamicOptimizedTheta(season_length=1),
}


def main():
    for series, closes in json.load(sys.stdin).items():
        y = np.log(np.array(closes))
        for name, make in MODELS.items():
            def once():
                m = make().fit(y)
                m.predict(21, level=[50, 80, 90])
                return m.model_

            model = once()
            start, n = time.process_time(), 0
            while time.process_time() - start < 0.3:
                once()
                n += 1
            ms = 1000 * (time.process_time() - start) / n
            e = np.array(model["residuals"])[3:] if "residuals" in model else []
            print(json.dumps({"series": series, "model": name, "ms": ms, "squares": float(np.dot(e, e)) if len(e) else None}), flush=True)


if __name__ == "__main__":
    main()
