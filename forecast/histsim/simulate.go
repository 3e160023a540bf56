package histsim

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/order"
)

// levels are the lower tail, the quantiles and the upper tail.
var levels = [...]float64{etf.TailLevels[0], etf.QuantileLevels[0], etf.QuantileLevels[1], etf.QuantileLevels[2], etf.QuantileLevels[3],
	etf.QuantileLevels[4], etf.QuantileLevels[5], etf.QuantileLevels[6], etf.TailLevels[1]}

// shape is what fits that are carried on share: the residuals and the order in which the paths draw them.
type shape struct {
	z        []float64 // ascending
	growth   []float64 // what sigma is multiplied by after each
	variance float64
	kurtosis float64
	paths    int
	seed     uint64

	mu    sync.Mutex
	draws [][]uint16 // by session ahead, for each path the index of its residual
}

func newShape(e stored) *shape {
	s := &shape{z: make([]float64, len(e.Residuals)), growth: make([]float64, len(e.Residuals)), paths: e.Paths, seed: e.Seed}
	var fourth float64
	n := float64(len(s.z))
	for i, z := range e.Residuals {
		s.z[i] = float64(z)
		s.variance += s.z[i] * s.z[i] / n
		fourth += math.Pow(s.z[i], 4) / n
	}
	if s.variance > 0 {
		s.kurtosis = fourth / (s.variance * s.variance)
	}
	for i, z := range s.z {
		s.growth[i] = 1
		if s.variance > 0 {
			s.growth[i] = math.Sqrt(e.Decay + (1-e.Decay)*z*z/s.variance)
		}
	}
	return s
}

// order returns the draws of n sessions. Those of a session depend on the seed and the session only. Each is stratified: the residuals,
// ascending, are cut into as many parts as there are paths, and every part is drawn from once.
func (s *shape) order(n int) [][]uint16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.draws) < n {
		rng := rand.New(rand.NewPCG(s.seed, uint64(len(s.draws))))
		within := rng.Float64()
		draw := make([]uint16, s.paths)
		for i := range draw {
			draw[i] = uint16(min(int((float64(i)+within)/float64(s.paths)*float64(len(s.z))), len(s.z)-1))
		}
		rng.Shuffle(len(draw), func(i, j int) { draw[i], draw[j] = draw[j], draw[i] })
		s.draws = append(s.draws, draw)
	}
	return s.draws[:n]
}

// forecast calls visit for each horizon with the mean of the price and the quantiles of its logarithm at levels, both relative to the
// price that drift alone leads to.
func (s *shape) forecast(sigma float64, horizons int, visit func(h int, mean float64, q *[9]float64)) {
	var q [9]float64
	for k, p := range levels {
		q[k] = sigma * quantile(len(s.z), p, func(i int) float64 { return s.z[i] })
	}
	mean := 0.
	for _, z := range s.z {
		mean += exp(sigma * z)
	}
	visit(1, mean/float64(len(s.z)), &q)
	if horizons == 1 {
		return
	}
	draws := s.order(horizons)
	sum, sd := make([]float64, s.paths), make([]float64, s.paths)
	for p := range sd {
		sd[p] = sigma
	}
	sample := order.New(s.paths)
	for h, draw := range draws {
		for p, i := range draw {
			sum[p] += sd[p] * s.z[i]
			sd[p] *= s.growth[i]
		}
		if h == 0 {
			continue
		}
		mean := 0.
		for _, x := range sum {
			mean += exp(x)
		}
		sample.Load(sum)
		for k, p := range levels {
			q[k] = quantile(s.paths, p, sample.Value)
		}
		visit(h+1, mean/float64(s.paths), &q)
	}
}

// quantile returns the quantile at level p of a sample of n values, value(i) being the i-th in order: it is at position (n+1)p.
func quantile(n int, p float64, value func(i int) float64) float64 {
	at := p*float64(n+1) - 1
	i := min(max(int(at), 0), n-2)
	low := value(i)
	return low + (value(i+1)-low)*min(max(at-float64(i), 0), 1)
}

// exp is math.Exp; near 0, where most returns are, by its series, whose error there is below 1e-15.
func exp(x float64) float64 {
	if x < -.125 || x > .125 {
		return math.Exp(x)
	}
	return 1 + x*(1+x*(1./2+x*(1./6+x*(1./24+x*(1./120+x*(1./720+x*(1./5040+x*(1./40320+x/362880))))))))
}
