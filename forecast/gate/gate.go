package gate

import (
	"cmp"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoreboard"
)

// Level is the probability, at most, that a model which is not better than the benchmark is ever served, over all models and horizons
// of an exchange.
const Level = .05

// Record is what the gate looks at: the sums of one model's scores at one horizon on one exchange, in any order. The benchmark has none.
type Record struct {
	Model    string
	Horizon  int
	Sessions []etf.SessionLosses
	// Overlap is how many origins a forecast's span reaches over, its own included, if not every session is an origin; 0 means Horizon.
	Overlap int
}

// every is from how many origins one increment is made.
func (r Record) every() int { return cmp.Or(r.Overlap, r.Horizon) }

// share is the level of each of n comparisons. A sequence gives half of its level to each side, and only one side counts here, so that its
// level is twice this.
func share(n int) float64 { return Level / float64(max(n, 1)) }

// FirstPassed returns, for each record in its order, the origin of the score with which it passed for the first time, zero if it never did: what
// somebody would have seen who looked after each session.
func FirstPassed(records []Record) []etf.Session {
	first := make([]etf.Session, len(records))
	for i, r := range records {
		scoreboard.CompareEach(r.Sessions, r.every(), 2*share(len(records)), func(origin etf.Session, d scoreboard.Difference) bool {
			if d.High < 0 {
				first[i] = origin
			}
			return first[i].IsZero()
		})
	}
	return first
}

// Judge returns a verdict for each record, in order of horizon and model. All records are of one exchange. They share Level equally, also those
// without scores: a model that is added or removed changes what the others have to show. Level then holds for each set of models from the
// session on that it is judged, not for all sets together.
func Judge(exchange etf.Exchange, session etf.Session, records []Record) []etf.GateVerdict {
	level := share(len(records))
	list := make([]etf.GateVerdict, 0, len(records))
	for _, r := range records {
		d := scoreboard.Compare(r.Sessions, r.every(), 2*level)
		v := etf.GateVerdict{Exchange: exchange, Session: session, Model: r.Model, Horizon: r.Horizon, N: d.N, Low: d.Low, High: d.High, Level: level}
		if d.N > 0 {
			v.Mean, v.Passed = d.Mean, d.High < 0
		}
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b etf.GateVerdict) int {
		return cmp.Or(cmp.Compare(a.Horizon, b.Horizon), cmp.Compare(a.Model, b.Model))
	})
	best := map[int]int{} // by horizon: of the models that passed, the one that is surely better by most
	for i, v := range list {
		if k, ok := best[v.Horizon]; v.Passed && (!ok || v.High < list[k].High) {
			best[v.Horizon] = i
		}
	}
	for _, i := range best {
		list[i].Served = true
	}
	return list
}
