package backtest

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/catalogue"
	"github.com/etfcast/etfcast/forecast/gate"
	"github.com/etfcast/etfcast/forecast/scoreboard"
)

// steps is how many points of a cumulative difference are kept.
const steps = 250

// terciles are the names of the thirds of an ETF's origins by volatility.
var terciles = [3]string{"low", "middle", "high"}

// cell is a model's forecasts at one horizon that become one result: of one ETF, or of several.
type cell struct {
	etf      etf.Symbol
	exchange etf.Exchange
	model    string
	horizon  int
	tracks   []*track
	thirds   []map[etf.Session]int // of each track's ETF: the tercile of each origin
}

// subject is an ETF or several, of which each model and horizon has a result.
type subject struct {
	cells  []cell // by model and horizon, in the order of the options
	judged bool   // by the gate: all are of one exchange
}

// results makes all results: those of each ETF, and those of each exchange with several ETFs. Without exchanges, several ETFs have results
// together, but the gate does not judge: their sessions may cover hours of each other.
func results(groups []*group, o etf.BacktestOptions) (single, pooled []etf.BacktestResult) {
	var ones, several []subject
	var loose []*group // of no exchange
	for _, g := range groups {
		for e := range g.members {
			ones = append(ones, g.subject(g.members[e].ETF.ETF, []int{e}))
		}
		if len(g.members) > 1 {
			all := make([]int, len(g.members))
			for e := range all {
				all[e] = e
			}
			several = append(several, g.subject("", all))
		}
		if g.exchange == "" {
			loose = append(loose, g)
		}
	}
	if len(loose) > 1 {
		s := loose[0].subject("", []int{0})
		for _, g := range loose[1:] {
			for i, c := range g.subject("", []int{0}).cells {
				s.cells[i].tracks, s.cells[i].thirds = append(s.cells[i].tracks, c.tracks...), append(s.cells[i].thirds, c.thirds...)
			}
		}
		s.judged = false
		several = append(several, s)
	}
	slices.SortStableFunc(ones, func(a, b subject) int { return cmp.Compare(a.cells[0].etf, b.cells[0].etf) })
	slices.SortStableFunc(several, func(a, b subject) int { return cmp.Compare(a.cells[0].exchange, b.cells[0].exchange) })
	return summarise(ones, o), summarise(several, o)
}

// subject makes one of some of the group's ETFs.
func (g *group) subject(name etf.Symbol, members []int) subject {
	s := subject{judged: true}
	benchmark := g.model(catalogue.Benchmark)
	thirds := make([]map[etf.Session]int, len(members))
	for k, e := range members {
		thirds[k] = benchmark.thirds(e)
	}
	for _, m := range g.models {
		for h, horizon := range g.options.Horizons {
			c := cell{etf: name, exchange: g.exchange, model: m.name, horizon: horizon, thirds: thirds}
			for _, e := range members {
				c.tracks = append(c.tracks, &m.tracks[e][h])
			}
			s.cells = append(s.cells, c)
		}
	}
	return s
}

// thirds says of each origin of an ETF whether its volatility is in the lowest, middle or highest third.
func (m *measured) thirds(e int) map[etf.Session]int {
	all := map[etf.Session]float64{}
	for _, t := range m.tracks[e] {
		for _, x := range t.outcomes {
			all[x.Origin] = x.Volatility
		}
	}
	origins := make([]etf.Session, 0, len(all))
	for s := range all {
		origins = append(origins, s)
	}
	slices.SortFunc(origins, func(a, b etf.Session) int { return cmp.Or(cmp.Compare(all[a], all[b]), cmp.Compare(a, b)) })
	out := map[etf.Session]int{}
	for i, s := range origins {
		out[s] = i * 3 / len(origins)
	}
	return out
}

// summarise makes the results of subjects, with the gate's verdicts.
func summarise(subjects []subject, o etf.BacktestOptions) []etf.BacktestResult {
	var cells []*cell
	for i := range subjects {
		for k := range subjects[i].cells {
			cells = append(cells, &subjects[i].cells[k])
		}
	}
	list := make([]etf.BacktestResult, len(cells))
	parallel(len(cells), func(i int) { list[i] = cells[i].result(o) })
	at := 0
	for _, s := range subjects {
		if s.judged {
			s.judge(list[at:at+len(s.cells)], o)
		}
		at += len(s.cells)
	}
	return list
}

