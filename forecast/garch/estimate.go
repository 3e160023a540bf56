package garch

import (
	"context"
	"math"
)

// Bounds of the parameters. Those of nu are arch's; omega is at least omegaFloor times the variance, as there; the persistence stays
// below 1 by persistenceGap and the size of lambda by lambdaGap.
const (
	nuMin          = 2.05
	nuMax          = 500
	nuMaxSkewed    = 300
	omegaFloor     = 1e-8
	persistenceGap = 1e-6
	lambdaGap      = 1e-6
)

// problem is the search for the parameters of greatest likelihood, in coordinates without bounds:
//
//	mu      mean + u0 * standard deviation
//	omega   variance * (omegaFloor + exp(u1))
//	nu      1/nu between 1/nuMax and 1/nuMin, as the square of the sine of u2
//	lambda  (1-lambdaGap) tanh(u3); absent if not skewed
//	shares  alpha/2, (alpha+gamma)/2, beta and what is left to a persistence of 1-persistenceGap are the squares of u4..u7, divided by
//	        their sum; without leverage alpha is one share
//
// With squares, an estimate on a bound (alpha = 0, as for most equity indices, or a persistence of 1) is a point where the likelihood is
// smooth, which exponentials would put at infinity.
type problem struct {
	d        *data
	leverage bool // gamma and lambda are estimated
	dim      int
	nuMax    float64
}

const maxDim = 8

type vector [maxDim]float64

func newProblem(d *data, leverage bool) *problem {
	if leverage {
		return &problem{d, true, 8, nuMaxSkewed}
	}
	return &problem{d, false, 6, nuMax}
}

// params returns the parameters at u.
func (b *problem) params(u *vector) theta {
	p := theta{
		mu:    b.d.mean + u[0]*math.Sqrt(b.d.variance),
		omega: b.d.variance * (omegaFloor + math.Exp(min(u[1], 50))),
	}
	sin := math.Sin(u[2])
	p.nu = 1 / (1/b.nuMax + (1/nuMin-1/b.nuMax)*sin*sin)
	if !b.leverage {
		sum := u[3]*u[3] + u[4]*u[4] + u[5]*u[5]
		p.alpha = (1 - persistenceGap) * u[3] * u[3] / sum
		p.beta = (1 - persistenceGap) * u[4] * u[4] / sum
		return p
	}
	p.lambda = (1 - lambdaGap) * math.Tanh(u[3])
	sum := u[4]*u[4] + u[5]*u[5] + u[6]*u[6] + u[7]*u[7]
	p.alpha = 2 * (1 - persistenceGap) * u[4] * u[4] / sum
	p.gamma = 2*(1-persistenceGap)*u[5]*u[5]/sum - p.alpha
	p.beta = (1 - persistenceGap) * u[6] * u[6] / sum
	return p
}

// point returns the u of p.
func (b *problem) point(p *theta) vector {
	var u vector
	u[0] = (p.mu - b.d.mean) / math.Sqrt(b.d.variance)
	u[1] = math.Log(max(p.omega/b.d.variance-omegaFloor, 1e-12))
	u[2] = math.Asin(math.Sqrt(min(max((1/p.nu-1/b.nuMax)/(1/nuMin-1/b.nuMax), 0), 1)))
	rest := math.Sqrt(max(1-p.persistence(), 0))
	if !b.leverage {
		u[3], u[4], u[5] = math.Sqrt(p.alpha), math.Sqrt(p.beta), rest
		return u
	}
	u[3] = math.Atanh(p.lambda / (1 - lambdaGap))
	u[4], u[5], u[6], u[7] = math.Sqrt(p.alpha/2), math.Sqrt(max(p.alpha+p.gamma, 0)/2), math.Sqrt(p.beta), rest
	return u
}

// loss returns the negative log likelihood at u and its gradient.
func (b *problem) loss(u, gradient *vector) float64 {
	p := b.params(u)
	var g [size]float64
	var value float64
	if b.leverage {
		value, _, _ = b.d.logLikelihood(&p, &g)
	} else {
		value, _, _ = b.d.symmetricWithGradient(&p, &g)
	}
	if math.IsNaN(value) {
		return math.Inf(1)
	}
	*gradient = vector{}
	gradient[0] = -g[atMu] * math.Sqrt(b.d.variance)
	gradient[1] = -g[atOmega] * (p.omega - omegaFloor*b.d.variance)
	gradient[2] = g[atNu] * p.nu * p.nu * (1/nuMin - 1/b.nuMax) * math.Sin(2*u[2])
	if !b.leverage {
		b.shares(u, gradient, 3, g[atAlpha], g[atBeta])
		return -value
	}
	t := math.Tanh(u[3])
	gradient[3] = -g[atLambda] * (1 - lambdaGap) * (1 - t*t)
	b.shares(u, gradient, 4, 2*(g[atAlpha]-g[atGamma]), 2*g[atGamma], g[atBeta])
	return -value
}

// shares sets the gradient from place first on: by[k] is the derivative of the log likelihood by the k-th share; that by the last, what
// is left, is 0.
func (b *problem) shares(u, gradient *vector, first int, by ...float64) {
	var sum, mean float64
	for k := range len(by) + 1 {
		sum += u[first+k] * u[first+k]
	}
	for k, d := range by {
		mean += d * u[first+k] * u[first+k] / sum
	}
	for k := range len(by) + 1 {
		d := 0.0
		if k < len(by) {
			d = by[k]
		}
		gradient[first+k] = -(1 - persistenceGap) * 2 * u[first+k] / sum * (d - mean)
	}
}

