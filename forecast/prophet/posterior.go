package prophet

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// posterior is the log posterior density of the parameters given scaled data, without constants:
//
//	mu  = g(t) (1 + Xm beta) + Xa beta
//	log p = -N ln sigma - SSE/(2 sigma²) - k²/50 - m²/50 - |delta|/tau - 2 sigma² - sum beta²/(2 prior²)
//
// The priors are k, m ~ N(0,5), delta ~ Laplace(0,tau), sigma ~ half-N(0,0.5), beta ~ N(0,prior). The vector is k, m,
// delta (S), ln sigma, beta (K). As in the original, the density has no Jacobian term for ln sigma when it is maximised
// and has one when it is sampled (jacobian).
//
// It keeps scratch space and is not safe for concurrent use; copies made by clone are independent.
type posterior struct {
	growth   Growth
	t, y     []float64   // ascending t
	limit    []float64   // scaled cap
	x        [][]float64 // feature columns
	mul      []bool      // for each column: multiplicative
	none     []bool      // for each column: neither additive nor multiplicative, the column of zeros
	prior    []float64
	tau      float64
	c        []float64 // changepoints, at least one
	start    []int     // first row at or after each changepoint
	jacobian bool

	g, add, times, r, gg []float64 // scratch, N each
	rg                   []float64 // scratch, N: r g
	rate, offset         []float64 // scratch, S+1 each
	anyMul               bool
	memo                 *memo // nil: nothing is kept between evaluations
}

// memo holds the parameters that p.g, and p.add and p.times, were computed from, so that they are not computed again. Searches
// that change one parameter at a time take half the time with it, and get the same bits.
type memo struct{ trend, beta []float64 }

// memoised returns a copy that keeps the trend and the features' sums between evaluations. x and c must not change.
func (p *posterior) memoised() *posterior {
	q := p.clone()
	q.memo = &memo{}
	return q
}

// same reports whether the parameters are those of the last evaluation, bit by bit, and keeps them.
func same(last *[]float64, now ...[]float64) bool {
	at, equal := 0, true
	for _, part := range now {
		for _, v := range part {
			if at == len(*last) {
				*last = append(*last, v)
				equal = false
			}
			equal = equal && math.Float64bits((*last)[at]) == math.Float64bits(v)
			(*last)[at] = v
			at++
		}
	}
	return equal
}

func newPosterior(growth Growth, r *rows, x [][]float64, columns []column, tau float64, c []float64) *posterior {
	p := &posterior{growth: growth, t: r.t, y: r.ys, limit: r.limit, x: x, tau: tau, c: c}
	for _, col := range columns {
		p.mul = append(p.mul, col.mode == Multiplicative)
		p.none = append(p.none, col.mode == "")
		p.prior = append(p.prior, col.prior)
		p.anyMul = p.anyMul || col.mode == Multiplicative
	}
	at := 0
	for _, cp := range c {
		for at < len(p.t) && p.t[at] < cp {
			at++
		}
		p.start = append(p.start, at)
	}
	p.scratch()
	return p
}

func (p *posterior) scratch() {
	n := len(p.t)
	block := make([]float64, 6*n)
	p.g, p.add, p.times, p.r, p.gg, p.rg = block[:n], block[n:2*n], block[2*n:3*n], block[3*n:4*n], block[4*n:5*n], block[5*n:]
	p.rate, p.offset = make([]float64, len(p.c)+1), make([]float64, len(p.c)+1)
}

func (p *posterior) clone() *posterior {
	q := *p
	q.memo = nil
	q.scratch()
	return &q
}

// Dim returns the number of parameters.
func (p *posterior) Dim() int { return 3 + len(p.c) + len(p.x) }

// split returns the parts of a vector of parameters.
func (p *posterior) split(u []float64) (k, m float64, delta []float64, lnSigma float64, beta []float64) {
	s := len(p.c)
	return u[0], u[1], u[2 : 2+s], u[2+s], u[3+s:]
}

