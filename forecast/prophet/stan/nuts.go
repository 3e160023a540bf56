package stan

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/etfcast/etfcast/etf"
)

// Metric is the form of the inverse mass matrix that warm-up adapts to the posterior.
type Metric int

// The metrics. Diagonal learns variances, Dense the covariance.
const (
	Diagonal Metric = iota
	Dense
)

// NUTSOptions tune NUTS. The zero value of AdaptDelta, MaxDepth, Metric, InitCov, Inits, Workers and Progress is a
// default.
type NUTSOptions struct {
	Chains, Warmup, Draws int // warm-up iterations and draws are per chain; warm-up may be 0
	Seed                  uint64
	AdaptDelta            float64 // mean acceptance the step size is adapted to, in (0,1); 0 = 0.8
	MaxDepth              int     // a trajectory has at most 2^MaxDepth-1 steps; 0 = 10
	Metric                Metric
	// InitCov is a guess of the posterior's covariance, Dim x Dim and positive definite: for example the inverse of
	// the negative Hessian at the mode. With it the sampler works on z, where u = init + Lz and LL' = InitCov: a good
	// guess makes the density nearly round, and adaptation continues from there. It changes the cost, not the
	// posterior.
	InitCov *mat.SymDense
	// Inits are starts, one for each chain; nil = all chains start at init.
	Inits [][]float64
	// Workers is the number of chains run at the same time; 0 = one per processor. It does not change the draws.
	Workers int
	// Progress is called from time to time with the iterations done by all chains together, including warm-up. Calls
	// do not overlap, done grows, and the last call of a successful run has done == total.
	Progress func(done, total int)
}

// Draws are draws of a posterior.
type Draws struct {
	U           [][]float64 // Chains*(draws per chain), one chain after the other
	LogProb     []float64   // of each draw
	Chains      int
	Divergences int       // draws whose trajectory diverged: its energy rose by more than 1000
	StepSize    []float64 // of each chain after warm-up
	AcceptStat  []float64 // of each draw: mean acceptance over its trajectory
	TreeDepth   []int     // of each draw
	Evaluations int       // calls of LogProb, warm-up included
}

// maxEnergyRise is the energy error at which a trajectory counts as divergent, Stan's.
const maxEnergyRise = 1000

