package prophet

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/etfcast/etfcast/etf"
)

// simulation draws paths of the future: the trend continues with random rate changes, as frequent and as large as those
// of the history, and normal noise is added. It goes through the rows in order and keeps one state per path, so that
// memory does not grow with the rows and a longer future starts with the same numbers (if the steps are equal).
type simulation struct {
	f       *Fitted
	r       *rows
	x       [][]float64
	draws   int
	paths   int // draws * perDraw
	perDraw int
	past    *rand.Rand // for the noise of the history's rows
	future  *rand.Rand
	slow    bool

	first int     // first row after the end: t > 1, if the model has not been carried on
	step  float64 // mean distance between the future rows
	prob  float64 // probability of a rate change at a row
	wait  int     // cells until the next change
	// halved are the paths whose rate changed at the previous row, by prev; half of the change is still to come.
	halved []int
	lap    []float64
	// The trend of each draw: the rates and offsets of its segments.
	rate, offset [][]float64
	at           segments
	// The state of each path. prev is the change of rate at the previous row. With linear growth, sum is the change of rate
	// since the history and total is the sum of sum over the rows; with logistic growth and slow simulation, sum is the
	// rate and total the offset. changes are the slow simulation's remaining changes.
	prev, sum, total []float64
	changes          [][]change
	carried          []float64 // Market.ResidualAR1: each path's residual, in the units of y
	carriedAt        float64   // the scaled time of carried
	slope            []float64 // each path's deviation from the trend's rate, in the units of y per session
	ahead            float64   // sessions from the end of the history to carriedAt
	behind           int       // sessions before carriedAt that the residual is known at
	turbulence       []float64 // what each path's innovations are multiplied by; nil = 1
}

type change struct{ t, delta float64 }

// The future and the history's noise have separate streams of random numbers.
const (
	futureStream = 0x9e3779b97f4a7c15
	pastStream   = 0xd1b54a32d192ed03
)

func (f *Fitted) newSimulation(r *rows, x [][]float64, perDraw int, seed uint64, slow bool) *simulation {
	p := &f.s.Params
	s := &simulation{
		f: f, r: r, x: x, draws: p.Draws(), perDraw: perDraw, paths: p.Draws() * perDraw, slow: slow,
		past: rand.New(rand.NewPCG(seed, pastStream)), future: rand.New(rand.NewPCG(seed, futureStream)),
	}
	end := f.until()
	s.first = sort.Search(len(r.t), func(i int) bool { return r.t[i] > end })
	ahead := r.t[s.first:]
	s.step = f.gap
	if len(ahead) > 1 && ahead[len(ahead)-1] > ahead[0] {
		s.step = meanGap(ahead)
	}
	c := f.s.ChangepointsT
	s.prob = float64(len(c)) * s.step
	s.wait = s.untilChange()
	s.at = segments{c: c, prev: math.Inf(-1)}
	for d := range s.draws {
		var abs float64
		for _, v := range p.Delta[d] {
			abs += math.Abs(v)
		}
		s.lap = append(s.lap, abs/float64(len(p.Delta[d]))+1e-8)
		rate, offset := trendSegments(f.s.Options.Growth, p.Delta[d], p.K[d], p.M[d], c)
		s.rate, s.offset = append(s.rate, rate), append(s.offset, offset)
	}
	s.prev, s.sum, s.total = make([]float64, s.paths), make([]float64, s.paths), make([]float64, s.paths)
	return s
}

// laplace draws from the Laplace distribution with mean 0 and scale b.
func laplace(rng *rand.Rand, b float64) float64 {
	x := rng.ExpFloat64() * b
	if rng.Uint64()&1 == 0 {
		return -x
	}
	return x
}

// poisson draws from the Poisson distribution with mean lambda by counting exponential waits.
func poisson(rng *rand.Rand, lambda float64) int {
	n := 0
	for left := lambda; ; n++ {
		left -= rng.ExpFloat64()
		if left < 0 {
			return n
		}
	}
}

