package theta

import "math"

// The bounds of alpha and of the share 1 - 1/theta (theta from 1 to 1e10), and the rows at the start whose errors don't count: the reference's.
const (
	minAlpha = .1
	maxAlpha = .99
	maxShare = 1 - 1e-10
	skipped  = 3
)

// sample is the data of an estimation.
type sample struct {
	y      []float64
	steps  []int // sessions from the row before; nil = all 1
	a, b   []float64
	static bool // a and b have one element
	line   line // of all rows
	gaps   int  // rows with more than one session since the row before
}

func newSample(y []float64, steps []int, dynamic bool) *sample {
	s := &sample{y: y, steps: steps, static: !dynamic}
	if dynamic {
		s.a, s.b = make([]float64, len(y)), make([]float64, len(y))
	}
	session := 0
	for i, v := range y {
		k := s.step(i)
		if k > 1 {
			s.gaps++
		}
		session += k
		s.line.add(float64(session), v)
		if dynamic {
			s.a[i], s.b[i] = s.line.coefficients() // of the rows up to i
		}
	}
	if !dynamic {
		a, b := s.line.coefficients()
		s.a, s.b = []float64{a}, []float64{b}
	}
	return s
}

func (s *sample) step(i int) int {
	if i == 0 || s.steps == nil {
		return 1
	}
	return s.steps[i]
}

// parameters are what an estimation finds.
type parameters struct {
	alpha, share, initial float64
	squares               float64 // weighted sum of squared errors from row skipped on
	logs                  float64 // sum of the logarithms of those errors' variances relative to sigma²
}

// criterion is what is minimised: -2 log likelihood less constants. Without gaps it falls and rises with the sum of squares.
func (s *sample) criterion(p parameters) float64 {
	return float64(len(s.y)-skipped)*math.Log(max(p.squares, math.SmallestNonzeroFloat64)) + p.logs
}

// moments are the sums that least squares needs: the error of a row is r - initial*p - share*q.
type moments struct{ rr, rp, rq, pp, pq, qq, logs float64 }

// moments goes through the rows once.
func (s *sample) moments(alpha float64) moments {
	var m moments
	keep := 1 - alpha
	level, byInitial, byShare := 0., 1., 0. // the level is level + initial*byInitial + share*byShare
	decay := 1.                             // keep to the power of the sessions so far
	a, b := s.a[0], s.b[0]/alpha
	plain := s.static && s.gaps == 0
	for i, y := range s.y {
		if plain && i >= skipped && decay < vanished {
			m.rest(s.y[i:], alpha, level, b)
			break
		}
		v := 1.
		if k := s.step(i); k > 1 {
			for range k - 1 {
				byShare += alpha * (decay*a + (1-decay*keep)*b)
				decay = faded(decay * keep)
			}
			v += float64(k-1) * alpha * alpha
		}
		r, p, q := y-level, byInitial, byShare+decay*a+(1-decay*keep)*b
		if i >= skipped {
			w := 1.
			if v > 1 {
				w = 1 / v
				m.logs += math.Log(v)
			}
			m.rr += w * r * r
			m.rp += w * r * p
			m.rq += w * r * q
			m.pp += w * p * p
			m.pq += w * p * q
			m.qq += w * q * q
		}
		level += alpha * r
		byInitial = faded(byInitial * keep)
		byShare *= keep
		decay = faded(decay * keep)
		if !s.static {
			a, b = s.a[i], s.b[i]/alpha
		}
	}
	return m
}

// vanished is what the initial level's share of a level no longer matters below, beside that of the rows before.
const vanished = 1e-20

// rest adds rows without gaps whose error is y - level - share*drift.
func (m *moments) rest(y []float64, alpha, level, drift float64) {
	var squares, sum float64
	for _, v := range y {
		r := v - level
		squares += r * r
		sum += r
		level += alpha * r
	}
	m.rr += squares
	m.rq += sum * drift
	m.qq += float64(len(y)) * drift * drift
}

// faded is x, or 0 if its square would not be an ordinary number.
func faded(x float64) float64 {
	if x < 1e-150 {
		return 0
	}
	return x
}

// given returns the best parameters for alpha. free says that the share is estimated, not .5.
func (s *sample) given(alpha float64, free bool) parameters {
	m := s.moments(alpha)
	share := .5
	if free && m.qq > 0 {
		den, num := m.qq, m.rq
		if m.pp > 0 {
			den -= m.pq * m.pq / m.pp
			num -= m.pq * m.rp / m.pp
		}
		if den > 1e-12*m.qq {
			share = min(max(num/den, 0), maxShare)
		}
	}
	var initial float64
	if m.pp > 0 {
		initial = (m.rp - share*m.pq) / m.pp
	}
	squares := m.rr - 2*initial*m.rp - 2*share*m.rq + initial*initial*m.pp + 2*initial*share*m.pq + share*share*m.qq
	return parameters{alpha, share, initial, max(squares, 0), m.logs}
}

// gridded is how many values of alpha are tried before the best of them is refined, and fine is how exactly it is found: the criterion is then
// within 1e-8 of its minimum.
const (
	gridded = 14
	fine    = 1e-6
)

