package garch

import "math"

// theta is the parameters on the scale of percent. phi = alpha + gamma is the effect of a squared fall.
type theta struct {
	mu, omega, alpha, gamma, beta, nu, lambda float64
}

func (p *theta) persistence() float64 { return p.alpha + p.gamma/2 + p.beta }

// Places in a gradient.
const (
	atMu = iota
	atOmega
	atAlpha
	atGamma
	atBeta
	atNu
	atLambda
	size
)

// data is the returns that a likelihood is of, in percent. A return over k sessions is divided by the square root of k, and mu is
// multiplied by it (root), so that it counts as one of the mean size.
type data struct {
	y, root  []float64
	mean     float64 // of a session's return
	variance float64 // of the residuals from it
	backcast float64 // what stands for the variance and the squared residual before the first
	jacobian float64 // what dividing by root takes from the log likelihood

	// Bounds of each variance, as in arch: they keep the likelihood finite for parameters far from the estimate.
	low, high       []float64
	highest, lowest float64 // the highest of low and the lowest of high: between these no bound needs a look
}

const (
	backcastDecay = .94
	backcastRows  = 75
)

// newData makes the data of log returns in percent over steps sessions each. The backcast and the bounds are those of arch (Sheppard),
// VolatilityProcess.backcast and variance_bounds.
func newData(returns []float64, steps []int) *data {
	n := len(returns)
	d := &data{y: make([]float64, n), root: make([]float64, n), low: make([]float64, n), high: make([]float64, n)}
	var sum, sessions float64
	for i, r := range returns {
		k := float64(steps[i])
		sum, sessions = sum+r, sessions+k
		d.root[i] = math.Sqrt(k)
		d.y[i] = r / d.root[i]
		d.jacobian -= math.Log(k) / 2
	}
	d.mean = sum / sessions
	var squares, total, largest float64
	weights, w := 0.0, 1.0
	for i, y := range d.y {
		e := y - d.mean*d.root[i]
		squares, total = squares+e*e, total+e
		largest = max(largest, e*e)
		if i < min(backcastRows, n) {
			d.backcast += w * e * e
			weights += w
			w *= backcastDecay
		}
	}
	d.backcast /= weights
	d.variance = squares/float64(n) - total/float64(n)*(total/float64(n))
	average := d.backcast
	d.highest, d.lowest = 0, math.Inf(1)
	for i := range d.y {
		if i > 0 {
			e := d.y[i-1] - d.mean*d.root[i-1]
			average = backcastDecay*average + (1-backcastDecay)*e*e
		}
		d.low[i] = max(average/1e6, d.variance/1e8)
		d.high[i] = min(max(average*1e6, 1+largest), 1e7*(1+largest))
		d.highest, d.lowest = max(d.highest, d.low[i]), min(d.lowest, d.high[i])
	}
	return d
}

// logLikelihood returns the log likelihood of p, in natural units, of the returns in percent as given to newData, and the variance and
// residual of the last of them. If gradient is not nil, it is set to the derivatives.
func (d *data) logLikelihood(p *theta, gradient *[size]float64) (value, variance, residual float64) {
	s := newStudent(p.nu, p.lambda)
	if p.lambda == 0 && gradient == nil {
		return d.symmetric(p, &s)
	}
	if gradient != nil {
		return d.withGradient(p, &s, gradient)
	}
	n := len(d.y)
	y, root := d.y[:n], d.root[:n]
	sides := [2]float64{1 / (1 + p.lambda), 1 / (1 - p.lambda)} // to the right and to the left of where they meet
	inverse := 1 / (p.nu - 2)
	effects := [2]float64{p.alpha, p.alpha + p.gamma} // of rises and of falls
	h := p.omega + (p.alpha+p.gamma/2+p.beta)*d.backcast
	var e, logs, logq float64
	ph, pq := 1.0, 1.0
	for i := range y {
		if h < d.highest || h > d.lowest {
			h, _ = d.bound(h, i)
		}
		e = y[i] - p.mu*root[i]
		z := e / math.Sqrt(h)
		w := s.b*z + s.a
		w *= sides[negative(w)]
		ph *= h
		pq *= 1 + w*w*inverse
		if ph > 1e100 || ph < 1e-100 {
			logs, ph = logs+math.Log(ph), 1
		}
		if pq > 1e100 {
			logq, pq = logq+math.Log(pq), 1
		}
		variance = h
		h = p.omega + effects[negative(e)]*e*e + p.beta*h
	}
	logs, logq = logs+math.Log(ph), logq+math.Log(pq)
	value = float64(n)*(math.Log(s.b)+s.c) - logs/2 - (p.nu+1)/2*logq + d.jacobian
	return value, variance, e
}

