package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/simulated"
)

// asOf returns how much longer it takes to read 5,000 bars with three revisions each as of a version than as they are: the largest of the
// versions' ratios. Each round reads them plainly and as of each version; a version's ratio is the median of the rounds', so that what else the
// machine does affects it little.
func asOf(ctx context.Context, store *db.Store, stderr io.Writer) (float64, error) {
	const (
		bars, versions, rounds = 5000, 4, 101
		symbol                 = "SIMASOF"
	)
	if _, _, err := store.CreateETF(ctx, etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: simulated.Name, Ref: symbol}}}); err != nil {
		return 0, err
	}
	list := make([]etf.Bar, bars)
	first := etf.MustSession("2000-01-03")
	for i := range list {
		base := etf.Price(100_00000000 + int64(i*17%9973)*1_230000)
		list[i] = etf.Bar{Session: first.AddDays(i), Open: base, High: base + 2_00000000, Low: base - 1_00000000, Close: base + 50000000, Volume: etf.Shares(int64(1_000_000 + i))}
	}
	for range versions {
		for i := range list {
			list[i].Close++
		}
		id := newID()
		if err := store.SaveFetch(ctx, etf.Fetch{ID: id, Symbol: symbol, Source: simulated.Name, Basis: etf.AsTraded, Rows: bars, FetchedAt: time.Now(),
			Window: etf.Window{From: first, To: list[bars-1].Session}}, etf.Response{Bars: list}); err != nil {
			return 0, err
		}
		if _, err := store.SaveFindings(ctx, etf.Judgement{Fetch: id, Verdicts: make([]etf.Verdict, bars)}); err != nil {
			return 0, err
		}
		if _, err := store.Persist(ctx, id); err != nil {
			return 0, err
		}
	}
	var times [versions + 1][]float64 // seconds; 0: the plain read
	for round := range rounds {
		for k := range times {
			i := (round + k) % len(times) // so that none always follows the same one
			runtime.GC()                  // the reads allocate alike, so a collection would hit the same one in each round
			start := time.Now()
			var got []etf.StoredBar
			var err error
			if i == 0 {
				got, err = store.BarsPage(ctx, symbol, etf.Window{}, 0, 2*bars)
			} else {
				got, err = store.BarsPageAt(ctx, symbol, int64(i), etf.Window{}, 0, 2*bars)
			}
			if err != nil || len(got) != bars {
				return 0, fmt.Errorf("%d bars as of version %d: %w", len(got), i, err)
			}
			times[i] = append(times[i], time.Since(start).Seconds())
		}
	}
	worst := 0.0
	fmt.Fprintf(stderr, "plain read: %.1f ms; as of each version:", 1000*median(times[0]))
	for _, list := range times[1:] {
		ratios := make([]float64, rounds)
		for round := range ratios {
			ratios[round] = list[round] / times[0][round]
		}
		fmt.Fprintf(stderr, " %.1f (%.2f)", 1000*median(list), median(ratios))
		worst = max(worst, median(ratios))
	}
	fmt.Fprintln(stderr)
	return worst, nil
}

func median(list []float64) float64 {
	return slices.Sorted(slices.Values(list))[len(list)/2]
}
