package db_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// issue appends a forecast as a run does.
func issue(t *testing.T, s *db.Store, f etf.Forecast) etf.Forecast {
	t.Helper()
	appended, err := s.AppendForecasts(t.Context(), []etf.Forecast{f})
	if err != nil || appended[0].Refused != nil {
		t.Fatal(appended, err)
	}
	return appended[0].Forecast
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

// Rows that belong to nothing are found in every table.
func TestOrphans(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		ctx, d := t.Context(), dbtest.Open(t, dsn)
		s, admin := d.Store, d.Admin(t)
		register(t, s, "ORPHAN")
		p, _ := ingest(t, s, "ORPHAN", []etf.Bar{bar(day(0), 0)})
		kept := issue(t, s, withParts(forecastOf("ORPHAN", "drift", day(0), p.DataVersion)))
		lost := issue(t, s, withParts(forecastOf("ORPHAN", "prophet", day(0), p.DataVersion)))
		if found, err := s.Orphans(ctx, 5); err != nil || len(found) != 0 {
			t.Errorf("as issued: %+v, %v", found, err)
		}
		for _, change := range []string{
			"DELETE FROM forecasts WHERE id = '" + lost.ID + "'",
			"INSERT INTO forecast_points VALUES ('none', 1, '2025-01-03', 1, 1, 1, 1, 1, 1, 1, 1)",
			"UPDATE forecasts SET etf_id = 4000000000 WHERE id = '" + kept.ID + "'",
		} {
			if _, err := admin.Exec(change); err != nil {
				t.Fatal(err)
			}
		}
		found, err := s.Orphans(ctx, 5)
		want := []db.Orphan{
			{Table: "forecasts", Owner: "4000000000", Rows: 1},
			{Table: "forecast_points", Owner: lost.ID, Rows: len(lost.Points)},
			{Table: "forecast_points", Owner: "none", Rows: 1},
			{Table: "forecast_components", Owner: lost.ID, Rows: len(lost.Components)},
			{Table: "forecast_fits", Owner: lost.ID, Rows: 1},
		}
		if err != nil || !slices.Equal(found, want) {
			t.Errorf("found %+v, %v; want %+v", found, err, want)
		}
		if found, err := s.Orphans(ctx, 1); err != nil || len(found) != 4 {
			t.Errorf("limited: %+v, %v", found, err)
		}
	})
}

// A clock that went back leaves traces in chains and data versions, and one that is behind finds records from the future.
func TestClockSteps(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		ctx, d := t.Context(), dbtest.Open(t, dsn)
		now := time.Now().UTC().Truncate(time.Microsecond)
		s := d.Another(t, db.Options{Now: func() time.Time { return now }})
		steps := func(when string, want ...string) {
			t.Helper()
			found, err := s.ClockSteps(ctx, 10)
			var got []string
			for _, f := range found {
				got = append(got, fmt.Sprint(f.Symbol, " ", f.What, " ", f.At.Sub(f.After), " ", f.Future))
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %q (%v), want %q", when, got, err, want)
			}
		}
		register(t, s, "CLOCK")
		p, _ := ingest(t, s, "CLOCK", []etf.Bar{bar(day(0), 0)})
		var ids []string
		for i := range 4 {
			f := forecastOf("CLOCK", "drift", day(i), p.DataVersion)
			f.IssuedAt = now.Add(time.Duration(i) * time.Second)
			ids = append(ids, issue(t, s, f).ID)
		}
		steps("a clock that advances")

		// The store keeps the order of data versions by a microsecond. What was written before is from the future.
		now = now.AddDate(0, 0, -1)
		ingest(t, s, "CLOCK", []etf.Bar{bar(day(1), 1)})
		steps("a day back", "CLOCK data version 2 1µs false",
			"CLOCK forecast "+ids[0]+" (drift) 24h0m0s true", "CLOCK forecast "+ids[1]+" (drift) 24h0m1s true",
			"CLOCK forecast "+ids[2]+" (drift) 24h0m2s true", "CLOCK forecast "+ids[3]+" (drift) 24h0m3s true",
			"CLOCK data version 1 24h0m0.000001s true", "CLOCK data version 2 24h0m0.000002s true")
		if found, err := s.ClockSteps(ctx, 2); err != nil || len(found) != 5 {
			t.Errorf("limited: %+v, %v", found, err)
		}

		now = now.AddDate(0, 0, 2)
		first := now.AddDate(0, 0, -1)
		for id, at := range map[string]time.Time{ids[1]: first.Add(-time.Hour), ids[3]: first.Add(2 * time.Second)} {
			if _, err := d.Admin(t).Exec("UPDATE forecasts SET issued_at = ? WHERE id = ?", at.Format("2006-01-02 15:04:05.000000"), id); err != nil {
				t.Fatal(err)
			}
		}
		steps("instants that fall or stand still", "CLOCK forecast "+ids[1]+" (drift) -1h0m0s false", "CLOCK forecast "+ids[3]+" (drift) 0s false",
			"CLOCK data version 2 1µs false")
	})
}
