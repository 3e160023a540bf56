package garch

import (
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
)

// The paths that quantiles beyond one session are of: half of them are points of a lattice, the others their mirror images.
const (
	halfPaths = 4093
	paths     = 2 * halfPaths
	maxSteps  = etf.MaxHorizon + etf.MaxHeld
	// generator makes the lattice: coordinate k of point i is i*generator^k/halfPaths plus a shift, less its integer part. It is the
	// best of a few at random.
	generator = 3333
)

// place is a step of a path whose level is drawn given those at two others; right is -1 if there is none.
type place struct{ at, left, right int }

// bridge returns the order in which levels are placed, with the neighbours that are placed before: those given, then the middles of the
// longest spans. 0 is the origin.
func bridge(first []int) []place {
	done := []int{0}
	var out []place
	add := func(at int) {
		i, _ := slices.BinarySearch(done, at)
		p := place{at, done[i-1], -1}
		if i < len(done) {
			p.right = done[i]
		}
		out = append(out, p)
		done = slices.Insert(done, i, at)
	}
	for _, at := range first {
		add(at)
	}
	for len(out) < maxSteps {
		at, longest := 0, 0
		for i := 1; i < len(done); i++ {
			if d := done[i] - done[i-1]; d > longest {
				at, longest = (done[i]+done[i-1])/2, d
			}
		}
		add(at)
	}
	return out
}

// shocks are the standard normal increments of the paths: shocks()[j][i] is that of step j of path i. They are made once. Coordinates of
// the lattice go to a Brownian bridge that places the levels at the horizons 1, 2, 5 and 21 first, because a lattice spreads its first
// coordinates best (Glasserman, Monte Carlo Methods in Financial Engineering, 2003, sections 3.1 and 5.2). With the mirror images, the
// first step takes the normal quantiles at (k-1/2)/paths, each once.
var shocks = sync.OnceValue(makeShocks)

func makeShocks() *[maxSteps][halfPaths]float64 {
	out := new([maxSteps][halfPaths]float64)
	order := bridge([]int{1, 2, 5, etf.MaxHorizon, 3, 10, maxSteps})

	multiplier := make([]int, maxSteps)
	m := 1
	for k := range multiplier {
		multiplier[k] = m
		m = m * generator % halfPaths
	}
	var level [maxSteps + 1]float64
	for i := range halfPaths {
		for k, p := range order {
			u := (float64(i) + .25) / halfPaths
			if k > 0 {
				u = math.Mod(float64(i*multiplier[k]%halfPaths)/halfPaths+math.Mod(float64(k)*math.Phi, 1), 1)
			}
			g := distuv.UnitNormal.Quantile(u)
			if p.right < 0 {
				level[p.at] = level[p.left] + math.Sqrt(float64(p.at-p.left))*g
				continue
			}
			a, b := float64(p.at-p.left), float64(p.right-p.at)
			level[p.at] = (b*level[p.left]+a*level[p.right])/(a+b) + math.Sqrt(a*b/(a+b))*g
		}
		for j := range maxSteps {
			out[j][i] = level[j+1] - level[j]
		}
	}
	return out
}

// levels are those of a forecast: etf.QuantileLevels, enclosed by etf.TailLevels.
var levels = func() (l [9]float64) {
	l[0], l[8] = etf.TailLevels[0], etf.TailLevels[1]
	copy(l[1:8], etf.QuantileLevels[:])
	return l
}()

// shape is the distribution of the sum of errors over 1, 2, 3, ... sessions, given the parameters, as a function of the variance of the
// first. All fits that Filter makes of one share it. A sum scales with the standard deviation of the long run, so that its quantiles
// depend only on the ratio of the first variance to that. They are simulated at ratios that are powers of 4, when first asked for, and
// in units of the sum's standard deviation they are a cubic in the logarithm of the ratio between.
type shape struct {
	p       theta
	longRun float64              // variance
	first   [len(levels)]float64 // quantiles of an error of variance 1

	mu    sync.Mutex
	nodes map[node]*[maxSteps][len(levels)]float64
}

// node is a ratio, 4^power, and whether quantiles go beyond etf.MaxHorizon.
type node struct {
	power int
	long  bool
}

func newShape(p theta) *shape {
	s := newStudent(p.nu, p.lambda)
	sh := &shape{p: p, longRun: p.omega / (1 - p.persistence()), nodes: map[node]*[maxSteps][len(levels)]float64{}}
	for k, level := range levels {
		sh.first[k] = s.quantile(level)
	}
	return sh
}

// symmetric tells that a path and its mirror image have the same variances.
func (sh *shape) symmetric() bool { return sh.p.gamma == 0 && sh.p.lambda == 0 }

