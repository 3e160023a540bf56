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
	// generator makes the lattice: coordinate k of point i is i*generator^k/halfPaths plus a shift, less its integer part. Of 372
	// tried, it is the best of the 30 that spread a normal random walk best at horizons 1 to 21, on two GARCH models.
	generator = 1569
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
// in units of the sum's standard deviation they are a parabola in the logarithm of the ratio between.
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
	low := int(math.Round(x)) - 1
	at := sh.at(low, n > etf.MaxHorizon)
	x -= float64(low) // Lagrange's polynomial on the places 0, 1, 2
	weights := [...]float64{(x - 1) * (x - 2) / 2, -x * (x - 2), x * (x - 1) / 2}
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

// at returns the simulated quantiles, in units of the standard deviation, at the three ratios from 4^low.
func (sh *shape) at(low int, long bool) (out [3]*[maxSteps][len(levels)]float64) {
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
		st := state{h: make([]float64, m), sum: make([]float64, m), out: new([maxSteps][len(levels)]float64)}
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
	z, copied, pick, p := make([]float64, m), make([]float64, m), new(picker), &sh.p
	growth := make([]float64, m) // what a variance is multiplied by, before omega is added
	for j := range n {
		for i, g := range normal[j] {
			z[i] = t.at(g)
			if m == paths {
				z[i+halfPaths] = t.at(-g)
			}
		}
		for i, z := range z {
			growth[i] = p.alpha*z*z + p.beta
			if fall := min(z, 0); m == paths {
				growth[i] += p.gamma * fall * fall
			}
		}
		for k := range states {
			st := &states[k]
			h, sum := st.h[:m], st.sum[:m]
			for i, z := range z {
				sum[i] += z * math.Sqrt(h[i])
				h[i] = p.omega + growth[i]*h[i]
			}
			st.total += st.expected
			st.expected = p.omega + p.persistence()*st.expected
			if m == halfPaths {
				copy(copied, sum)
				st.out[j] = pick.mirrored(copied)
			} else {
				st.out[j] = pick.quantiles(sum)
			}
			for q := range st.out[j] {
				st.out[j][q] /= math.Sqrt(st.total)
			}
		}
	}
}

// picker finds quantiles of a sample without sorting all of it: values are put into buckets, and those sorted that a quantile falls into.
type picker struct {
	bucket [paths]uint16
	ends   [buckets + 1]int
	values [paths]float64
}

const buckets = 256

// quantiles returns the quantiles of x at levels: of n ascending values the k-th, from 1, is that at (k-1/2)/n, linear between.
func (c *picker) quantiles(x []float64) (out [len(levels)]float64) {
	var places [len(levels)]float64
	for k, level := range levels {
		places[k] = level*float64(len(x)) - .5
	}
	c.at(x, places[:], out[:])
	return out
}

// mirrored returns the quantiles of x and its mirror image, which are those of its absolute values. It replaces x by these.
func (c *picker) mirrored(x []float64) (out [len(levels)]float64) {
	const half = len(levels) / 2
	for i, v := range x {
		x[i] = math.Abs(v)
	}
	var places [half]float64
	n := float64(len(x))
	for k := range places {
		places[k] = levels[half+1+k]*2*n - .5 - n
	}
	c.at(x, places[:], out[half+1:])
	for k := range half {
		out[k] = -out[len(levels)-1-k]
	}
	return out
}

// at sets out to the values at ascending places of x in ascending order, counted from 0, linear between.
func (c *picker) at(x, places, out []float64) {
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
		b := min(max(int(v*scale)+buckets/2, 0), buckets-1) // |v| is at most n times the mean: no overflow
		c.bucket[i] = uint16(b)
		c.ends[b+1]++
	}
	for b := range buckets {
		c.ends[b+1] += c.ends[b]
	}
	rank := func(place float64) int { return min(max(int(place), 0), n-2) }
	var needed [buckets]bool
	b := 0
	for _, place := range places {
		for r := rank(place); r <= rank(place)+1; r++ {
			for b > 0 && c.ends[b] > r {
				b--
			}
			for c.ends[b+1] <= r {
				b++
			}
			needed[b] = true
		}
	}
	starts := c.ends
	for i, v := range x {
		if b := c.bucket[i]; needed[b] {
			c.values[starts[b]] = v
			starts[b]++
		}
	}
	for b, is := range needed {
		if is {
			slices.Sort(c.values[c.ends[b]:c.ends[b+1]])
		}
	}
	for k, place := range places {
		r := rank(place)
		f := min(max(place-float64(r), 0), 1)
		out[k] = c.values[r] + f*(c.values[r+1]-c.values[r])
	}
}
