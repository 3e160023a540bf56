package calibration_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/calibration"
	"github.com/etfcast/etfcast/forecast/scoreboard"
)

// truth is a process of daily log returns.
type truth struct {
	name string
	make func(r *rand.Rand, n int) []float64
}

// studentT is a Student t with df degrees of freedom, scaled to variance 1.
func studentT(r *rand.Rand, df int) float64 {
	var chi float64
	for range df {
		z := r.NormFloat64()
		chi += z * z
	}
	return r.NormFloat64() / math.Sqrt(chi/float64(df)) * math.Sqrt(float64(df-2)/float64(df))
}

const daily = .01 // standard deviation of the simulated returns

// truths are the processes of the acceptance test.
var truths = []truth{
	{"iid normal", func(r *rand.Rand, n int) []float64 {
		return series(n, func(int) float64 { return daily * r.NormFloat64() })
	}},
	{"iid t(4)", func(r *rand.Rand, n int) []float64 {
		return series(n, func(int) float64 { return daily * studentT(r, 4) })
	}},
	{"AR(1), φ=.2", func(r *rand.Rand, n int) []float64 {
		last := 0.0
		return series(n, func(int) float64 { last = .2*last + daily*r.NormFloat64(); return last })
	}},
	{"GARCH(1,1), t(6)", func(r *rand.Rand, n int) []float64 {
		const alpha, beta = .09, .89
		v, last := daily*daily, 0.0
		return series(n, func(int) float64 {
			v = daily*daily*(1-alpha-beta) + alpha*last*last + beta*v
			last = math.Sqrt(v) * studentT(r, 6)
			return last
		})
	}},
	{"volatility break", func(r *rand.Rand, n int) []float64 {
		return series(n, func(i int) float64 {
			sd := daily
			if i >= n-500 && i < n-250 {
				sd *= 3
			}
			return sd * r.NormFloat64()
		})
	}},
}

func series(n int, next func(i int) float64) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = next(i)
	}
	return list
}

// models are as cheap to compute as they are wrong in a known way: see point.
var models = []string{"drift", "constant", "narrow"}

var tail = distuv.UnitNormal.Quantile(.975)

// normalPoint is a normal forecast of the log price.
func normalPoint(centre, sd float64) (p etf.RawPoint) {
	for i, level := range etf.QuantileLevels {
		p.Quantiles[i] = math.Exp(centre + sd*distuv.UnitNormal.Quantile(level))
	}
	p.Quantiles[3] = math.Exp(centre)
	p.Tails = [2]float64{math.Exp(centre - sd*tail), math.Exp(centre + sd*tail)}
	return p
}

// path is a simulated series with the raw forecasts of some models from every origin after the first.
type path struct {
	prices []float64
	vol    []float64 // forecast.Volatility at each row
	sums   []float64 // of squared log returns up to each row
}

func newPath(returns []float64) *path {
	p := &path{prices: make([]float64, len(returns)+1), vol: make([]float64, len(returns)+1), sums: make([]float64, len(returns)+1)}
	log, ewma, weight := math.Log(100), 0.0, 0.0
	p.prices[0] = 100
	for i, r := range returns {
		log += r
		p.prices[i+1] = math.Exp(log)
		ewma, weight = .94*ewma+r*r, .94*weight+1
		p.vol[i+1] = math.Sqrt(ewma / weight)
		p.sums[i+1] = p.sums[i] + r*r
	}
	return p
}

// point is a model's raw forecast from a row: drift is a random walk with exponentially weighted volatility, as package drift has it;
// constant has the volatility of the whole history, as ETS, Theta and Prophet do; narrow has half of that.
func (p *path) point(model string, row, horizon int) etf.RawPoint {
	h, n := float64(horizon), float64(row)
	mu := math.Log(p.prices[row]/p.prices[0]) / n
	sd := math.Sqrt(p.sums[row] / n)
	s := p.vol[row]
	switch model {
	case "constant":
		s = sd
	case "narrow":
		s = sd / 2
	}
	return normalPoint(math.Log(p.prices[row])+h*mu, math.Sqrt(h*s*s+h*h*sd*sd/n))
}

// cellCoverage is how often a model's intervals contained the price.
type cellCoverage struct {
	inside [4][]float64 // 50, 80, 90, 95 %: 1 or 0 by origin
	width  float64      // sum of the 90 % interval's, relative to the price
	score  float64      // sum of its Winkler scores
	vol    []float64
}

