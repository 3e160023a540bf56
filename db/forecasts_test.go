package db_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func testForecasts(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "FC")
	p, _ := bring(t, s, "FC", []etf.Bar{bar(day(0), 0), bar(day(1), 1)})
	f := forecastOf("FC", "drift", day(1), p.DataVersion)
	stored, appended, err := s.AppendForecast(ctx, f)
	if err != nil || !appended || stored.Chain != 1 || stored.PrevHash != "" || len(stored.Hash) != 64 {
		t.Fatalf("%+v, %v, %v", stored, appended, err)
	}
	read, err := s.Forecast(ctx, f.ID)
	if err != nil || !reflect.DeepEqual(read, stored) {
		t.Fatalf("read %+v, %v; stored %+v", read, err, stored)
	}
	if again, appended, err := s.AppendForecast(ctx, f); err != nil || appended || !reflect.DeepEqual(again, stored) {
		t.Fatalf("again %+v, %v, %v", again, appended, err)
	}
	older := forecastOf("FC", "drift", day(0), p.DataVersion)
	if second, _, err := s.AppendForecast(ctx, older); err != nil || second.Chain != 2 || second.PrevHash != stored.Hash {
		t.Fatalf("%+v, %v", second, err)
	}
	if other, _, err := s.AppendForecast(ctx, forecastOf("FC", "prophet", day(1), p.DataVersion)); err != nil || other.Chain != 1 {
		t.Fatalf("%+v, %v", other, err)
	}
	latest, err := s.LatestForecasts(ctx, "FC", "")
	if err != nil || len(latest) != 2 || latest[0].ID != f.ID || latest[1].Model != "prophet" || len(latest[1].Points) != etf.MaxHorizon {
		t.Fatalf("latest %+v, %v", latest, err)
	}
	if latest, err := s.LatestForecasts(ctx, "FC", "drift"); err != nil || len(latest) != 1 || latest[0].ID != f.ID {
		t.Fatalf("latest of drift %+v, %v", latest, err)
	}
	if none, err := s.LatestForecasts(ctx, "FC", "none"); err != nil || len(none) != 0 {
		t.Fatalf("latest of none %+v, %v", none, err)
	}
	if page, err := s.ForecastPage(ctx, "FC", "drift", 0, 1); err != nil || len(page) != 1 || page[0].Chain != 2 {
		t.Fatalf("page %+v, %v", page, err)
	}
	if page, err := s.ForecastPage(ctx, "FC", "drift", 2, 5); err != nil || len(page) != 1 || page[0].Chain != 1 {
		t.Fatalf("page %+v, %v", page, err)
	}
	bring(t, s, "FC", []etf.Bar{bar(day(2), 2)})
	_, _, err = s.AppendForecast(ctx, forecastOf("FC", "drift", day(1), p.DataVersion))
	wantKind(t, err, etf.KindConflict, "data_version")
	if _, appended, err := s.AppendForecast(ctx, f); err != nil || appended {
		t.Fatalf("a stored forecast of an older version again: %v, %v", appended, err)
	}
	bad := forecastOf("FC", "drift", day(1), p.DataVersion)
	bad.Points[3].Quantiles[2] = math.NaN()
	_, _, err = s.AppendForecast(ctx, bad)
	wantKind(t, err, etf.KindInvalid, "points[3]")
	_, err = s.Forecast(ctx, "none")
	wantKind(t, err, etf.KindNotFound, "id")
}

// testFloats: a DOUBLE comes back as the same float64, which the hash chain relies on.
func testFloats(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "FLOAT")
	p, _ := bring(t, s, "FLOAT", []etf.Bar{bar(day(0), 0)})
	random := rand.New(rand.NewPCG(1, 2))
	f := forecastOf("FLOAT", "drift", day(0), p.DataVersion)
	f.Points = nil
	for h := 1; h <= 100; h++ {
		q := etf.ForecastPoint{Horizon: h, Target: day(h), Mean: math.Exp(random.NormFloat64() * 30)}
		for i := range q.Quantiles {
			q.Quantiles[i] = random.NormFloat64() * math.Pow(10, float64(random.IntN(30)-10))
		}
		f.Points = append(f.Points, q)
	}
	f.Points[0].Quantiles = [7]float64{0, math.Copysign(0, -1), math.MaxFloat64, -math.MaxFloat64, 1e-300, 0.1, 1 - 1e-16}
	f.Points[0].Quantiles[1] = 0 // JSON writes -0, SQL need not keep it
	stored, _, err := s.AppendForecast(ctx, f)
	if err != nil {
		t.Fatal(err)
	}
	read, err := s.Forecast(ctx, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range stored.Points {
		if read.Points[i] != want {
			t.Errorf("%+v, want %+v", read.Points[i], want)
		}
	}
	if err := s.VerifyChain(ctx, "FLOAT", "drift"); err != nil {
		t.Error(err)
	}
}