// NUTS draws from a density by the No-U-Turn sampler, as Stan does: multinomial weights along the trajectory, biased
// progressive sampling between doublings, the U-turn criterion on summed momenta with the two checks across the seam of
// joined subtrees, dual averaging of the step size and windowed adaptation of the metric.
//
// newDensity returns a separate density for each chain; it is called from the calling goroutine. The draws depend only
// on the arguments, except Workers and Progress: each chain has a generator seeded with Seed and its number.
//
// Errors are of KindInvalid (options out of range, an invalid start, a density for which no step size is found), or
// else ctx's error. With an error there are no draws.
func NUTS(ctx context.Context, newDensity func() Density, init []float64, o NUTSOptions) (Draws, error) {
	if o.AdaptDelta == 0 {
		o.AdaptDelta = 0.8
	}
	if o.MaxDepth == 0 {
		o.MaxDepth = 10
	}
	switch {
	case o.Chains < 1:
		return Draws{}, etf.Invalid("chains", fmt.Sprintf("%d is below 1", o.Chains), "use 4")
	case o.Draws < 1:
		return Draws{}, etf.Invalid("draws", fmt.Sprintf("%d is below 1", o.Draws), "use 1000")
	case o.Warmup < 0:
		return Draws{}, etf.Invalid("warmup", fmt.Sprintf("%d is below 0", o.Warmup), "use as many as draws")
	case !(o.AdaptDelta > 0 && o.AdaptDelta < 1):
		return Draws{}, etf.Invalid("adapt_delta", fmt.Sprintf("%v is not between 0 and 1", o.AdaptDelta), "use 0.8")
	case o.MaxDepth < 1 || o.MaxDepth > 30:
		return Draws{}, etf.Invalid("max_depth", fmt.Sprintf("%d is not between 1 and 30", o.MaxDepth), "use 10")
	case o.Metric != Diagonal && o.Metric != Dense:
		return Draws{}, etf.Invalid("metric", fmt.Sprintf("%d is not a metric", o.Metric), "use Diagonal or Dense")
	case o.Inits != nil && len(o.Inits) != o.Chains:
		return Draws{}, etf.Invalid("inits", fmt.Sprintf("%d starts for %d chains", len(o.Inits), o.Chains), "give one for each chain")
	case o.Workers < 0:
		return Draws{}, etf.Invalid("workers", fmt.Sprintf("%d is below 0", o.Workers), "use 0 for one per processor")
	}
	var lower *mat.TriDense
	if o.InitCov != nil {
		var c mat.Cholesky
		if n := o.InitCov.SymmetricDim(); n != len(init) {
			return Draws{}, etf.Invalid("init_cov", fmt.Sprintf("%d rows for %d parameters", n, len(init)), "use a covariance of all parameters")
		}
		if !allFinite(o.InitCov.RawSymmetric().Data) || !c.Factorize(o.InitCov) {
			return Draws{}, etf.Invalid("init_cov", "it is not positive definite", "add to its diagonal, or leave it out")
		}
		lower = new(mat.TriDense)
		c.LTo(lower)
	}
	chains := make([]*chain, o.Chains)
	for i := range chains {
		start := init
		if o.Inits != nil {
			start = o.Inits[i]
		}
		d := newDensity()
		if err := checkStart(d, init); err != nil {
			return Draws{}, err
		}
		if err := checkStart(d, start); err != nil {
			return Draws{}, err
		}
		c, err := newChain(d, init, start, lower, i, o)
		if err != nil {
			return Draws{}, err
		}
		chains[i] = c
	}

	total := o.Chains * (o.Warmup + o.Draws)
	var mu sync.Mutex
	done := 0
	progress := func(n int) {
		if o.Progress != nil {
			mu.Lock()
			done += n
			o.Progress(done, total)
			mu.Unlock()
		}
	}
	workers := o.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if err := runChains(ctx, chains, min(workers, o.Chains), progress); err != nil {
		return Draws{}, err
	}
	out := Draws{Chains: o.Chains}
	for _, c := range chains {
		out.U = append(out.U, c.u...)
		out.LogProb = append(out.LogProb, c.logProb...)
		out.AcceptStat = append(out.AcceptStat, c.accept...)
		out.TreeDepth = append(out.TreeDepth, c.depth...)
		out.StepSize = append(out.StepSize, c.s.eps)
		out.Divergences += c.divergences
		out.Evaluations += c.s.evaluations
	}
	return out, nil
}

// runChains runs the chains, at most workers at a time. The first failure stops the others; of several, the one of the
// lowest chain is returned.
func runChains(ctx context.Context, chains []*chain, workers int, progress func(int)) error {
	if workers <= 1 {
		for _, c := range chains {
			if err := c.run(ctx, progress); err != nil {
				return err
			}
		}
		return nil
	}
	inner, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(chains))
	queue := make(chan int, len(chains))
	for i := range chains {
		queue <- i
	}
	close(queue)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range queue {
				if errs[i] = chains[i].run(inner, progress); errs[i] != nil {
					stop()
				}
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) { // not a chain stopped by another's failure
			return err
		}
	}
	return nil
}

// Parameter returns the draws of one coordinate, a row for each chain.
func (d *Draws) Parameter(i int) [][]float64 {
	n := len(d.U) / max(1, d.Chains)
	rows := make([][]float64, d.Chains)
	for c := range rows {
		rows[c] = make([]float64, n)
		for k := range n {
			rows[c][k] = d.U[c*n+k][i]
		}
	}
	return rows
}

