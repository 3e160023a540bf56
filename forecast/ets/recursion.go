package ets

import "math"

// shape is a model of the family: additive or multiplicative errors, and no trend, an additive one, or a damped additive one.
type shape struct{ relative, trend, damped bool }

// shapes are the admissible models. A damped model without trend is none, and multiplicative trends are left out.
var shapes = []shape{
	{}, {trend: true}, {trend: true, damped: true},
	{relative: true}, {relative: true, trend: true}, {relative: true, trend: true, damped: true},
}

// String returns the usual name, such as "AAdN": error, trend, season.
func (k shape) String() string {
	name := "A"
	if k.relative {
		name = "M"
	}
	switch {
	case k.damped:
		return name + "AdN"
	case k.trend:
		return name + "AN"
	}
	return name + "NN"
}

// parseShape reads String.
func parseShape(name string) (shape, bool) {
	for _, k := range shapes {
		if k.String() == name {
			return k, true
		}
	}
	return shape{}, false
}

// estimated returns how many numbers are estimated: smoothing parameters, initial states and the variance.
func (k shape) estimated() int {
	switch {
	case k.damped:
		return 6
	case k.trend:
		return 5
	}
	return 3
}

// smoothing are the parameters of a model. Without trend beta is 0; undamped, phi is 1.
type smoothing struct{ alpha, beta, phi float64 }

// state is the level and the trend per session, of log closes.
type state struct{ level, trend float64 }

// next returns the state one session later if the error of that session is 0.
func (p smoothing) next(x state) state {
	b := p.phi * x.trend
	return state{x.level + b, b}
}

// covariance is that of the state's errors (level, level with trend, trend). It is 0 where every session has a row: in models with a single
// source of error the state is then known.
type covariance struct{ ll, lb, bb float64 }

// settled is the variance, in units of an error's, below which a state counts as known again.
const settled = 1e-13

func (c covariance) known() bool { return c.ll < settled && c.bb < settled }

// next returns the covariance one session later, where the error of that session, of variance q, is not observed.
func (p smoothing) nextCovariance(c covariance, q float64) covariance {
	lb := p.phi * (c.lb + p.phi*c.bb)
	return covariance{
		ll: p.seen(c) + q*p.alpha*p.alpha,
		lb: lb + q*p.alpha*p.beta,
		bb: p.phi*p.phi*c.bb + q*p.beta*p.beta,
	}
}

// seen is the variance that the state's errors give the next observation.
func (p smoothing) seen(c covariance) float64 { return c.ll + p.phi*(2*c.lb+p.phi*c.bb) }

// maxGap is the most sessions that a gap counts for: beyond a year nothing is known of the level anyway.
const maxGap = 252

// gap carries a state and its covariance (in units of an error's variance) over sessions without a row, up to the session before the next
// observation. It returns the observation's variance and the gains of level and trend: the Kalman filter's.
func (p smoothing) gap(x state, c covariance, sessions int) (_ state, _ covariance, variance float64, gain state) {
	for range min(sessions, maxGap) - 1 {
		x, c = p.next(x), p.nextCovariance(c, 1)
	}
	variance = 1 + p.seen(c)
	gain.level = (p.seen(c) + p.alpha) / variance
	gain.trend = (p.phi*(c.lb+p.phi*c.bb) + p.beta) / variance
	c = p.nextCovariance(c, 1)
	c.ll = max(c.ll-gain.level*gain.level*variance, 0)
	c.lb -= gain.level * gain.trend * variance
	c.bb = max(c.bb-gain.trend*gain.trend*variance, 0)
	return x, c, variance, gain
}

// observe advances the state by the row y, sessions after the row before. It returns the one-step forecast, the error (relative to the
// forecast if k has multiplicative errors), and its variance in units of an error's, 1 unless there is a gap.
func (k shape) observe(p smoothing, x state, c covariance, y float64, sessions int) (_ state, _ covariance, f, e, variance float64) {
	gain := state{p.alpha, p.beta}
	variance = 1
	if sessions > 1 || !c.known() {
		x, c, variance, gain = p.gap(x, c, sessions)
	}
	x = p.next(x)
	f = x.level
	e = y - f
	x.level += gain.level * e
	x.trend += gain.trend * e
	if k.relative {
		e /= f
	}
	return x, c, f, e, variance
}

// moments are the mean and variance of the log closes of 1 to h sessions ahead, with error variance sigma2 (of relative errors for
// multiplicative ones) and the covariance c in units of the last error's variance. For additive errors these are the class 1 variances,
// for multiplicative ones the class 2 variances of Hyndman et al. (2008), chapter 6, both exact.
func (k shape) moments(p smoothing, x state, c covariance, sigma2 float64, h int) (means, variances []float64) {
	unit := sigma2
	if k.relative {
		unit *= x.level * x.level
	}
	c = covariance{c.ll * unit, c.lb * unit, c.bb * unit}
	means, variances = make([]float64, h), make([]float64, h)
	for i := range h {
		x = p.next(x)
		q := sigma2
		if k.relative {
			q *= p.seen(c) + x.level*x.level
		}
		means[i], variances[i] = x.level, p.seen(c)+q
		c = p.nextCovariance(c, q)
	}
	return means, variances
}

// logProduct sums logarithms of positive numbers, one logarithm for many of them.
type logProduct struct{ product, sum float64 }

func (l *logProduct) multiply(x float64) {
	l.product *= x
	if l.product > 1e250 || l.product < 1e-250 {
		l.sum += math.Log(l.product)
		l.product = 1
	}
}

func (l *logProduct) total() float64 { return l.sum + math.Log(l.product) }
