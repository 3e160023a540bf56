package ets

import "math"

// sample is what a model is fitted to.
type sample struct {
	y    []float64 // log closes
	step []int     // sessions since the row before; nil if always 1
}

// criterion is -2 times the log likelihood without its constant, n log S + 2 sum log|f| + sum log v, which the reference programs
// minimise too: S is the sum of squared errors over their variances v, and f are the one-step forecasts, for multiplicative errors only.
// It is +Inf where a multiplicative model has a forecast that is not positive.
func (d sample) criterion(k shape, p smoothing, x state) float64 {
	var c covariance
	var sum float64
	forecasts, variances := logProduct{product: 1}, logProduct{product: 1}
	for i, y := range d.y {
		var f, e, v float64
		x, c, f, e, v = k.observe(p, x, c, y, d.sessions(i))
		if k.relative {
			if f <= 0 {
				return math.Inf(1)
			}
			forecasts.multiply(f)
		}
		if v != 1 {
			variances.multiply(v)
		}
		sum += e * e / v
	}
	return d.value(sum, forecasts.total(), variances.total())
}

func (d sample) value(sum, logForecasts, logVariances float64) float64 {
	n := float64(len(d.y))
	return n*math.Log(sum+n*tiny) + 2*logForecasts + logVariances
}

// tiny is a variance far below that of rounding errors of logarithms, so that a series without errors has a finite likelihood.
const tiny = 1e-32

func (d sample) sessions(i int) int {
	if d.step == nil || i == 0 {
		return 1
	}
	return d.step[i]
}

// logLikelihood returns the log density of the log closes whose criterion this is, with the variance at its optimum.
func (d sample) logLikelihood(criterion float64) float64 {
	n := float64(len(d.y))
	return -criterion/2 - n/2*(math.Log(2*math.Pi/n)+1)
}

// aicc is Akaike's criterion, corrected for short samples (Hurvich and Tsai 1989), with k estimated numbers.
func (d sample) aicc(logLikelihood float64, k int) float64 {
	n, m := float64(len(d.y)), float64(k)
	return -2*logLikelihood + 2*m + 2*m*(m+1)/(n-m-1)
}

// profile evaluates the criterion with the best initial states for given smoothing parameters. One-step forecasts are linear in the
// initial states. So for additive errors the best ones are a least-squares fit, and for multiplicative ones a few Newton steps
// away from it.
type profile struct {
	sample
	f      []float64    // one-step forecasts from the base states
	slopes [][2]float64 // their derivatives by initial level and trend, as long as they matter
	w      []float64    // 1 over the variance of each error; nil without gaps
	evals  int
}

func newProfile(d sample) *profile {
	v := &profile{sample: d, f: make([]float64, len(d.y)), slopes: make([][2]float64, len(d.y))}
	for i := 1; i < len(d.step); i++ {
		if d.step[i] > 1 {
			v.w = make([]float64, len(d.y))
			break
		}
	}
	return v
}

// negligible is the derivative of a forecast by an initial state below which its effect is less than rounding.
const negligible = 1e-17

// pass runs the recursion from the state x, fills f and slopes, and returns how many rows have slopes, and the sum of log variances.
func (v *profile) pass(p smoothing, x state) (rows int, logVariances float64) {
	if v.w != nil {
		return v.passWithGaps(p, x)
	}
	n := len(v.y)
	y, f, slopes := v.y, v.f[:n], v.slopes[:n]
	// The recursion as one linear map, state = m state + gain y: its chain of dependent operations is the shortest.
	m11, m12 := 1-p.alpha, (1-p.alpha)*p.phi
	m21, m22 := -p.beta, p.phi-p.beta*p.phi
	l, b := x.level, x.trend
	l1, b1, l2, b2 := 1.0, 0.0, 0.0, 1.0
	i := 0
	for ; i < n; i++ {
		if math.Abs(l1)+math.Abs(b1)+math.Abs(l2)+math.Abs(b2) < negligible {
			break
		}
		f[i] = l + p.phi*b
		slopes[i] = [2]float64{l1 + p.phi*b1, l2 + p.phi*b2}
		l, b = m11*l+(m12*b+p.alpha*y[i]), m22*b+(m21*l+p.beta*y[i])
		l1, b1 = m11*l1+m12*b1, m21*l1+m22*b1
		l2, b2 = m11*l2+m12*b2, m21*l2+m22*b2
	}
	rows = i
	for ; i < n; i++ {
		f[i] = l + p.phi*b
		l, b = m11*l+(m12*b+p.alpha*y[i]), m22*b+(m21*l+p.beta*y[i])
	}
	return rows, 0
}