// Mixing returns the largest RHat and the smallest ESSBulk or ESSTail of all coordinates; NaN if any of them is.
func (d *Draws) Mixing() (maxRHat, minESS float64) {
	if len(d.U) == 0 {
		return math.NaN(), math.NaN()
	}
	maxRHat, minESS = math.Inf(-1), math.Inf(1)
	for i := range d.U[0] {
		p := d.Parameter(i)
		maxRHat = math.Max(maxRHat, RHat(p)) // math.Max and Min keep NaN
		minESS = math.Min(minESS, math.Min(ESSBulk(p), ESSTail(p)))
	}
	return maxRHat, minESS
}

// chain is one Markov chain and its draws.
type chain struct {
	s           *sampler
	back        *whitened // nil where the sampler works on u itself
	warmup      int
	delta       float64
	adaptation  *windows
	u           [][]float64
	logProb     []float64
	accept      []float64
	depth       []int
	divergences int
}

func newChain(d Density, centre, start []float64, lower *mat.TriDense, number int, o NUTSOptions) (*chain, error) {
	c := &chain{warmup: o.Warmup, delta: o.AdaptDelta, adaptation: newWindows(o.Warmup)}
	q := append([]float64(nil), start...)
	if lower != nil {
		c.back = newWhitened(d, centre, lower)
		c.back.whiten(q)
		d = c.back
	}
	n := d.Dim()
	block := make([]float64, o.Draws*n)
	c.u = make([][]float64, o.Draws)
	for i := range c.u {
		c.u[i] = block[i*n : (i+1)*n : (i+1)*n]
	}
	c.logProb, c.accept, c.depth = make([]float64, o.Draws), make([]float64, o.Draws), make([]int, o.Draws)
	rng := rand.New(rand.NewPCG(o.Seed, scramble(uint64(number)+1)))
	c.s = newSampler(d, o.Metric, o.MaxDepth, rng)
	copy(c.s.here.q, q)
	if c.s.evaluate(&c.s.here); !finite(c.s.here.lp) || !allFinite(c.s.here.g) {
		return nil, errStart(c.s.here.lp)
	}
	return c, nil
}

// scramble spreads small numbers over 64 bits (the finaliser of splitmix64), so that chains start with generator states
// far apart.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (c *chain) run(ctx context.Context, progress func(int)) error {
	s := c.s
	if err := s.findStep(); err != nil {
		return err
	}
	average := newDualAverage(c.delta, s.eps)
	total := c.warmup + len(c.u)
	report := max(1, total/100)
	pending := 0
	for it := range total {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := s.transition()
		if it < c.warmup {
			s.eps = average.learn(t.accept)
			learn, end := c.adaptation.next()
			if learn {
				s.metric.add(s.here.q)
			}
			if end {
				s.metric.update()
				if err := s.findStep(); err != nil {
					return err
				}
				average = newDualAverage(c.delta, s.eps)
			}
			if it == c.warmup-1 {
				s.eps = average.final(s.eps)
			}
		} else {
			k := it - c.warmup
			if c.back != nil {
				c.back.unwhiten(c.u[k], s.here.q)
			} else {
				copy(c.u[k], s.here.q)
			}
			c.logProb[k], c.accept[k], c.depth[k] = s.here.lp, t.accept, t.depth
			if t.divergent {
				c.divergences++
			}
		}
		if pending++; pending == report || it == total-1 {
			progress(pending)
			pending = 0
		}
	}
	return nil
}

// point is a point in phase space. g and lp belong to q.
type point struct {
	q, p, g []float64
	lp      float64
}

func newPoint(n int) point {
	b := make([]float64, 3*n)
	return point{q: b[:n:n], p: b[n : 2*n : 2*n], g: b[2*n:]}
}

func (a *point) set(b *point) {
	copy(a.q, b.q)
	copy(a.p, b.p)
	copy(a.g, b.g)
	a.lp = b.lp
}

