package db_test

import (
	"context"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// writeHeld stores a bar that is held, or quarantines, revises or believes it if it is held already. Its session is after those that
// the other writers use: they would make it believed at once.
func writeHeld(ctx context.Context, s *db.Store, symbol etf.Symbol, r *rand.Rand) error {
	bars := []etf.Bar{bar(day(60+r.IntN(20)), r.IntN(2))}
	f := fetchOf(symbol, bars)
	f.ID, f.Basis = randomID(r), etf.AsTraded
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis}); err != nil {
		return err
	}
	j := etf.Judgement{Fetch: f.ID, Verdicts: []etf.Verdict{etf.VerdictHold}}
	switch r.IntN(8) {
	case 0:
		j.Verdicts[0] = etf.VerdictKeep
	case 1:
		j.Verdicts[0] = etf.VerdictQuarantine
	}
	if j.Verdicts[0] != etf.VerdictKeep {
		found := finding(f, "held_close", bars[0].Session)
		found.ID = randomID(r)
		if j.Verdicts[0] == etf.VerdictHold {
			found.Severity = etf.SeverityWarning
		}
		j.Findings = []etf.Finding{found}
	}
	if _, err := s.SaveFindings(ctx, j); err != nil {
		return err
	}
	_, err := s.Persist(ctx, f.ID)
	return err
}

// testHistoryAt makes random changes of every kind, reads after each what forecasts would be made from, and compares all of it with
// what is read as of those versions in the end.
func testHistoryAt(t *testing.T, d dbtest.Database) {
	const changes = 120
	ctx, s := t.Context(), d.Store
	const symbol = "HISTORYAT"
	register(t, s, symbol)
	r := rand.New(rand.NewPCG(21, 12))
	type question struct {
		version int64
		to      etf.Session
		limit   int
	}
	answers := map[question]etf.History{}
	writers := append([]func(context.Context, *db.Store, etf.Symbol, *rand.Rand) error{writeHeld, writeHeld}, believedWriters...)
	held, split, causes := 0, 0, map[string]int{}
	for range changes {
		if err := writers[r.IntN(len(writers))](ctx, s, symbol, r); err != nil {
			t.Fatal(err)
		}
		for range 8 {
			q := question{to: day(r.IntN(85)), limit: []int{1, 5, 30, 40_000}[r.IntN(4)]}
			h, err := s.History(ctx, symbol, q.to, q.limit)
			if err != nil {
				t.Fatal(err)
			}
			if q.version = h.DataVersion.Number; q.version == 0 {
				continue
			}
			answers[q] = h
			if h.Held {
				held++
			}
			if len(h.Splits) > 0 {
				split++
			}
		}
	}
	for q, want := range answers {
		got, err := s.HistoryAt(ctx, symbol, q.version, q.to, q.limit)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v: the history is\n%+v\n(%v), but it was\n%+v", q, got, err, want)
		}
	}
	list, err := s.Versions(ctx, symbol, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		causes[v.Cause]++
	}
	for _, cause := range []string{etf.CauseFetch, etf.CauseRestated, etf.CauseListing, etf.CauseDecision, etf.CauseAction} {
		if causes[cause] < 1 {
			t.Errorf("no version was caused by: %s", cause)
		}
	}
	if held < 20 || split < 20 {
		t.Errorf("only %d histories end at a held bar, %d have splits", held, split)
	}
	_, err = s.HistoryAt(ctx, symbol, list[0].Number+1, day(0), 1)
	wantKind(t, err, etf.KindInvalid, "data_version")
	_, err = s.HistoryAt(ctx, "NOSUCH", 1, day(0), 1)
	wantKind(t, err, etf.KindNotFound, "symbol")
}
