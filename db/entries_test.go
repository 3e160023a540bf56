package db_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// entryOf is a forecast that somebody has entered, at horizons 1, 5 and 21.
func entryOf(symbol etf.Symbol, model string, origin etf.Session) etf.Forecast {
	f := forecastOf(symbol, model, origin, etf.DataVersion{})
	f.ID, f.Run, f.CodeVersion, f.Seed, f.Diagnostics = "", "", etf.EntryVersion, 0, nil
	f.Points = []etf.ForecastPoint{f.Points[0], f.Points[4], f.Points[20]}
	return f
}

// named sets what the service's function sets: an ID that follows from the rest.
func named(f *etf.Forecast) error {
	sum := sha256.Sum256(fmt.Append(nil, f.Symbol, f.Model, f.Origin, f.DataVersion))
	f.ID = hex.EncodeToString(sum[:16])
	f.Run = etf.RunID("entry:" + f.ID)
	return nil
}

func testEntries(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "EN1")
	register(t, s, "EN2")
	p, _ := ingest(t, s, "EN1", []etf.Bar{bar(day(0), 0), bar(day(1), 1)})
	if _, _, err := appendOne(ctx, s, forecastOf("EN1", "drift", day(1), p.DataVersion)); err != nil {
		t.Fatal(err)
	}
	// Two origins of one ETF, in descending order, and an ETF without any data.
	list := []etf.Forecast{entryOf("EN1", "naive", day(1)), entryOf("EN2", "naive", day(1)), entryOf("EN1", "naive", day(0))}
	for i := range list {
		list[i].IssuedAt = list[0].IssuedAt // as the entries of one request
	}
	list[0].Scale, list[0].Tails = etf.Scale{Absolute: 1.5, Squared: 3.25}, [][2]float64{{80, 120}, {70, 130}, {60, 140}}
	stored, err := s.AppendEntries(ctx, list, named)
	if err != nil || len(stored) != 3 {
		t.Fatalf("%+v, %v", stored, err)
	}
	for i, f := range stored {
		if f.Symbol != list[i].Symbol || f.Origin != list[i].Origin || !f.Entered() || f.Run != etf.RunID("entry:"+f.ID) || len(f.Points) != 3 {
			t.Errorf("entry %d: %+v", i, f)
		}
		if read, err := s.Forecast(ctx, f.ID); err != nil || !reflect.DeepEqual(read, f) {
			t.Errorf("read %+v, %v; stored %+v", read, err, f)
		}
	}
	if stored[0].DataVersion != p.DataVersion || stored[1].DataVersion.Number != 0 {
		t.Errorf("data versions %+v, %+v, want those of the ETFs", stored[0].DataVersion, stored[1].DataVersion)
	}
	if stored[2].Chain != 1 || stored[0].Chain != 2 || stored[0].PrevHash != stored[2].Hash || stored[1].Chain != 1 {
		t.Errorf("places %d, %d, %d", stored[0].Chain, stored[1].Chain, stored[2].Chain)
	}
	for _, symbol := range []etf.Symbol{"EN1", "EN2"} {
		if err := s.VerifyChain(ctx, symbol, "naive"); err != nil {
			t.Error(err)
		}
	}

	// Entries are never among the latest forecasts, unless their model is named.
	if latest, err := s.LatestForecasts(ctx, "EN1", ""); err != nil || len(latest) != 1 || latest[0].Model != "drift" {
		t.Errorf("latest: %+v, %v", latest, err)
	}
	if latest, err := s.LatestForecasts(ctx, "EN1", "naive"); err != nil || len(latest) != 1 || latest[0].ID != stored[0].ID {
		t.Errorf("latest of naive: %+v, %v", latest, err)
	}
	if models, err := s.ForecastModels(ctx, "EN1"); err != nil || !slices.Equal(models, []string{"drift", "naive"}) {
		t.Errorf("models %v, %v", models, err)
	}

	entrants, err := s.Entrants(ctx)
	if err != nil || !slices.ContainsFunc(entrants, func(e etf.Entrant) bool { return e.Model == "naive" && e.RegisteredAt.Equal(stored[0].IssuedAt) }) {
		t.Errorf("entrants %+v, %v", entrants, err)
	}
	var paged []string
	for after := (etf.EntryPosition{}); ; {
		page, err := s.Entries(ctx, "naive", "", after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page {
			paged = append(paged, f.ID)
			after = etf.EntryPosition{Symbol: f.Symbol, Chain: f.Chain}
		}
		if len(page) < 2 {
			break
		}
	}
	if want := []string{stored[2].ID, stored[0].ID, stored[1].ID}; !slices.Equal(paged, want) {
		t.Errorf("pages %v, want %v", paged, want)
	}
	if page, err := s.Entries(ctx, "naive", "EN2", etf.EntryPosition{}, 10); err != nil || len(page) != 1 || page[0].ID != stored[1].ID {
		t.Errorf("entries of EN2: %+v, %v", page, err)
	}
	_, err = s.Entries(ctx, "nobody", "", etf.EntryPosition{}, 10)
	wantKind(t, err, etf.KindNotFound, "model")
	_, err = s.Entries(ctx, "naive", "NOEN", etf.EntryPosition{}, 10)
	wantKind(t, err, etf.KindNotFound, "symbol")

	// New data do not make room for a second entry.
	ingest(t, s, "EN1", []etf.Bar{bar(day(2), 2)})
	state := func() string {
		all, err := s.Entrants(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(all) + dump(t, d, "forecasts", "forecast_points")
	}
	before := state()
	refused := func(what string, kind etf.Kind, fields []string, list ...etf.Forecast) {
		t.Helper()
		_, err := s.AppendEntries(ctx, list, named)
		var got []string
		for _, e := range etf.Errors(err) {
			got = append(got, e.Field)
			if e.Kind != kind {
				t.Errorf("%s: kind %s, want %s: %v", what, e.Kind, kind, e)
			}
		}
		if !slices.Equal(got, fields) {
			t.Errorf("%s: fields %q, want %q: %v", what, got, fields, err)
		}
		if now := state(); now != before {
			t.Errorf("%s: something was stored", what)
		}
	}
	refused("twice, of three", etf.KindConflict, []string{"entries[1].origin"},
		entryOf("EN1", "naive", day(2)), entryOf("EN1", "naive", day(1)), entryOf("EN2", "naive", day(2)))
	refused("twice in the list", etf.KindConflict, []string{"entries[1].origin"}, entryOf("EN1", "twice", day(2)), entryOf("EN1", "twice", day(2)))
	refused("a name of this installation", etf.KindConflict, []string{"model"}, entryOf("EN2", "drift", day(2)))
	refused("unknown symbols", etf.KindNotFound, []string{"entries[0].symbol", "entries[2].symbol"},
		entryOf("NOEN1", "naive", day(2)), entryOf("EN1", "naive", day(2)), entryOf("NOEN2", "naive", day(2)))
	none := entryOf("EN1", "naive", day(2))
	none.Points = nil
	refused("without points", etf.KindInvalid, []string{"entries[1].points"}, entryOf("EN2", "naive", day(2)), none)
	_, err = s.AppendEntries(ctx, []etf.Forecast{entryOf("EN2", "naive", day(2)), entryOf("EN1", "naive", day(2))}, func(f *etf.Forecast) error {
		if f.Symbol == "EN1" {
			return etf.Invalid("origin", "the deadline has passed", "enter it earlier")
		}
		return named(f)
	})
	if wantKind(t, err, etf.KindInvalid, "entries[1].origin"); state() != before {
		t.Error("something was stored although one entry was refused at last")
	}
	_, err = s.AppendEntries(ctx, []etf.Forecast{entryOf("EN1", "naive", day(1))}, named)
	if !strings.Contains(fmt.Sprint(err), stored[0].ID) {
		t.Errorf("%v does not name the first entry %s", err, stored[0].ID)
	}

	if none, err := s.AppendEntries(ctx, nil, named); err != nil || none != nil {
		t.Errorf("no entries: %+v, %v", none, err)
	}
}

// testEntriesRetracted: what is stored about prices says nothing about a forecast that was not made from it.
func testEntriesRetracted(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "ENR")
	p, found := ingest(t, s, "ENR", []etf.Bar{bar(day(0), 0), bar(day(1), 1)}, func(f etf.Fetch) etf.Finding {
		x := finding(f, "jump", day(1))
		x.Severity = etf.SeverityWarning
		return x
	})
	own, _, err := appendOne(ctx, s, forecastOf("ENR", "drift", day(1), p.DataVersion))
	if err != nil {
		t.Fatal(err)
	}
	entered, err := s.AppendEntries(ctx, []etf.Forecast{entryOf("ENR", "naive", day(1))}, named)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Decide(ctx, etf.Ruling{Finding: found[0].ID, Decision: etf.Retract, By: "kim", Why: "wrong"}); err != nil {
		t.Fatal(err)
	}
	retracted, err := s.Retracted(ctx, []string{own.ID, entered[0].ID})
	if err != nil || len(retracted[own.ID]) != 1 || len(retracted[entered[0].ID]) != 0 {
		t.Errorf("retracted %v, %v", retracted, err)
	}
}

