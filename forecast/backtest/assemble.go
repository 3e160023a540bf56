package backtest

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/calibration"
	"github.com/etfcast/etfcast/forecast/catalogue"
	"github.com/etfcast/etfcast/forecast/combination"
	"github.com/etfcast/etfcast/forecast/scoring"
)

// Assemble makes the backtest of its parts: combination, calibration, the gate, and all sums, for complete options. The order of the
// parts does not matter; those of one ETF are joined. CodeVersion is left to the caller.
//
// Each is as it would have been at every origin: only outcomes whose target is not after an origin count there. They are shared by the
// ETFs of an exchange; an ETF without one is alone. Errors are of KindInvalid: no parts, or none with the benchmark's forecasts.
func Assemble(parts []Part, o etf.BacktestOptions) (etf.Backtest, error) {
	joined, err := join(parts, o)
	if err != nil {
		return etf.Backtest{}, err
	}
	b := etf.Backtest{Options: o, Results: []etf.BacktestResult{}, Pooled: []etf.BacktestResult{}, Suspects: []etf.BacktestSuspect{}, Leaks: []string{}}
	groups := groupsOf(joined, o)
	for _, g := range groups {
		g.evaluate()
	}
	for _, p := range joined {
		b.ETFs = append(b.ETFs, p.ETF)
	}
	b.Results, b.Pooled = results(groups, o)
	for _, g := range groups {
		b.Weights = append(b.Weights, g.weights...)
		for e := range g.members {
			for _, m := range g.models {
				b.Fans = append(b.Fans, m.fans[e]...)
			}
		}
	}
	slices.SortStableFunc(b.Fans, func(x, y etf.BacktestFan) int { return cmp.Compare(x.ETF, y.ETF) })
	b.Suspects = suspects(&b)
	b.Leaks = leaks(b.Suspects)
	b.LeakSuspected = len(b.Suspects) > 0 && o.ExpectSignal == ""
	return b, nil
}

// join adds up the parts of each ETF and sorts all by exchange and ETF.
func join(parts []Part, o etf.BacktestOptions) ([]*Part, error) {
	var list []*Part
	type name struct {
		exchange etf.Exchange
		symbol   etf.Symbol
	}
	by := map[name]*Part{}
	for _, p := range parts {
		at := name{p.ETF.Exchange, p.ETF.ETF}
		all := by[at]
		if all == nil {
			all = &Part{ETF: p.ETF}
			all.ETF.Failed = nil
			by[at] = all
			list = append(list, all)
		}
		if p.ETF.ClosesHash != all.ETF.ClosesHash || p.ETF.Origins != all.ETF.Origins {
			return nil, etf.Invalid("etfs", fmt.Sprintf("%s is there twice, with different closes", p.ETF.ETF), "name each ETF once")
		}
		all.Outcomes = append(all.Outcomes, p.Outcomes...)
		all.Fans = append(all.Fans, p.Fans...)
		for model, why := range p.ETF.Failed {
			if all.ETF.Failed == nil {
				all.ETF.Failed = map[string]string{}
			}
			all.ETF.Failed[model] = why
		}
	}
	if len(list) == 0 {
		return nil, etf.Invalid("etfs", "there is nothing to assemble", "name an ETF")
	}
	slices.SortFunc(list, func(a, b *Part) int {
		return cmp.Or(cmp.Compare(a.ETF.ETF, b.ETF.ETF), cmp.Compare(a.ETF.Exchange, b.ETF.Exchange))
	})
	for _, p := range list {
		slices.SortStableFunc(p.Outcomes, func(a, b Outcome) int {
			return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Horizon, b.Horizon), cmp.Compare(a.Model, b.Model))
		})
		for i := 1; i < len(p.Outcomes); i++ {
			if a, b := p.Outcomes[i-1], p.Outcomes[i]; a.Origin == b.Origin && a.Horizon == b.Horizon && a.Model == b.Model {
				return nil, etf.Invalid("etfs", fmt.Sprintf("%s has two forecasts of %s from %s", p.ETF.ETF, a.Model, a.Origin), "name each ETF and model once")
			}
		}
		if !slices.ContainsFunc(p.Outcomes, func(x Outcome) bool { return x.Model == catalogue.Benchmark }) {
			return nil, etf.Invalid("etfs", fmt.Sprintf("%s has no forecasts of %s, the benchmark", p.ETF.ETF, catalogue.Benchmark), "measure the benchmark, too")
		}
	}
	return list, nil
}