// maxChanges limits the expected number of rate changes in all paths together, for futures that are absurdly far ahead:
// 160 MB.
const maxChanges = 10_000_000

// run calls visit for each row, starting at row from. visit may change the slices it gets; run reuses them.
func (s *simulation) run(ctx context.Context, from int, visit func(i int, yhat, trend []float64)) error {
	yhat, trend := make([]float64, s.paths), make([]float64, s.paths)
	if err := s.begin(); err != nil {
		return err
	}
	for i := from; i < len(s.r.t); i++ {
		if i%64 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		s.trendAt(i, trend)
		s.observe(i, yhat, trend)
		visit(i, yhat, trend)
	}
	return ctx.Err()
}

// observe computes yhat from the trend: it adds the other terms and the noise.
func (s *simulation) observe(i int, yhat, trend []float64) {
	f := s.f
	rng := s.past
	if i >= s.first {
		rng = s.future
		s.carry(s.r.t[i])
	}
	for d := range s.draws {
		var add, mul float64
		beta := f.s.Params.Beta[d]
		for j, c := range f.layout.columns {
			switch c.mode {
			case Additive:
				add += s.x[j][i] * beta[j]
			case Multiplicative:
				mul += s.x[j][i] * beta[j]
			}
		}
		sd := f.s.Params.SigmaObs[d] * f.s.YScale
		add = add*f.s.YScale - f.base(s.r.floor[i])*mul
		if s.carried != nil && i >= s.first {
			for p := d * s.perDraw; p < (d+1)*s.perDraw; p++ {
				yhat[p] = trend[p]*(1+mul) + add + s.carried[p] + s.ahead*s.slope[p]
			}
			continue
		}
		if s.carried != nil { // a row of the history
			var e float64
			e, sd = f.residualAt(s.r.ds[i], s.r.t[i])
			sd *= f.s.YScale
			add += e * f.s.YScale
		}
		out, factor := yhat[d*s.perDraw:], 1+mul
		for p, v := range trend[d*s.perDraw : (d+1)*s.perDraw] {
			noise := rng.NormFloat64()
			if df := f.residual.DF; df > 0 {
				noise *= turbulent(rng, df)
			}
			out[p] = v*factor + add + sd*noise
		}
	}
}

// carry advances the residuals to a row of the future.
func (s *simulation) carry(t float64) {
	if s.carried == nil {
		return
	}
	kept, sd := s.f.residual.ahead(s.behind + s.f.clock.steps(s.carriedAt, t))
	sd *= s.f.s.YScale
	s.ahead += float64(s.f.clock.steps(s.carriedAt, t))
	s.carriedAt, s.behind = t, 0
	for p := range s.carried {
		d := sd
		if s.turbulence != nil {
			d *= s.turbulence[p]
		}
		s.carried[p] = kept*s.carried[p] + d*s.future.NormFloat64()
	}
}

// mostTurbulence keeps the mean of a price finite, which is the mean of the exponential of a t distribution.
const mostTurbulence = 4

// turbulent draws what a path's innovations are multiplied by, so that they have Student's t distribution with an even
// number of degrees of freedom. It is the same in every session, since the volatility of a market changes slowly: the
// distribution is then t at every horizon.
func turbulent(rng *rand.Rand, df float64) float64 {
	var squares float64 // chi-squared, halved
	half := int(df / 2)
	for range half {
		squares += rng.ExpFloat64()
	}
	return min(math.Sqrt(float64(half)/squares), mostTurbulence)
}

// limit is the scaled cap of a row, 0 unless growth is logistic.
func (s *simulation) limit(i int) float64 {
	if s.r.limit == nil {
		return 0
	}
	return s.r.limit[i]
}