// edge is an end of a span, with momentum and velocity there.
type edge struct{ p, v []float64 }

// span is a stretch of trajectory in the order it was made, with the state drawn from it.
type span struct {
	first, last edge
	rho         []float64 // sum of the momenta
	logWeight   float64   // of exp(H0-H) summed
	pick        point
}

func newSpan(n int) *span {
	b := make([]float64, 5*n)
	return &span{
		first: edge{b[:n:n], b[n : 2*n : 2*n]}, last: edge{b[2*n : 3*n : 3*n], b[3*n : 4*n : 4*n]},
		rho: b[4*n:], pick: newPoint(n),
	}
}

// sampler makes transitions of a chain. Its scratch space grows with the depth of trees and is kept.
type sampler struct {
	d           Density
	metric      metric
	rng         *rand.Rand
	eps         float64
	maxDepth    int
	evaluations int

	here       point // the state of the chain; after a transition the new one
	end        point // moved by the integrator
	ahead      point // forward end of the trajectory
	behind     point // backward end
	sum        []float64
	trajectory *span
	subtree    *span
	halves     []*span // second halves, one for each depth

	h0        float64
	steps     int
	accepted  float64
	divergent bool
}

func newSampler(d Density, m Metric, maxDepth int, rng *rand.Rand) *sampler {
	n := d.Dim()
	s := &sampler{
		d: d, rng: rng, eps: 1, maxDepth: maxDepth,
		here: newPoint(n), end: newPoint(n), ahead: newPoint(n), behind: newPoint(n),
		sum: make([]float64, n), trajectory: newSpan(n), subtree: newSpan(n),
	}
	if m == Dense {
		s.metric = newDenseMetric(n)
	} else {
		s.metric = newDiagonalMetric(n)
	}
	return s
}

func (s *sampler) evaluate(z *point) {
	s.evaluations++
	z.lp = s.d.LogProb(z.q, z.g)
}

// energy of z with velocity v; +Inf if it is not a number.
func energy(z *point, v []float64) float64 {
	h := floats.Dot(z.p, v)/2 - z.lp
	if math.IsNaN(h) {
		return math.Inf(1)
	}
	return h
}

// leap moves s.end by one leapfrog step of eps and writes the velocity at its end to v.
func (s *sampler) leap(eps float64, v []float64) {
	z := &s.end
	floats.AddScaled(z.p, eps/2, z.g)
	s.metric.velocity(v, z.p)
	floats.AddScaled(z.q, eps, v)
	s.evaluate(z)
	floats.AddScaled(z.p, eps/2, z.g)
	s.metric.velocity(v, z.p)
}

// findStep doubles or halves the step size until the acceptance of one step crosses 0.8, as Stan starts adaptation.
func (s *sampler) findStep() error {
	v := s.sum
	gain := func() float64 {
		s.end.set(&s.here)
		s.metric.momentum(s.end.p, s.rng)
		s.metric.velocity(v, s.end.p)
		h := energy(&s.end, v)
		s.leap(s.eps, v)
		return h - energy(&s.end, v)
	}
	bound := math.Log(0.8)
	up := gain() > bound
	for {
		if up {
			s.eps *= 2
		} else {
			s.eps /= 2
		}
		switch {
		case s.eps > 1e7:
			return etf.Invalid("density", "every step size is accepted: the density does not fall off", "give every parameter a proper prior")
		case s.eps == 0:
			return etf.Invalid("density", "no step size is accepted: the gradient does not match the density", "check the gradient, and that the density is continuous")
		}
		if above := gain() > bound; above != up {
			return nil
		}
	}
}

// outcome describes a transition.
type outcome struct {
	accept    float64
	depth     int
	divergent bool
}

