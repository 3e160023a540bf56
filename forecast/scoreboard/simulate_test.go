package scoreboard

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
)

// `make report-scores` simulates more.
var records = flag.Int("records", 2000, "records that TestConfidenceSequence simulates in each case")

// days is how long each record is watched, in sessions.
const days = 750

// A record is a simulated confidence sequence: its increments, and what each was expected to be given everything before.
type record struct{ increments, expected []float64 }

// The share of records whose sequence excludes the true mean on any of 750 days is at most 5 %, whatever the increments are like.
// The cases "two forecasters" are of models that are equally good by symmetry: the quantiles of one are shifted up, the other's down by the
// same amount, which depends on the past; returns are symmetric, with volatility clusters and heavy tails.
func TestConfidenceSequence(t *testing.T) {
	type test struct {
		name    string
		horizon int
		make    func(*rand.Rand) record
	}
	var tests []test
	for _, h := range []int{1, 5, 21} {
		for _, etfs := range []int{1, 10} {
			tests = append(tests, test{fmt.Sprintf("two forecasters, h=%d, ETFs=%d", h, etfs), h, func(r *rand.Rand) record { return twoForecasters(r, h, etfs) }})
		}
	}
	tests = append(
		tests,
		test{"swapped by a coin, heavy tails", 1, swapped},
		test{"all or nothing", 1, func(r *rand.Rand) record {
			return independent(func() float64 { return etf.DifferenceLimit * float64(2*r.IntN(2)-1) }, 0)
		}},
		test{"rare large losses", 1, func(r *rand.Rand) record {
			return independent(func() float64 {
				if r.IntN(11) == 0 {
					return .5
				}
				return -.05
			}, 0)
		}},
		test{"a mean that changes its sign", 1, changing},
	)
	limit := Alpha + 2*math.Sqrt(Alpha*(1-Alpha)/float64(*records))
	for i, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var ever, fixed atomic.Int64
			inParallel(*records, func(k int) {
				x := c.make(rand.New(rand.NewPCG(uint64(i), uint64(k))))
				var s sequence
				var expected, squares float64
				excluded, excludedByFixed := false, false
				for j, increment := range x.increments {
					s.add(increment)
					expected += x.expected[j]
					squares += increment * increment
					excluded = excluded || s.excludes(expected)
					// The usual interval, from the 10th increment on.
					excludedByFixed = excludedByFixed || j >= 9 && math.Abs(s.sum-expected) > 1.96*math.Sqrt(squares-s.sum*s.sum/float64(s.n))
				}
				if excluded {
					ever.Add(1)
				}
				if excludedByFixed {
					fixed.Add(1)
				}
			})
			share := float64(ever.Load()) / float64(*records)
			t.Logf("| %s | %.1f %% | %.1f %% |", c.name, 100*share, 100*float64(fixed.Load())/float64(*records))
			require.LessOrEqual(t, share, limit)
		})
	}
}

// excludes is whether at excludes that the expectations add up to sum.
func (s *sequence) excludes(sum float64) bool {
	exceeds := func(logs *[len(bets)]float64, sum float64) bool {
		largest := math.Inf(-1)
		for k, bet := range bets {
			largest = max(largest, logs[k]+logWeights[k]-bet*sum)
		}
		if largest+math.Log(float64(len(bets))) < math.Log(2/Alpha) {
			return false // which is so nearly always, and known without exponentials
		}
		value, _ := logCapital(logs, sum)
		return value > math.Log(2/Alpha)
	}
	return exceeds(&s.up, sum) || exceeds(&s.down, -sum)
}

