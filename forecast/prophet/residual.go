package prophet

import (
	"context"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/lapack/lapack64"
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
	Last       float64 `json:"last"`       // e of the last row, of those that are not doubted
	// DF are the degrees of freedom of the innovations, even; 0 = normal. Innovation is the scale of their t distribution.
	DF float64 `json:"df,omitempty"`
	// Slope is the standard deviation of the trend's rate at the end of the history, per session.
	Slope float64 `json:"slope,omitempty"`
	// Behind is how many sessions before the end of the history Last is: 0 unless the last row is doubted.
	Behind int `json:"behind,omitempty"`
}

// minAutoregressionRows is the fewest rows for estimating an autocorrelation: with 30 its standard error is at most 0.18.
const minAutoregressionRows = 30

// The prior of phi: log(1-phi) is normal.
const (
	phiCentre = -6.7
	phiSpread = 1.3
)

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
	w.set(phi, steps)
	return w
}

// set makes it the whitener of another phi.
func (w *whitener) set(phi float64, steps []int) {
	w.scale[0] = math.Sqrt(1 - phi*phi)
	w.logDet = math.Log(w.scale[0])
	k, kept, scale, log := 0, 0.0, 0.0, 0.0
	for i := 1; i < len(steps); i++ {
		if steps[i] != k {
			k = steps[i]
			kept, scale = math.Pow(phi, float64(k)), 1/spread(phi, k)
			log = math.Log(scale)
		}
		w.kept[i], w.scale[i] = kept, scale
		w.logDet += log
	}
}

// apply writes the whitened x to dst, which must not be x.
func (w *whitener) apply(dst, x []float64) {
	dst[0] = x[0] * w.scale[0]
	for i := 1; i < len(x); i++ {
		dst[i] = (x[i] - w.kept[i]*x[i-1]) * w.scale[i]
	}
}

// autoregression estimates the parameters together with phi. Innovations have Student's t distribution, so that a row far
// from what is expected of it counts little: each row has a weight, from its own innovation, and the parameters are those
// of weighted least squares (the EM algorithm of Lange, Little and Taylor, "Robust statistical modeling using the t
// distribution", Journal of the American Statistical Association 84 (1989)).
type autoregression struct {
	p     *posterior
	steps []int
	df    float64 // degrees of freedom of the innovations; 0 = normal
	limit int

	smooth, kinked [][]float64
	white          [][]float64 // whitened and weighted smooth columns
	y, r           []float64   // whitened and weighted y; whitened residuals
	weights        []float64   // of the rows
	factor         []float64   // scratch
	eq             *normalEquations
	whitener       *whitener

	// The last solution, where the next one starts.
	x, z  []float64 // smooth, kinked parameters
	sigma float64
}

func newAutoregression(p *posterior, c *clock, limit int) *autoregression {
	n := len(p.y)
	a := &autoregression{p: p, steps: stepsOf(c, p.t), limit: limit}
	a.whitener = newWhitener(0, a.steps)
	a.df, a.sigma = tails(differences(p.y, a.steps))
	copy(p.r, p.y) // the residuals of the first solution, all zeros
	a.smooth, a.kinked = p.blocks()
	block := make([]float64, (len(a.smooth)+4)*n)
	next := func() []float64 {
		out := block[:n:n]
		block = block[n:]
		return out
	}
	for range a.smooth {
		a.white = append(a.white, next())
	}
	a.y, a.r, a.weights, a.factor = next(), next(), next(), next()
	a.eq = newNormalEquations(len(a.smooth), len(a.kinked), p.ridge(), 1/p.tau)
	a.x, a.z = make([]float64, len(a.smooth)), make([]float64, len(a.kinked))
	return a
}

// stepsOf returns the sessions from each row's predecessor to it, 0 for the first row.
func stepsOf(c *clock, t []float64) []int {
	steps := make([]int, len(t))
	for i := 1; i < len(t); i++ {
		steps[i] = max(c.steps(t[i-1], t[i]), 1) // two rows of one session count as one step apart
	}
	return steps
}

