package prophet

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// multistart climbs from several starts where the posterior may have several maxima: the original's starting point, the
// points where the original's searches from there end, a level trend, and points drawn around the best of these.
type multistart struct {
	p     *posterior
	start *mode // the caller's
	limit int   // of the steps of a climb; 0 = maxClimb

	found []*mode // where the climbs ended
	tried int
}

const (
	// A climb from each start takes at most firstClimb steps; the best goes on to maxClimb. Most converge within 30, but
	// some follow a narrow curved ridge for hundreds.
	firstClimb = 60
	maxClimb   = 3000
	// drawnStarts is how many starts are drawn, each around the best point so far.
	drawnStarts = 6
	// newtonWork is about how many multiplications the search by Stan's Newton method may take: about a second and a half. It
	// takes fewNewtonSteps or more, as the first steps decide which maximum it is near, and at most manyNewtonSteps. It isn't
	// stopped early next to a maximum that is already known: its long steps may still leave it for a higher one.
	newtonWork      = 1.2e9
	fewNewtonSteps  = 20
	manyNewtonSteps = 2000
)

// run returns the best point found.
func (s *multistart) run(ctx context.Context) (*mode, error) {
	p := s.p
	if s.limit <= 0 || s.limit > maxClimb {
		s.limit = maxClimb
	}
	var failed error
	try := func(x *mode, err error, own bool) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			s.tried++
			x, err = p.climb(ctx, x, min(s.limit, firstClimb))
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if failed == nil {
				failed = err
			}
		case own || x.status != statusPerfect:
			// A start of this package's own choice that ends where sigma collapses found no maximum, only that the density is
			// unbounded there, which tells nothing about the model.
			s.found = append(s.found, x)
		}
		return nil
	}
	if err := try(s.start, nil, true); err != nil {
		return nil, err
	}
	end, err := p.lbfgs(ctx, s.start, 0)
	if err := try(end, err, true); err != nil {
		return nil, err
	}
	if err := try(p.levelStart(), nil, false); err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(uint64(len(p.y)), uint64(p.Dim())))
	for i := range drawnStarts {
		best := p.coldStart()
		if len(s.found) > 0 {
			best = slices.MinFunc(s.found, byDensity)
		}
		if best.status == statusPerfect {
			break
		}
		if err := try(p.drawnStart(rng, best, []float64{0.3, 0.1, 1}[i%3]), nil, false); err != nil {
			return nil, err
		}
	}
	if len(s.found) == 0 || slices.MinFunc(s.found, byDensity).status != statusPerfect {
		end, err := p.newton(ctx, s.start, s.newtonSteps())
		if err := try(end, err, true); err != nil {
			return nil, err
		}
	}
	if len(s.found) == 0 {
		return nil, failed
	}
	return s.finish(ctx)
}

// newtonSteps is how many steps of Stan's Newton method are worth their time.
func (s *multistart) newtonSteps() int {
	// One step takes 4 Dim gradients and an eigendecomposition.
	dim := float64(s.p.Dim())
	step := 4*dim*float64(len(s.p.y)*(len(s.p.x)+6)) + 10*dim*dim*dim
	return min(max(int(newtonWork/step), fewNewtonSteps), manyNewtonSteps, s.limit)
}

// finish continues the two best climbs that reached the limit of steps, and returns the best point.
func (s *multistart) finish(ctx context.Context) (*mode, error) {
	slices.SortStableFunc(s.found, byDensity)
	for i, x := range s.found[:min(2, len(s.found))] {
		if x.status != statusLimit || s.limit <= x.iterations {
			continue
		}
		more, err := s.p.climb(ctx, x, s.limit-x.iterations)
		if err != nil {
			return nil, err
		}
		more.iterations += x.iterations
		s.found[i] = more
	}
	slices.SortStableFunc(s.found, byDensity)
	best := s.found[0]
	switch {
	case best.status == statusConverged:
		best.status = fmt.Sprintf(statusBest, s.tried)
	case best.status == statusLimit && best.sigma < 1e-6 && len(s.p.y) < s.p.Dim():
		best.status = statusPerfect // with no more rows than parameters, a sigma that has come this far falls on
	}
	return best, nil
}

// byDensity orders points from the most to the least probable.
func byDensity(a, b *mode) int { return cmp.Compare(b.logProb, a.logProb) }

// coldStart is where the original starts.
func (p *posterior) coldStart() *mode {
	k, m := initialTrend(p.growth, p.t, p.y, p.limit)
	return &mode{k: k, m: m, delta: make([]float64, len(p.c)), beta: make([]float64, len(p.x)), sigma: 1}
}

// levelStart is a trend that stays at the mean of y; with logistic growth, one that passes through it slowly.
func (p *posterior) levelStart() *mode {
	x := p.coldStart()
	var level float64
	for _, y := range p.y {
		level += y / float64(len(p.y))
	}
	x.k, x.m = 0, level
	if p.growth == Logistic {
		limit := p.limit[len(p.limit)/2]
		share := max(0.01, min(0.99, level/limit))
		x.k = 0.5
		x.m = 0.5 - math.Log(share/(1-share))/x.k
	}
	return x
}

// drawnStart draws a start around another, by size or by the priors where these are narrower.
func (p *posterior) drawnStart(rng *rand.Rand, around *mode, size float64) *mode {
	x := &mode{k: around.k + size*rng.NormFloat64(), m: around.m + size*rng.NormFloat64(), sigma: 1}
	for _, d := range around.delta {
		x.delta = append(x.delta, d+size*min(1, p.tau)*rng.NormFloat64())
	}
	for j, b := range around.beta {
		x.beta = append(x.beta, b+size*min(1, p.prior[j])*rng.NormFloat64())
	}
	return x
}