// testEntryWriters: of eight entries of one model, ETF and origin at the same time exactly one is stored, also with the model's name
// and the chain's first position at stake; entries of different origins are all stored.
func testEntryWriters(t *testing.T, d dbtest.Database) {
	const writers, rounds = 8, 3
	ctx := t.Context()
	register(t, d.Store, "ENW")
	register(t, d.Store, "ENX")
	ingest(t, d.Store, "ENW", []etf.Bar{bar(day(0), 0)})
	var mu sync.Mutex
	won := map[int]int{}
	together(t, d, writers, func(i int, s *db.Store) error {
		for round := range rounds {
			same, other := entryOf("ENW", "racer", day(round)), entryOf("ENX", "racer", day(round))
			same.Points[0].Mean += float64(i) // entries that differ, too
			_, err := s.AppendEntries(ctx, []etf.Forecast{other, same}, named)
			switch {
			case err == nil:
				mu.Lock()
				won[round]++
				mu.Unlock()
			case etf.KindOf(err) != etf.KindConflict || len(etf.Errors(err)) != 2 || etf.Errors(err)[0].Field != "entries[0].origin" && etf.Errors(err)[0].Field != "entries[1].origin":
				return errors.Join(errors.New("not the refusal of a repeated entry"), err)
			}
			if _, err := s.AppendEntries(ctx, []etf.Forecast{entryOf("ENW", "racer", day(100+round*writers+i))}, named); err != nil {
				return err
			}
		}
		return nil
	})
	for round := range rounds {
		if won[round] != 1 {
			t.Errorf("round %d: %d entries were stored, want 1", round, won[round])
		}
	}
	for symbol, want := range map[etf.Symbol]int{"ENW": rounds + rounds*writers, "ENX": rounds} {
		if err := d.Store.VerifyChain(ctx, symbol, "racer"); err != nil {
			t.Error(err)
		}
		if list, err := d.Store.Entries(ctx, "racer", symbol, etf.EntryPosition{}, 100); err != nil || len(list) != want {
			t.Errorf("%d entries of %s, want %d: %v", len(list), symbol, want, err)
		}
	}
}