// judge adds the verdicts at the last origin to the results of a subject: those of outcomes that have matured by then.
func (s subject) judge(results []etf.BacktestResult, o etf.BacktestOptions) {
	var last etf.Session
	for _, c := range s.cells {
		for _, t := range c.tracks {
			if n := len(t.outcomes); n > 0 {
				last = max(last, t.outcomes[n-1].Origin)
			}
		}
	}
	var records []gate.Record
	for _, c := range s.cells {
		if c.model != catalogue.Benchmark {
			records = append(records, gate.Record{Model: c.model, Horizon: c.horizon, Overlap: c.overlap(o.OriginsEvery), Sessions: c.sums(func(x *Outcome, _ int) bool { return x.Target <= last })})
		}
	}
	served := map[int]bool{}
	for _, v := range gate.Judge(s.cells[0].exchange, last, records) {
		for i, c := range s.cells {
			if c.model == v.Model && c.horizon == v.Horizon {
				results[i].Served, results[i].Gate = v.Served, &v
				served[v.Horizon] = served[v.Horizon] || v.Served
			}
		}
	}
	for i, c := range s.cells {
		if c.model == catalogue.Benchmark {
			results[i].Served = !served[c.horizon]
		}
	}
}

// sums returns the sums of the outcomes that keep says, which is told each outcome's tercile.
func (c *cell) sums(keep func(x *Outcome, third int) bool) []etf.SessionLosses {
	var list []etf.SessionLosses
	for k, t := range c.tracks {
		for i := range t.outcomes {
			if x := &t.outcomes[i]; t.sums[i].N > 0 && keep(x, c.thirds[k][x.Origin]) {
				list = append(list, t.sums[i])
			}
		}
	}
	return list
}

// overlap is how many origins a forecast's span reaches over, its own included: errors are correlated as long as their spans overlap. Where
// the ETFs' origins are not the same ones, they may be as near to each other as sessions are.
func (c *cell) overlap(every int) int {
	most, all := 0, map[etf.Session]bool{}
	for _, t := range c.tracks {
		most = max(most, len(t.outcomes))
		for _, x := range t.outcomes {
			all[x.Origin] = true
		}
	}
	if len(all) > most {
		return c.horizon
	}
	return (c.horizon + every - 1) / every
}

func (c *cell) result(o etf.BacktestOptions) etf.BacktestResult {
	all := c.sums(func(*Outcome, int) bool { return true })
	overlap := c.overlap(o.OriginsEvery)
	row := scoreboard.Summarise(all, scoreboard.Options{Horizon: overlap, FixedWindow: true})
	r := etf.BacktestResult{
		ETF: c.etf, Exchange: c.exchange, Model: c.model, Horizon: c.horizon, N: row.N, From: row.From, To: row.To,
		RelMAE: defined(row.RelMAE.Value), RelMAELow: defined(row.RelMAE.Low), RelMAEHigh: defined(row.RelMAE.High),
		MASE: defined(row.MASE), RMSSE: defined(row.RMSSE),
		RelCRPS: defined(row.RelCRPS.Value), RelCRPSLow: defined(row.RelCRPS.Low), RelCRPSHigh: defined(row.RelCRPS.High),
		Pinball: defined(row.Pinball), CRPS: defined(row.CRPS),
		Coverage50: defined(row.Coverage50.Value), Coverage80: defined(row.Coverage80.Value), Coverage90: defined(row.Coverage90.Value), Coverage95: defined(row.Coverage95.Value),
		Coverage50SE: defined(row.Coverage50.SE), Coverage80SE: defined(row.Coverage80.SE), Coverage90SE: defined(row.Coverage90.SE), Coverage95SE: defined(row.Coverage95.SE),
		Winkler80: defined(row.Winkler80), Winkler90: defined(row.Winkler90), Width80: defined(row.Width80), Width90: defined(row.Width90),
		PIT: slices.Clone(row.PIT[:]),
	}
	if c.model != catalogue.Benchmark && row.DM != nil {
		r.DMP, r.DMPMAE = defined(row.DM.CRPS.P), defined(row.DM.Absolute.P)
	}
	if len(c.tracks) == 1 {
		r.KupiecP, r.ChristP = c.tracks[0].backtests()
	}
	r.Slices = c.slices(overlap)
	if c.model != catalogue.Benchmark {
		r.Steps = c.steps()
	}
	return r
}