// spikeWindow is how many rows on each side a row is compared with.
const spikeWindow = 5

// spikes returns which rows are far from the median of the rows around them. A price that goes to another level and stays
// there is near rows of its own. A row with a wrong figure is, for the likelihood of a t distribution, only unlikely;
// several in a row, or one at the start, would still make phi seem larger.
func (f *Fitted) spikes(t []float64) []bool {
	y := f.s.History.Y
	df, sigma := tails(differences(y, stepsOf(&f.clock, t)))
	return f.spikesOf(y, t, df, sigma)
}

// spikesOf is spikes of some rows whose changes have a t distribution (df 0 = normal) of scale sigma a session.
func (f *Fitted) spikesOf(y, t []float64, df, sigma float64) []bool {
	steps, out := stepsOf(&f.clock, t), make([]bool, len(t))
	if sigma == 0 || len(y) < 2 {
		return out
	}
	sessions := 0
	for _, k := range steps {
		sessions += k
	}
	sd := sigma * math.Sqrt(max(1, float64(sessions)/float64(len(y)-1)))
	levels := f.levels(y)
	var window [2*spikeWindow + 1]float64
	for i, v := range y {
		from := max(0, min(i-spikeWindow, len(y)-len(window)))
		n := copy(window[:], y[from:])
		slices.Sort(window[:n])
		middle := window[n/2]
		most := doubtedSpread * sd
		if df == 0 && from == i-spikeWindow {
			most = normalSpread * sd
		}
		if levels {
			most = min(most, max(f.share(doubtedAlways, v, middle), believedSpread*math.Sqrt(spikeWindow)*sd))
		}
		out[i] = math.Abs(v-middle) > most
	}
	return out
}

// differences returns the changes from row to row, per session, less their median.
func differences(y []float64, steps []int) []float64 {
	out := make([]float64, 0, len(y))
	for i := 1; i < len(y); i++ {
		out = append(out, (y[i]-y[i-1])/math.Sqrt(float64(steps[i])))
	}
	middle := median(out)
	for i := range out {
		out[i] -= middle
	}
	return out
}

func median(x []float64) float64 {
	s := slices.Clone(x)
	slices.Sort(s)
	return sortedQuantile(s, 0.5)
}

// freedoms are the degrees of freedom that innovations may have. They are even, which makes them easy to draw; daily
// closes have 4 nearly always.
var freedoms = []float64{4, 6, 10}

func validDF(df float64) bool { return df == 0 || slices.Contains(freedoms, df) }

// tails returns which of freedoms fits innovations best, 0 if the normal distribution does, and their scale.
func tails(e []float64) (df, sigma float64) {
	n := float64(len(e))
	squares := make([]float64, len(e))
	for i, v := range e {
		squares[i] = v * v
	}
	variance := floats.Sum(squares) / n
	// Half of the squares of a normal variable are below 0.455 variances.
	const half = 0.455
	start := median(squares) / half
	if none := 1e-12 * variance; !(start > none) {
		// Most prices do not change at all, so there is nothing to tell the tails from. The scale is that of the changes
		// there are, the largest aside: each wrong price makes two.
		changed := slices.DeleteFunc(squares, func(q float64) bool { return !(q > none) })
		if len(changed) == 0 {
			return 0, math.Sqrt(variance)
		}
		slices.Sort(changed)
		usual := changed[:max(1, len(changed)-max(2, len(e)/50))]
		return 0, math.Sqrt(median(usual) / half * float64(len(changed)) / n)
	}
	best := -n / 2 * (math.Log(variance) + 1 + math.Log(2*math.Pi))
	sigma = math.Sqrt(variance)
	for _, v := range freedoms {
		s := start
		for range 12 {
			var sum float64
			for _, q := range squares {
				sum += q * (v + 1) / (v*s + q)
			}
			s *= sum / n
		}
		a, _ := math.Lgamma((v + 1) / 2)
		b, _ := math.Lgamma(v / 2)
		value := n * (a - b - math.Log(math.Pi*v*s)/2)
		for _, q := range squares {
			value -= (v + 1) / 2 * math.Log1p(q/(v*s))
		}
		if value > best {
			best, df, sigma = value, v, math.Sqrt(s)
		}
	}
	return df, sigma
}

