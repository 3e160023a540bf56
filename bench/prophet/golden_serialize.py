"""Writes forecast/prophet/serialize/testdata/*.json: models as prophet.serialize writes them, fitted to small seeded
series made here, each with dates to forecast and the forecasts for them that Python makes from the file.

    python3 bench/prophet/golden_serialize.py

The files name the versions that produced them. Parameters may differ in their last digits on another machine; the
tests compare forecasts given the parameters, so files from any machine will do.
"""
import json
import sys

import original  # first: it keeps the original quiet
from original import Prophet, np, pd
from prophet.serialize import model_from_json, model_to_json

OUT = original.ROOT / "forecast" / "prophet" / "serialize" / "testdata"
SEED = 20260105


def series(rows, start="2021-01-04", freq="D", seed=0):
    """A trend with a bend, a weekly pattern, and noise: about 10 to 18."""
    rng = np.random.default_rng(SEED + seed)
    at = np.arange(rows)
    y = 10 + 0.1 * at - 0.06 * np.maximum(at - rows // 2, 0) + np.sin(2 * np.pi * at / 7) + rng.normal(0, 0.3, rows)
    return pd.DataFrame({"ds": pd.date_range(start, periods=rows, freq=freq), "y": y})


def future(history, periods=12, freq="D"):
    return pd.DataFrame({"ds": pd.date_range(history["ds"].max(), periods=periods + 1, freq=freq)[1:]})


def with_columns(frame, seed):
    rng = np.random.default_rng(SEED + seed)
    frame["even"] = frame["ds"].dt.day % 2 == 0
    frame["odd"] = ~frame["even"]
    frame["price"] = rng.normal(20, 3, len(frame))
    frame["open"] = (rng.random(len(frame)) > 0.5).astype(float)
    return frame


def cases():
    h = series(60)
    yield "linear", Prophet(n_changepoints=8), h, future(h), {}

    for name, scaling in [("logistic-floor", "absmax"), ("logistic-floor-minmax", "minmax")]:
        h = series(60, seed=1)
        f = future(h)
        for frame in (h, f):
            frame["cap"], frame["floor"] = 25.0, 2.5
        yield name, Prophet(growth="logistic", scaling=scaling, n_changepoints=4), h, f, {}

    h = series(60, seed=2)
    yield "flat-minmax", Prophet(growth="flat", scaling="minmax"), h, future(h), {}

    days = pd.DataFrame({
        "holiday": ["promo", "promo", "fair", "fair"],
        "ds": pd.to_datetime(["2021-01-20", "2021-03-08", "2021-02-10", "2021-03-10"]),
        "lower_window": [-1, -1, 0, 0], "upper_window": [1, 1, 2, 2],
        "prior_scale": [5.0, 5.0, np.nan, np.nan],
    })
    h = series(60, seed=3)
    m = Prophet(holidays=days, holidays_mode="multiplicative", n_changepoints=4)
    yield "holidays", m, h, future(h), {}

    h = series(60, start="2021-05-05", seed=4)
    m = Prophet(n_changepoints=4)
    m.add_country_holidays("US")
    yield "country-us", m, h, future(h, 20), {}

    h = with_columns(series(60, seed=5), 50)
    m = Prophet(yearly_seasonality=2, weekly_seasonality=False, seasonality_mode="multiplicative", n_changepoints=4)
    m.add_seasonality("weekly_even", 7, 2, prior_scale=2, condition_name="even")
    m.add_seasonality("weekly_odd", 7, 1, mode="additive", condition_name="odd")
    m.add_seasonality("monthly", 30.5, 2)
    m.add_regressor("price", prior_scale=0.5, mode="additive")
    m.add_regressor("open", standardize=False)
    yield "conditions-regressors", m, h, with_columns(future(h), 51), {}

    h = series(60, seed=6)
    m = Prophet(changepoints=["2021-02-15", "2021-01-25"])
    yield "given-changepoints", m, h, future(h), {"algorithm": "Newton", "seed": 7}

    h = series(60, seed=7)
    m = Prophet(n_changepoints=0, weekly_seasonality=False)
    yield "no-changepoints-no-features", m, h, future(h), {}

    h = series(40, seed=8)
    m = Prophet(mcmc_samples=20, n_changepoints=3, weekly_seasonality=2)
    yield "mcmc", m, h, future(h), {"chains": 2, "seed": 1, "show_progress": False}

    h = series(72, start="2021-01-04 06:30", freq="h", seed=9)
    h.loc[5, "y"] = np.nan
    yield "hourly-unordered", Prophet(n_changepoints=3), h.sample(frac=1, random_state=1), future(h, freq="h"), {}

    h = series(30, seed=10)
    h["y"] = 5.0
    yield "constant", Prophet(), h, future(h), {}

    h = series(60, seed=11)
    yield "multiplicative-minmax", Prophet(scaling="minmax", seasonality_mode="multiplicative", n_changepoints=4), h, future(h), {}

    h = with_columns(series(60, seed=12), 52)
    m = Prophet(n_changepoints=4)
    m.add_regressor("price", regressor_predictor={"weekly_seasonality": False})
    yield "regressor-predictor", m, h, with_columns(future(h), 53), {}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, model, history, ahead, kwargs in cases():
        model.fit(history, **kwargs)
        text = model_to_json(model)
        model = model_from_json(text)  # which has no predictors of regressors
        model.uncertainty_samples = 0
        forecast = model.predict(ahead)
        columns = {c: ahead[c].astype(float).tolist() for c in ahead.columns if c != "ds"}
        golden = {
            "made_by": "bench/prophet/golden_serialize.py", "versions": original.versions(), "model": text,
            "ds": ahead["ds"].dt.strftime("%Y-%m-%dT%H:%M:%S").tolist(), "columns": columns,
            "forecast": {c: forecast[c].tolist() for c in forecast.columns if c != "ds"},
        }
        text = json.dumps(golden) + "\n"
        (OUT / (name + ".json")).write_text(text)
        print(f"{name}: {len(forecast.columns)} columns, {len(text)} bytes")


if __name__ == "__main__":
    sys.exit(main())
