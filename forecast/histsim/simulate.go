package histsim

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/etfcast/etfcast/etf"
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
	at := func(sorted []float64, p float64) float64 { // position (n+1)p of an ordered sample
		x := p*float64(len(sorted)+1) - 1
		i := min(max(int(x), 0), len(sorted)-2)
		return sorted[i] + (sorted[i+1]-sorted[i])*min(max(x-float64(i), 0), 1)
	}
	for k, p := range levels {
		q[k] = sigma * at(s.z, p)
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
	sort := newSorter(s.paths)
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
		sort.quantiles(sum, &q)
		visit(h+1, mean/float64(s.paths), &q)
	}
}

// exp is math.Exp; near 0, where most returns are, by its series, whose error there is below 1e-15.
func exp(x float64) float64 {
	if x < -.125 || x > .125 {
		return math.Exp(x)
	}
	return 1 + x*(1+x*(1./2+x*(1./6+x*(1./24+x*(1./120+x*(1./720+x*(1./5040+x*(1./40320+x/362880))))))))
}

// sorter finds the quantiles of samples of one size in linear time: it counts the values in equal parts of their range and sorts only the
// parts that a quantile lies in.
type sorter struct {
	part   []uint16
	counts []int
	sorted []float64
}

func newSorter(n int) *sorter {
	return &sorter{make([]uint16, n), make([]int, 257), make([]float64, n)}
}

// quantiles writes the quantiles of x at levels, at position (n+1)p of the ordered sample.
func (s *sorter) quantiles(x []float64, q *[9]float64) {
	lo, hi := x[0], x[0]
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	parts := len(s.counts) - 1
	scale := float64(parts) / (hi - lo)
	if !(scale > 0) || math.IsInf(scale, 1) { // all values are the same, or not numbers
		for k := range q {
			q[k] = lo
		}
		return
	}
	clear(s.counts)
	for i, v := range x {
		p := uint16(min(int((v-lo)*scale), parts-1))
		s.part[i] = p
		s.counts[p+1]++
	}
	for p := range parts {
		s.counts[p+1] += s.counts[p] // where part p+1 begins
	}
	for i, v := range x {
		p := s.part[i]
		s.sorted[s.counts[p]] = v
		s.counts[p]++ // where part p ends, in the end
	}
	done := 0 // parts before it are sorted as far as needed
	value := func(i int) float64 {
		for done < parts && s.counts[done] <= i {
			done++
		}
		from := 0
		if done > 0 {
			from = s.counts[done-1]
		}
		if part := s.sorted[from:s.counts[done]]; !slices.IsSorted(part) {
			slices.Sort(part)
		}
		return s.sorted[i]
	}
	for k, p := range levels {
		at := p*float64(len(x)+1) - 1
		i := min(max(int(at), 0), len(x)-2)
		a := value(i)
		q[k] = a + (value(i+1)-a)*min(max(at-float64(i), 0), 1)
	}
}
