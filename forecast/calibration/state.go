package calibration

import (
	"cmp"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// Outcome is one forecast at one horizon and the price that came, in the forecast's shares.
type Outcome struct {
	Symbol     etf.Symbol
	Model      string
	Horizon    int
	Origin     etf.Session
	Target     etf.Session
	Volatility float64 // forecast.Volatility at the origin
	Raw        etf.RawPoint
	Actual     float64
}

// State is the calibration of the models of one exchange, as of some session. The zero State changes nothing. It is not safe for concurrent
// use while it is updated.
type State struct {
	pools map[key]*pool
}

type key struct {
	model   string
	horizon int
}

// Update takes in outcomes that have matured: their targets are not after the session as of which the state is from then on. Their order does
// not matter within one call; the same outcomes in the same calls give the same state, bit for bit. Outcomes without a volatility, or whose
// quantiles or price are no positive finite numbers, are left out.
func (s *State) Update(outcomes []Outcome) {
	list := make([]*Outcome, 0, len(outcomes))
	for i := range outcomes {
		if o := &outcomes[i]; o.usable() {
			list = append(list, o)
		}
	}
	slices.SortStableFunc(list, func(a, b *Outcome) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Horizon, b.Horizon), cmp.Compare(a.Target, b.Target),
			cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Symbol, b.Symbol), cmp.Compare(a.Actual, b.Actual))
	})
	for len(list) > 0 {
		first := list[0]
		n := 1
		for n < len(list) && list[n].Model == first.Model && list[n].Horizon == first.Horizon && list[n].Target == first.Target {
			n++
		}
		k := key{first.Model, first.Horizon}
		p := s.pools[k]
		if p == nil {
			p = newPool(first.Horizon)
			if s.pools == nil {
				s.pools = map[key]*pool{}
			}
			s.pools[k] = p
		}
		p.session(list[:n])
		list = list[n:]
	}
}

func (o *Outcome) usable() bool {
	return o.Horizon >= 1 && o.Volatility > 0 && !math.IsInf(o.Volatility, 1) && o.Actual > 0 && !math.IsInf(o.Actual, 1) && positive(&o.Raw)
}

// positive reports whether all quantiles are positive and finite; tails may be absent, that is, zero.
func positive(r *etf.RawPoint) bool {
	for _, q := range r.Quantiles {
		if !(q > 0) || math.IsInf(q, 1) {
			return false
		}
	}
	if r.Tails == ([2]float64{}) {
		return true
	}
	return r.Tails[0] > 0 && !math.IsInf(r.Tails[1], 1) && r.Tails[1] > 0
}

// Apply returns the calibrated quantiles of a raw forecast, and whether there is anything to go by yet; if not, they are the raw ones.
// They don't cross, are positive, and the median stays the model's. A horizon without outcomes lies between its neighbours that have some,
// linearly in the logarithm of the horizon; before the first and after the last it is calibrated as that one. Tails that the raw
// forecast does not have stay zero.
func (s *State) Apply(symbol etf.Symbol, model string, horizon int, volatility float64, raw etf.RawPoint) (etf.RawPoint, bool) {
	if horizon < 1 || !(volatility > 0) || math.IsInf(volatility, 1) || !positive(&raw) {
		return raw, false
	}
	below, above := s.around(model, horizon)
	if below == nil {
		return raw, false
	}
	in := standardise(&raw, volatility, horizon)
	distances := below.distances(symbol, &in)
	if above != below {
		part := math.Log(float64(horizon)/float64(below.horizon)) / math.Log(float64(above.horizon)/float64(below.horizon))
		other := above.distances(symbol, &in)
		for i := range distances {
			distances[i] += part * (other[i] - distances[i])
		}
	}
	return in.prices(&raw, distances), true
}

// around returns the pools of the horizons on both sides of this one, twice the same if it has its own or lies outside; nil if the model has none.
func (s *State) around(model string, horizon int) (below, above *pool) {
	for k, p := range s.pools {
		if k.model != model {
			continue
		}
		if k.horizon <= horizon && (below == nil || k.horizon > below.horizon) {
			below = p
		}
		if k.horizon >= horizon && (above == nil || k.horizon < above.horizon) {
			above = p
		}
	}
	if below == nil {
		below = above
	}
	if above == nil {
		above = below
	}
	return below, above
}

// Clone returns a state that shares nothing with s.
func (s *State) Clone() *State {
	c := &State{pools: make(map[key]*pool, len(s.pools))}
	for k, p := range s.pools {
		c.pools[k] = p.clone()
	}
	return c
}