func inParallel(n int, f func(i int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wait.Wait()
}

func independent(next func() float64, expected float64) record {
	x := record{make([]float64, days), make([]float64, days)}
	for i := range x.increments {
		x.increments[i], x.expected[i] = next(), expected
	}
	return x
}

// swapped: a coin decides which of two losses is the model's.
func swapped(r *rand.Rand) record {
	heavy := distuv.StudentsT{Sigma: .1, Nu: 3, Src: r}
	return independent(func() float64 { return min(max(heavy.Rand(), -etf.DifferenceLimit), etf.DifferenceLimit) }, 0)
}

// changing: the model is worse for half of the record, then better, so that at the end the mean is 0 again.
func changing(r *rand.Rand) record {
	x := independent(func() float64 { return .1 * (2*r.Float64() - 1) }, .05)
	for i := range x.increments {
		if i >= days/2 {
			x.expected[i] = -.05
		}
		x.increments[i] += x.expected[i]
	}
	return x
}

var zLevels = func() (z [7]float64) {
	for i, level := range etf.QuantileLevels {
		z[i] = distuv.UnitNormal.Quantile(level)
	}
	return z
}()

// twoForecasters makes daily returns of correlated ETFs, forecasts every day, and goes through Summarise's choice of origins.
func twoForecasters(r *rand.Rand, horizon, etfs int) record {
	const daily = .01 // long-run standard deviation of a return
	const scale = .8 * daily
	heavy := distuv.StudentsT{Sigma: math.Sqrt(3. / 5), Nu: 5, Src: r}
	n := days + horizon
	returns := make([][]float64, n)
	sigma := make([]float64, n) // that the forecasters believe
	v, believed := daily*daily, daily*daily
	for i := range returns {
		sigma[i] = math.Sqrt(believed)
		market := math.Sqrt(v) * heavy.Rand()
		returns[i] = make([]float64, etfs)
		for k := range returns[i] {
			returns[i][k] = market
			if etfs > 1 {
				returns[i][k] = .8*market + .6*math.Sqrt(v)*r.NormFloat64()
			}
		}
		v = .02*daily*daily + .08*market*market + .9*v
		believed = .94*believed + .06*market*market
	}
	root := math.Sqrt(float64(horizon))
	sessions := make([]etf.SessionLosses, 0, days)
	for t := 1; t+horizon <= n && len(sessions) < days; t++ {
		s := etf.SessionLosses{Origin: day(t), N: etfs, Paired: etfs}
		// Only every horizon-th origin is used: the others need no losses.
		if len(sessions)%horizon == 0 {
			shift := min(.3*math.Abs(returns[t-1][0]), daily) + .1*sigma[t]
			for k := range etfs {
				var y float64
				for _, day := range returns[t : t+horizon] {
					y += day[k]
				}
				var d float64
				for i, level := range etf.QuantileLevels {
					q := sigma[t] * zLevels[i]
					d += loss(level, y/root-q-shift) - loss(level, y/root-q+shift)
				}
				s.Difference += min(max(d/7/scale, -etf.DifferenceLimit), etf.DifferenceLimit)
			}
		}
		sessions = append(sessions, s)
	}
	origins, exchanges := byOrigin(sessions)
	var x record
	eachIncrement(origins, horizon, exchanges, func(increment float64) {
		x.increments, x.expected = append(x.increments, increment), append(x.expected, 0)
	})
	return x
}

func loss(level, error float64) float64 {
	if error < 0 {
		return error * (level - 1)
	}
	return error * level
}

// The half-width of a sequence beside that of the usual interval, which holds on one day that was chosen beforehand. What the
// sequence costs is bounded: at most twice the width once there are 250 increments of a standard deviation of .05 or more.
func TestWidth(t *testing.T) {
	var table strings.Builder
	for _, sd := range []float64{.02, .05, .1} {
		widths := map[int]float64{60: 0, 250: 0, 750: 0}
		const repeats = 40
		for i := range repeats {
			heavy := distuv.StudentsT{Sigma: sd * math.Sqrt(3./5), Nu: 5, Src: rand.New(rand.NewPCG(99, uint64(i)))}
			var s sequence
			for s.n < 750 {
				s.add(heavy.Rand())
				if _, ok := widths[s.n]; ok {
					d := s.at(Alpha)
					widths[s.n] += (d.High - d.Low) / 2 / repeats
				}
			}
		}
		for _, n := range []int{60, 250, 750} {
			fixed := 1.96 * sd / math.Sqrt(float64(n))
			fmt.Fprintf(&table, "| %.2f | %d | ±%.4f | ±%.4f | %.1f |\n", sd, n, widths[n], fixed, widths[n]/fixed)
			require.Greater(t, widths[n], fixed)
			if n >= 250 && sd >= .05 {
				require.Less(t, widths[n], 2*fixed)
			}
		}
	}
	t.Log("\n" + table.String())
}

// What clipping does to the mean difference, at several limits: forecasters against one whose volatility is exponentially
// weighted, on returns with volatility clusters and heavy tails. At the limit in use, the mean keeps four fifths of itself and its sign.
func TestClipping(t *testing.T) {
	const n, window, daily = 20000, 250, .01
	var table strings.Builder
	for _, h := range []int{1, 21} {
		r := rand.New(rand.NewPCG(10, uint64(h)))
		heavy := distuv.StudentsT{Sigma: math.Sqrt(4. / 6), Nu: 6, Src: r}
		returns, fast, slow := make([]float64, n), make([]float64, n), make([]float64, n)
		v, f, s := daily*daily, daily*daily, daily*daily
		for i := range returns {
			fast[i], slow[i] = math.Sqrt(f), math.Sqrt(s)
			x := math.Sqrt(v) * heavy.Rand()
			returns[i] = x
			v, f, s = .01*daily*daily+.08*x*x+.91*v, .94*f+.06*x*x, .97*s+.03*x*x
		}
		root := math.Sqrt(float64(h))
		differences := map[string][]float64{}
		for i := window; i+h <= n; i++ {
			past := slices.Clone(returns[i-window : i])
			var scale, y float64
			for _, x := range past {
				scale += math.Abs(x) / window
			}
			for _, x := range returns[i : i+h] {
				y += x / root
			}
			slices.Sort(past)
			of := func(quantile func(k int) float64) (sum float64) {
				for k, level := range etf.QuantileLevels {
					sum += loss(level, y-quantile(k)) / 7 / scale
				}
				return sum
			}
			benchmark := of(func(k int) float64 { return fast[i] * zLevels[k] })
			for name, quantile := range map[string]func(k int) float64{
				"slower volatility":     func(k int) float64 { return slow[i] * zLevels[k] },
				"historical simulation": func(k int) float64 { return past[int(etf.QuantileLevels[k]*window)] },
				"twice too wide":        func(k int) float64 { return 2 * fast[i] * zLevels[k] },
			} {
				differences[name] = append(differences[name], of(quantile)-benchmark)
			}
		}
		for _, name := range []string{"slower volatility", "historical simulation", "twice too wide"} {
			d := differences[name]
			mean := stat.Mean(d, nil)
			fmt.Fprintf(&table, "| %s | %d | %.4f | %.3f |", name, h, mean, stat.StdDev(d, nil))
			for _, limit := range []float64{.25, etf.DifferenceLimit, 1} {
				var sum float64
				beyond := 0
				for _, x := range d {
					sum += min(max(x, -limit), limit)
					if math.Abs(x) > limit {
						beyond++
					}
				}
				clipped := sum / float64(len(d))
				fmt.Fprintf(&table, " %.4f (%.1f %%) |", clipped, 100*float64(beyond)/float64(len(d)))
				if limit == etf.DifferenceLimit {
					require.InEpsilon(t, mean, clipped, .2, name)
				}
			}
			table.WriteString("\n")
		}
	}
	t.Log("\n" + table.String())
}

// The intervals that hold on one day: how often they contain what they should, 95 % of times if all were well, on errors that overlap.
// They fall short where there are few blocks.
func TestIntervals(t *testing.T) {
	repeats := max(300, *records/10)
	var table strings.Builder
	for _, c := range []struct {
		h, n  int
		least float64 // of all three
	}{{1, 60, .9}, {1, 250, .9}, {5, 60, .75}, {5, 250, .87}, {21, 150, .68}, {21, 250, .78}, {21, 750, .83}} {
		r := rand.New(rand.NewPCG(4, uint64(c.h)))
		var relative, coverage, accepted int
		for range repeats {
			walk := make([]float64, c.n+c.h)
			for i := 1; i < len(walk); i++ {
				walk[i] = walk[i-1] + r.NormFloat64()/math.Sqrt(float64(c.h))
			}
			sessions := make([]etf.SessionLosses, c.n)
			for i := range sessions {
				y := walk[i+c.h] - walk[i]
				s := etf.SessionLosses{Origin: day(i), N: 1, Paired: 1, PairedAbsolute: math.Abs(y - .3), AgainstAbsolute: math.Abs(y + .3)}
				if math.Abs(y) < -zLevels[1] {
					s.Inside80 = 1
				}
				sessions[i] = s
			}
			row := Summarise(sessions, Options{Horizon: c.h, Replicates: 300, FixedWindow: true})
			if row.RelMAE.Low <= 1 && 1 <= row.RelMAE.High {
				relative++
			}
			if math.Abs(row.Coverage80.Value-.8) < 1.96*row.Coverage80.SE {
				coverage++
			}
			if row.DM.Absolute.P >= .05 {
				accepted++
			}
		}
		of := float64(repeats)
		fmt.Fprintf(&table, "| %d | %d | %.0f %% | %.0f %% | %.0f %% |\n", c.h, c.n, 100*float64(relative)/of, 100*float64(coverage)/of, 100*float64(accepted)/of)
		require.GreaterOrEqual(t, float64(min(relative, coverage, accepted))/of, c.least, "h=%d n=%d", c.h, c.n)
	}
	t.Log("\n" + table.String())
}