// group is the ETFs that share calibration and weights: those of an exchange, or one without.
type group struct {
	exchange etf.Exchange
	options  etf.BacktestOptions
	members  []*Part
	models   []*measured // in the order of the options
	origins  []etf.Session
	weights  []etf.BacktestWeights // of the combination, in the end
}

// measured is what is known of one model in a group.
type measured struct {
	name   string
	tracks [][]track // by ETF and horizon
	fans   [][]etf.BacktestFan
}

// track is a model's forecasts of one ETF at one horizon, ascending by origin.
type track struct {
	outcomes []Outcome
	final    []etf.RawPoint // as they are measured: raw or calibrated
	sums     []etf.SessionLosses
}

func groupsOf(parts []*Part, o etf.BacktestOptions) []*group {
	var groups []*group
	for _, p := range parts {
		i := slices.IndexFunc(groups, func(g *group) bool { return g.exchange == p.ETF.Exchange && p.ETF.Exchange != "" })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{exchange: p.ETF.Exchange, options: o})
		}
		groups[i].members = append(groups[i].members, p)
	}
	for _, g := range groups {
		g.fill()
	}
	return groups
}

// fill sorts the members' outcomes into tracks.
func (g *group) fill() {
	at := map[string]*measured{}
	for _, name := range g.options.Models {
		m := &measured{name: name, tracks: make([][]track, len(g.members)), fans: make([][]etf.BacktestFan, len(g.members))}
		for e := range m.tracks {
			m.tracks[e] = make([]track, len(g.options.Horizons))
		}
		g.models, at[name] = append(g.models, m), m
	}
	seen := map[etf.Session]bool{}
	for e, p := range g.members {
		for _, x := range p.Outcomes {
			h, ok := slices.BinarySearch(g.options.Horizons, x.Horizon)
			if m := at[x.Model]; m != nil && ok {
				m.tracks[e][h].outcomes = append(m.tracks[e][h].outcomes, x)
				seen[x.Origin] = true
			}
		}
		for _, f := range p.Fans {
			if m := at[f.Model]; m != nil {
				f.Points, f.Tails = slices.Clone(f.Points), slices.Clone(f.Tails)
				m.fans[e] = append(m.fans[e], f)
			}
		}
	}
	for s := range seen {
		g.origins = append(g.origins, s)
	}
	slices.Sort(g.origins)
}

func (g *group) model(name string) *measured {
	i := slices.IndexFunc(g.models, func(m *measured) bool { return m.name == name })
	if i < 0 {
		return nil
	}
	return g.models[i]
}

// evaluate makes the final quantiles and the sums of all models.
func (g *group) evaluate() {
	benchmark := g.model(catalogue.Benchmark)
	g.finish(benchmark)
	against := g.against(benchmark)
	benchmark.measure(g, against)
	var others []*measured
	for _, m := range g.models {
		if m != benchmark && m.name != combination.Name {
			others = append(others, m)
		}
	}
	parallel(len(others), func(i int) {
		g.finish(others[i])
		others[i].measure(g, against)
	})
	if c := g.model(combination.Name); c != nil {
		g.combine(c)
		g.finish(c)
		c.measure(g, against)
	}
}

