package prophet

import (
	"context"
	"math"
	"sort"

	"gonum.org/v1/gonum/floats"
)

// Residual is the process that the distance of y from the model follows with Market.ResidualAR1: autoregressive of order
// one in trading sessions, on scaled y,
//
//	e[s+1] = phi e[s] + innovation N(0,1)
//
// The original assumes that the distances of rows from the model are independent. A close's distance is nearly
// yesterday's. Least squares that ignores this bends the trend after every excursion of the price and is overconfident
// about it, and its forecast starts from the trend instead of the price. Here trend, seasonality and phi are estimated
// together, and a forecast starts from the last close.
type Residual struct {
	Phi        float64 `json:"phi"`        // per session, in [0,1)
	Innovation float64 `json:"innovation"` // standard deviation per session
	Last       float64 `json:"last"`       // e of the last row
}

// minAutoregressionRows is the fewest rows for estimating an autocorrelation: with 30 its standard error is at most 0.18.
const minAutoregressionRows = 30

// maxPhi keeps the process stationary: its half-life is 28 years of sessions.
const maxPhi = 0.9999

// ahead returns the fraction of a residual left after k sessions and the standard deviation of the innovations since then.
func (e Residual) ahead(k int) (kept, sd float64) {
	kept = math.Pow(e.Phi, float64(k))
	return kept, e.Innovation * spread(e.Phi, k)
}

// spread is the standard deviation of the accumulated innovations of variance 1 over k sessions.
func spread(phi float64, k int) float64 {
	kept := math.Pow(phi, float64(k))
	return math.Sqrt((1 - kept*kept) / (1 - phi*phi))
}

// whitener transforms columns so that their errors are independent: from each row it subtracts phi to the power of its
// steps times the previous row and divides by the standard deviation of the innovations between them; the first row is
// scaled as a draw of the process.
type whitener struct {
	kept, scale []float64
	logDet      float64 // log determinant of the transformation
}

func newWhitener(phi float64, steps []int) *whitener {
	w := &whitener{kept: make([]float64, len(steps)), scale: make([]float64, len(steps))}
	w.scale[0] = math.Sqrt(1 - phi*phi)
	w.logDet = math.Log(w.scale[0])
	one, k := 1/spread(phi, 1), 1
	last := one
	for i := 1; i < len(steps); i++ {
		if steps[i] != k {
			k = steps[i]
			last = 1 / spread(phi, k)
		}
		w.kept[i], w.scale[i] = math.Pow(phi, float64(k)), last
		w.logDet += math.Log(last)
	}
	return w
}

// apply writes the whitened x to dst, which must not be x.
func (w *whitener) apply(dst, x []float64) {
	dst[0] = x[0] * w.scale[0]
	for i := 1; i < len(x); i++ {
		dst[i] = (x[i] - w.kept[i]*x[i-1]) * w.scale[i]
	}
}

// autoregression estimates the parameters together with phi.
type autoregression struct {
	p              *posterior
	steps          []int
	smooth, kinked [][]float64
	white          [2][][]float64 // whitened smooth, kinked
	y, r           []float64      // whitened
	eq             *normalEquations
	limit          int
	sigma          float64 // to start from, 0 = the default
}

func newAutoregression(p *posterior, c *clock, limit int) *autoregression {
	n := len(p.y)
	a := &autoregression{p: p, steps: make([]int, n), y: make([]float64, n), r: make([]float64, n), limit: limit}
	for i := 1; i < n; i++ {
		a.steps[i] = max(c.steps(p.t[i-1], p.t[i]), 1) // two rows of one session count as one step apart
	}
	a.smooth, a.kinked = p.blocks()
	for k, columns := range [2][][]float64{a.smooth, a.kinked} {
		block := make([]float64, len(columns)*n)
		for j := range columns {
			a.white[k] = append(a.white[k], block[j*n:(j+1)*n:(j+1)*n])
		}
	}
	a.eq = newNormalEquations(len(a.smooth), len(a.kinked), p.ridge(), 1/p.tau)
	return a
}

// at returns the maximum given phi, and the log posterior of phi with the coefficients that have normal priors
// integrated out: otherwise phi would be estimated as if the trend and the seasonalities were known, and too low.
func (a *autoregression) at(ctx context.Context, phi float64) (*mode, float64, error) {
	p := a.p
	w := newWhitener(phi, a.steps)
	for j, x := range a.smooth {
		w.apply(a.white[0][j], x)
	}
	for j, x := range a.kinked {
		w.apply(a.white[1][j], x)
	}
	w.apply(a.y, p.y)
	whitened := &alternation{p: p, eq: a.eq, smoothX: a.white[0], kinkedX: a.white[1], y: a.y, residuals: func(x *mode) []float64 {
		p.residuals(x.k, x.m, x.delta, x.beta)
		w.apply(a.r, p.r)
		return a.r
	}}
	x, err := whitened.run(ctx, a.sigma, a.limit)
	if err != nil {
		return nil, 0, err
	}
	a.sigma = 2 * x.sigma // sigma depends little on phi
	x.logProb += w.logDet
	return x, x.logProb - a.eq.logDet()/2, nil
}