// residuals fills a.r with the whitened residuals of the last solution, unweighted.
func (a *autoregression) residuals(w *whitener) *mode {
	x := a.p.unpack(a.x, a.z)
	a.p.residuals(x.k, x.m, x.delta, x.beta)
	w.apply(a.r, a.p.r)
	return x
}

// weigh estimates sigma and the weights from a.r.
func (a *autoregression) weigh(rounds int) {
	n := len(a.r)
	if a.df == 0 {
		for i := range a.weights {
			a.weights[i] = 1
		}
		a.sigma = bestSigma(n, floats.Dot(a.r, a.r))
		return
	}
	for range rounds {
		var sse float64
		s := a.df * a.sigma * a.sigma
		top := (a.df + 1) * a.sigma * a.sigma
		for i, r := range a.r {
			q := r * r
			a.weights[i] = top / (s + q)
			sse += a.weights[i] * q
		}
		a.sigma = bestSigma(n, sse)
	}
}

// whiten fills white and y, and the matrices of the equations, for the weights. A hinge is t-c after its changepoint, so
// its products are sums of those of t and of 1 over the rows after it; its first row is the exception.
func (a *autoregression) whiten(w *whitener) {
	p, e := a.p, a.eq
	for i, v := range a.weights {
		a.factor[i] = w.scale[i] * math.Sqrt(v)
	}
	transform := func(dst, x []float64) {
		f, kept := a.factor[:len(x)], w.kept[:len(x)]
		dst = dst[:len(x)]
		last := 0.0
		for i, v := range x {
			dst[i] = (v - kept[i]*last) * f[i]
			last = v
		}
	}
	for j, x := range a.smooth {
		transform(a.white[j], x)
	}
	transform(a.y, p.y)
	for i, x := range a.white {
		for j := i; j < e.b; j++ {
			e.ss[i*e.b+j] = floats.Dot(x, a.white[j])
		}
		e.cs[i] = floats.Dot(x, a.y)
	}
	if e.s == 0 {
		return
	}
	t, one := a.white[0], a.white[1]
	// first is a hinge in its first row.
	first := func(j int) float64 { return (p.t[p.start[j]] - p.c[j]) * a.factor[p.start[j]] }
	after := func(x []float64, put func(j int, byT, byOne float64)) {
		var byT, byOne float64
		end := len(x)
		for j := e.s - 1; j >= 0; j-- {
			from := min(p.start[j]+1, end)
			byT += floats.Dot(x[from:end], t[from:end])
			byOne += floats.Dot(x[from:end], one[from:end])
			end = from
			put(j, byT, byOne)
		}
	}
	for i, x := range a.white {
		after(x, func(j int, byT, byOne float64) {
			e.sk[i*e.s+j] = byT - p.c[j]*byOne
			if at := p.start[j]; at < len(x) {
				e.sk[i*e.s+j] += x[at] * first(j)
			}
		})
	}
	after(a.y, func(j int, byT, byOne float64) {
		e.ck[j] = byT - p.c[j]*byOne
		if at := p.start[j]; at < len(a.y) {
			e.ck[j] += a.y[at] * first(j)
		}
	})
	tt, to, oo := make([]float64, e.s), make([]float64, e.s), make([]float64, e.s)
	after(t, func(j int, byT, byOne float64) { tt[j], to[j] = byT, byOne })
	after(one, func(j int, _, byOne float64) { oo[j] = byOne })
	for j := range e.s {
		for i := range j + 1 {
			d := tt[j] - (p.c[i]+p.c[j])*to[j] + p.c[i]*p.c[j]*oo[j]
			if at := p.start[j]; at < len(t) {
				if p.start[i] < at {
					d += (t[at] - p.c[i]*one[at]) * first(j)
				} else {
					d += first(i) * first(j)
				}
			}
			e.kk[i*e.s+j], e.kk[j*e.s+i] = d, d
		}
	}
}