// defined returns nil for NaN.
func defined(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// slices are the results of the parts of the origins.
func (c *cell) slices(overlap int) []etf.BacktestSlice {
	var list []etf.BacktestSlice
	add := func(by, name string, keep func(x *Outcome, third int) bool) {
		sums := c.sums(keep)
		if len(sums) == 0 {
			return
		}
		row := scoreboard.Summarise(sums, scoreboard.Options{Horizon: overlap, Replicates: -1})
		list = append(list, etf.BacktestSlice{
			By: by, Name: name, N: row.N, RelMAE: defined(row.RelMAE.Value), RelCRPS: defined(row.RelCRPS.Value),
			Coverage50: defined(row.Coverage50.Value), Coverage80: defined(row.Coverage80.Value), Coverage90: defined(row.Coverage90.Value), Coverage95: defined(row.Coverage95.Value),
		})
	}
	first, last := 0, -1
	for _, t := range c.tracks {
		if n := len(t.outcomes); n > 0 {
			from, to := year(t.outcomes[0].Origin), year(t.outcomes[n-1].Origin)
			if last < 0 {
				first, last = from, to
			}
			first, last = min(first, from), max(last, to)
		}
	}
	for y := first; y <= last; y++ {
		add("year", fmt.Sprint(y), func(x *Outcome, _ int) bool { return year(x.Origin) == y })
	}
	for i, name := range terciles {
		add("volatility", name, func(_ *Outcome, third int) bool { return third == i })
	}
	return list
}

func year(s etf.Session) int { return s.Time().Year() }

// steps returns the cumulative difference from the benchmark's CRPS: of each origin the mean over ETFs, in units of the benchmark's scale.
func (c *cell) steps() []etf.BacktestStep {
	sums := c.sums(func(*Outcome, int) bool { return true })
	slices.SortStableFunc(sums, func(a, b etf.SessionLosses) int { return cmp.Compare(a.Origin, b.Origin) })
	var all []etf.BacktestStep
	total := 0.0
	for i := 0; i < len(sums); {
		difference, paired, j := 0.0, 0, i
		for ; j < len(sums) && sums[j].Origin == sums[i].Origin; j++ {
			difference += sums[j].PairedCRPS - sums[j].AgainstCRPS
			paired += sums[j].Paired
		}
		if paired > 0 {
			total += difference / float64(paired)
			all = append(all, etf.BacktestStep{Origin: sums[i].Origin, Sum: total})
		}
		i = j
	}
	every := (len(all) + steps - 1) / steps
	var list []etf.BacktestStep
	for i := range all {
		if (len(all)-1-i)%max(every, 1) == 0 {
			list = append(list, all[i])
		}
	}
	return list
}

// fewest is the least number of origins that the tests of coverage are made from.
const fewest = 20

// backtests returns the p-values of Kupiec's test that the 90 % interval has its coverage (1995, proportion of failures) and of
// Christoffersen's that it has and that misses don't follow each other (1998, conditional coverage), on origins of which none comes before
// the target of the one before. nil with fewer than 20 of them.
func (t *track) backtests() (kupiec, christoffersen *float64) {
	var misses []bool
	var until etf.Session
	for i, x := range t.outcomes {
		if x.Origin >= until && t.sums[i].N > 0 {
			misses = append(misses, t.sums[i].Inside90 == 0)
			until = x.Target
		}
	}
	if len(misses) < fewest {
		return nil, nil
	}
	uc, cc := coverageTests(misses, .1)
	return defined(uc), defined(cc)
}

// coverageTests returns the p-values of both tests of misses with an expected share.
func coverageTests(misses []bool, share float64) (kupiec, christoffersen float64) {
	var counts [2][2]float64 // by this and the next
	missed := 0.0
	for i, m := range misses {
		if m {
			missed++
		}
		if i > 0 {
			counts[index(misses[i-1])][index(m)]++
		}
	}
	n := float64(len(misses))
	unconditional := 2 * (logLikelihood(n-missed, missed, missed/n) - logLikelihood(n-missed, missed, share))
	kupiec = distuv.ChiSquared{K: 1}.Survival(max(unconditional, 0))
	// Of the pairs of neighbours, whose first elements are given.
	hits, fails := counts[0][0]+counts[1][0], counts[0][1]+counts[1][1]
	pooled := logLikelihood(hits, fails, fails/(hits+fails))
	chained := 0.0
	for _, row := range counts {
		if sum := row[0] + row[1]; sum > 0 {
			chained += logLikelihood(row[0], row[1], row[1]/sum)
		}
	}
	independence := 2 * (chained - pooled)
	christoffersen = distuv.ChiSquared{K: 2}.Survival(max(unconditional, 0) + max(independence, 0))
	return kupiec, christoffersen
}

func index(missed bool) int {
	if missed {
		return 1
	}
	return 0
}

// logLikelihood is that of hits and misses with a probability of a miss.
func logLikelihood(hits, misses, p float64) float64 {
	l := 0.0
	if hits > 0 {
		l += hits * math.Log1p(-p)
	}
	if misses > 0 {
		l += misses * math.Log(p)
	}
	return l
}
