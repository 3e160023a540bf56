package calibration

import (
	"math"

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
	priorCount  = 20   // how many independent outcomes the model's own quantiles count for
	priorSlope  = .5   // exponent of the model's own width in the scale, before there are outcomes
	priorSpread = 10.0 // what that counts for: the sum of squares of the logarithm of the ratio of own width and volatility
	leastError  = .05  // smaller errors count as this in the regression of the exponent, in units of volatility
	mostRatio   = 2.0  // of the logarithm of the ratio of own width and volatility, on both sides
	rate        = .05  // least step of an ETF's own correction, in units of the pool's spread, at horizon 1
	firstRate   = .1   // the first step
	rateCount   = 50.0 // independent outcomes after which the step is half of the first, if that is not below the least
	leastWidth  = .1   // of a quantile's distance from the median, in units of the normal one at one session's volatility
	mostWidth   = 4.0  // of the logarithm of the ratio of a quantile and the median
	precision   = 1e5  // parts of 1 to which corrections are kept
	mostOffset  = 20.0 // most of a correction
	leastSpread = 1e-3 // of a pool, in its own unit
)

// binWidth is the width of the bins of a pool, in the inverse hyperbolic sine of the score, and bins their number: scores up to ±30.
const (
	binWidth = .04
	bins     = 206
)

// pool is the calibration of one model at one horizon: the scores of all ETFs, and each ETF's own correction.
type pool struct {
	horizon int
	last    etf.Session // newest target
	// Sums over sessions, decayed; those of squares of the weights decay twice.
	weight, squares float64
	// Means over a session's ETFs of x = ln(own width / volatility), y = ln(|error| / volatility), x² and xy.
	x, y, xx, xy float64
	histogram    [bins]float64
	cells        map[etf.Symbol]*cell

	// What follows from these.
	exponent, centre float64
	count            float64        // independent sessions
	empirical        [sides]float64 // scores at levels, NaN where there are too few
	median           float64
}

// cell is one ETF's own correction, in units of the pool's spread / precision.
type cell struct {
	n       int
	offsets [sides]int32
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

// unit is the scale that scores are measured in: the volatility's, turned towards the model's own width as far as that has told more.
func (p *pool) unit(s *standard) float64 { return s.scale * math.Exp(p.exponent*(s.x-p.centre)) }

// session takes in the outcomes of one target session.
func (p *pool) session(outcomes []*Outcome) {
	share := 1 / float64(len(outcomes))
	if target := outcomes[0].Target; target > p.last {
		p.last = target
		for _, v := range []*float64{&p.weight, &p.x, &p.y, &p.xx, &p.xy} {
			*v *= decay
		}
		p.squares *= decay * decay
		for i := range p.histogram {
			p.histogram[i] *= decay
		}
	}
	var added [bins]float64
	var x, y, xx, xy float64
	for _, o := range outcomes {
		s := standardise(&o.Raw, o.Volatility, o.Horizon)
		e := math.Log(o.Actual) - math.Log(o.Raw.Quantiles[3])
		score := e / p.unit(&s)
		p.correct(o.Symbol, &s, score)
		added[bin(score)] += share
		logError := math.Log(max(math.Abs(e)/s.scale, leastError))
		x += share * s.x
		y += share * logError
		xx += share * s.x * s.x
		xy += share * s.x * logError
	}
	p.weight, p.squares = round(p.weight+1), round(p.squares+1)
	p.x, p.y, p.xx, p.xy = round(p.x+x), round(p.y+y), round(p.xx+xx), round(p.xy+xy)
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
func (p *pool) correct(symbol etf.Symbol, s *standard, score float64) {
	own := p.cells[symbol]
	if own == nil {
		own = &cell{}
		p.cells[symbol] = own
	}
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
}

// distances returns how far, in logarithms, an ETF's calibrated quantiles are from the median.
func (p *pool) distances(symbol etf.Symbol, s *standard) [sides]float64 {
	q := p.quantiles(p.cells[symbol], s)
	unit := p.unit(s)
	for i := range q {
		q[i] *= unit
	}
	return q
}

// quantiles returns the scores at levels for a raw forecast of the ETF that the cell is of; it may be nil.
func (p *pool) quantiles(own *cell, s *standard) [sides]float64 {
	q := p.base(s)
	if own != nil {
		spread := max((q[5]-q[2])/(normal[5]-normal[2]), leastSpread)
		for i := range q {
			q[i] += float64(own.offsets[i]) / precision * spread
		}
	}
	return q
}

// base is the mean of the pool's quantiles and the raw forecast's, weighted by how many independent outcomes they stand for. A level
// that the pool has too few outcomes for is as far out of the next one inwards as in the raw forecast.
func (p *pool) base(s *standard) (q [sides]float64) {
	unit := p.unit(s)
	part := p.count / (p.count + priorCount)
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
	p.exponent, p.centre, p.count = priorSlope, 0, 0
	for i := range p.empirical {
		p.empirical[i] = math.NaN()
	}
	if p.weight == 0 {
		return
	}
	p.count = p.weight * p.weight / p.squares / float64(p.horizon)
	p.centre = p.x / p.weight
	variance := max(p.xx-p.x*p.centre, 0)
	covariance := p.xy - p.y*p.centre
	p.exponent = min(max((priorSlope*priorSpread+covariance)/(priorSpread+variance), 0), 1)
	var total float64
	for _, w := range p.histogram {
		total += w
	}
	for i, level := range levels {
		// The k-th smallest of n outcomes is the quantile at k/(n+1), and half of its own weight lies below it.
		if min(level, 1-level)*(p.count+1) >= 1 {
			p.empirical[i] = p.at(total, level+(level-.5)/p.count)
		}
	}
}

// at returns the score below which this share of the weights lies; inside a bin they are spread evenly.
func (p *pool) at(total, share float64) float64 {
	want := min(max(share, 0), 1) * total
	var sum float64
	for i, w := range p.histogram {
		if w > 0 && sum+w >= want {
			low, high := math.Sinh(float64(i-bins/2)*binWidth), math.Sinh(float64(i+1-bins/2)*binWidth)
			return low + (want-sum)/w*(high-low)
		}
		sum += w
	}
	return math.Sinh(bins / 2 * binWidth)
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
