package ets

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// One gap by hand: ANN with alpha .5, level 1, and a row of 2 two sessions later. The error e1 + ... is alpha e1 + e2, of variance
// v = .25 + 1 = 1.25; its covariance with the level is alpha² + alpha = .75, so that the gain is .6 and the level 1.6. What remains unknown
// of the level is 2 alpha² - .75²/1.25 = .05.
func TestGapByHand(t *testing.T) {
	t.Parallel()
	x, c, f, e, v := shape{}.observe(smoothing{alpha: .5, phi: 1}, state{level: 1}, covariance{}, 2, 2)
	near(t, "level", x.level, 1.6, 1e-15)
	near(t, "forecast", f, 1, 1e-15)
	near(t, "error", e, 1, 1e-15)
	near(t, "variance", v, 1.25, 1e-15)
	near(t, "uncertainty of the level", c.ll, .05, 1e-14)
}

// With additive errors the likelihood of rows with gaps is exactly that of the multivariate normal distribution of the rows that are there: y[t] is
// l + phi_t b + e[t] + sum of c[j] e[t-j], with phi_t = phi + ... + phi^t and c[j] = alpha + beta phi_j.
func TestGapsAreExact(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(21, 1))
	for _, k := range shapes[:3] {
		for range 5 {
			p, x := randomSmoothing(random, k), state{level: 4.6}
			if k.trend {
				x.trend = .002
			}
			const sessions = 40
			y := simulate(random, k, p, x, .01, sessions)
			d := sample{}
			var rows []int
			step := 1
			for i := range y {
				if i > 0 && i < sessions-1 && random.IntN(3) == 0 {
					step++
					continue
				}
				d.y, d.step, rows = append(d.y, y[i]), append(d.step, step), append(rows, i)
				step = 1
			}
			n := len(rows)
			phis := make([]float64, sessions+1)
			power := 1.0
			for i := 1; i <= sessions; i++ {
				power *= p.phi
				phis[i] = phis[i-1] + power
			}
			weight := func(j int) float64 { // of e[t-j] in y[t]
				if j == 0 {
					return 1
				}
				return p.alpha + p.beta*phis[j]
			}
			cov := mat.NewSymDense(n, nil)
			residuals := mat.NewVecDense(n, nil)
			for a, s := range rows {
				residuals.SetVec(a, y[s]-x.level-phis[s+1]*x.trend)
				for b := a; b < n; b++ {
					var sum float64
					for u := 0; u <= s; u++ {
						sum += weight(s-u) * weight(rows[b]-u)
					}
					cov.SetSym(a, b, sum)
				}
			}
			var chol mat.Cholesky
			if !chol.Factorize(cov) {
				t.Fatal("the covariance is not positive definite")
			}
			var solved mat.VecDense
			if err := chol.SolveVecTo(&solved, residuals); err != nil {
				t.Fatal(err)
			}
			want := float64(n)*math.Log(mat.Dot(residuals, &solved)) + chol.LogDet()
			near(t, fmt.Sprintf("%s %v: criterion", k, p), d.criterion(k, p, x), want, 1e-10)
		}
	}
}

func randomSmoothing(random *rand.Rand, k shape) smoothing {
	return k.smoothing(point{random.Float64(), random.Float64(), random.Float64()})
}

type named struct {
	name string
	sample
}

// samples are short series of all kinds, with gaps and without.
func samples(random *rand.Rand) (all []named) {
	for _, k := range shapes {
		x := state{level: 4.6}
		if k.trend {
			x.trend = .001
		}
		y := simulate(random, k, randomSmoothing(random, k), x, .01, 150)
		all = append(all, named{"from " + k.String(), sample{y: y}})
		s := withGaps(random, series(exp(y)...))
		all = append(all, named{"from " + k.String() + ", gaps", newSample(s)})
	}
	return all
}

// The initial states are the best ones: no search over them by another method finds better, and the criterion is that of the states.
func TestInitialStatesAreBest(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(22, 1))
	for _, s := range samples(random) {
		name, d := s.name, s.sample
		v := newProfile(d)
		for _, k := range shapes {
			for range 4 {
				p := randomSmoothing(random, k)
				value, x := v.best(k, p)
				near(t, fmt.Sprintf("%s, %s %v: criterion", name, k, p), d.criterion(k, p, x), value, 1e-10)
				// A compass search from there, with ever shorter steps.
				found := value
				for size := 1e-2; size > 1e-7; size /= 2 {
					for _, move := range []state{{size, 0}, {-size, 0}, {0, size}, {0, -size}, {size, -size}, {-size, size}} {
						if move.trend != 0 && !k.trend {
							continue
						}
						at := state{x.level + move.level, x.trend + move.trend}
						if z := d.criterion(k, p, at); z < found {
							found, x = z, at
						}
					}
				}
				if found < value-1e-7 {
					t.Errorf("%s, %s %v: criterion %.9f, but %.9f from %v", name, k, p, value, found, x)
				}
			}
		}
	}
}

