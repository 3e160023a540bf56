package db_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// together runs do in n goroutines, each with its own store: like separate processes, they share only the database.
func together(t *testing.T, d dbtest.Database, n int, do func(i int, s *db.Store) error) {
	t.Helper()
	stores := make([]*db.Store, n)
	for i := range stores {
		stores[i] = d.Another(t, db.Options{MaxConns: 1})
	}
	failures := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			failures[i] = do(i, stores[i])
		})
	}
	close(start)
	wg.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
}

// testWritersOfOne checks 16 concurrent writers of one ETF: each adds a new bar, revises a bar that all of them write, and
// repeats one that none changes. Each change makes one version, none is lost, and the revisions have no gap.
func testWritersOfOne(t *testing.T, d dbtest.Database) {
	const writers, rounds = 16, 1
	ctx, s := t.Context(), d.Store
	register(t, s, "RACE")
	ingest(t, s, "RACE", []etf.Bar{bar(day(0), 0), bar(day(1), 1)})
	together(t, d, writers, func(i int, s *db.Store) error {
		for round := range rounds {
			n := 1 + i + round*writers
			bars := []etf.Bar{bar(day(0), n), bar(day(1), 1), bar(day(1+n), n)}
			f := fetchOf("RACE", bars)
			if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars}); err != nil {
				return err
			}
			if err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Verdicts: make([]etf.Verdict, 3)}); err != nil {
				return err
			}
			p, err := s.Persist(ctx, f.ID)
			if err != nil {
				return err
			}
			if p.New != 1 || p.Revised != 1 || p.Unchanged != 1 {
				return fmt.Errorf("writer %d: %+v", i, p)
			}
		}
		return nil
	})
	const changes = writers * rounds
	e := etfOf(t, s, "RACE")
	if e.DataVersion.Number != 1+changes || e.Bars != 2+changes || e.First != day(0) || e.Last != day(1+changes) {
		t.Fatalf("%+v after %d changes", e, changes)
	}
	if bars, err := s.BarsPage(ctx, "RACE", etf.Window{}, 0, 1000); err != nil || len(bars) != 2+changes {
		t.Fatalf("%d bars, %v", len(bars), err)
	}
	revisions, err := s.BarRevisions(ctx, "RACE", day(0))
	if err != nil || len(revisions) != 1+changes {
		t.Fatalf("%d revisions, %v", len(revisions), err)
	}
	for i, b := range revisions {
		if b.DataVersion != int64(1+i) || (i > 0 && !revisions[i-1].KnownTo.Equal(b.KnownFrom)) {
			t.Errorf("revision %d: %+v after %+v", i, b, revisions[max(0, i-1)])
		}
	}
	versions := 0
	if err := d.Admin(t).QueryRow("SELECT COUNT(*) FROM data_versions v JOIN etfs e ON e.id = v.etf_id WHERE e.symbol = 'RACE'").Scan(&versions); err != nil || versions != 1+changes {
		t.Errorf("%d versions recorded, want %d; %v", versions, 1+changes, err)
	}
}

func testWritersOfMany(t *testing.T, d dbtest.Database) {
	const writers, rounds = 16, 3
	ctx := t.Context()
	for i := range writers {
		register(t, d.Store, etf.Symbol(fmt.Sprintf("MANY%02d", i)))
	}
	together(t, d, writers, func(i int, s *db.Store) error {
		symbol := etf.Symbol(fmt.Sprintf("MANY%02d", i))
		for round := range rounds {
			p, err := s.SeedBars(ctx, symbol, "simulated", etf.AsTraded, []etf.Bar{bar(day(0), round), bar(day(1+round), round)})
			if err != nil {
				return err
			}
			if p.DataVersion.Number != int64(round+1) {
				return fmt.Errorf("%s: %+v in round %d", symbol, p, round)
			}
			if _, _, err := appendOne(ctx, s, forecastOf(symbol, "drift", day(1+round), p.DataVersion)); err != nil {
				return err
			}
		}
		return s.VerifyChain(ctx, symbol, "drift")
	})
	for i := range writers {
		if e := etfOf(t, d.Store, etf.Symbol(fmt.Sprintf("MANY%02d", i))); e.DataVersion.Number != rounds || e.Bars != rounds+1 {
			t.Errorf("%+v", e)
		}
	}
}

// testWritersOfOneFetch: an activity that has timed out may still be running when the next attempt does the same work.
func testWritersOfOneFetch(t *testing.T, d dbtest.Database) {
	ctx := t.Context()
	register(t, d.Store, "ONEF")
	bars := []etf.Bar{bar(day(0), 0), bar(day(1), 1)}
	f := fetchOf("ONEF", bars)
	found := finding(f, "jump", day(1))
	var mu sync.Mutex
	results := map[string]int{}
	together(t, d, 8, func(_ int, s *db.Store) error {
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Raw: []byte("x")}); err != nil {
			return err
		}
		if err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: []etf.Finding{found}, Verdicts: []etf.Verdict{etf.VerdictKeep, etf.VerdictQuarantine}}); err != nil {
			return err
		}
		p, err := s.Persist(ctx, f.ID)
		mu.Lock()
		defer mu.Unlock()
		results[fmt.Sprintf("%+v", p)]++
		return err
	})
	if len(results) != 1 {
		t.Fatalf("results differ: %v", results)
	}
	if e := etfOf(t, d.Store, "ONEF"); e.DataVersion.Number != 1 || e.Bars != 2 || e.Quarantined != 1 {
		t.Errorf("%+v", e)
	}
	together(t, d, 8, func(_ int, s *db.Store) error {
		_, err := s.Decide(ctx, etf.Ruling{Finding: found.ID, Decision: etf.Accept, By: "kim"})
		return err
	})
	if e := etfOf(t, d.Store, "ONEF"); e.DataVersion.Number != 2 || e.Quarantined != 0 {
		t.Errorf("%+v", e)
	}
}

func testWritersOfOneChain(t *testing.T, d dbtest.Database) {
	const writers, rounds = 8, 3
	ctx := t.Context()
	register(t, d.Store, "ONEC")
	p, _ := ingest(t, d.Store, "ONEC", []etf.Bar{bar(day(0), 0)})
	together(t, d, writers, func(i int, s *db.Store) error {
		for round := range rounds {
			f := forecastOf("ONEC", "drift", day(round*writers+i), p.DataVersion)
			for range 2 {
				if _, _, err := appendOne(ctx, s, f); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err := d.Store.VerifyChain(ctx, "ONEC", "drift"); err != nil {
		t.Fatal(err)
	}
	if page, err := d.Store.ForecastPage(ctx, "ONEC", "drift", 0, 1); err != nil || page[0].Chain != writers*rounds {
		t.Fatalf("%+v, %v", page, err)
	}
}
