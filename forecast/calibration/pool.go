package calibration

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
)

// sides are the levels that are calibrated: all but the median, tails included, ascending.
const sides = 8

var levels = [sides]float64{etf.TailLevels[0], etf.QuantileLevels[0], etf.QuantileLevels[1], etf.QuantileLevels[2],
	etf.QuantileLevels[4], etf.QuantileLevels[5], etf.QuantileLevels[6], etf.TailLevels[1]}

// normal are the standard normal quantiles at levels, symmetric to the last bit.
var normal = func() (z [sides]float64) {
	for i := range sides / 2 {
		z[i] = distuv.UnitNormal.Quantile(levels[i])
		z[sides-1-i] = -z[i]
	}
	return z
}()

// The parameters. docs/calibration.md says what they were chosen by.
const (
	decay       = .998 // of a session's weight in a pool, per session: half after 346 sessions
	priorCount  = 40   // how many independent outcomes the model's own quantiles count for
	scaleCount  = 3    // the same of the model's own spread
	priorWeight = 4.0  // what priorSlopes count for: the sum of squares of a regressor
	leastError  = .05  // smaller errors count as this in the regression of the exponent, in units of volatility
	mostRatio   = 2.0  // of the logarithm of the ratio of own width and volatility, on both sides
	mostCalm    = .7   // of the logarithm of the ratio of usual and present volatility, on both sides
	usualRate   = .002 // of the usual volatility
	rate        = .03  // least step of an ETF's own correction, in units of the pool's spread, at horizon 1
	firstRate   = .1   // the first step
	rateCount   = 50.0 // independent outcomes after which the step is half of the first, if that is not below the least
	leastWidth  = .1   // of a quantile's distance from the median, in units of the normal one at one session's volatility
	mostWidth   = 4.0  // of the logarithm of the ratio of a quantile and the median
	precision   = 1e5  // parts of 1 to which corrections are kept
	mostOffset  = 20.0 // most of a correction
	leastSpread = 1e-3 // of a pool, in its own unit
)

// priorSlopes are the exponents of own width / volatility and of usual / present volatility before there are outcomes.
var priorSlopes = [2]float64{.5, .25}

// spreadWidth is the width of the 80 % interval of the standard normal distribution.
var spreadWidth = normal[5] - normal[2]

// binWidth is the width of the bins of a pool, in the inverse hyperbolic sine of the score, and bins their number: scores up to ±30.
const (
	binWidth = .04
	bins     = 206
)

// edges are the ends of the bins, as scores.
var edges = func() (list [bins + 1]float64) {
	for i := range list {
		list[i] = math.Sinh(float64(i-bins/2) * binWidth)
	}
	return list
}()

// pool is the calibration of one model at one horizon: the scores of all ETFs, and each ETF's own correction.
type pool struct {
	horizon int
	last    etf.Session // newest target
	// Sums over sessions, decayed; those of squares of the weights decay twice.
	weight, squares float64
	moments         moments
	histogram       [bins]float64
	cells           map[etf.Symbol]*cell

	// What follows from these.
	slopes    [2]float64     // exponents of the ratios in the unit
	centre    [2]float64     // their mean logarithms
	count     float64        // independent sessions
	spread    float64        // of scores; 0 without any
	empirical [sides]float64 // scores at levels, NaN where there are too few
}

// moments are means over a session's ETFs: of x, the logarithms of own width / volatility and of usual / present volatility, of
// y = ln(|error| / volatility), and of products.
type moments struct {
	x  [2]float64
	y  float64
	xx [3]float64 // x0², x0x1, x1²
	xy [2]float64
}

const momentCount = 8

func (m *moments) each(f func(*float64)) {
	for _, v := range []*float64{&m.x[0], &m.x[1], &m.y, &m.xx[0], &m.xx[1], &m.xx[2], &m.xy[0], &m.xy[1]} {
		f(v)
	}
}

// cell is one ETF's own record.
type cell struct {
	n       int          // outcomes
	usual   int32        // mean of the logarithm of the volatility, in parts of precision
	offsets [sides]int32 // corrections, in units of the pool's spread / precision
}

// calm is the logarithm of the ratio of the usual and the present volatility; 0 for an ETF without outcomes.
func (c *cell) calm(volatility float64) float64 {
	if c == nil || c.n == 0 {
		return 0
	}
	return min(max(float64(c.usual)/precision-math.Log(volatility), -mostCalm), mostCalm)
}

func newPool(horizon int) *pool {
	p := &pool{horizon: horizon, cells: map[etf.Symbol]*cell{}}
	p.derive()
	return p
}

func (p *pool) clone() *pool {
	c := *p
	c.cells = make(map[etf.Symbol]*cell, len(p.cells))
	for symbol, own := range p.cells {
		copied := *own
		c.cells[symbol] = &copied
	}
	return &c
}

// standard is a raw forecast relative to its median, in logarithms.
type standard struct {
	volatility float64        // of one session
	scale      float64        // of the horizon
	x          float64        // ln(own width / scale)
	distance   [sides]float64 // of its quantiles from the median
}

