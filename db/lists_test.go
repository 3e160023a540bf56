package db_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// Pages of forecasts are whole origins: none is left out or listed twice, however many an origin and a model have.
func testForecastHeads(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "HEADS")
	ingest(t, s, "HEADS", weekdays(day(0), 30))
	var want []string
	add := func(model string, n int, seed uint64) {
		f := forecastOf("HEADS", model, day(n), etfOf(t, s, "HEADS").DataVersion)
		f.Seed = seed
		stored, isNew, err := appendOne(ctx, s, f)
		if err != nil || !isNew {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprint(day(n), " ", model, " ", stored.ID))
	}
	for n := range 12 {
		add("drift", n, 0)
	}
	for seed := range 3 {
		add("drift", 5, uint64(seed+1)) // four of one origin, issued after later ones
	}
	for n := 3; n < 6; n++ {
		add("prophet", n, 0)
	}
	slices.Sort(want)
	for _, size := range []int{1, 3, 100} {
		seen := map[string]bool{}
		through := etf.NewSession(9999, 12, 31)
		for {
			list, err := s.ForecastHeads(ctx, "HEADS", []string{"drift", "prophet"}, through, size)
			if err != nil {
				t.Fatal(err)
			}
			oldest, earlier := through, 0
			for _, f := range list {
				if f.Symbol != "HEADS" || f.Origin > through || len(f.Horizons) == 0 || f.IssuedAt.IsZero() || f.AsOf.IsZero() || f.CodeVersion == "" {
					t.Fatalf("%+v", f)
				}
				seen[fmt.Sprint(f.Origin, " ", f.Model, " ", f.ID)] = true
				if f.Origin < through {
					earlier++
				}
				oldest = min(oldest, f.Origin)
			}
			if oldest == through {
				break
			}
			if earlier < size && oldest > day(0) {
				t.Errorf("through %s: %d forecasts with earlier origins, want %d", through, earlier, size)
			}
			through = oldest
		}
		var got []string
		for text := range seen {
			got = append(got, text)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d:\n%s\nwant\n%s", size, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if list, err := s.ForecastHeads(ctx, "HEADS", []string{"theta"}, day(9), 5); err != nil || len(list) != 0 {
		t.Errorf("of a model without forecasts: %v, %v", list, err)
	}
	_, err := s.ForecastHeads(ctx, "NONE", []string{"drift"}, day(9), 5)
	wantKind(t, err, etf.KindNotFound, "symbol")
}

// An ETF's fetches are listed newest first, with what became of them, whether they changed anything or not.
func testETFFetches(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "FETCHES")
	register(t, s, "FETCHES2")
	bars := weekdays(day(0), 5)
	var ids []string
	began := fetchOf("FETCHES", bars).FetchedAt
	for i := range 4 {
		f := fetchOf("FETCHES", bars)
		f.FetchedAt = began.Add(time.Duration(i/2) * time.Second) // two of the same instant each
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis, Raw: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, f.ID)
		if i == 0 {
			if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis, Raw: []byte("x")}); err != nil { // a repeat
				t.Fatal(err)
			}
		}
	}
	ingest(t, s, "FETCHES2", bars)
	slices.Sort(ids[:2])
	slices.Sort(ids[2:])
	slices.Reverse(ids)
	for _, size := range []int{1, 3, 4, 10} {
		var got []string
		var after etf.Cursor
		for {
			page, next, err := s.ETFFetches(ctx, "FETCHES", after, size)
			if err != nil || len(page) > size {
				t.Fatalf("%d, %v", len(page), err)
			}
			for _, f := range page {
				if f.Symbol != "FETCHES" || f.Rows != 5 || !f.PersistedAt.IsZero() || !f.Stored || f.Hash == "" {
					t.Errorf("%+v", f)
				}
				got = append(got, f.ID)
			}
			if after = next; after.IsZero() {
				break
			}
		}
		if !slices.Equal(got, ids) {
			t.Errorf("pages of %d: %v, want %v", size, got, ids)
		}
	}
	page, _, err := s.ETFFetches(ctx, "FETCHES2", etf.Cursor{}, 5)
	if err != nil || len(page) != 1 || page[0].PersistedAt.IsZero() || page[0].New != 5 || page[0].Unchanged+page[0].Revised+page[0].Quarantined != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	_, _, err = s.ETFFetches(ctx, "NONE", etf.Cursor{}, 5)
	wantKind(t, err, etf.KindNotFound, "symbol")
}

