package db_test

import (
	"strings"
	"testing"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// issue appends a forecast as a run does.
func issue(t *testing.T, s *db.Store, f etf.Forecast) etf.Forecast {
	t.Helper()
	stored, _, err := s.AppendForecast(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// A forecast that was changed by whatever means is read neither by its ID nor as the latest nor in a list.
func TestChangedForecastIsNotRead(t *testing.T) {
	const point = "INSERT INTO forecast_points SELECT forecast_id, 22, target, mean, q05, q10, q25, q50, q75, q90, q95 FROM forecast_points WHERE forecast_id = 'SELECTED' AND horizon = 21"
	changes := map[string]string{ // each on a forecast of its own
		"a point more":             point,
		"points of another":        "INSERT INTO forecast_points SELECT 'SELECTED', horizon + 100, target, mean, q05, q10, q25, q50, q75, q90, q95 FROM forecast_points WHERE forecast_id = 'OTHER'",
		"a point less":             "DELETE FROM forecast_points WHERE forecast_id = 'SELECTED' AND horizon = 7",
		"no point":                 "DELETE FROM forecast_points WHERE forecast_id = 'SELECTED'",
		"a mean":                   "UPDATE forecast_points SET mean = mean * (1 + 1e-15) WHERE forecast_id = 'SELECTED' AND horizon = 1",
		"a quantile":               "UPDATE forecast_points SET q50 = q75 WHERE forecast_id = 'SELECTED' AND horizon = 1",
		"a target":                 "UPDATE forecast_points SET target = target + INTERVAL 1 DAY WHERE forecast_id = 'SELECTED' AND horizon = 1",
		"an upsert":                "INSERT INTO forecast_points VALUES ('SELECTED', 1, '2025-01-03', 1, 1, 1, 1, 1, 1, 1, 1) ON DUPLICATE KEY UPDATE mean = 1",
		"a component more":         "INSERT INTO forecast_components VALUES ('SELECTED', 'monthly', '[0]')",
		"a component less":         "DELETE FROM forecast_components WHERE forecast_id = 'SELECTED' AND component = 'trend'",
		"a component's value":      "UPDATE forecast_components SET by_horizon = '[1]' WHERE forecast_id = 'SELECTED' AND component = 'trend'",
		"an unreadable component":  "UPDATE forecast_components SET by_horizon = 'x' WHERE forecast_id = 'SELECTED' AND component = 'trend'",
		"a fit less":               "DELETE FROM forecast_fits WHERE forecast_id = 'SELECTED'",
		"another fit":              "UPDATE forecast_fits SET hash = REVERSE(hash) WHERE forecast_id = 'SELECTED'",
		"the model's parameters":   "UPDATE forecasts SET params = '{}' WHERE id = 'SELECTED'",
		"their hash":               "UPDATE forecasts SET params_hash = 'b' WHERE id = 'SELECTED'",
		"the seed":                 "UPDATE forecasts SET seed = 1 WHERE id = 'SELECTED'",
		"the origin":               "UPDATE forecasts SET origin = origin + INTERVAL 1 DAY WHERE id = 'SELECTED'",
		"the version of the data":  "UPDATE forecasts SET data_version = 9 WHERE id = 'SELECTED'",
		"the writer of the data":   "UPDATE forecasts SET data_version_writer = 'b' WHERE id = 'SELECTED'",
		"the basis":                "UPDATE forecasts SET basis = 'as_traded' WHERE id = 'SELECTED'",
		"the version of the code":  "UPDATE forecasts SET code_version = 'v9' WHERE id = 'SELECTED'",
		"the diagnostics":          "UPDATE forecasts SET diagnostics = '{}' WHERE id = 'SELECTED'",
		"unreadable diagnostics":   "UPDATE forecasts SET diagnostics = 'x' WHERE id = 'SELECTED'",
		"the run":                  "UPDATE forecasts SET run_id = 'b' WHERE id = 'SELECTED'",
		"the instant of the data":  "UPDATE forecasts SET as_of = as_of + INTERVAL 1 MICROSECOND WHERE id = 'SELECTED'",
		"the instant of the issue": "UPDATE forecasts SET issued_at = issued_at - INTERVAL 1 DAY WHERE id = 'SELECTED'",
		"the position":             "UPDATE forecasts SET chain = 99 WHERE id = 'SELECTED'",
		"the previous hash":        "UPDATE forecasts SET prev_hash = REPEAT('b', 64) WHERE id = 'SELECTED'",
		"the hash":                 "UPDATE forecasts SET hash = REPEAT('b', 64) WHERE id = 'SELECTED'",
	}
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		ctx, d := t.Context(), dbtest.Open(t, dsn)
		s, admin := d.Store, d.Admin(t)
		register(t, s, "CHANGED")
		p, _ := ingest(t, s, "CHANGED", []etf.Bar{bar(day(0), 0)})
		neighbour := issue(t, s, withParts(forecastOf("CHANGED", "neighbour", day(0), p.DataVersion)))
		n := 0
		for name, change := range changes {
			n++
			model := "m" + string(rune('a'+n/26)) + string(rune('a'+n%26))
			f := issue(t, s, withParts(forecastOf("CHANGED", model, day(n), p.DataVersion)))
			if _, err := s.Forecast(ctx, f.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := admin.Exec(strings.NewReplacer("SELECTED", f.ID, "OTHER", neighbour.ID).Replace(change)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			_, byID := s.Forecast(ctx, f.ID)
			_, latest := s.LatestForecasts(ctx, "CHANGED", model)
			_, listed := s.ForecastPage(ctx, "CHANGED", model, 0, 10)
			for how, err := range map[string]error{"by ID": byID, "as the latest": latest, "in a list": listed} {
				if etf.KindOf(err) != etf.KindCorrupt || err == nil || !strings.Contains(err.Error(), f.ID) {
					t.Errorf("with %s changed, read %s: %v", name, how, err)
				}
			}
		}
		if _, err := s.Forecast(ctx, neighbour.ID); err != nil {
			t.Errorf("an unchanged forecast: %v", err)
		}
		// Under another model or ETF.
		register(t, s, "TAKER")
		for _, change := range []string{"UPDATE forecasts SET model = 'stolen' WHERE id = ?", "UPDATE forecasts SET etf_id = (SELECT id FROM etfs WHERE symbol = 'TAKER') WHERE id = ?"} {
			if _, err := admin.Exec(change, neighbour.ID); err != nil {
				t.Fatal(err)
			}
			_, err := s.Forecast(ctx, neighbour.ID)
			wantKind(t, err, etf.KindCorrupt, "")
		}
		_, err := s.LatestForecasts(ctx, "TAKER", "stolen")
		wantKind(t, err, etf.KindCorrupt, "")
	})
}