// at moves the parameters towards the maximum given phi, with new weights in each round, and returns the log posterior of phi with the other parameters
// integrated out: otherwise phi would be estimated as if the trend and the seasonalities were known, and too low.
func (a *autoregression) at(ctx context.Context, phi float64, rounds int) (float64, error) {
	w := a.whitener
	w.set(phi, a.steps)
	w.apply(a.r, a.p.r) // of the last solution
	a.weigh(4)
	var x *mode
	for range rounds {
		a.whiten(w)
		for range rounds {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			if !a.eq.solve(1/(a.sigma*a.sigma), 0, nil, a.x, a.z) {
				return 0, errNotFinite("the equations of the fit are not positive definite")
			}
			x = a.residuals(w)
			a.weigh(4)
		}
	}
	p, n := a.p, float64(len(a.r))
	value := w.logDet - n*math.Log(a.sigma) - 2*a.sigma*a.sigma + p.logPrior(x.k, x.m, x.delta, x.beta)
	s := a.sigma * a.sigma
	if a.df == 0 {
		value -= floats.Dot(a.r, a.r) / (2 * s)
	} else {
		for _, r := range a.r {
			value -= (a.df + 1) / 2 * math.Log1p(r*r/(a.df*s))
		}
	}
	return value - a.logDet(x)/2 + phiPrior(phi), nil
}

// logDet is the log determinant of the posterior's curvature in the last solve. The Laplace prior of a rate change delta is
// a mixture of normals, whose mean variance given delta is 2 tau² + tau |delta|.
func (a *autoregression) logDet(x *mode) float64 {
	e := a.eq
	sum := e.logDet()
	if e.s == 0 {
		return sum
	}
	h := e.a[:e.s*e.s]
	copy(h, e.h)
	for j, d := range x.delta {
		precision := changePrecision(a.p.tau, d)
		h[j*e.s+j] += precision
		sum -= math.Log(precision)
	}
	if _, ok := lapack64.Potrf(blas64.Symmetric{N: e.s, Stride: e.s, Data: h, Uplo: blas.Upper}); !ok {
		return math.Inf(1)
	}
	for j := range e.s {
		sum += 2 * math.Log(h[j*e.s+j])
	}
	return sum
}

func changePrecision(tau, delta float64) float64 { return 1 / (tau * (2*tau + math.Abs(delta))) }

// phiPrior is the log prior density of phi.
func phiPrior(phi float64) float64 {
	z := (math.Log(1-phi) - phiCentre) / phiSpread
	return -z * z / 2
}

// search evaluates phi over log(1-phi) and keeps the best point.
type search struct {
	a       *autoregression
	ctx     context.Context
	rounds  int // of the next evaluation
	at, top float64
	err     error
}

func (s *search) value(x float64) float64 {
	if s.err != nil {
		return math.Inf(-1)
	}
	value, err := s.a.at(s.ctx, 1-math.Exp(x), s.rounds)
	if s.rounds = 1; err != nil {
		s.err = err
		return math.Inf(-1)
	}
	if value > s.top {
		s.at, s.top = x, value
	}
	return value
}

// The range of log(1-phi), in strides of a factor of 3.7.
const phiStrides = 7

var (
	phiLow    = math.Log(1 - maxPhi)
	phiStride = -phiLow / phiStrides
)