// trendAt writes the trend of each path at row i, in the units of y.
func (s *simulation) trendAt(i int, trend []float64) {
	f, t := s.f, s.r.t[i]
	scale, floor := f.s.YScale, s.r.floor[i]
	seg := s.at.at(t)
	growth := f.s.Options.Growth
	if i >= s.first {
		switch {
		case growth == Flat:
		case s.slow:
			s.slowAt(i, trend)
			return
		case growth == Logistic:
			s.logisticAt(i, seg, trend)
			return
		default:
			s.linearAt(i, seg, trend)
			return
		}
	}
	for d := range s.draws {
		v := trendValue(growth, s.rate[d][seg], s.offset[d][seg], t, s.limit(i))
		for p := d * s.perDraw; p < (d+1)*s.perDraw; p++ {
			trend[p] = v*scale + floor
		}
	}
}

// shift draws, for logistic growth, whether and by how much the rate changes at this row; a change is spread over this
// row and the next.
func (s *simulation) shift(p int, b float64) float64 {
	var cell float64
	if s.wait--; s.wait < 0 {
		cell = laplace(s.future, b)
		s.wait = s.untilChange()
	}
	smooth := (cell + s.prev[p]) / 2
	s.prev[p] = cell
	return smooth
}

// untilChange draws the number of cells before the next one with a change: geometric, as the integer part of an
// exponential wait.
func (s *simulation) untilChange() int {
	if s.prob >= 1 {
		return 0
	}
	return int(min(s.future.ExpFloat64()/-math.Log1p(-s.prob), math.MaxInt32))
}

// linearAt adds rate changes to each path's rate, half at their row and half at the next, and the rate to its trend.
// Changes are rare, so it jumps from one to the next instead of drawing for every path.
func (s *simulation) linearAt(i, seg int, trend []float64) {
	for _, p := range s.halved {
		s.sum[p] += s.prev[p] / 2
	}
	s.halved = s.halved[:0]
	for ; s.wait < s.paths; s.wait += 1 + s.untilChange() {
		p := s.wait
		s.prev[p] = laplace(s.future, s.lap[p/s.perDraw])
		s.sum[p] += s.prev[p] / 2
		s.halved = append(s.halved, p)
	}
	s.wait -= s.paths
	t, scale, floor := s.r.t[i], s.f.s.YScale, s.r.floor[i]
	for d := range s.draws {
		v := s.rate[d][seg]*t + s.offset[d][seg]
		lo, hi := d*s.perDraw, (d+1)*s.perDraw
		sum, total, out := s.sum[lo:hi], s.total[lo:hi], trend[lo:hi]
		for p, rate := range sum {
			total[p] += rate
			out[p] = (v+total[p]*s.step)*scale + floor
		}
	}
}

// begin sets the state of the paths at the end of the history.
func (s *simulation) begin() error {
	if s.f.s.Options.Market.ResidualAR1 {
		s.carried, s.carriedAt = make([]float64, s.paths), s.f.until()
		for p := range s.carried {
			s.carried[p] = s.f.residual.Last * s.f.s.YScale
		}
		s.behind, s.slope = s.f.residual.Behind, make([]float64, s.paths)
		if sd := s.f.residual.Slope * s.f.s.YScale; sd > 0 {
			for p := range s.slope {
				s.slope[p] = sd * s.future.NormFloat64()
			}
		}
		if df := s.f.residual.DF; df > 0 {
			s.turbulence = make([]float64, s.paths)
			for p := range s.turbulence {
				s.turbulence[p] = turbulent(s.future, df)
			}
		}
	}
	switch {
	case s.first == len(s.r.t) || s.f.s.Options.Growth == Flat:
	case s.slow:
		return s.drawChanges()
	case s.f.s.Options.Growth == Logistic:
		s.beginLogistic()
	}
	return nil
}