// residuals fills p.r with y - mu, p.g with the trend and p.times with 1 + Xm beta, and returns the sum of squares.
func (p *posterior) residuals(k, m float64, delta, beta []float64) float64 {
	n := len(p.t)
	if p.memo == nil || !same(&p.memo.trend, []float64{k, m}, delta) {
		p.trendInto(k, m, delta)
	}
	if p.memo == nil || !same(&p.memo.beta, beta) {
		p.features(beta)
	}
	g, add, times, r, y := p.g[:n], p.add[:n], p.times[:n], p.r[:n], p.y[:n]
	var sse float64
	if p.anyMul {
		for i := range r {
			e := y[i] - (g[i]*times[i] + add[i])
			r[i] = e
			sse += e * e
		}
		return sse
	}
	for i := range r {
		e := y[i] - (g[i] + add[i])
		r[i] = e
		sse += e * e
	}
	return sse
}

// features fills p.add and p.times.
func (p *posterior) features(beta []float64) {
	clear(p.add)
	if p.anyMul {
		for i := range p.times {
			p.times[i] = 1
		}
	}
	for j, b := range beta {
		switch {
		case b == 0 || p.none[j]:
		case p.mul[j]:
			floats.AddScaled(p.times, b, p.x[j])
		default:
			floats.AddScaled(p.add, b, p.x[j])
		}
	}
}

// trendInto writes the trend into p.g, segment by segment.
func (p *posterior) trendInto(k, m float64, delta []float64) {
	segmentsInto(p.growth, p.rate, p.offset, delta, k, m, p.c)
	p.eachSegment(func(s, lo, hi int) {
		rate, offset := p.rate[s], p.offset[s]
		if p.growth == Logistic {
			for i := lo; i < hi; i++ {
				p.g[i] = p.limit[i] / (1 + math.Exp(-rate*(p.t[i]-offset)))
			}
			return
		}
		for i := lo; i < hi; i++ {
			p.g[i] = rate*p.t[i] + offset
		}
	})
}

// eachSegment calls f with the rows lo to hi-1 that have reached s changepoints.
func (p *posterior) eachSegment(f func(s, lo, hi int)) {
	lo := 0
	for s := 0; s <= len(p.c); s++ {
		hi := len(p.t)
		if s < len(p.c) {
			hi = p.start[s]
		}
		if hi > lo {
			f(s, lo, hi)
			lo = hi
		}
	}
}

// logPrior is the part of the density that depends on neither the data nor sigma.
func (p *posterior) logPrior(k, m float64, delta, beta []float64) float64 {
	lp := -(k*k + m*m) / 50
	var abs float64
	for _, d := range delta {
		abs += math.Abs(d)
	}
	lp -= abs / p.tau
	for j, b := range beta {
		z := b / p.prior[j]
		lp -= z * z / 2
	}
	return lp
}

// LogProb implements stan.Density.
func (p *posterior) LogProb(u, grad []float64) float64 {
	k, m, delta, lnSigma, beta := p.split(u)
	n := float64(len(p.t))
	sigma := math.Exp(lnSigma)
	sse := p.residuals(k, m, delta, beta)
	w := 1 / (sigma * sigma)
	lp := -n*lnSigma - sse*w/2 - 2*sigma*sigma + p.logPrior(k, m, delta, beta)
	if p.jacobian {
		lp += lnSigma
	}
	if grad == nil {
		return lp
	}
	s := len(p.c)
	grad[2+s] = -n + sse*w - 4*sigma*sigma
	if p.jacobian {
		grad[2+s]++
	}
	// p.gg becomes d log p / d trend.
	floats.ScaleTo(p.gg, w, p.r)
	if p.anyMul {
		floats.Mul(p.gg, p.times)
	}
	p.trendGradient(k, m, delta, grad)
	if p.anyMul {
		floats.MulTo(p.rg, p.r, p.g)
	}
	for j, x := range p.x {
		var dot float64
		switch {
		case p.none[j]:
		case p.mul[j]:
			dot = floats.Dot(x, p.rg)
		default:
			dot = floats.Dot(x, p.r)
		}
		grad[3+s+j] = w*dot - beta[j]/(p.prior[j]*p.prior[j])
	}
	return lp
}