// estimate returns the parameters with the greatest likelihood, and its logarithm.
func estimate(ctx context.Context, d *data, leverage bool) (best theta, value float64, evaluations int, err error) {
	b := newProblem(d, leverage)
	value = math.Inf(-1)
	for _, start := range b.starts() {
		if err := ctx.Err(); err != nil {
			return best, value, evaluations, err
		}
		u := b.point(&start)
		loss, n := b.minimise(&u)
		evaluations += n
		if -loss > value {
			best, value = b.params(&u), -loss
		}
	}
	return best, value, evaluations, nil
}

// starts returns where to search from: of a grid of parameters whose variance in the long run is the sample's (variance targeting), the
// likeliest of those with a high persistence and the likeliest of the others. One that is far less likely than the other is left out: on the windows
// of real series that were tried, and on simulated ones, it leads to the same maximum.
func (b *problem) starts() []theta {
	groups := [][]float64{{.9, .97, .995}, {.2, .6}}
	var out []theta
	var values []float64
	for _, persistences := range groups {
		best, at := math.Inf(-1), theta{}
		for _, persistence := range persistences {
			for _, alpha := range []float64{.03, .08, .18} {
				leverages := []float64{0}
				if b.leverage {
					leverages = []float64{0, 1.5}
				}
				for _, leverage := range leverages {
					p := theta{mu: b.d.mean, omega: b.d.variance * (1 - persistence), nu: 7}
					// With leverage a fall has most of the effect, of the same mean size.
					p.gamma = leverage * alpha
					p.alpha = alpha - p.gamma/2
					p.beta = persistence - alpha
					if value, _, _ := b.d.logLikelihood(&p, nil); value > best {
						best, at = value, p
					}
				}
			}
		}
		if !math.IsInf(best, -1) {
			out, values = append(out, at), append(values, best)
		}
	}
	if len(out) == 2 && math.Abs(values[0]-values[1]) > farLess {
		if values[1] > values[0] {
			return out[1:]
		}
		return out[:1]
	}
	return out
}

const (
	farLess       = 15 // of the log likelihood
	maxIterations = 200
	tolerance     = 1e-7 // of the log likelihood: what the next step would still gain
)

// minimise moves u to a local minimum of the loss by the method of Broyden, Fletcher, Goldfarb and Shanno, and returns the loss there and
// how often it was computed. See Nocedal and Wright, Numerical Optimization, 2nd ed., chapter 6.
func (b *problem) minimise(u *vector) (loss float64, evaluations int) {
	n := b.dim
	var g vector
	loss = b.loss(u, &g)
	evaluations = 1
	if math.IsInf(loss, 1) {
		return loss, evaluations
	}
	var h [maxDim][maxDim]float64
	reset := func() {
		h = [maxDim][maxDim]float64{}
		size := 0.0
		for i := range n {
			size += g[i] * g[i]
		}
		for i := range n {
			h[i][i] = .1 / max(math.Sqrt(size), 1e-8)
		}
	}
	reset()
	fresh := true
	for range maxIterations {
		var step vector
		slope := 0.0
		for i := range n {
			for j := range n {
				step[i] -= h[i][j] * g[j]
			}
			slope += step[i] * g[i]
		}
		if !fresh && -slope < 2*tolerance {
			return loss, evaluations
		}
		if !(slope < 0) {
			if fresh {
				return loss, evaluations
			}
			reset()
			fresh = true
			continue
		}
		// The step along the line: halved, or as a parabola says, until the loss falls enough; doubled while it falls as steeply as at the start.
		var at, slopes vector
		length, found := 1.0, false
		var value float64
		for range 25 {
			for i := range n {
				at[i] = u[i] + length*step[i]
			}
			value = b.loss(&at, &slopes)
			evaluations++
			if value <= loss+1e-4*length*slope {
				found = true
				break
			}
			shrink := -slope * length / (2 * (value - loss - slope*length))
			if !(shrink > .1) { // also NaN, after an infinite loss
				shrink = .1
			}
			length *= min(shrink, .5)
		}
		if !found {
			if fresh {
				return loss, evaluations
			}
			reset()
			fresh = true
			continue
		}
		for range 6 {
			next := 0.0
			for i := range n {
				next += slopes[i] * step[i]
			}
			if next >= .9*slope {
				break
			}
			var further, steeper vector
			for i := range n {
				further[i] = u[i] + 2*length*step[i]
			}
			v := b.loss(&further, &steeper)
			evaluations++
			if !(v < value) {
				break
			}
			length, value, at, slopes = 2*length, v, further, steeper
		}
		var s, y vector
		sy, yy := 0.0, 0.0
		for i := range n {
			s[i], y[i] = at[i]-u[i], slopes[i]-g[i]
			sy += s[i] * y[i]
			yy += y[i] * y[i]
		}
		gain := loss - value
		*u, g, loss = at, slopes, value
		if sy <= 1e-12*yy {
			if gain < tolerance {
				return loss, evaluations
			}
			continue
		}
		if fresh {
			for i := range n {
				h[i][i] = sy / yy
			}
			fresh = false
		}
		var hy vector
		yhy := 0.0
		for i := range n {
			for j := range n {
				hy[i] += h[i][j] * y[j]
			}
			yhy += y[i] * hy[i]
		}
		for i := range n {
			for j := range n {
				h[i][j] += (1+yhy/sy)*s[i]*s[j]/sy - (hy[i]*s[j]+s[i]*hy[j])/sy
			}
		}
	}
	return loss, evaluations
}
