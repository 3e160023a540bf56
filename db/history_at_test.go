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

// testBarFetches checks which fetches the believed bars of a version come from, before and after a revision, a quarantine and a decision.
func testBarFetches(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	const symbol = "BEHIND"
	register(t, s, symbol)
	ingest(t, s, symbol, weekdays(day(0), 10))
	bars := weekdays(day(0), 10)
	first, last := bars[0].Session, bars[9].Session
	p, found := ingest(t, s, symbol, []etf.Bar{bar(bars[4].Session, 900), bar(last.AddDays(1), 901)}, findingBy("ohlc_order", last.AddDays(1)))
	if p.DataVersion.Number != 2 || len(found) != 1 {
		t.Fatalf("%+v, %v", p, found)
	}
	if _, err := s.Decide(ctx, etf.Ruling{Finding: found[0].ID, Decision: etf.Accept, By: "kim", Why: "checked"}); err != nil {
		t.Fatal(err)
	}
	type use struct{ bars, first, last int } // sessions by their distance from the first
	for version, want := range map[int64][]use{
		0: nil,
		1: {{10, 0, int(last - first)}},
		2: {{9, 0, int(last - first)}, {1, int(bars[4].Session - first), int(bars[4].Session - first)}},
		3: {{9, 0, int(last - first)}, {2, int(bars[4].Session - first), int(last - first + 1)}},
	} {
		list, err := s.BarFetchesAt(ctx, symbol, version, etf.Window{From: first, To: last.AddDays(5)})
		if err != nil || len(list) != len(want) {
			t.Fatalf("version %d: %+v, %v", version, list, err)
		}
		for i, u := range list {
			if got := (use{u.Bars, int(u.First - first), int(u.Last - first)}); got != want[i] || u.ID == "" || u.Source == "" || u.FetchedAt.IsZero() || u.Hash == "" || u.Stored { // ingest keeps no body
				t.Errorf("version %d: %+v, want %+v", version, u, want[i])
			}
		}
	}
	cause, err := s.VersionCause(ctx, symbol, 3)
	if err != nil || cause.Cause != etf.CauseDecision || cause.CauseID != found[0].ID || cause.Number != 3 || cause.Writer == "" {
		t.Errorf("%+v, %v", cause, err)
	}
	if list, err := s.Decisions(ctx, symbol, 3, 5); err != nil || len(list) != 1 || list[0].CauseID != found[0].ID {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := s.Decisions(ctx, symbol, 2, 5); err != nil || len(list) != 0 {
		t.Errorf("before the decision: %+v, %v", list, err)
	}
	_, err = s.VersionCause(ctx, symbol, 4)
	wantKind(t, err, etf.KindInvalid, "data_version")
}