// trendGradient computes the derivatives with respect to k, m and delta from p.gg.
func (p *posterior) trendGradient(k, m float64, delta, grad []float64) {
	s := len(p.c)
	grad[0], grad[1] = -k/25, -m/25
	d := grad[2 : 2+s]
	for j, v := range delta {
		d[j] = -sign(v) / p.tau
	}
	switch p.growth {
	case Flat:
		grad[1] += floats.Sum(p.gg)
		return
	case Logistic:
		dRate, dOffset := make([]float64, s+1), make([]float64, s+1)
		p.eachSegment(func(s, lo, hi int) {
			rate, offset := p.rate[s], p.offset[s]
			var byRate, byOffset float64
			for i := lo; i < hi; i++ {
				slope := p.gg[i] * p.g[i] * (1 - p.g[i]/p.limit[i])
				byRate += slope * (p.t[i] - offset)
				byOffset -= slope * rate
			}
			dRate[s], dOffset[s] = byRate, byOffset
		})
		for j := s - 1; j >= 0; j-- {
			gap, from, to := p.c[j]-p.offset[j], p.rate[j], p.rate[j+1]
			dRate[j+1] += dOffset[j+1] * gap * from / (to * to)
			dRate[j] -= dOffset[j+1] * gap / to
			dOffset[j] += dOffset[j+1] * from / to
			d[j] += dRate[j+1]
			dRate[j] += dRate[j+1]
		}
		grad[0] += dRate[0]
		grad[1] += dOffset[0]
		return
	}
	var sum, moment float64 // accumulated from the last row backwards
	at := len(p.t)
	back := func(to int) {
		for at > to {
			at--
			sum += p.gg[at]
			moment += p.gg[at] * p.t[at]
		}
	}
	for j := s - 1; j >= 0; j-- {
		back(p.start[j])
		d[j] += moment - p.c[j]*sum
	}
	back(0)
	grad[0] += moment
	grad[1] += sum
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// constantSigma is sigma if y is constant and needs no fit, as in the original.
const constantSigma = 1e-9

// minSigma is the smallest sigma: a history that the model fits exactly would otherwise drive sigma to 0 and the density
// to infinity. It is some thousand times the rounding error of scaled y.
const minSigma = 1e-12

// perfect reports whether the parameters meet every row as exactly as floating point allows: sigma is at its floor, or
// no larger than the rounding errors of the sum that makes up mu.
func (p *posterior) perfect(x *mode) bool {
	if x.sigma > 1e-9 {
		return false
	}
	p.residuals(x.k, x.m, x.delta, x.beta)
	var most float64
	for i, g := range p.g {
		size := math.Abs(g)
		for j, b := range x.beta {
			term := math.Abs(b * p.x[j][i])
			if p.mul[j] {
				term *= math.Abs(g)
			}
			size += term
		}
		most = max(most, size)
	}
	return x.sigma <= max(minSigma, 16*epsilon*most)
}

// bestSigma returns the sigma that maximises the density given the sum of squares.
func bestSigma(n int, sse float64) float64 {
	v := 2 * sse / (float64(n) + math.Sqrt(float64(n)*float64(n)+16*sse))
	return max(math.Sqrt(v), minSigma)
}

// profile returns the log density at the best sigma for a sum of squares, given the log prior.
func profile(n int, sse, logPrior float64) float64 {
	s := bestSigma(n, sse)
	return -float64(n)*math.Log(s) - sse/(2*s*s) - 2*s*s + logPrior
}

// subgradient returns the largest absolute component of the minimum-norm subgradient at u: 0 at a maximum.
func (p *posterior) subgradient(u []float64) float64 {
	grad := make([]float64, len(u))
	p.LogProb(u, grad)
	_, _, delta, _, _ := p.split(u)
	var most float64
	for i, g := range grad {
		if j := i - 2; j >= 0 && j < len(delta) && delta[j] == 0 {
			g = max(0, math.Abs(g)-1/p.tau)
		}
		most = max(most, math.Abs(g))
	}
	return most
}