// testChain: what is changed or removed behind the store's back is found, at its place.
func testChain(t *testing.T, d dbtest.Database) {
	ctx, s, admin := t.Context(), d.Store, d.Admin(t)
	register(t, s, "CHAIN")
	p, _ := bring(t, s, "CHAIN", []etf.Bar{bar(day(0), 0)})
	var list []etf.Forecast
	for i := range 5 {
		f, _, err := s.AppendForecast(ctx, forecastOf("CHAIN", "drift", day(i), p.DataVersion))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	if err := s.VerifyChain(ctx, "CHAIN", "drift"); err != nil {
		t.Fatal(err)
	}
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := admin.Exec(statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, change, undo string }{
		{"a point", "UPDATE forecast_points SET q95 = q95 + 0.001 WHERE horizon = 21 AND forecast_id = ?", "UPDATE forecast_points SET q95 = q95 - 0.001 WHERE horizon = 21 AND forecast_id = ?"},
		{"the issue's instant", "UPDATE forecasts SET issued_at = issued_at - INTERVAL 1 DAY WHERE id = ?", "UPDATE forecasts SET issued_at = issued_at + INTERVAL 1 DAY WHERE id = ?"},
		{"the seed", "UPDATE forecasts SET seed = seed + 1 WHERE id = ?", "UPDATE forecasts SET seed = seed - 1 WHERE id = ?"},
		{"a point's removal", "DELETE FROM forecast_points WHERE horizon = 21 AND forecast_id = ?", ""},
		{"the forecast's removal", "DELETE FROM forecasts WHERE id = ?", ""},
	} {
		exec(c.change, list[2].ID)
		err := s.VerifyChain(ctx, "CHAIN", "drift")
		wantKind(t, err, etf.KindCorrupt, "chain")
		if at := "position 3"; c.name != "the forecast's removal" && !contains(err.Error(), at) {
			t.Errorf("%s: %v does not name %s", c.name, err, at)
		}
		if c.undo != "" {
			exec(c.undo, list[2].ID)
		}
	}
	wantKind(t, s.VerifyChain(ctx, "NOCHAIN", "drift"), etf.KindNotFound, "symbol")
}

func testCounts(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	before, err := s.Counts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	register(t, s, "COUNT")
	p, _ := bring(t, s, "COUNT", []etf.Bar{bar(day(0), 0), bar(day(1), 1)}, against("jump", day(0)))
	if _, _, err := s.AppendForecast(ctx, forecastOf("COUNT", "drift", day(1), p.DataVersion)); err != nil {
		t.Fatal(err)
	}
	run := etf.Run{ID: "daily:XKRX:2031-01-01", Workflow: "daily", Exchange: etf.XKRX, Session: day(0), StartedAt: time.Now()}
	if err := s.StartRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	if err := s.FinishRun(ctx, run.ID, etf.RunCompleted, etf.RunCounts{}, false, ""); err != nil {
		t.Fatal(err)
	}
	after, err := s.Counts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	before.ETFs, before.Bars, before.Quarantined = before.ETFs+1, before.Bars+2, before.Quarantined+1
	before.Forecasts, before.RunsCompleted = before.Forecasts+1, before.RunsCompleted+1
	if after != before {
		t.Errorf("%+v, want %+v", after, before)
	}
	if err := s.Ping(ctx); err != nil {
		t.Error(err)
	}
	if current, wanted, err := s.SchemaVersion(ctx); err != nil || current != wanted || wanted < 6 {
		t.Errorf("schema %d of %d, %v", current, wanted, err)
	}
	if c, err := s.Capabilities(ctx); err != nil || c.Version == "" || !c.LocalInfile {
		t.Errorf("%+v, %v", c, err)
	}
}