// coarse returns the best point of a grid. There may be two maxima: one that the rows speak for, and one near 1 that the
// prior prefers.
func (a *autoregression) coarse(ctx context.Context) (float64, error) {
	s := &search{a: a, ctx: ctx, rounds: 2, top: math.Inf(-1)}
	for i := range phiStrides + 1 {
		s.value(phiLow + float64(i)*phiStride)
	}
	return s.at, s.err
}

// fine returns the best point around a point of the grid, by Brent's method.
func (a *autoregression) fine(ctx context.Context, mid float64) (float64, error) {
	s := &search{a: a, ctx: ctx, rounds: 2, top: math.Inf(-1)}
	peak(s.value, max(mid-phiStride, phiLow), mid, min(mid+phiStride, 0), s.value(mid))
	return s.at, s.err
}

// trendOnly is the model without its features. It shares scratch space with a.
func (a *autoregression) trendOnly() *autoregression {
	p := *a.p
	p.x, p.mul, p.none, p.prior = nil, nil, nil, nil
	p.scratch()
	copy(p.r, p.y)
	b := *a
	columns := len(a.smooth) - len(a.p.x)
	b.p, b.smooth, b.white = &p, a.smooth[:columns], a.white[:columns]
	b.eq = newNormalEquations(columns, len(a.kinked), p.ridge(), 1/p.tau)
	b.x, b.z = make([]float64, columns), make([]float64, len(a.kinked))
	return &b
}

// estimate searches for the best phi. The parameters are then the exact maximum given phi and the weights of the rows. It
// takes the grid from the trend alone, which costs a tenth, unless seasonalities matter so much that the best phi is
// elsewhere.
func (a *autoregression) estimate(ctx context.Context) (best *mode, phi float64, err error) {
	mid, err := a.trendOnly().coarse(ctx)
	if err != nil {
		return nil, 0, err
	}
	at, err := a.fine(ctx, mid)
	if err != nil {
		return nil, 0, err
	}
	if math.Abs(at-mid) > 0.9*phiStride {
		if mid, err = a.coarse(ctx); err != nil {
			return nil, 0, err
		}
		if at, err = a.fine(ctx, mid); err != nil {
			return nil, 0, err
		}
	}
	phi = 1 - math.Exp(at)
	best, err = a.settle(ctx, phi)
	return best, phi, err
}

