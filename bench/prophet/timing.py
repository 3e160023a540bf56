#!/usr/bin/env python3
"""The original's side of `make bench-prophet`.

    timing.py serve                 one request per line on standard input, one response per line, both JSON
    timing.py once HISTORY OUT N    the whole process: read HISTORY, fit, forecast N days ahead, write OUT

Requests: {"do": "fit_predict", "series": CSV, "periods": N} and {"do": "cv", "series": CSV, "initial", "period",
"horizon"}. The response is {"ms": ...}: the work alone, after imports and reading. Stan's output is silenced.
"""

import json
import pathlib
import sys
import time

from original import Prophet, np, prophet, read_series


def fit_predict(df, periods):
    model = Prophet()
    model.fit(df)
    return model.predict(model.make_future_dataframe(periods))


def respond(request):
    df = read_series(pathlib.Path(request["series"]))
    if request["do"] == "fit_predict":
        began = time.perf_counter()
        fit_predict(df, request["periods"])
        return {"ms": 1e3 * (time.perf_counter() - began)}
    from prophet.diagnostics import cross_validation

    model = Prophet()
    model.fit(df)
    began = time.perf_counter()
    table = cross_validation(model, request["horizon"], request["period"], request["initial"], disable_tqdm=True)
    return {"ms": 1e3 * (time.perf_counter() - began), "cutoffs": int(table["cutoff"].nunique()), "rows": len(table)}


def main():
    if sys.argv[1:] == ["serve"]:
        began = time.perf_counter()
        np.linalg.svd(np.random.default_rng(0).standard_normal((400, 400)))
        print(json.dumps({"prophet": prophet.__version__, "numpy": np.__version__, "blas_ms": 1e3 * (time.perf_counter() - began)}), flush=True)
        for line in sys.stdin:
            print(json.dumps(respond(json.loads(line))), flush=True)
        return 0
    if len(sys.argv) == 5 and sys.argv[1] == "once":
        fit_predict(read_series(pathlib.Path(sys.argv[2])), int(sys.argv[4])).to_csv(sys.argv[3], index=False)
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