// estimate returns the best parameters.
func (s *sample) estimate(free bool) parameters {
	var best parameters
	least := math.Inf(1)
	try := func(alpha float64) float64 {
		p := s.given(alpha, free)
		v := s.criterion(p)
		if v < least {
			best, least = p, v
		}
		return v
	}
	const stride = (maxAlpha - minAlpha) / (gridded - 1)
	for i := range gridded {
		try(min(minAlpha+stride*float64(i), maxAlpha))
	}
	minimise(try, max(best.alpha-stride, minAlpha), best.alpha, min(best.alpha+stride, maxAlpha), least)
	best.squares, best.logs = s.squares(best)
	return best
}

// minimise calls f at ever better points between lo and hi, from x with f(x) = fx on: parabolas through the best three points and golden
// sections when those fail (Brent, Algorithms for Minimization without Derivatives, 1973, chapter 5).
func minimise(f func(float64) float64, lo, x, hi, fx float64) {
	const golden = .3819660112501051 // (3 - sqrt 5)/2
	w, v, fw, fv := x, x, fx, fx
	var step, last float64
	for range 100 {
		mid := (lo + hi) / 2
		if math.Abs(x-mid) <= 2*fine-(hi-lo)/2 {
			return
		}
		p, q := 0., 0.
		if math.Abs(last) > fine {
			r := (x - w) * (fx - fv)
			q = (x - v) * (fx - fw)
			p = (x-v)*q - (x-w)*r
			q = 2 * (q - r)
			if q > 0 {
				p = -p
			}
			q = math.Abs(q)
		}
		before := last
		last = step
		if math.Abs(p) < math.Abs(q*before/2) && p > q*(lo-x) && p < q*(hi-x) {
			step = p / q
			if u := x + step; u-lo < 2*fine || hi-u < 2*fine {
				step = math.Copysign(fine, mid-x)
			}
		} else {
			if last = hi - x; x >= mid {
				last = lo - x
			}
			step = golden * last
		}
		u := x + step
		if math.Abs(step) < fine {
			u = x + math.Copysign(fine, step)
		}
		fu := f(u)
		if fu > fx {
			if u < x {
				lo = u
			} else {
				hi = u
			}
			if fu <= fw || w == x {
				v, fv, w, fw = w, fw, u, fu
			} else if fu <= fv || v == x || v == w {
				v, fv = u, fu
			}
			continue
		}
		if u >= x {
			lo = x
		} else {
			hi = x
		}
		v, fv, w, fw, x, fx = w, fw, x, fx, u, fu
	}
}

// squares returns the weighted sum of squared errors from row skipped on, error by error, and the sum of the logarithms of their relative
// variances.
func (s *sample) squares(p parameters) (sum, logs float64) {
	s.walk(p, func(i, k int, mu, y float64) {
		if i < skipped {
			return
		}
		v := 1 + float64(k-1)*p.alpha*p.alpha
		sum += (y - mu) * (y - mu) / v
		logs += math.Log(v)
	})
	return sum, logs
}

// walk calls visit for each row with its expectation given the rows before it, and returns the level at the end and the sessions passed.
func (s *sample) walk(p parameters, visit func(i, k int, mu, y float64)) (level float64, sessions int) {
	st := state{level: p.initial, decay: 1, a: s.a[0], b: s.b[0]}
	for i, y := range s.y {
		k := s.step(i)
		sessions += k
		mu := st.expect(p.alpha, p.share, k)
		visit(i, k, mu, y)
		st.observe(p.alpha, y)
		if !s.static {
			st.a, st.b = s.a[i], s.b[i]
		}
	}
	return st.level, sessions
}

// sigma estimates the standard deviation of an error from the sum of squares.
func (s *sample) sigma(squares float64, free bool) float64 {
	df := len(s.y) - skipped - 2
	if free {
		df--
	}
	return math.Sqrt(squares / float64(df))
}

// logLikelihood is that of the rows from row skipped on, at the best sigma.
func (s *sample) logLikelihood(p parameters) float64 {
	n := float64(len(s.y) - skipped)
	return -(s.criterion(p) + n*(1+math.Log(2*math.Pi/n))) / 2
}

// state is where a model stands between two sessions.
type state struct {
	level float64
	decay float64 // (1-alpha) to the power of the sessions so far
	a, b  float64
}

// drift is what the expectation of the next session adds to the level, for a share of 1.
func (st *state) drift(alpha float64) float64 {
	return st.decay*st.a + (1-st.decay*(1-alpha))/alpha*st.b
}

// expect returns the expectation k sessions ahead; the level passes the k-1 sessions before it, which have no observation.
func (st *state) expect(alpha, share float64, k int) float64 {
	for range k - 1 {
		st.observe(alpha, st.level+share*st.drift(alpha))
	}
	return st.level + share*st.drift(alpha)
}

// observe moves the level by a session.
func (st *state) observe(alpha, y float64) {
	st.level += alpha * (y - st.level)
	st.decay = faded(st.decay * (1 - alpha))
}