// No one of many places all over the bounds is better than what the search finds.
func TestSearchFindsTheBest(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(23, 1))
	for _, s := range samples(random) {
		name, d := s.name, s.sample
		_, all, err := choose(t.Context(), d, nil)
		if err != nil {
			t.Fatal(err)
		}
		v := newProfile(d)
		for _, e := range all {
			for range 1500 {
				p := randomSmoothing(random, e.shape)
				if random.IntN(3) == 0 { // near the optimum
					p.alpha = min(max(e.smoothing.alpha*math.Exp(.1*random.NormFloat64()), lowest), highest)
					if e.shape.trend {
						p.beta = min(max(e.smoothing.beta*math.Exp(.1*random.NormFloat64()), lowest), p.alpha)
					}
				}
				if value, _ := v.best(e.shape, p); d.logLikelihood(value) > e.logLikelihood+worse {
					t.Errorf("%s, %s: log likelihood %.8f at %v, but %.8f at %v", name, e.shape, e.logLikelihood, e.smoothing, d.logLikelihood(value), p)
				}
			}
		}
	}
}

// Means, variances and quantiles of 40,000 simulated paths, of models with additive and with multiplicative errors: class 2 variances are
// exact, and the normal distribution is close for relative errors of a few per mille. The standard errors are .5 % of the standard deviation for
// the mean, .7 % of the variance, and 1.1 % of the standard deviation for the 5 % and 95 % quantiles; the bounds are four of them.
func TestMomentsOnSimulatedPaths(t *testing.T) {
	t.Parallel()
	const paths, h, sigma = 40000, 21, .004
	for i, k := range shapes {
		p, x := smoothing{alpha: .7, phi: 1}, state{level: 4.6}
		if k.trend {
			p.beta, x.trend = .1, .01
		}
		if k.damped {
			p.phi = .9
		}
		means, variances := k.moments(p, x, covariance{}, sigma*sigma, h)
		random := rand.New(rand.NewPCG(24, uint64(i)))
		var sum, squares float64
		inside := [2]int{}
		sd := math.Sqrt(variances[h-1])
		for range paths {
			z := simulate(random, k, p, x, sigma, h)[h-1] - means[h-1]
			sum += z
			squares += z * z
			if z < -1.6448536*sd {
				inside[0]++
			}
			if z > 1.6448536*sd {
				inside[1]++
			}
		}
		if mean := sum / paths; math.Abs(mean) > 4*.005*sd {
			t.Errorf("%s: simulated mean off by %v, standard deviation %v", k, mean, sd)
		}
		near(t, k.String()+": variance", variances[h-1], squares/paths, 4*.0071)
		for i, n := range inside { // standard error of a share of 5 %: .11 points
			if share := float64(n) / paths; math.Abs(share-.05) > 4*.0011 {
				t.Errorf("%s: %.4f of the paths are beyond the 5 %% quantile (%d)", k, share, i)
			}
		}
	}
}

// What the state's uncertainty after a gap adds to the forecast: simulated with the gap, the variance of the errors h sessions ahead is
// that of moments.
func TestMomentsAfterAGap(t *testing.T) {
	t.Parallel()
	const paths, sigma = 40000, .01
	k := shape{trend: true, damped: true}
	p, x := smoothing{.4, .2, .9}, state{4.6, .003}
	random := rand.New(rand.NewPCG(25, 1))
	var squares [3]float64
	var want []float64
	for range paths {
		y := simulate(random, k, p, x, sigma, 8)
		at, c, _, _, _ := k.observe(p, x, covariance{}, y[4], 5) // four sessions without a row
		var means []float64
		means, want = k.moments(p, at, c, sigma*sigma, 3)
		for h := range squares {
			e := y[5+h] - means[h]
			squares[h] += e * e
		}
	}
	for h, s := range squares {
		near(t, fmt.Sprintf("variance at horizon %d", h+1), want[h], s/paths, 4*.0071)
	}
}
