package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/drift"
)

// verdict is a sentence on who is better, with what it rests on.
type verdict struct {
	Says string
	More []string
}

// judged are the rows that one gate decides on: those of an exchange, or of a file, which is its own exchange.
type judged struct {
	name string
	file bool
	rows []etf.BacktestResult
}

// gates returns the rows by gate: the pooled ones of an exchange if there are any.
func (m *maker) gates() []judged {
	var out []judged
	add := func(name string, file bool, rows []etf.BacktestResult) {
		if len(rows) > 0 {
			out = append(out, judged{name, file, rows})
		}
	}
	done := map[etf.Exchange]bool{"": true}
	for _, r := range m.b.Pooled {
		if done[r.Exchange] {
			continue
		}
		done[r.Exchange] = true
		add(string(r.Exchange), false, slices.DeleteFunc(slices.Clone(m.b.Pooled), func(x etf.BacktestResult) bool { return x.Exchange != r.Exchange }))
	}
	for _, e := range m.b.ETFs {
		if e.Exchange == "" || !done[e.Exchange] {
			add(name(e), true, m.rowsOf(e.ETF))
		}
	}
	return out
}

// most names of series in a sentence.
const mostNames = 8

// verdicts says in words, by horizon, which model is better than the benchmark, or that none is.
func (m *maker) verdicts() []verdict {
	if len(m.b.Results)+len(m.b.Pooled) == 0 {
		return []verdict{{Says: m.text("noResults")}}
	}
	if len(m.models) == 1 {
		return []verdict{{Says: m.fill("onlyBenchmark", "benchmark", drift.Name)}}
	}
	gates := m.gates()
	var out []verdict
	for _, h := range m.horizons {
		var none []judged
		for _, g := range gates {
			rows := m.sorted(g.rows, h)
			i := slices.IndexFunc(rows, func(r etf.BacktestResult) bool { return r.Served && r.Model != drift.Name })
			if i >= 0 {
				out = append(out, m.better(g, rows[i], len(gates) > 1))
			} else if len(rows) > 0 {
				none = append(none, judged{g.name, g.file, rows})
			}
		}
		if len(none) > 0 {
			out = append(out, m.noneBetter(h, none, len(gates)))
		}
	}
	return out
}

func (m *maker) better(g judged, r etf.BacktestResult, several bool) verdict {
	v := verdict{Says: m.fill("better", "h", r.Horizon, "model", r.Model, "benchmark", drift.Name)}
	if several {
		v.Says = m.fill("betterOn", "h", r.Horizon, "model", r.Model, "benchmark", drift.Name, "units", g.name)
	}
	if r.Gate != nil && r.Gate.N > 0 {
		v.More = append(v.More, m.fill("betterBy", "mean", signed(&r.Gate.Mean, 4), "low", number(&r.Gate.Low, 4), "high", number(&r.Gate.High, 4),
			"n", r.Gate.N, "crps", number(r.RelCRPS, 3)))
	}
	return v
}

// noneBetter says it of the gates at which the benchmark is served, of all gates there are.
func (m *maker) noneBetter(h int, none []judged, gates int) verdict {
	v := verdict{Says: m.fill("noneBetter", "h", h, "benchmark", drift.Name)}
	switch {
	case gates > 1 && len(none) == gates && !slices.ContainsFunc(none, func(g judged) bool { return !g.file }):
		v.Says = m.fill("noneBetterOfMany", "h", h, "benchmark", drift.Name, "n", len(none))
	case gates > 1:
		var names []string
		for _, g := range none {
			names = append(names, g.name)
		}
		if len(names) > mostNames {
			names = append(names[:mostNames], "… ("+strconv.Itoa(len(none))+")")
		}
		v.Says = m.fill("noneBetterOn", "h", h, "benchmark", drift.Name, "units", strings.Join(names, ", "))
	}
	if gates > 1 {
		return v
	}
	var best *etf.BacktestResult
	var worse []string
	for i, r := range none[0].rows {
		if r.Model == drift.Name {
			continue
		}
		if finite(r.RelCRPS) && (best == nil || *r.RelCRPS < *best.RelCRPS) {
			best = &none[0].rows[i]
		}
		if r.Gate != nil && r.Gate.N > 0 && r.Gate.Low > 0 {
			worse = append(worse, r.Model)
		}
	}
	if best != nil {
		crps := number(best.RelCRPS, 3)
		if in := m.interval(best.RelCRPSLow, best.RelCRPSHigh, 3); in != "" {
			crps += " (" + in + ")"
		}
		v.More = append(v.More, m.fill("closest", "model", best.Model, "crps", crps))
	}
	if len(worse) > 0 {
		v.More = append(v.More, m.fill("worse", "benchmark", drift.Name, "models", strings.Join(worse, ", ")))
	}
	return v
}

// leaks says what is too good to be true, and then where to look.
func (m maker) leaks() []string {
	if len(m.b.Suspects) == 0 {
		return nil
	}
	var list []string
	for _, s := range m.b.Suspects {
		unit := string(s.ETF)
		if unit == "" {
			unit = m.text("leakAll")
		}
		list = append(list, m.fill("leakOf", "model", s.Model, "unit", unit, "ratio", strconv.FormatFloat(s.RelMAE, 'f', 3, 64), "n", s.N))
	}
	return append(list, m.text("leakEarly"), m.text("leakStale"), m.text("leakRestated"), m.text("leakMixed"))
}