func standardise(raw *etf.RawPoint, volatility float64, horizon int) standard {
	s := standard{volatility: volatility, scale: volatility * math.Sqrt(float64(horizon))}
	q := &raw.Quantiles
	median := math.Log(q[3])
	for i, v := range [sides]float64{raw.Tails[0], q[0], q[1], q[2], q[4], q[5], q[6], raw.Tails[1]} {
		s.distance[i] = math.Log(v) - median
	}
	if raw.Tails == ([2]float64{}) {
		s.distance[0], s.distance[sides-1] = s.distance[1]*normal[0]/normal[1], s.distance[sides-2]*normal[0]/normal[1]
	}
	width := (s.distance[sides-2] - s.distance[1]) / (normal[sides-2] - normal[1])
	s.x = -mostRatio
	if width > 0 {
		s.x = min(max(math.Log(width/s.scale), -mostRatio), mostRatio)
	}
	return s
}

// unit is the scale that scores are measured in: the volatility's, turned towards the model's own width and towards the usual volatility
// as far as they have told more.
func (p *pool) unit(own *cell, s *standard) float64 {
	return s.scale * math.Exp(p.slopes[0]*(s.x-p.centre[0])+p.slopes[1]*(own.calm(s.volatility)-p.centre[1]))
}

// session takes in the outcomes of one target session.
func (p *pool) session(outcomes []*Outcome) {
	share := 1 / float64(len(outcomes))
	if target := outcomes[0].Target; target > p.last {
		p.last = target
		p.weight *= decay
		p.squares *= decay * decay
		p.moments.each(func(v *float64) { *v *= decay })
		for i := range p.histogram {
			p.histogram[i] *= decay
		}
	}
	var added [bins]float64
	for _, o := range outcomes {
		s := standardise(&o.Raw, o.Volatility, o.Horizon)
		own := p.cells[o.Symbol]
		if own == nil {
			own = &cell{}
			p.cells[o.Symbol] = own
		}
		e := math.Log(o.Actual) - math.Log(o.Raw.Quantiles[3])
		score := e / p.unit(own, &s)
		added[bin(score)] += share
		x := [2]float64{s.x, own.calm(o.Volatility)}
		y := math.Log(max(math.Abs(e)/s.scale, leastError))
		m := &p.moments
		m.y += share * y
		for i := range x {
			m.x[i] += share * x[i]
			m.xy[i] += share * x[i] * y
		}
		m.xx[0] += share * x[0] * x[0]
		m.xx[1] += share * x[0] * x[1]
		m.xx[2] += share * x[1] * x[1]
		p.correct(own, &s, score)
	}
	p.weight, p.squares = round(p.weight+1), round(p.squares+1)
	p.moments.each(func(v *float64) { *v = round(*v) })
	for i := range p.histogram {
		p.histogram[i] = round(p.histogram[i] + added[i])
	}
	p.derive()
}

// round keeps what is stored short, and the same whether it has been stored in between or not.
func round(v float64) float64 { return math.Round(v*1e6) / 1e6 }

func bin(score float64) int {
	return min(max(int(math.Floor(math.Asinh(score)/binWidth))+bins/2, 0), bins-1)
}

// correct moves an ETF's own correction after a score: outwards by the share that should have been beyond a quantile where one was, else
// back, so that in the long run as many are.
func (p *pool) correct(own *cell, s *standard, score float64) {
	quantiles := p.quantiles(own, s)
	h := float64(p.horizon)
	step := max(rate, firstRate/(1+float64(own.n)/h/rateCount)) / h
	for i, q := range quantiles {
		move := levels[i]
		if score <= q {
			move--
		}
		next := float64(own.offsets[i]) + math.Round(step*move*precision)
		own.offsets[i] = int32(min(max(next, -mostOffset*precision), mostOffset*precision))
	}
	own.n++
	gain := max(1/float64(own.n), usualRate)
	own.usual += int32(math.Round(gain * (math.Log(s.volatility)*precision - float64(own.usual))))
}

// distances returns how far, in logarithms, an ETF's calibrated quantiles are from the median.
func (p *pool) distances(symbol etf.Symbol, s *standard) [sides]float64 {
	own := p.cells[symbol]
	q := p.quantiles(own, s)
	unit := p.unit(own, s)
	for i := range q {
		q[i] *= unit
	}
	return q
}

// quantiles returns the scores at levels for a raw forecast of the ETF that the cell is of; it may be nil.
func (p *pool) quantiles(own *cell, s *standard) [sides]float64 {
	q := p.base(own, s)
	if own != nil {
		spread := max((q[5]-q[2])/spreadWidth, leastSpread)
		for i := range q {
			q[i] += float64(own.offsets[i]) / precision * spread
		}
	}
	return q
}

