package prophet

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/etfcast/etfcast/forecast/prophet/stan"
)

// The inverse Gaussian distribution has mean mu, variance mu³/lambda, and E[1/x] = 1/mu + 1/lambda.
func TestInverseGaussian(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 200_000
	for _, c := range []struct{ mean, shape float64 }{{1, 1}, {3, 400}, {0.2, 5}, {1e6, 400}} {
		x, inverse := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = inverseGaussian(rng, c.mean, c.shape)
			inverse[i] = 1 / x[i]
			if !(x[i] > 0) || math.IsInf(x[i], 0) {
				t.Fatalf("%+v: drew %v", c, x[i])
			}
		}
		want := 1/c.mean + 1/c.shape
		// 1/x has variance 1/(mu lambda) + 2/lambda².
		if se := math.Sqrt((1/(c.mean*c.shape) + 2/(c.shape*c.shape)) / n); math.Abs(stat.Mean(inverse, nil)-want) > 5*se {
			t.Errorf("%+v: mean of 1/x is %v, want %v within %v", c, stat.Mean(inverse, nil), want, 5*se)
		}
		if sd := math.Sqrt(c.mean * c.mean * c.mean / c.shape); sd < c.mean { // otherwise draws near the mean are too rare
			if got := stat.Mean(x, nil); math.Abs(got-c.mean) > 5*sd/math.Sqrt(n) {
				t.Errorf("%+v: mean %v", c, got)
			}
			if got := stat.StdDev(x, nil); math.Abs(got-sd) > 0.05*sd {
				t.Errorf("%+v: standard deviation %v, want %v", c, got, sd)
			}
		}
	}
	if x := inverseGaussian(rng, math.MaxFloat64, 400); !(x > 0) || math.IsInf(x, 0) {
		t.Errorf("with a huge mean: %v", x)
	}
}

// Two samplers that share only the posterior agree on the mean and standard deviation of every parameter.
func TestGibbsAgreesWithNUTS(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	p := randomPosterior(rng, Linear, 120, 4, 3, Additive, "")
	peak, err := p.maximise(t.Context(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	cov, err := p.covariance(peak)
	if err != nil {
		t.Fatal(err)
	}
	centre := p.vector(peak)
	inits, err := scatter(centre, cov, 1)
	if err != nil {
		t.Fatal(err)
	}
	const perChain = 1000
	gibbs, err := newGibbs(p, p.around(peak)).run(t.Context(), inits, 100, perChain, 1, 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	nuts, err := stan.NUTS(t.Context(), func() stan.Density {
		q := p.clone()
		q.jacobian = true
		return q
	}, centre, stan.NUTSOptions{Chains: Chains, Warmup: 500, Draws: perChain, Seed: 5, InitCov: cov, Inits: inits, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for j := range centre {
		chains := func(draws [][]float64) (out [][]float64, all []float64) {
			for c := range Chains {
				var x []float64
				for d := range perChain {
					x = append(x, draws[c*perChain+d][j])
				}
				out, all = append(out, x), append(all, x...)
			}
			return out, all
		}
		a, allA := chains(gibbs)
		b, allB := chains(nuts.U)
		if r := stan.RHat(a); !(r < 1.01) {
			t.Errorf("parameter %d: R-hat %v", j, r)
		}
		meanA, sdA := stat.MeanStdDev(allA, nil)
		meanB, sdB := stat.MeanStdDev(allB, nil)
		se := math.Hypot(sdA/math.Sqrt(stan.ESSBulk(a)), sdB/math.Sqrt(stan.ESSBulk(b)))
		if math.Abs(meanA-meanB) > 4.5*se {
			t.Errorf("parameter %d: means %v and %v, standard error of the difference %v", j, meanA, meanB, se)
		}
		if sdA/sdB < 0.85 || sdA/sdB > 1.18 {
			t.Errorf("parameter %d: standard deviations %v and %v", j, sdA, sdB)
		}
	}
}

func TestGibbsIgnoresWorkersAndStops(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	p := randomPosterior(rng, Flat, 60, 2, 2, Additive, "")
	peak, err := p.maximise(t.Context(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	g := newGibbs(p, p.around(peak))
	centre := p.vector(peak)
	inits := [][]float64{centre, centre, centre, centre}
	last := 0
	one, err := g.run(t.Context(), inits, 5, 20, 1, 9, func(done, total int) {
		if done != last+1 || total != 4*25 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil || last != 100 {
		t.Fatalf("error %v, progress ended at %d", err, last)
	}
	four, err := g.run(t.Context(), inits, 5, 20, 4, 9, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range one {
		for j := range one[i] {
			if one[i][j] != four[i][j] {
				t.Fatalf("draw %d, parameter %d: %v with one worker, %v with four", i, j, one[i][j], four[i][j])
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := g.run(ctx, inits, 5, 1000, 2, 9, func(done, _ int) {
		if done == 10 {
			cancel()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