// settle returns the maximum given phi and the weights there.
func (a *autoregression) settle(ctx context.Context, phi float64) (*mode, error) {
	if _, err := a.at(ctx, phi, 2); err != nil {
		return nil, err
	}
	n, w := len(a.y), a.whitener
	roots := make([]float64, n)
	for i, v := range a.weights {
		roots[i] = math.Sqrt(v)
	}
	weighted := func(dst, x []float64) {
		w.apply(dst, x)
		floats.Mul(dst, roots)
	}
	kinked := make([][]float64, len(a.kinked))
	block := make([]float64, len(kinked)*n)
	for j, x := range a.kinked {
		kinked[j] = block[j*n : (j+1)*n : (j+1)*n]
		weighted(kinked[j], x)
	}
	a.whiten(w)
	exact := &alternation{p: a.p, eq: a.eq, smoothX: a.white, kinkedX: kinked, y: a.y, hasGram: true, residuals: func(x *mode) []float64 {
		a.p.residuals(x.k, x.m, x.delta, x.beta)
		weighted(a.r, a.p.r)
		return a.r
	}}
	x, err := exact.run(ctx, 2*a.sigma, a.limit)
	if err != nil {
		return nil, err
	}
	x.logProb += w.logDet
	for _, v := range roots {
		x.logProb += math.Log(v)
	}
	return x, nil
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

// distances returns each row's distance from the model, on scaled y.
func (f *Fitted) distances(r *rows, x [][]float64) []float64 {
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
	return e
}

// setResidual computes the residuals of the history from the parameters and a known phi.
func (f *Fitted) setResidual(r *rows, x [][]float64) {
	if !f.s.Options.Market.ResidualAR1 {
		return
	}
	p := &f.s.Params
	e := f.distances(r, x)
	innovation := f.s.Report.Innovation
	if innovation == 0 {
		innovation = p.SigmaObs[0]
	}
	f.residual = Residual{Phi: f.s.Report.Phi, Innovation: innovation, DF: f.s.Report.DF, Slope: f.s.Report.Slope}
	f.residuals, f.doubted = e, nil
	if f.s.Report.Innovation > 0 { // not in a fit stored by version 0.1.0
		f.doubted = f.doubts(f.s.History.Y, r.t, f.spikes(r.t))
	}
	last := believed(f.doubted, len(e))
	f.residual.Last = e[last]
	f.residual.Behind = f.clock.steps(r.t[last], r.t[len(e)-1])
}

// The least change of y that is doubted: a quarter, and twenty times what is usual for the sessions in between. Real closes
// of ETFs change by more than either, but hardly by more than both.
const (
	doubtedShare  = 0.25
	doubtedSpread = 20
	// doubtedAlways, a move of 49 %, is doubted in turbulent times too, if it is more than believedSpread times what is
	// usual: otherwise twenty times would be more than a doubled price.
	doubtedAlways  = 0.4
	believedSpread = 5
	// normalSpread replaces doubtedSpread for a row between others if innovations are normal, which gives it no lower weight.
	normalSpread = 10
	// doubtedRows is how many rows before it a row may agree with. One that agrees with none of them is doubted.
	doubtedRows = 3
)

// levels reports whether shares of y mean something: y is a logarithm or positive.
func (f *Fitted) levels(y []float64) bool {
	return f.s.Options.Market.LogScale || slices.Min(y) > 0
}

// share returns the change of y from a to b, or back, by a factor of exp(log).
func (f *Fitted) share(log, a, b float64) float64 {
	if f.s.Options.Market.LogScale {
		return log
	}
	return math.Expm1(log) * min(math.Abs(a), math.Abs(b))
}

// doubts returns which rows are so far from each of the rows before them that a forecast does not start from them. A row
// that is left out as a spike is doubted if it changes by doubtedShare. A doubted row confirms another only if the rows in
// between are doubted too: a wrong price that comes back is still wrong.
func (f *Fitted) doubts(y, t []float64, spikes []bool) []bool {
	out, levels := make([]bool, len(t)), f.levels(y)
	innovation, _ := f.usual()
	agree := func(i, j int) bool {
		d := math.Abs(y[j] - y[i])
		share := doubtedShare
		if !f.s.Options.Market.LogScale {
			share *= min(math.Abs(y[i]), math.Abs(y[j]))
		}
		if d <= share || levels && spikes[j] {
			return d <= share
		}
		k := max(f.clock.steps(t[i], t[j]), 1)
		sd := innovation * spread(f.residual.Phi, k) * f.s.YScale
		most := doubtedSpread * sd
		if levels {
			most = min(most, max(f.share(doubtedAlways, y[i], y[j]), believedSpread*sd))
		}
		return d <= most
	}
	for j := 1; j < len(out); j++ {
		out[j] = true
		between := true // all rows from i to j are doubted
		for i := j - 1; i >= max(0, j-doubtedRows) && out[j]; i-- {
			if between || !out[i] {
				out[j] = !agree(i, j)
			}
			between = between && out[i]
		}
	}
	return out
}

// believed returns the last row before row at that is not doubted, or the first row; nil means that no row is.
func believed(doubted []bool, at int) int {
	at--
	for at > 0 && doubted != nil && doubted[at] {
		at--
	}
	return at
}

// residualAt returns the mean and standard deviation of the residual at a row given the rows of the history before it, on
// scaled y.
func (f *Fitted) residualAt(s Stamp, t float64) (mean, sd float64) {
	e := f.residual
	if end := f.until(); t > end || len(f.residuals) == 0 {
		kept, sd := e.ahead(e.Behind + f.clock.steps(end, max(t, end)))
		return kept * e.Last, sd
	}
	h := &f.s.History
	at := sort.Search(len(h.DS), func(i int) bool { return h.DS[i] >= s })
	if at == 0 {
		return 0, e.Innovation / math.Sqrt(1-e.Phi*e.Phi)
	}
	last := believed(f.doubted, at)
	k := f.clock.steps(h.T[last], t)
	if at < len(h.DS) && h.DS[at] == s {
		k = max(k, 1) // as in the fit: a row on a day that is not in the calendar counts as one step
	}
	kept, sd := e.ahead(k)
	return kept * f.residuals[last], sd
}

// parameters returns the effective number of smooth parameters in the last solve: those that the rows determine and not the
// prior.
func (a *autoregression) parameters() float64 {
	e := a.eq
	count := float64(e.b)
	upper := blas64.Triangular{N: e.b, Stride: e.b, Data: e.u, Uplo: blas.Upper, Diag: blas.NonUnit}
	unit := make([]float64, e.b)
	for i, ridge := range e.ridge {
		clear(unit)
		unit[i] = 1
		blas64.Trsv(blas.Trans, upper, blas64.Vector{N: e.b, Inc: 1, Data: unit})
		count -= ridge * floats.Dot(unit, unit)
	}
	return count
}

// slopeVariance returns the posterior variance of the trend's rate at the end of the history, per unit of scaled time, from
// the curvature in the last solve.
func (a *autoregression) slopeVariance(x *mode) float64 {
	e := a.eq
	if e.s == 0 {
		return 0
	}
	// The rate is the first smooth parameter plus every kinked one.
	g := make([]float64, e.b)
	g[0] = 1
	blas64.Trsv(blas.Trans, blas64.Triangular{N: e.b, Stride: e.b, Data: e.u, Uplo: blas.Upper, Diag: blas.NonUnit}, blas64.Vector{N: e.b, Inc: 1, Data: g})
	rest := make([]float64, e.s)
	for j := range rest {
		rest[j] = 1
	}
	blas64.Gemv(blas.Trans, -1, blas64.General{Rows: e.b, Cols: e.s, Stride: e.s, Data: e.v}, blas64.Vector{N: e.b, Inc: 1, Data: g}, 1, blas64.Vector{N: e.s, Inc: 1, Data: rest})
	h := e.a[:e.s*e.s]
	copy(h, e.h)
	for j, d := range x.delta {
		h[j*e.s+j] += changePrecision(a.p.tau, d)
	}
	if _, ok := lapack64.Potrf(blas64.Symmetric{N: e.s, Stride: e.s, Data: h, Uplo: blas.Upper}); !ok {
		return 0
	}
	blas64.Trsv(blas.Trans, blas64.Triangular{N: e.s, Stride: e.s, Data: h, Uplo: blas.Upper, Diag: blas.NonUnit}, blas64.Vector{N: e.s, Inc: 1, Data: rest})
	variance := floats.Dot(g, g) + floats.Dot(rest, rest)
	if a.df > 0 {
		variance *= (a.df + 3) / (a.df + 1) // the information of t innovations, relative to that of their weights
	}
	return variance
}

// subgradient is posterior.subgradient for the whitened rows.
func (a *autoregression) subgradient(x *mode, phi float64) float64 {
	p := a.p
	w := newWhitener(phi, a.steps)
	p.residuals(x.k, x.m, x.delta, x.beta)
	w.apply(a.r, p.r)
	weight := 1 / (x.sigma * x.sigma)
	column := make([]float64, len(p.y))
	squares := 0.0
	for i, r := range a.r {
		squares += a.weights[i] * r * r
		a.r[i] *= a.weights[i]
	}
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
	return max(most, math.Abs(-float64(len(p.y))+squares*weight-4*sigma2))
}
