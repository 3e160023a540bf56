package stan

import (
	"math"
	"math/rand/v2"
	"testing"
)

// lcgChains are chains from the linear congruential generator of ANSI C with autoregression phi, chain c moved by
// shift*c; for ties, 4x is floored to integers. All arithmetic is exact or the same in any IEEE 754 language.
func lcgChains(chains, draws int, phi, shift float64, ties bool) [][]float64 {
	state := uint64(12345)
	out := make([][]float64, chains)
	for c := range out {
		var x float64
		for range draws {
			state = (1103515245*state + 12345) % (1 << 31)
			u := float64(state>>8) / (1 << 23)
			ax := phi * x // separate from the sum, so that the compiler cannot fuse them
			x = float64(ax) + (u - 0.5)
			v := x + float64(shift*float64(c))
			if ties {
				v = math.Floor(v * 4)
			}
			out[c] = append(out[c], v)
		}
	}
	return out
}

// The expected values were computed by ArviZ 0.23.4 (numpy 2.4.6, scipy 1.17.1): rhat(method="rank"),
// ess(method="bulk") and ess(method="tail") of the same chains.
func TestMixingAgainstArviZ(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		chains, draws    int
		phi, shift       float64
		ties             bool
		rhat, bulk, tail float64
	}{
		{"iid", 4, 50, 0, 0, false, 1.02065115238, 215.092507111, 243.044762201},
		{"ar", 4, 60, 0.7, 0, false, 1.03806427921, 54.4343447721, 66.0026815485},
		{"shifted", 4, 40, 0.3, 0.4, false, 1.8377708148, 7.2682730257, 30.0919419808},
		{"antithetic", 3, 80, -0.6, 0, false, 1.01915592201, 571.250698011, 267.518847755},
		{"odd", 4, 51, 0.5, 0.05, false, 1.07401606618, 46.5405299126, 76.1031986206},
		{"ties", 4, 64, 0.5, 0, true, 1.03218943383, 83.5948752939, 118.439573305},
		{"short", 2, 10, 0.9, 0, false, 1.77862936676, 6.57015278329, 21.7391304348},
		{"trend", 2, 30, 0.99, 0, false, 1.57669014746, 4.32100068738, 21.4870395634},
	} {
		x := lcgChains(c.chains, c.draws, c.phi, c.shift, c.ties)
		for _, v := range []struct {
			what      string
			got, want float64
		}{{"R-hat", RHat(x), c.rhat}, {"bulk ESS", ESSBulk(x), c.bulk}, {"tail ESS", ESSTail(x), c.tail}} {
			if !(math.Abs(v.got-v.want) <= 1e-9*v.want) {
				t.Errorf("%s: %s %.12g, ArviZ has %.12g", c.name, v.what, v.got, v.want)
			}
		}
	}
}

// Vehtari et al. 2021 consider chains with R-hat below 1.01 mixed; iid chains are, chains with different means or
// spreads are not. An unsplit R-hat misses a trend, an R-hat that is not folded misses a spread.
func TestRHatTellsChainsApart(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	chains := func(f func(c, k int, z float64) float64) [][]float64 {
		out := make([][]float64, 4)
		for c := range out {
			for k := range 1000 {
				out[c] = append(out[c], f(c, k, rng.NormFloat64()))
			}
		}
		return out
	}
	iid := chains(func(_, _ int, z float64) float64 { return z })
	if r := RHat(iid); r > 1.01 {
		t.Errorf("iid: R-hat %v", r)
	}
	// The standard deviation of an ESS estimate of 4,000 iid draws is a few percent.
	if e := ESSBulk(iid); e < 3300 || e > 4700 {
		t.Errorf("iid: bulk ESS %v of 4000", e)
	}
	if e := ESSTail(iid); e < 3300 || e > 4700 {
		t.Errorf("iid: tail ESS %v of 4000", e)
	}
	for name, x := range map[string][][]float64{
		"shifted": chains(func(c, _ int, z float64) float64 { return z + float64(c%2) }),
		"spread":  chains(func(c, _ int, z float64) float64 { return z * float64(1+2*(c%2)) }),
		"trend":   chains(func(_, k int, z float64) float64 { return z + float64(k)/400 }),
		"cauchy":  chains(func(c, _ int, z float64) float64 { return z/rng.NormFloat64() + 4*float64(c%2) }),
	} {
		if r := RHat(x); !(r > 1.1) {
			t.Errorf("%s: R-hat %v", name, r)
		}
	}
	// Ranks do not change under a monotone transformation: the bulk measure is the same to the last bit.
	exp := each(iid, math.Exp)
	if ESSBulk(exp) != ESSBulk(iid) {
		t.Errorf("bulk ESS changed by exp: %v, %v", ESSBulk(exp), ESSBulk(iid))
	}
}

func TestMixingWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, x := range map[string][][]float64{
		"none":     nil,
		"short":    {{1, 2, 3}, {1, 2, 3}},
		"ragged":   {{1, 2, 3, 4}, {1, 2, 3, 4, 5}},
		"nan":      {{1, 2, math.NaN(), 4}, {1, 2, 3, 4}},
		"infinite": {{1, 2, math.Inf(1), 4}, {1, 2, 3, 4}},
		"constant": {{1, 1, 1, 1}, {1, 1, 1, 1}},
	} {
		if r, b, e := RHat(x), ESSBulk(x), ESSTail(x); !math.IsNaN(r) || !math.IsNaN(b) || !math.IsNaN(e) {
			t.Errorf("%s: R-hat %v, ESS %v and %v", name, r, b, e)
		}
	}
}
