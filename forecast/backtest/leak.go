package backtest

import (
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/catalogue"
)

// LeakBelow is the relative MAE at a horizon of one session below which a leak is suspected: honest forecasts of closes have .98 to 1.02.
const LeakBelow = .95

// suspects returns the models that are too good to be true.
func suspects(b *etf.Backtest) []etf.BacktestSuspect {
	list := []etf.BacktestSuspect{}
	for _, r := range slices.Concat(b.Results, b.Pooled) {
		if r.Model != catalogue.Benchmark && r.Horizon == 1 && r.RelMAE != nil && *r.RelMAE < LeakBelow {
			list = append(list, etf.BacktestSuspect{ETF: r.ETF, Exchange: r.Exchange, Model: r.Model, RelMAE: *r.RelMAE, N: r.N})
		}
	}
	return list
}

// leaks says in words what is suspected, and then where to look; empty if nothing is.
func leaks(suspects []etf.BacktestSuspect) []string {
	list := []string{}
	if len(suspects) == 0 {
		return list
	}
	for _, s := range suspects {
		of := string(s.ETF)
		if of == "" {
			of = "all ETFs together"
		}
		list = append(list, fmt.Sprintf("%s on %s: relative MAE %.3f at horizon 1 over %d forecasts; honest forecasts of closes have 0.98 to 1.02", s.Model, of, s.RelMAE, s.N))
	}
	return append(list,
		"Look whether closes are known too early: rows dated a session too early, or in UTC, so that a row holds a part of the next session",
		"Look whether closes are stamped later than they are: stale prices, net asset values, or means over time instead of last trades, which the next row makes up for",
		"Look whether the prices have been restated since: adjusted with factors that were not known then, smoothed, or with gaps filled in from later prices",
		"Look whether rows are out of order or come from several sources that alternate, so that errors take themselves back on the next row",
	)
}