// base is the mean of the pool's quantiles and the raw forecast's, weighted by how many independent outcomes they stand for. A level
// that the pool has too few outcomes for is as far out of the next one inwards as in the raw forecast.
func (p *pool) base(own *cell, s *standard) (q [sides]float64) {
	unit := p.unit(own, s)
	part := p.count / (p.count + priorCount)
	if spread := (s.distance[5] - s.distance[2]) / unit / spreadWidth; spread > 0 && p.spread > 0 {
		unit /= math.Pow(p.spread/spread, p.count/(p.count+scaleCount))
	}
	for i := range q {
		raw := s.distance[i] / unit
		seen := p.empirical[i]
		if math.IsNaN(seen) {
			seen = raw
			if inner := p.inner(i); inner >= 0 && s.distance[inner] != 0 {
				seen = p.empirical[inner] * s.distance[i] / s.distance[inner]
			}
		}
		q[i] = part*seen + (1-part)*raw
	}
	return q
}

// inner returns the nearest level inwards that has enough scores; -1 if none has.
func (p *pool) inner(i int) int {
	step := 1
	if i >= sides/2 {
		step = -1
	}
	for j := i + step; j >= 0 && j < sides && (j < sides/2) == (i < sides/2); j += step {
		if !math.IsNaN(p.empirical[j]) {
			return j
		}
	}
	return -1
}

// derive computes what follows from the sums.
func (p *pool) derive() {
	p.slopes, p.centre, p.count, p.spread = priorSlopes, [2]float64{}, 0, 0
	for i := range p.empirical {
		p.empirical[i] = math.NaN()
	}
	if p.weight == 0 {
		return
	}
	p.count = p.weight * p.weight / p.squares / float64(p.horizon)
	p.regress()
	// The k-th smallest of n outcomes is the quantile at k/(n+1), and half of its own weight lies below it. The last two shares are those
	// of the spread.
	shares := [sides + 2]float64{sides: levels[2], sides + 1: levels[5]}
	for i, level := range levels {
		shares[i] = level + (level-.5)/p.count
	}
	scores := p.scores(shares)
	for i, level := range levels {
		if min(level, 1-level)*(p.count+1) >= 1 {
			p.empirical[i] = scores[i]
		}
	}
	p.spread = (scores[sides+1] - scores[sides]) / spreadWidth
}

// regress finds by how much the logarithms of the two ratios move that of the error: least squares, with a prior (ridge regression) that
// counts more at longer horizons, whose errors overlap; each slope is between 0 and 1.
func (p *pool) regress() {
	m, w := &p.moments, p.weight
	p.centre = [2]float64{m.x[0] / w, m.x[1] / w}
	prior := priorWeight * float64(p.horizon)
	xx := [3]float64{max(m.xx[0]-w*p.centre[0]*p.centre[0], 0) + prior, m.xx[1] - w*p.centre[0]*p.centre[1], max(m.xx[2]-w*p.centre[1]*p.centre[1], 0) + prior}
	xy := [2]float64{m.xy[0] - m.y*p.centre[0] + prior*priorSlopes[0], m.xy[1] - m.y*p.centre[1] + prior*priorSlopes[1]}
	determinant := xx[0]*xx[2] - xx[1]*xx[1]
	a := (xy[0]*xx[2] - xy[1]*xx[1]) / determinant
	b := (xy[1]*xx[0] - xy[0]*xx[1]) / determinant
	clip := func(v float64) float64 { return min(max(v, 0), 1) }
	if a < 0 || a > 1 {
		a = clip(a)
		b = (xy[1] - a*xx[1]) / xx[2]
	}
	if b < 0 || b > 1 {
		b = clip(b)
		a = (xy[0] - b*xx[1]) / xx[0]
	}
	p.slopes = [2]float64{clip(a), clip(b)}
}

// scores returns the scores below which these shares of the weights lie; inside a bin, weight is spread evenly.
func (p *pool) scores(shares [sides + 2]float64) (list [sides + 2]float64) {
	var below [bins + 1]float64
	for i, w := range p.histogram {
		below[i+1] = below[i] + w
	}
	for k, share := range shares {
		want := min(max(share, 0), 1) * below[bins]
		i, _ := slices.BinarySearch(below[1:], want) // the first bin up to whose end there is as much
		i = min(i, bins-1)
		list[k] = edges[i]
		if w := p.histogram[i]; w > 0 {
			list[k] += (want - below[i]) / w * (edges[i+1] - edges[i])
		}
	}
	return list
}

// prices turns distances from the median into prices that are finite and apart from each other, each on its side of the median.
func (s *standard) prices(raw *etf.RawPoint, distances [sides]float64) etf.RawPoint {
	median := raw.Quantiles[3]
	var price [sides]float64
	for side, order := range [2][4]int{{3, 2, 1, 0}, {4, 5, 6, 7}} {
		sign := float64(2*side - 1)
		var before, floor float64
		for _, i := range order {
			least := leastWidth * math.Abs(normal[i]) * s.volatility
			before, floor = max(min(sign*distances[i], mostWidth), before+least-floor), least
			price[i] = median * math.Exp(sign*before)
		}
	}
	out := etf.RawPoint{Quantiles: [7]float64{price[1], price[2], price[3], median, price[4], price[5], price[6]}}
	if raw.Tails != ([2]float64{}) {
		out.Tails = [2]float64{price[0], price[7]}
	}
	return out
}