// transition replaces s.here with the next state.
func (s *sampler) transition() outcome {
	t := s.trajectory
	s.metric.momentum(s.here.p, s.rng)
	s.metric.velocity(t.first.v, s.here.p)
	copy(t.first.p, s.here.p)
	copy(t.last.p, s.here.p)
	copy(t.last.v, t.first.v)
	copy(t.rho, s.here.p)
	t.logWeight = 0
	t.pick.set(&s.here)
	s.h0 = energy(&s.here, t.first.v)
	s.ahead.set(&s.here)
	s.behind.set(&s.here)
	s.steps, s.accepted, s.divergent = 0, 0, false

	depth := 0
	for depth < s.maxDepth {
		sub := s.subtree
		forward := s.rng.Float64() > 0.5
		tip, eps := &s.behind, -s.eps
		if forward {
			tip, eps = &s.ahead, s.eps
		}
		s.end, *tip = *tip, s.end
		whole := s.grow(depth, eps, sub)
		s.end, *tip = *tip, s.end
		if !whole {
			break
		}
		depth++
		// Biased progressive sampling: the new half is taken with its weight relative to the old one's.
		if sub.logWeight > t.logWeight || s.rng.Float64() < math.Exp(sub.logWeight-t.logWeight) {
			t.pick, sub.pick = sub.pick, t.pick
		}
		var goesOn bool
		if forward {
			goesOn = s.straight(t, sub)
			t.last, sub.last = sub.last, t.last
		} else {
			sub.first, sub.last = sub.last, sub.first
			goesOn = s.straight(sub, t)
			t.first, sub.first = sub.first, t.first
		}
		t.logWeight = logSumExp(t.logWeight, sub.logWeight)
		floats.Add(t.rho, sub.rho)
		if !goesOn {
			break
		}
	}
	s.here, t.pick = t.pick, s.here
	return outcome{accept: s.accepted / float64(s.steps), depth: depth, divergent: s.divergent}
}

// grow moves s.end by 2^depth steps and describes them in out. false: the stretch diverged or turned back somewhere
// inside, and out is incomplete.
func (s *sampler) grow(depth int, eps float64, out *span) bool {
	if depth == 0 {
		s.leap(eps, out.first.v)
		s.steps++
		h := energy(&s.end, out.first.v)
		if h-s.h0 > maxEnergyRise {
			s.divergent = true
		}
		out.logWeight = s.h0 - h
		s.accepted += math.Exp(min(0, s.h0-h))
		if s.divergent {
			return false
		}
		copy(out.first.p, s.end.p)
		copy(out.last.p, s.end.p)
		copy(out.last.v, out.first.v)
		copy(out.rho, s.end.p)
		out.pick.set(&s.end)
		return true
	}
	if !s.grow(depth-1, eps, out) {
		return false
	}
	for len(s.halves) < depth {
		s.halves = append(s.halves, newSpan(len(s.sum)))
	}
	half := s.halves[depth-1]
	if !s.grow(depth-1, eps, half) {
		return false
	}
	weight := logSumExp(out.logWeight, half.logWeight)
	if s.rng.Float64() < math.Exp(half.logWeight-weight) {
		out.pick, half.pick = half.pick, out.pick
	}
	ok := s.straight(out, half)
	out.last, half.last = half.last, out.last
	floats.Add(out.rho, half.rho)
	out.logWeight = weight
	return ok
}

// straight reports whether two adjoining spans, b after a, together do not turn back: over their whole length, and over
// each one with the nearest state of the other, which detects turns on the seam.
func (s *sampler) straight(a, b *span) bool {
	floats.AddTo(s.sum, a.rho, b.rho)
	if !onward(a.first.v, b.last.v, s.sum) {
		return false
	}
	floats.AddTo(s.sum, a.rho, b.first.p)
	if !onward(a.first.v, b.first.v, s.sum) {
		return false
	}
	floats.AddTo(s.sum, b.rho, a.last.p)
	return onward(a.last.v, b.last.v, s.sum)
}

func onward(first, last, rho []float64) bool {
	return floats.Dot(first, rho) > 0 && floats.Dot(last, rho) > 0
}

func logSumExp(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(a, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
