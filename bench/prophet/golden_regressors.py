"""Makes the model file and the coefficients that the test of `etfcast prophet regressors` compares with: the original's
model_to_json and regressor_coefficients. Needs python3 with prophet.

    python3 bench/prophet/golden_regressors.py cmd/etfcast/testdata
"""

import json
import pathlib
import sys

import numpy as np
import pandas as pd
from prophet import Prophet
from prophet.serialize import model_to_json
from prophet.utilities import regressor_coefficients


def main(folder: pathlib.Path) -> None:
    rng = np.random.default_rng(5)
    rows = 40
    frame = pd.DataFrame({"ds": pd.date_range("2023-01-02", periods=rows)})
    frame["price"] = (20 + 3 * rng.standard_normal(rows)).round(3)
    frame["open"] = (np.arange(rows) % 3 == 0).astype(int)
    frame["wind"] = rng.random(rows).round(3)
    level = 100 + 0.5 * np.arange(rows)
    frame["y"] = (level * (1 + 0.2 * frame["wind"]) + 2 * frame["price"] - 5 * frame["open"] + rng.standard_normal(rows)).round(3)
    folder.mkdir(parents=True, exist_ok=True)
    for name, samples in (("maximum", 0), ("sampled", 20)):
        model = Prophet(n_changepoints=3, weekly_seasonality=False, mcmc_samples=samples)
        model.add_regressor("price")
        model.add_regressor("open")
        model.add_regressor("wind", mode="multiplicative", standardize=False)
        model.fit(frame, **({"seed": 1, "chains": 2} if samples else {}))
        (folder / f"regressors-{name}.model.json").write_text(model_to_json(model) + "\n")
        records = regressor_coefficients(model).to_dict(orient="records")
        (folder / f"regressors-{name}.json").write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