func (v *profile) passWithGaps(p smoothing, x state) (rows int, logVariances float64) {
	var c covariance
	d1, d2 := state{1, 0}, state{0, 1}
	variances := logProduct{product: 1}
	move := func(d state, sessions int, gain state) (state, float64) {
		for range min(sessions, maxGap) - 1 {
			d = p.next(d)
		}
		d = p.next(d)
		f := d.level
		return state{d.level - gain.level*f, d.trend - gain.trend*f}, f
	}
	for i, y := range v.y {
		k := v.sessions(i)
		gain, variance := state{p.alpha, p.beta}, 1.0
		if k > 1 || !c.known() {
			x, c, variance, gain = p.gap(x, c, k)
			variances.multiply(variance)
		}
		x = p.next(x)
		v.f[i], v.w[i] = x.level, 1/variance
		e := y - x.level
		x.level += gain.level * e
		x.trend += gain.trend * e
		if rows == i && math.Abs(d1.level)+math.Abs(d1.trend)+math.Abs(d2.level)+math.Abs(d2.trend) >= negligible {
			d1, v.slopes[i][0] = move(d1, k, gain)
			d2, v.slopes[i][1] = move(d2, k, gain)
			rows++
		}
	}
	return rows, variances.total()
}

// best returns the criterion at the best initial states, and these.
func (v *profile) best(k shape, p smoothing) (float64, state) {
	v.evals++
	base := state{level: v.y[0]}
	rows, logVariances := v.pass(p, base)
	y, f, slopes := v.y, v.f[:len(v.y)], v.slopes[:rows]

	var a normal
	for i := range slopes {
		e, w := y[i]-f[i], v.weight(i)
		a.add(w*e, w, slopes[i])
		a.sum += w * e * e
	}
	shift := a.solve(k.trend)
	if !k.relative {
		var tail float64
		if v.w == nil {
			for i := rows; i < len(y); i++ {
				e := y[i] - f[i]
				tail += e * e
			}
		} else {
			for i := rows; i < len(y); i++ {
				e := y[i] - f[i]
				tail += v.w[i] * e * e
			}
		}
		sum := max(a.sum-a.r[0]*shift.level-a.r[1]*shift.trend, 0) + tail
		return v.value(sum, 0, logVariances), state{base.level + shift.level, shift.trend}
	}
	return v.bestRelative(k, base, shift, rows, logVariances)
}

// bestRelative goes on from the least-squares shift of the initial states for multiplicative errors. Newton's steps use the Hessian of
// the squares, which is nearly exact as relative errors are small.
func (v *profile) bestRelative(k shape, base, shift state, rows int, logVariances float64) (float64, state) {
	y, f, slopes := v.y, v.f, v.slopes
	tail := logProduct{product: 1}
	var tailSum float64
	for i := rows; i < len(y); i++ {
		if f[i] <= 0 {
			return math.Inf(1), base
		}
		e := y[i]/f[i] - 1
		tailSum += v.weight(i) * e * e
		tail.multiply(f[i])
	}
	logTail := tail.total()
	n := float64(len(y))
	value, at := math.Inf(1), shift
	for range 6 {
		var a, b normal
		head := logProduct{product: 1}
		sum := tailSum
		for i, d := range slopes[:rows] {
			fi := f[i] + d[0]*shift.level + d[1]*shift.trend
			if fi <= 0 {
				return value, state{base.level + at.level, base.trend + at.trend}
			}
			head.multiply(fi)
			inverse := 1 / fi
			ratio := y[i] * inverse
			e, w := ratio-1, v.weight(i)
			sum += w * e * e
			g := ratio * inverse
			a.add(w*e*g, w*g*g, d)
			b.r[0] -= inverse * d[0]
			b.r[1] -= inverse * d[1]
		}
		now := v.value(sum, head.total()+logTail, logVariances)
		if !(now < value) {
			break
		}
		gain := value - now
		value, at = now, shift
		// Half the gradient of n log S + 2 sum log f, divided by n/S, is -(a.r + b.r S/n); half the Hessian is a's matrix.
		scale := (sum + n*tiny) / n
		a.r[0] += scale * b.r[0]
		a.r[1] += scale * b.r[1]
		step := a.solve(k.trend)
		if expected := (a.r[0]*step.level + a.r[1]*step.trend) / scale; expected < 1e-10 || gain < 1e-11 {
			break
		}
		shift = state{shift.level + step.level, shift.trend + step.trend}
	}
	return value, state{base.level + at.level, base.trend + at.trend}
}

func (v *profile) weight(i int) float64 {
	if v.w == nil {
		return 1
	}
	return v.w[i]
}

// normal are the normal equations of a least-squares fit of two numbers.
type normal struct {
	a11, a12, a22, sum float64
	r                  [2]float64
}

func (a *normal) add(e, w float64, d [2]float64) {
	a.r[0] += e * d[0]
	a.r[1] += e * d[1]
	a.a11 += w * d[0] * d[0]
	a.a12 += w * d[0] * d[1]
	a.a22 += w * d[1] * d[1]
}

// solve returns the solution; its trend is 0 unless trend, or if the two can't be told apart.
func (a *normal) solve(trend bool) state {
	level := a.r[0] / a.a11
	if !trend {
		a.r[1] = 0
		return state{level: level}
	}
	rest := a.a22 - a.a12*a.a12/a.a11
	if !(rest > 1e-12*a.a22) {
		return state{level: level}
	}
	b := (a.r[1] - a.a12*level) / rest
	return state{(a.r[0] - a.a12*b) / a.a11, b}
}