// negative returns 1 for a negative number and 0 for a positive one, without a branch that no processor can predict.
func negative(x float64) uint64 { return math.Float64bits(x) >> 63 }

// bound applies the bounds of return i to a variance, and returns the derivative of the result.
func (d *data) bound(h float64, i int) (bounded, slope float64) {
	switch {
	case h < d.low[i]:
		return d.low[i], 0
	case math.IsInf(h, 1):
		return d.high[i] + 1000, 0
	case h > d.high[i]:
		return d.high[i] + math.Log(h/d.high[i]), 1 / h
	}
	return h, 1
}

func (d *data) withGradient(p *theta, s *student, gradient *[size]float64) (value, variance, residual float64) {
	n := len(d.y)
	y, root := d.y[:n], d.root[:n]
	sides := [2]float64{1 / (1 + p.lambda), 1 / (1 - p.lambda)} // to the right and to the left of where they meet
	inverse := 1 / (p.nu - 2)
	effects := [2]float64{p.alpha, p.alpha + p.gamma} // of rises and of falls
	signs := [2]float64{1, -1}
	start := p.alpha + p.gamma/2 + p.beta
	h := p.omega + start*d.backcast
	// derivatives of h
	hMu, hOmega, hAlpha, hGamma, hBeta := 0.0, 1.0, d.backcast, d.backcast/2, d.backcast
	var gMu, gOmega, gAlpha, gGamma, gBeta float64
	var sumW2, sumW, sumWZ, sumSide float64 // of A w², A w/D, A w z/D, A w² s/D
	var e, logs, logq float64
	ph, pq := 1.0, 1.0
	for i := range y {
		if h < d.highest || h > d.lowest {
			var slope float64
			h, slope = d.bound(h, i)
			hMu, hOmega, hAlpha, hGamma, hBeta = slope*hMu, slope*hOmega, slope*hAlpha, slope*hGamma, slope*hBeta
		}
		e = y[i] - p.mu*root[i]
		inv := 1 / h
		scale := math.Sqrt(inv)
		z := e * scale
		w := s.b*z + s.a
		below := negative(w)
		side := sides[below]
		w *= side
		q := 1 + w*w*inverse
		ph *= h
		pq *= q
		if ph > 1e100 || ph < 1e-100 {
			logs, ph = logs+math.Log(ph), 1
		}
		if pq > 1e100 {
			logq, pq = logq+math.Log(pq), 1
		}
		aw := w / q // times (nu+1)/(nu-2)
		awd := aw * side
		sumW2 += aw * w
		sumW += awd
		sumWZ += awd * z
		sumSide += signs[below] * awd * w
		m := (p.nu + 1) * inverse * awd * s.b
		toH := (m*z - 1) * inv / 2 // derivative by h
		gMu += toH*hMu + m*scale*root[i]
		gOmega += toH * hOmega
		gAlpha += toH * hAlpha
		gGamma += toH * hGamma
		gBeta += toH * hBeta

		variance = h
		e2 := e * e
		fell := negative(e)
		effect, fall := effects[fell], e2*float64(fell)
		hMu = p.beta*hMu - 2*effect*e*root[i]
		hOmega = p.beta*hOmega + 1
		hAlpha = p.beta*hAlpha + e2
		hGamma = p.beta*hGamma + fall
		hBeta = p.beta*hBeta + h
		h = p.omega + effect*e2 + p.beta*h
	}
	logs, logq = logs+math.Log(ph), logq+math.Log(pq)
	k := (p.nu + 1) * inverse
	gradient[atMu], gradient[atOmega], gradient[atAlpha], gradient[atGamma], gradient[atBeta] = gMu, gOmega, gAlpha, gGamma, gBeta
	gradient[atNu] = float64(n)*(s.bNu/s.b+s.cNu) - logq/2 + k*inverse/2*sumW2 - k*(s.aNu*sumW+s.bNu*sumWZ)
	gradient[atLambda] = float64(n)*s.bLam/s.b - k*(s.aLam*sumW+s.bLam*sumWZ-sumSide)
	value = float64(n)*(math.Log(s.b)+s.c) - logs/2 - (p.nu+1)/2*logq + d.jacobian
	return value, variance, e
}

