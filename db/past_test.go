package db_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/db/archive"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
	issuing "github.com/etfcast/etfcast/forecast/issue"
	"github.com/etfcast/etfcast/forecast/prophet/market"
	"github.com/etfcast/etfcast/rebuild"
	"github.com/etfcast/etfcast/service"
	"github.com/etfcast/etfcast/source/file"
	"github.com/etfcast/etfcast/source/simulated"
	"github.com/etfcast/etfcast/source/yahoo"
)

// TestReleasesAreRebuilt makes the data of the databases of earlier releases again from the responses in them.
func TestReleasesAreRebuilt(t *testing.T) {
	names, err := archive.Releases(releases)
	if err != nil || len(names) == 0 {
		t.Fatalf("no archive of a release in %s: %v", releases, err)
	}
	parsers := map[string]rebuild.Parse{file.Name: file.ParseStored, simulated.Name: simulated.ParseStored, yahoo.Name: yahoo.ParseStored}
	for _, name := range names {
		a, err := archive.Read(releases, name)
		if err != nil {
			t.Fatal(err)
		}
		s, ctx := upgraded(t, dbtest.Embedded(t), a).Store, t.Context()
		etfs, err := s.ETFs(ctx, "", "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range etfs {
			past, err := s.Past(ctx, e.Symbol)
			if err != nil {
				t.Fatal(err)
			}
			r, err := rebuild.Data(rebuild.Inputs{
				Past: past, Version: e.DataVersion.Number, Parsers: parsers,
				Body: func(id string) ([]byte, error) { return s.FetchBody(ctx, id) },
			})
			if err != nil || r.Bars != e.Bars {
				t.Errorf("%s: %d of %d bars: %v", e.Symbol, r.Bars, e.Bars, err)
			}
			if len(r.Differences) == 0 {
				continue
			}
			for _, d := range r.Differences {
				if !slices.Contains(otherRules[name], fmt.Sprintf("%s %d %s", e.Symbol, d.Version, d.What())) {
					t.Errorf("%s: %s", e.Symbol, d)
				}
			}
			// This program knows that the release judged them: what it recorded is taken.
			first := fmt.Sprintf("%s %d %s", e.Symbol, r.Differences[0].Version, r.Differences[0].What())
			r, err = rebuild.Data(rebuild.Inputs{
				Past: past, Version: e.DataVersion.Number, Parsers: parsers, CodeVersion: "0.2.0",
				Body: func(id string) ([]byte, error) { return s.FetchBody(ctx, id) },
			})
			if err != nil || r.Bars != e.Bars || len(r.Differences) > 0 || len(r.Otherwise) == 0 ||
				fmt.Sprintf("%s %d %s", e.Symbol, r.Otherwise[0].Version, r.Otherwise[0].What()) != first || len(r.Otherwise[0].JudgedBy) != 1 {
				t.Errorf("%s, known to be judged by the release: differences %v, otherwise %+v; %v", e.Symbol, r.Differences, r.Otherwise, err)
			}
			newest, err := s.History(ctx, e.Symbol, e.Last, 10_000)
			if got := r.History(e.Last, 10_000); err != nil || !reflect.DeepEqual(got.Bars, newest.Bars) {
				t.Errorf("%s: the bars as recorded are not those stored: %v", e.Symbol, err)
			}
		}
	}
}

// TestReleasesAreReproduced makes the forecasts of earlier releases again with this program. 0.1.0's Prophet had other parameters, which
// this one refuses; its drift is the same.
func TestReleasesAreReproduced(t *testing.T) {
	a, err := archive.Read(releases, "0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	s := upgraded(t, dbtest.Embedded(t), a).Store
	r := service.Reproducer{Anyway: true, CodeVersion: "this", Model: func(name, params string) (forecast.Model, error) {
		if name == drift.Name {
			return drift.Parse(params)
		}
		return market.Parse(params)
	}}
	everyForecast(t, s, a.Facts, func(f etf.Forecast) {
		got, err := service.New(service.Deps{Store: s}).Reproduce(t.Context(), f.ID, r)
		var e *etf.Error
		switch {
		case f.Model == market.Name:
			if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != "params" {
				t.Errorf("%s by %s: %+v, %v", f.ID, f.Model, got, err)
			}
		case err != nil, got.Verdict == issuing.Different, got.Verdict != issuing.Identical && !fuses(), fmt.Sprint(got.NotRecorded) != "[closes_hash tails volatility scale]":
			t.Errorf("%s by %s: %+v, %v", f.ID, f.Model, got, err)
		}
	})
}

// otherRules are what the rules make of the responses in a release's database now, but did not when it was recorded: symbol, version
// and part. A split is proposed beside a bad tick; and once a person has accepted the tick, the row before it, which comes back with
// a corrected close, is no longer kept.
var otherRules = map[string][]string{"0.1.0": {
	"SIMUSA 4 split of detection of 2026-11-25", "SIMUSA 6 close of 2026-11-24", "SIMUSR 4 split of detection of 2026-11-25",
}}