// estimate searches for the best phi over log(1-phi): it moves uphill until it has bracketed the maximum or reached the
// end of the range, and then narrows the bracket by Brent's method.
func (a *autoregression) estimate(ctx context.Context) (best *mode, phi float64, err error) {
	at, top := 0.0, math.Inf(-1)
	eval := func(x float64) float64 {
		if err != nil {
			return math.Inf(-1)
		}
		found, value, e := a.at(ctx, 1-math.Exp(x))
		if e != nil {
			err = e
			return math.Inf(-1)
		}
		if best == nil || value > top {
			best, at, top = found, x, value
		}
		return value
	}
	// Start at phi = 0.99; each stride multiplies or divides 1-phi by 3.3.
	const start, stride = -4.6, 1.2
	lo, hi := math.Log(1-maxPhi), 0.0
	left, mid, right := start-stride, start, start+stride
	fl, fm, fr := eval(left), eval(mid), eval(right)
	for fl > fm && left > lo {
		right, mid, fm = mid, left, fl
		left = max(left-stride, lo)
		fl = eval(left)
	}
	for fr > fm && right < hi {
		left, mid, fm = mid, right, fr
		right = min(right+stride, hi)
		fr = eval(right)
	}
	peak(eval, left, mid, right, fm)
	return best, 1 - math.Exp(at), err
}

// peak searches for a maximum of f between lo and hi, starting at x with f(x) = fx, by Brent's method (Algorithms for
// Minimization without Derivatives, 1973, chapter 5): parabolas through the best three points, and golden sections when
// those fail. It stops when the position is known to 0.04: the standard error of ln(1-phi) is several times that.
func peak(f func(float64) float64, lo, x, hi, fx float64) {
	const golden, tol = 0.3819660112501051, 0.02 // (3 - sqrt 5)/2
	w, v, fw, fv := x, x, fx, fx
	var step, last float64
	for range 40 {
		mid := (lo + hi) / 2
		if math.Abs(x-mid) <= 2*tol-(hi-lo)/2 {
			return
		}
		p, q, r := 0.0, 0.0, 0.0
		if math.Abs(last) > tol {
			r, q = (x-w)*(fv-fx), (x-v)*(fw-fx)
			p, q = (x-v)*q-(x-w)*r, 2*(q-r)
			if q > 0 {
				p = -p
			}
			q = math.Abs(q)
			r, last = last, step
		}
		if math.Abs(p) < math.Abs(q*r/2) && p > q*(lo-x) && p < q*(hi-x) {
			step = p / q
			if u := x + step; u-lo < 2*tol || hi-u < 2*tol {
				step = math.Copysign(tol, mid-x)
			}
		} else {
			last = hi - x
			if x >= mid {
				last = lo - x
			}
			step = golden * last
		}
		u := x + step
		if math.Abs(step) < tol {
			u = x + math.Copysign(tol, step)
		}
		fu := f(u)
		if fu >= fx {
			if u < x {
				hi = x
			} else {
				lo = x
			}
			v, fv, w, fw, x, fx = w, fw, x, fx, u, fu
			continue
		}
		if u < x {
			lo = u
		} else {
			hi = u
		}
		switch {
		case fu >= fw || w == x:
			v, fv, w, fw = w, fw, u, fu
		case fu >= fv || v == x || v == w:
			v, fv = u, fu
		}
	}
}

// setResidual computes the residuals of the history from the parameters and a known phi.
func (f *Fitted) setResidual(r *rows, x [][]float64) {
	if !f.s.Options.Market.ResidualAR1 {
		return
	}
	p := &f.s.Params
	e := make([]float64, len(r.t))
	trend(f.s.Options.Growth, e, r.t, r.limit, p.Delta[0], p.K[0], p.M[0], f.s.ChangepointsT)
	for j, c := range f.layout.columns {
		if c.mode == Additive {
			floats.AddScaled(e, p.Beta[0][j], x[j])
		}
	}
	for i := range e {
		e[i] = r.ys[i] - e[i]
	}
	f.residual, f.residuals = Residual{Phi: f.s.Report.Phi, Innovation: p.SigmaObs[0], Last: e[len(e)-1]}, e
}

// residualAt returns the mean and standard deviation of the residual at a row given the rows of the history before it, on
// scaled y.
func (f *Fitted) residualAt(s Stamp, t float64) (mean, sd float64) {
	e := f.residual
	if t > 1 || len(f.residuals) == 0 {
		kept, sd := e.ahead(f.clock.steps(1, max(t, 1)))
		return kept * e.Last, sd
	}
	h := &f.s.History
	at := sort.Search(len(h.DS), func(i int) bool { return h.DS[i] >= s })
	if at == 0 {
		return 0, e.Innovation / math.Sqrt(1-e.Phi*e.Phi)
	}
	k := f.clock.steps(h.T[at-1], t)
	if at < len(h.DS) && h.DS[at] == s {
		k = max(k, 1) // as in the fit: a row on a day that is not in the calendar counts as one step
	}
	kept, sd := e.ahead(k)
	return kept * f.residuals[at-1], sd
}

// subgradient is posterior.subgradient for the whitened rows.
func (a *autoregression) subgradient(x *mode, phi float64) float64 {
	p := a.p
	w := newWhitener(phi, a.steps)
	p.residuals(x.k, x.m, x.delta, x.beta)
	w.apply(a.r, p.r)
	weight := 1 / (x.sigma * x.sigma)
	column := make([]float64, len(p.y))
	slope := func(c []float64) float64 {
		w.apply(column, c)
		return weight * floats.Dot(column, a.r)
	}
	values := append([]float64{x.m}, x.beta...)
	if p.growth != Flat {
		values = append([]float64{x.k}, values...)
	}
	most := 0.0
	for j, c := range a.smooth {
		most = max(most, math.Abs(slope(c)-a.eq.ridge[j]*values[j]))
	}
	for j, c := range a.kinked {
		g := slope(c) - sign(x.delta[j])/p.tau
		if x.delta[j] == 0 {
			g = max(0, math.Abs(g)-1/p.tau)
		}
		most = max(most, math.Abs(g))
	}
	sigma2 := x.sigma * x.sigma
	return max(most, math.Abs(-float64(len(p.y))+floats.Dot(a.r, a.r)*weight-4*sigma2))
}