// symmetric is logLikelihood for lambda = 0. With u = e²/(nu-2), the log density is a constant plus nu/2 log(h) - (nu+1)/2 log(h+u):
// there is no root in it.
func (d *data) symmetric(p *theta, s *student) (value, variance, residual float64) {
	n := len(d.y)
	y, root := d.y[:n], d.root[:n]
	inverse := 1 / (p.nu - 2)
	effects := [2]float64{p.alpha, p.alpha + p.gamma}
	h := p.omega + (p.alpha+p.gamma/2+p.beta)*d.backcast
	var e, logh, logk float64
	ph, pk := 1.0, 1.0
	for i := range y {
		if h < d.highest || h > d.lowest {
			h, _ = d.bound(h, i)
		}
		e = y[i] - p.mu*root[i]
		e2 := e * e
		ph *= h
		pk *= h + e2*inverse
		if ph > 1e100 || ph < 1e-100 || pk > 1e100 || pk < 1e-100 {
			logh, ph = logh+math.Log(ph), 1
			logk, pk = logk+math.Log(pk), 1
		}
		variance = h
		h = p.omega + effects[negative(e)]*e2 + p.beta*h
	}
	logh, logk = logh+math.Log(ph), logk+math.Log(pk)
	return float64(n)*s.c + p.nu/2*logh - (p.nu+1)/2*logk + d.jacobian, variance, e
}

// symmetricWithGradient is the same for gamma = 0, too, with the gradient. The derivatives by gamma and lambda are left at 0.
func (d *data) symmetricWithGradient(p *theta, gradient *[size]float64) (value, variance, residual float64) {
	n := len(d.y)
	y, root := d.y[:n], d.root[:n]
	inverse := 1 / (p.nu - 2)
	h := p.omega + (p.alpha+p.beta)*d.backcast
	hMu, hOmega, hAlpha, hBeta := 0.0, 1.0, d.backcast, d.backcast
	s := newStudent(p.nu, 0)
	var gMu, gOmega, gAlpha, gBeta, sum float64 // sum of u/k
	var e, logh, logk float64
	ph, pk := 1.0, 1.0
	half, halfNu, more := (p.nu+1)/2, p.nu/2, (p.nu+1)*inverse
	for i := range y {
		if h < d.highest || h > d.lowest {
			var slope float64
			h, slope = d.bound(h, i)
			hMu, hOmega, hAlpha, hBeta = slope*hMu, slope*hOmega, slope*hAlpha, slope*hBeta
		}
		e = y[i] - p.mu*root[i]
		e2 := e * e
		u := e2 * inverse
		k := h + u
		ph *= h
		pk *= k
		if ph > 1e100 || ph < 1e-100 || pk > 1e100 || pk < 1e-100 {
			logh, ph = logh+math.Log(ph), 1
			logk, pk = logk+math.Log(pk), 1
		}
		both := 1 / (h * k)
		overK := both * h
		toH := halfNu*both*k - half*overK
		sum += u * overK
		gMu += toH*hMu + more*e*overK*root[i]
		gOmega += toH * hOmega
		gAlpha += toH * hAlpha
		gBeta += toH * hBeta
		variance = h
		hMu = p.beta*hMu - 2*p.alpha*e*root[i]
		hOmega = p.beta*hOmega + 1
		hAlpha = p.beta*hAlpha + e2
		hBeta = p.beta*hBeta + h
		h = p.omega + p.alpha*e2 + p.beta*h
	}
	logh, logk = logh+math.Log(ph), logk+math.Log(pk)
	*gradient = [size]float64{atMu: gMu, atOmega: gOmega, atAlpha: gAlpha, atBeta: gBeta}
	gradient[atNu] = float64(n)*s.cNu + (logh-logk)/2 + half*inverse*sum
	return float64(n)*s.c + halfNu*logh - half*logk + d.jacobian, variance, e
}

// next returns the variance of the session after one with this variance and residual.
func (p *theta) next(variance, residual float64) float64 {
	effect := p.alpha
	if residual < 0 {
		effect += p.gamma
	}
	return p.omega + effect*residual*residual + p.beta*variance
}

// path returns the expected variance of each of n sessions, of which the first has this variance.
func (p *theta) path(first float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = first
		first = p.omega + p.persistence()*first
	}
	return out
}