// beginLogistic goes through the history on a regular grid, as the original does: each changepoint acts at the first grid
// point after it, and a later one at the same point replaces it. prev is 0, sum is the rate, total the offset.
func (s *simulation) beginLogistic() {
	params, c := &s.f.s.Params, s.f.s.ChangepointsT
	for d := range s.draws {
		rate, carried, offset := params.K[d], params.K[d], params.M[d]
		for j, cp := range c {
			g := math.Floor(cp/s.step) + 1
			if g > 0 && (g-1)*s.step > cp {
				g--
			}
			if j+1 < len(c) && math.Floor(c[j+1]/s.step)+1 == g {
				continue
			}
			rate, carried, offset = logisticStep(rate, carried, offset, params.Delta[d][j], g*s.step)
		}
		for p := d * s.perDraw; p < (d+1)*s.perDraw; p++ {
			s.sum[p], s.total[p] = rate, offset
		}
	}
}

// logisticStep advances rate and offset by a change of rate at time t; carried is the last rate other than 0.
func logisticStep(rate, carried, offset, delta, t float64) (float64, float64, float64) {
	if delta == 0 {
		return rate, carried, offset
	}
	rate += delta
	if rate == 0 {
		return rate, carried, offset
	}
	return rate, rate, offset + (t-offset)*(1-carried/rate)
}

func (s *simulation) logisticAt(i, seg int, trend []float64) {
	t, limit, scale, floor := s.r.t[i], s.r.limit[i], s.f.s.YScale, s.r.floor[i]
	var sum float64
	for d := range s.draws {
		for p := d * s.perDraw; p < (d+1)*s.perDraw; p++ {
			delta := s.shift(p, s.lap[d])
			s.sum[p], _, s.total[p] = logisticStep(s.sum[p], s.sum[p], s.total[p], delta, t)
			trend[p] = trendValue(Logistic, s.sum[p], s.total[p], t, limit)
			sum += trend[p]
		}
		// The paths give only the spread: for each draw, their mean is shifted to the forecast.
		centre := trendValue(Logistic, s.rate[d][seg], s.offset[d][seg], t, limit) - sum/float64(s.perDraw)
		sum = 0
		for p := d * s.perDraw; p < (d+1)*s.perDraw; p++ {
			trend[p] = (trend[p]+centre)*scale + floor
		}
	}
}

// drawChanges draws the times and sizes of every path's future rate changes.
func (s *simulation) drawChanges() error {
	last := s.r.t[len(s.r.t)-1]
	c := s.f.s.ChangepointsT
	expected := float64(len(c)) * (last - 1)
	if expected*float64(s.paths) > maxChanges {
		return etf.Invalid("slow", fmt.Sprintf("%.0f rate changes are expected by %s in each of %d paths", expected, s.r.ds[len(s.r.ds)-1], s.paths),
			"use fewer samples or a nearer future, or leave out slow")
	}
	s.changes = make([][]change, s.paths)
	for d := range s.draws {
		for p := d * s.perDraw; p < (d+1)*s.perDraw; p++ {
			n := poisson(s.future, expected)
			list := make([]change, n)
			for k := range list {
				list[k] = change{1 + s.future.Float64()*(last-1), laplace(s.future, s.lap[d])}
			}
			slices.SortFunc(list, func(a, b change) int {
				switch {
				case a.t < b.t:
					return -1
				case a.t > b.t:
					return 1
				}
				return 0
			})
			s.changes[p] = list
			s.sum[p], s.total[p] = s.rate[d][len(c)], s.offset[d][len(c)]
		}
	}
	return nil
}

func (s *simulation) slowAt(i int, trend []float64) {
	t, scale, floor := s.r.t[i], s.f.s.YScale, s.r.floor[i]
	growth := s.f.s.Options.Growth
	for p := range trend {
		list := s.changes[p]
		for len(list) > 0 && list[0].t <= t {
			if growth == Logistic {
				s.sum[p], _, s.total[p] = logisticStep(s.sum[p], s.sum[p], s.total[p], list[0].delta, list[0].t)
			} else {
				s.sum[p] += list[0].delta
				s.total[p] -= list[0].t * list[0].delta
			}
			list = list[1:]
		}
		s.changes[p] = list
		trend[p] = trendValue(growth, s.sum[p], s.total[p], t, s.limit(i))*scale + floor
	}
}