// finish sets the final quantiles of a model's forecasts, fans included: the raw ones, or with Calibrate those that the state of its
// calibration at their origin gives.
func (g *group) finish(m *measured) {
	for e := range m.tracks {
		for h := range m.tracks[e] {
			t := &m.tracks[e][h]
			t.final = make([]etf.RawPoint, len(t.outcomes))
			for i, x := range t.outcomes {
				t.final[i] = x.Raw
			}
		}
	}
	if g.options.Calibrate {
		g.calibrate(m)
	}
}

// place is an outcome's place in a model's tracks.
type place struct{ etf, horizon, i int }

// calibrate walks through time: at each origin, the state takes in what has matured and is applied to the forecasts from there.
func (g *group) calibrate(m *measured) {
	var byOrigin, byTarget []place
	for e := range m.tracks {
		for h := range m.tracks[e] {
			for i := range m.tracks[e][h].outcomes {
				byOrigin = append(byOrigin, place{e, h, i})
			}
		}
	}
	at := func(p place) *Outcome { return &m.tracks[p.etf][p.horizon].outcomes[p.i] }
	slices.SortStableFunc(byOrigin, func(a, b place) int { return cmp.Compare(at(a).Origin, at(b).Origin) })
	byTarget = slices.Clone(byOrigin)
	slices.SortStableFunc(byTarget, func(a, b place) int { return cmp.Compare(at(a).Target, at(b).Target) })
	state := &calibration.State{}
	next, matured := 0, 0
	var batch []calibration.Outcome
	for _, origin := range g.origins {
		batch = batch[:0]
		for ; matured < len(byTarget) && at(byTarget[matured]).Target <= origin; matured++ {
			p := byTarget[matured]
			x := at(p)
			batch = append(batch, calibration.Outcome{
				Symbol: g.members[p.etf].ETF.ETF, Model: m.name, Horizon: x.Horizon, Origin: x.Origin, Target: x.Target,
				Volatility: x.Volatility, Raw: x.Raw, Actual: x.Actual,
			})
		}
		if len(batch) > 0 {
			state.Update(batch)
		}
		for ; next < len(byOrigin) && at(byOrigin[next]).Origin == origin; next++ {
			p := byOrigin[next]
			x := at(p)
			if q, ok := state.Apply(g.members[p.etf].ETF.ETF, m.name, x.Horizon, x.Volatility, x.Raw); ok {
				m.tracks[p.etf][p.horizon].final[p.i] = q
			}
		}
		for e := range m.fans {
			for k := range m.fans[e] {
				if f := &m.fans[e][k]; f.Origin == origin {
					g.calibrateFan(state, m, e, f)
				}
			}
		}
	}
}

func (g *group) calibrateFan(state *calibration.State, m *measured, e int, f *etf.BacktestFan) {
	volatility, ok := m.volatility(e, f.Origin)
	if !ok || len(f.Tails) != len(f.Points) {
		return
	}
	for i, p := range f.Points {
		q, ok := state.Apply(g.members[e].ETF.ETF, m.name, p.Horizon, volatility, etf.RawPoint{Quantiles: p.Quantiles, Tails: f.Tails[i]})
		if ok {
			f.Points[i].Quantiles, f.Tails[i] = q.Quantiles, q.Tails
		}
	}
}

// find returns the place of an origin's outcome in a track.
func (t *track) find(origin etf.Session) (int, bool) {
	return slices.BinarySearchFunc(t.outcomes, origin, func(x Outcome, s etf.Session) int { return cmp.Compare(x.Origin, s) })
}

// volatility is that of an ETF at an origin.
func (m *measured) volatility(e int, origin etf.Session) (float64, bool) {
	for h := range m.tracks[e] {
		if i, ok := m.tracks[e][h].find(origin); ok {
			return m.tracks[e][h].outcomes[i].Volatility, true
		}
	}
	return 0, false
}

