package db_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// BenchmarkDailyPath measures the database work of one ETF's daily update on the embedded server: 15 fetched rows, one of
// them new, five years of history, and two forecasts of 21 points, one with six components and a fit. Score finds forecasts at horizons 1, 5 and, after 21 updates of an ETF, 21.
// server-ms/op is the CPU time of the parent process, which is the database server when this runs as
// `bin/devstack run --ephemeral -- db.test -test.bench DailyPath`.
func BenchmarkDailyPath(b *testing.B) {
	d := dbtest.Open(b, dbtest.Embedded(b))
	s, ctx := d.Store, context.Background()
	const symbols = 20
	history := weekdays(etf.MustSession("2020-01-01"), 1300)
	for i := range symbols {
		symbol := etf.Symbol(fmt.Sprintf("SIM%03d", i))
		register(b, s, symbol)
		if _, err := s.SeedBars(ctx, symbol, "simulated", etf.AsTraded, history); err != nil {
			b.Fatal(err)
		}
	}
	next := make([][]etf.Bar, symbols)
	for i := range next {
		next[i] = slices.Clone(history)
	}
	stages := map[string]time.Duration{}
	cpu := map[string]time.Duration{}
	timed := func(name string, do func()) {
		start, before := time.Now(), parentCPU()
		do()
		stages[name] += time.Since(start)
		cpu[name] += parentCPU() - before
	}
	n, scores := 0, 0
	a := &activities.Scoring{Store: s, Horizons: etf.ScoreHorizons, Models: []string{"drift", "prophet"}, Benchmark: "drift", Now: time.Now}
	for b.Loop() {
		i := n % symbols
		symbol := etf.Symbol(fmt.Sprintf("SIM%03d", i))
		last := next[i][len(next[i])-1]
		next[i] = append(next[i], bar(last.Session.AddDays(1), n))
		window := next[i][len(next[i])-15:]
		id := fmt.Sprintf("%032x", n+1)
		must := func(err error) {
			if err != nil {
				b.Fatal(err)
			}
		}
		var h etf.History
		var p etf.Persisted
		var err error
		timed("0 ETF+Stored", func() {
			_, err = s.ETF(ctx, symbol)
			must(err)
			_, err = s.Stored(ctx, symbol)
			must(err)
		})
		timed("1 SaveFetch", func() {
			must(s.SaveFetch(ctx, etf.Fetch{ID: id, Symbol: symbol, Source: "simulated", Basis: etf.AsTraded, Rows: len(window),
				Window: etf.Window{From: window[0].Session, To: window[14].Session}, FetchedAt: time.Now(), Run: "daily:XNYS:2025-01-02"},
				etf.Response{Bars: window, Raw: []byte(strings.Repeat("1,2,3;", 300))}))
		})
		timed("2 Staged", func() { _, err = s.Staged(ctx, id); must(err) })
		timed("3 SaveFindings", func() { must(saveFindings(s, etf.Judgement{Fetch: id, Verdicts: make([]etf.Verdict, 15)})) })
		timed("4 Persist", func() { p, err = s.Persist(ctx, id); must(err) })
		if p.New != 1 || p.Unchanged != 14 {
			b.Fatalf("persisted %+v", p)
		}
		timed("4 Score", func() {
			scored, err := a.Score(ctx, symbol)
			must(err)
			scores += scored.Scores
		})
		timed("5 History", func() { h, err = s.History(ctx, symbol, window[14].Session, 1300); must(err) })
		timed("6 AppendForecasts", func() {
			plain := forecastOf(symbol, "drift", window[14].Session, h.DataVersion)
			whole := withParts(forecastOf(symbol, "prophet", window[14].Session, h.DataVersion))
			plain.ID, whole.ID = fmt.Sprintf("%032x", n+1), fmt.Sprintf("%031xf", n+1)
			_, err := s.AppendForecasts(ctx, []etf.Forecast{plain, whole})
			must(err)
		})
		n++
	}
	for name, t := range stages {
		b.Logf("%-20s %6.2f ms wall %6.2f ms server", name, t.Seconds()*1e3/float64(n), cpu[name].Seconds()*1e3/float64(n))
	}
	b.Logf("%.1f scores each", float64(scores)/float64(n))
	var all time.Duration
	for _, t := range cpu {
		all += t
	}
	b.ReportMetric(all.Seconds()*1e3/float64(n), "server-ms/op")
}

// parentCPU is the CPU time used by the parent process, in clock ticks of 10 ms.
func parentCPU() time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(os.Getppid()) + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