// quantiles returns, for each of n horizons, the quantiles at levels of the sum of the errors up to it, in percent, if the first has this
// variance. At one session they are exact.
func (sh *shape) quantiles(variance float64, n int) [][len(levels)]float64 {
	out := make([][len(levels)]float64, n)
	for k, q := range sh.first {
		out[0][k] = math.Sqrt(variance) * q
	}
	if n == 1 {
		return out
	}
	x := math.Log(variance/sh.longRun) / math.Log(4)
	low := int(math.Floor(x)) - 1
	at := sh.at(low, n > etf.MaxHorizon)
	// Lagrange's polynomial on the places 0..3
	x -= float64(low)
	weights := [4]float64{
		-(x - 1) * (x - 2) * (x - 3) / 6, x * (x - 2) * (x - 3) / 2, -x * (x - 1) * (x - 3) / 2, x * (x - 1) * (x - 2) / 6,
	}
	total := variance
	for j := 1; j < n; j++ {
		variance = sh.p.omega + sh.p.persistence()*variance
		total += variance
		for k := range levels {
			sum := 0.0
			for i, w := range weights {
				sum += w * at[i][j][k]
			}
			out[j][k] = math.Sqrt(total) * sum
			if k > 0 {
				out[j][k] = max(out[j][k], out[j][k-1])
			}
		}
	}
	return out
}

// at returns the simulated quantiles, in units of the standard deviation, at the four ratios from 4^low.
func (sh *shape) at(low int, long bool) (out [4]*[maxSteps][len(levels)]float64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var missing []node
	for i := range out {
		if key := (node{low + i, long}); sh.nodes[key] == nil {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		sh.simulate(missing)
	}
	for i := range out {
		out[i] = sh.nodes[node{low + i, long}]
	}
	return out
}

// simulate computes the quantiles at nodes that all go equally far.
func (sh *shape) simulate(nodes []node) {
	s := newStudent(sh.p.nu, sh.p.lambda)
	t := newTable(&s)
	normal := shocks()
	m := paths
	if sh.symmetric() {
		m = halfPaths
	}
	type state struct {
		h, sum          []float64
		expected, total float64
		out             *[maxSteps][len(levels)]float64
	}
	states := make([]state, len(nodes))
	for i, key := range nodes {
		st := state{h: make([]float64, m), sum: make([]float64, paths), out: new([maxSteps][len(levels)]float64)}
		st.expected = sh.longRun * math.Pow(4, float64(key.power))
		for k := range st.h {
			st.h[k] = st.expected
		}
		states[i], sh.nodes[key] = st, st.out
	}
	n := etf.MaxHorizon
	if nodes[0].long {
		n = maxSteps
	}
	z, pick, p := make([]float64, m), new(picker), &sh.p
	up, down := p.alpha, p.alpha+p.gamma
	for j := range n {
		for i, g := range normal[j] {
			z[i] = t.at(g)
			if m == paths {
				z[i+halfPaths] = t.at(-g)
			}
		}
		for k := range states {
			st := &states[k]
			h, sum := st.h[:m], st.sum[:m]
			for i, z := range z {
				e := z * math.Sqrt(h[i])
				sum[i] += e
				effect := up
				if e < 0 {
					effect = down
				}
				h[i] = p.omega + effect*e*e + p.beta*h[i]
			}
			if m == halfPaths {
				for i, v := range sum {
					st.sum[halfPaths+i] = -v
				}
			}
			st.total += st.expected
			st.expected = p.omega + p.persistence()*st.expected
			pick.quantiles(st.sum, &st.out[j])
			for q := range st.out[j] {
				st.out[j][q] /= math.Sqrt(st.total)
			}
		}
	}
}

// picker finds quantiles of samples without sorting all of them: values are put into buckets, and those sorted that a quantile falls into.
type picker struct {
	bucket [paths]uint16
	ends   [buckets + 1]int
	values [paths]float64
}

const buckets = 256

// quantiles sets out to the quantiles of x at levels: of n ascending values, the k-th is that at (k-1/2)/n, linear between.
func (c *picker) quantiles(x []float64, out *[len(levels)]float64) {
	n := len(x)
	var total float64
	for _, v := range x {
		total += math.Abs(v)
	}
	// Buckets up to four times the mean absolute value on either side; what is beyond goes to the outermost.
	scale := buckets / 8 / (total / float64(n))
	if !(scale > 0) || math.IsInf(scale, 1) {
		scale = 0
	}
	c.ends = [buckets + 1]int{}
	for i, v := range x {
		b := min(max(int(min(max(v*scale, -1e6), 1e6)+buckets/2), 0), buckets-1)
		c.bucket[i] = uint16(b)
		c.ends[b+1]++
	}
	for b := range buckets {
		c.ends[b+1] += c.ends[b]
	}
	starts := c.ends
	for i, v := range x {
		b := c.bucket[i]
		c.values[starts[b]] = v
		starts[b]++
	}
	sorted, b := 0, 0 // values before place sorted are in order
	at := func(rank int) float64 {
		for sorted <= rank {
			for c.ends[b+1] <= rank {
				b++
			}
			slices.Sort(c.values[c.ends[b]:c.ends[b+1]])
			sorted = c.ends[b+1]
		}
		return c.values[rank]
	}
	for k, level := range levels {
		place := level*float64(n) - .5
		rank := min(max(int(place), 0), n-2)
		f := min(max(place-float64(rank), 0), 1)
		low := at(rank)
		out[k] = low + f*(at(rank+1)-low)
	}
}