// score measures a forecast.
func (g *group) score(m *measured, p place) (etf.Score, error) {
	t := &m.tracks[p.etf][p.horizon]
	x, q := &t.outcomes[p.i], &t.final[p.i]
	tails := &q.Tails
	if *tails == ([2]float64{}) {
		tails = nil
	}
	s := etf.Score{
		Symbol: g.members[p.etf].ETF.ETF, Exchange: g.exchange, Model: m.name, Origin: x.Origin, Horizon: x.Horizon, Standing: etf.OfRecord, Version: 1,
		Target: x.Target, Actual: x.Actual, Scale: x.Scale,
	}
	var err error
	s.Losses, err = scoring.Measure(etf.ForecastPoint{Horizon: x.Horizon, Target: x.Target, Mean: x.Mean, Quantiles: q.Quantiles}, tails, x.Actual)
	return s, err
}

// against returns the benchmark's scores by ETF and horizon, ascending by origin.
func (g *group) against(benchmark *measured) [][][]etf.Score {
	all := make([][][]etf.Score, len(g.members))
	for e := range all {
		all[e] = make([][]etf.Score, len(g.options.Horizons))
		for h := range all[e] {
			for i := range benchmark.tracks[e][h].outcomes {
				if s, err := g.score(benchmark, place{e, h, i}); err == nil {
					all[e][h] = append(all[e][h], s)
				}
			}
		}
	}
	return all
}

// measure makes the sums of a model: one contribution for each outcome. An outcome that can't be measured, because its quantiles are absurd,
// has an empty one.
func (m *measured) measure(g *group, against [][][]etf.Score) {
	for e := range m.tracks {
		for h := range m.tracks[e] {
			t := &m.tracks[e][h]
			t.sums = make([]etf.SessionLosses, len(t.outcomes))
			counterparts := against[e][h]
			for i := range t.outcomes {
				s, err := g.score(m, place{e, h, i})
				if err != nil {
					continue
				}
				for len(counterparts) > 0 && counterparts[0].Origin < s.Origin {
					counterparts = counterparts[1:]
				}
				var other *etf.Score
				if len(counterparts) > 0 && counterparts[0].Origin == s.Origin {
					other = &counterparts[0]
				}
				t.sums[i] = scoring.Contribution(s, other)
			}
		}
	}
}

// combine makes the combination's outcomes and fans: the mean of the quantiles that the other models in the options gave, with the weights that
// the scores known at the origin give. A member without a forecast there is left out; fewer than two make none.
func (g *group) combine(c *measured) {
	var members []*measured
	for _, m := range g.models {
		if m != c {
			members = append(members, m)
		}
	}
	horizons := g.options.Horizons
	streams := make([]*stream, len(horizons))
	for h := range horizons {
		streams[h] = newStream(members, h, horizons[h])
	}
	weights := make([][]float64, len(horizons)) // by horizon
	points := make([]etf.RawPoint, 0, len(members))
	shares := make([]float64, 0, len(members))
	for _, origin := range g.origins {
		for h := range horizons {
			weights[h] = streams[h].at(origin)
		}
		for e := range g.members {
			for h := range horizons {
				points, shares = points[:0], shares[:0]
				var first *Outcome
				mean, sum := 0.0, 0.0
				for k, m := range members {
					i, ok := m.tracks[e][h].find(origin)
					if !ok {
						continue
					}
					x := &m.tracks[e][h].outcomes[i]
					if first == nil {
						first = x
					}
					points, shares = append(points, x.Raw), append(shares, weights[h][k])
					mean += weights[h][k] * x.Mean
					sum += weights[h][k]
				}
				if len(points) < 2 || !(sum > 0) {
					continue
				}
				x := *first
				x.Model = c.name
				for k := range shares {
					shares[k] /= sum
				}
				x.Mean, x.Raw = mean/sum, combination.Average(points, shares)
				c.tracks[e][h].outcomes = append(c.tracks[e][h].outcomes, x)
			}
			if f, ok := g.combineFan(members, e, origin, weights); ok {
				f.Model = c.name
				c.fans[e] = append(c.fans[e], f)
			}
		}
	}
	for h, s := range streams {
		if len(s.sessions) == 0 {
			continue
		}
		last := etf.BacktestWeights{Exchange: g.exchange, Horizon: horizons[h], Models: map[string]float64{}}
		for k, w := range s.at(math.MaxInt32) {
			last.Models[members[k].name] = w
		}
		g.weights = append(g.weights, last)
	}
}