var nominal = [4]float64{.5, .8, .9, .95}

func (c *cellCoverage) add(p etf.RawPoint, actual, vol float64) {
	q := p.Quantiles
	for i, pair := range [4][2]float64{{q[2], q[4]}, {q[1], q[5]}, {q[0], q[6]}, {p.Tails[0], p.Tails[1]}} {
		hit := 0.0
		if pair[0] <= actual && actual <= pair[1] {
			hit = 1
		}
		c.inside[i] = append(c.inside[i], hit)
	}
	c.width += (q[6] - q[0]) / actual
	c.score += (q[6] - q[0] + 20*max(q[0]-actual, 0, actual-q[6])) / actual
	c.vol = append(c.vol, vol)
}

func mean(list []float64) float64 {
	var sum float64
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}

// hac is the standard error of a mean after Newey and West with lag h-1.
func hac(list []float64, horizon int) float64 {
	m, n := mean(list), float64(len(list))
	var v float64
	for lag := range horizon {
		var sum float64
		for i := lag; i < len(list); i++ {
			sum += (list[i] - m) * (list[i-lag] - m)
		}
		if lag == 0 {
			v = sum
		} else {
			v += 2 * (1 - float64(lag)/float64(horizon)) * sum
		}
	}
	return math.Sqrt(v) / n
}

// terciles returns the coverage at a level by tercile of the volatility at the origin.
func (c *cellCoverage) terciles(level int) (by [3]float64) {
	order := make([]int, len(c.vol))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(c.vol[a], c.vol[b]) })
	for t := range by {
		part := order[t*len(order)/3 : (t+1)*len(order)/3]
		for _, i := range part {
			by[t] += c.inside[level][i] / float64(len(part))
		}
	}
	return by
}

// spread is the largest difference between terciles.
func (c *cellCoverage) spread(level int) float64 {
	by := c.terciles(level)
	return max(by[0], by[1], by[2]) - min(by[0], by[1], by[2])
}

// alarms is how many of the four coverages the e-process has refuted.
func (c *cellCoverage) alarms(horizon int) (n int) {
	var sessions []etf.SessionLosses
	for i := range c.vol {
		in := func(level int) int { return int(c.inside[level][i]) }
		sessions = append(sessions, etf.SessionLosses{Origin: etf.Session(i + 1), N: 1, Tailed: 1, Inside50: in(0), Inside80: in(1), Inside90: in(2), Inside95: in(3)})
	}
	for _, m := range scoreboard.MeasureCoverage(sessions, horizon) {
		if m.Alarm {
			n++
		}
	}
	return n
}

type place struct {
	model   string
	horizon int
}

var horizons = []int{1, 5, 21}

// replay calibrates a path's forecasts as a daily pipeline would: from each origin after first, with the outcomes that had matured by it.
// It returns raw and calibrated coverage from origin warm on.
func replay(p *path, models []string, first, warm, end int) (raw, calibrated map[place]*cellCoverage, state *calibration.State) {
	raw, calibrated, state = map[place]*cellCoverage{}, map[place]*cellCoverage{}, &calibration.State{}
	for _, m := range models {
		for _, h := range horizons {
			raw[place{m, h}], calibrated[place{m, h}] = &cellCoverage{}, &cellCoverage{}
		}
	}
	for row := first; row < end; row++ {
		var matured []calibration.Outcome
		for _, h := range horizons {
			if from := row - h; from >= first {
				for _, m := range models {
					matured = append(matured, calibration.Outcome{Symbol: "SIM", Model: m, Horizon: h, Origin: etf.Session(from), Target: etf.Session(row),
						Volatility: p.vol[from], Raw: p.point(m, from, h), Actual: p.prices[row]})
				}
			}
		}
		state.Update(matured)
		if row < warm {
			continue
		}
		for _, h := range horizons {
			if row+h >= len(p.prices) {
				continue
			}
			for _, m := range models {
				point := p.point(m, row, h)
				got, _ := state.Apply("SIM", m, h, p.vol[row], point)
				raw[place{m, h}].add(point, p.prices[row+h], p.vol[row])
				calibrated[place{m, h}].add(got, p.prices[row+h], p.vol[row])
			}
		}
	}
	return raw, calibrated, state
}