func testRunsOfETF(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	var ids []etf.RunID
	for i := range 3 {
		run := etf.Run{ID: etf.RunID("daily:XNYS:" + day(100+i).String()), Workflow: "daily", Exchange: etf.XNYS, Session: day(100 + i), StartedAt: time.Date(2070, 1, 2+i, 0, 0, 0, 0, time.UTC)}
		if err := s.StartRun(ctx, run); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, run.ID)
		rows := []etf.RunETF{{Symbol: "RUNSB", Session: run.Session, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, Source: "file", RowsNew: i}}
		if i == 1 {
			rows = append(rows, etf.RunETF{Symbol: "RUNSA", Session: run.Session, Stage: etf.StageFetch, Outcome: etf.OutcomeFailed, ErrorType: "SourceCorrupt"})
		}
		if err := s.RecordOutcomes(ctx, run.ID, nil, etf.RunCounts{}, rows); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.RunsOfETF(ctx, etf.ETF{Symbol: "RUNSA"}, ids)
	if err != nil || len(got) != 1 || got[ids[1]].ErrorType != "SourceCorrupt" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = s.RunsOfETF(ctx, etf.ETF{Symbol: "RUNSB"}, ids); err != nil || len(got) != 3 || got[ids[2]].RowsNew != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = s.RunsOfETF(ctx, etf.ETF{Symbol: "RUNSB"}, nil); err != nil || len(got) != 0 {
		t.Errorf("of no run: %+v, %v", got, err)
	}
}

// The scores of one origin are those that each ETF's own list has.
func TestOriginScores(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		ctx, s := t.Context(), d.Store
		a := scorer(s, 1, 2)
		symbols := []etf.Symbol{"OSA", "OSB", "OSC"}
		for _, symbol := range symbols {
			register(t, s, symbol)
			days(t, s, symbol, 1, 6, nil)
			score(t, a, symbol)
		}
		want := scoresOf(t, s, "OSB")
		if len(want) == 0 {
			t.Fatal("nothing was scored")
		}
		one := want[0]
		got, err := s.OriginScores(ctx, one.Exchange, one.Model, one.Horizon, one.Origin)
		if err != nil || len(got) != 3 {
			t.Fatalf("%d scores, %v; want one of each ETF", len(got), err)
		}
		for i, symbol := range symbols {
			if got[i].Symbol != symbol || got[i].Origin != one.Origin || got[i].Model != one.Model || got[i].Horizon != one.Horizon {
				t.Errorf("%+v", got[i])
			}
		}
		if fmt.Sprint(got[1]) != fmt.Sprint(one) {
			t.Errorf("%+v, want %+v", got[1], one)
		}
		for _, none := range []func() ([]etf.Score, error){
			func() ([]etf.Score, error) { return s.OriginScores(ctx, etf.XKRX, one.Model, one.Horizon, one.Origin) },
			func() ([]etf.Score, error) {
				return s.OriginScores(ctx, one.Exchange, "theta", one.Horizon, one.Origin)
			},
			func() ([]etf.Score, error) { return s.OriginScores(ctx, one.Exchange, one.Model, 21, one.Origin) },
			func() ([]etf.Score, error) {
				return s.OriginScores(ctx, one.Exchange, one.Model, one.Horizon, one.Origin.AddDays(-1))
			},
		} {
			if list, err := none(); err != nil || len(list) != 0 {
				t.Errorf("%d scores of something else, %v", len(list), err)
			}
		}
	})
}