// combineFan combines the members' raw fans of an ETF and origin.
func (g *group) combineFan(members []*measured, e int, origin etf.Session, weights [][]float64) (etf.BacktestFan, bool) {
	var out etf.BacktestFan
	var parts []etf.BacktestFan
	var which []int
	for k, m := range members {
		for _, f := range g.members[e].Fans { // not m.fans, which may be calibrated
			if f.Model == m.name && f.Origin == origin && len(f.Tails) == len(f.Points) {
				parts, which = append(parts, f), append(which, k)
			}
		}
	}
	if len(parts) < 2 {
		return out, false
	}
	out = parts[0]
	out.Points, out.Tails = slices.Clone(out.Points), slices.Clone(out.Tails)
	for i := range out.Points {
		all := combination.Between(g.options.Horizons, weights, out.Points[i].Horizon)
		points, shares := make([]etf.RawPoint, len(parts)), make([]float64, len(parts))
		sum, mean := 0.0, 0.0
		for k, f := range parts {
			points[k] = etf.RawPoint{Quantiles: f.Points[i].Quantiles, Tails: f.Tails[i]}
			shares[k] = all[which[k]]
			sum += shares[k]
			mean += shares[k] * f.Points[i].Mean
		}
		for k := range shares {
			shares[k] /= sum
		}
		q := combination.Average(points, shares)
		out.Points[i].Mean, out.Points[i].Quantiles, out.Tails[i] = mean/sum, q.Quantiles, q.Tails
	}
	return out, true
}

// stream gives a combination's weights at one horizon as time goes on.
type stream struct {
	sessions []matured // ascending by origin
	next     int
	weigher  *combination.Weigher
	weights  []float64
}

// matured is what one origin's scores say of the members once the last of its targets is there.
type matured struct {
	origin, target etf.Session
	sums           []etf.SessionLosses // by member
}

func newStream(members []*measured, h, horizon int) *stream {
	at := map[etf.Session]*matured{}
	for k, m := range members {
		for e := range m.tracks {
			t := &m.tracks[e][h]
			for i, x := range t.outcomes {
				s := at[x.Origin]
				if s == nil {
					s = &matured{origin: x.Origin, sums: make([]etf.SessionLosses, len(members))}
					at[x.Origin] = s
				}
				s.target = max(s.target, x.Target)
				sum := &s.sums[k]
				sum.Paired += t.sums[i].Paired
				sum.PairedCRPS += t.sums[i].PairedCRPS
				sum.AgainstCRPS += t.sums[i].AgainstCRPS
			}
		}
	}
	out := &stream{weigher: combination.NewWeigher(len(members), horizon)}
	for _, s := range at {
		out.sessions = append(out.sessions, *s)
	}
	slices.SortFunc(out.sessions, func(a, b matured) int { return cmp.Compare(a.origin, b.origin) })
	out.weights = out.weigher.Weights()
	return out
}

// at returns the weights at an origin; origins ascend from call to call.
func (s *stream) at(origin etf.Session) []float64 {
	moved := false
	for ; s.next < len(s.sessions) && s.sessions[s.next].target <= origin; s.next++ {
		s.weigher.Add(s.sessions[s.next].sums)
		moved = true
	}
	if moved {
		s.weights = s.weigher.Weights()
	}
	return s.weights
}

// parallel calls do(0) to do(n-1) on as many goroutines as there are processors. Each call has to write to places of its own.
func parallel(n int, do func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		}()
	}
	all.Wait()
}
