package prophet

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/forecast/order"
)

// numpyQuantile is the definition of numpy's default method: linear interpolation at (n-1)p of the sorted sample.
func numpyQuantile(sample []float64, p float64) float64 {
	x := slices.Clone(sample)
	slices.Sort(x)
	at := float64(len(x)-1) * p
	i := int(math.Floor(at))
	if i+1 >= len(x) {
		return x[len(x)-1]
	}
	if at == float64(i) {
		return x[i]
	}
	return x[i] + (x[i+1]-x[i])*(at-float64(i))
}

func checkQuantiles(t *testing.T, x, levels []float64) {
	t.Helper()
	work, got := slices.Clone(x), make([]float64, len(levels))
	quantiles(work, levels, got)
	for k, p := range levels {
		if want := numpyQuantile(x, p); got[k] != want {
			t.Errorf("quantile %v of %d: got %v, want %v", p, len(x), got[k], want)
		}
	}
	slices.Sort(work)
	sorted := slices.Clone(x)
	slices.Sort(sorted)
	if !slices.Equal(work, sorted) {
		t.Errorf("the values of the sample changed, not only their order")
	}
	for _, p := range levels {
		if got, want := sortedQuantile(sorted, p), numpyQuantile(x, p); got != want {
			t.Errorf("sorted quantile %v: got %v, want %v", p, got, want)
		}
	}
}

func TestQuantilesAgainstSorting(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 11))
	levels := []float64{0.001, 0.1, 0.25, 0.5, 0.5000001, 0.9, 0.999}
	for range 300 {
		x := make([]float64, 1+rng.IntN(200))
		for i := range x {
			switch rng.IntN(3) {
			case 0:
				x[i] = rng.NormFloat64()
			case 1:
				x[i] = float64(rng.IntN(4)) // ties
			default:
				x[i] = float64(i)
			}
		}
		checkQuantiles(t, x, levels)
	}
	// numpy.percentile([1, 2, 3, 4], [10, 90]) = 1.3, 3.7.
	out := make([]float64, 2)
	quantiles([]float64{4, 2, 1, 3}, []float64{0.1, 0.9}, out)
	close2(t, "quantiles", out, []float64{1.3, 3.7}, 1e-15)
}

func TestSelectNth(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(12, 12))
	for range 500 {
		x := make([]float64, 1+rng.IntN(60))
		for i := range x {
			x[i] = float64(rng.IntN(1 + rng.IntN(40)))
		}
		k := rng.IntN(len(x))
		sorted := slices.Clone(x)
		slices.Sort(sorted)
		selectNth(x, k)
		if x[k] != sorted[k] {
			t.Fatalf("element %d: got %v, want %v", k, x[k], sorted[k])
		}
		for i, v := range x {
			if i < k && v > x[k] || i > k && v < x[k] {
				t.Fatalf("%v at %d is on the wrong side of %v at %d", v, i, x[k], k)
			}
		}
	}
}

func FuzzQuantiles(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, uint16(100), uint16(900))
	f.Add([]byte{0}, uint16(1), uint16(999))
	f.Add([]byte{5, 5, 5, 5}, uint16(500), uint16(501))
	f.Add(binary.BigEndian.AppendUint64(nil, math.Float64bits(-1.5)), uint16(10), uint16(20))
	f.Fuzz(func(t *testing.T, sample []byte, a, b uint16) {
		if len(sample) == 0 {
			return
		}
		x := make([]float64, len(sample))
		for i, v := range sample {
			x[i] = float64(int8(v)) / 7
		}
		levels := []float64{float64(a%1001) / 1000, float64(b%1001) / 1000}
		slices.Sort(levels)
		checkQuantiles(t, x, levels)
	})
}

// The quantiles of a loaded sample are exactly those of the sorted one.
func TestSampleQuantilesAgainstSorting(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 9))
	levels := []float64{0.0001, 0.05, 0.1, 0.25, 0.5, 0.9, 0.95, 0.9999}
	got := make([]float64, len(levels))
	for _, n := range []int{1, 2, 3, 10, 101, 1000} {
		sample, x := order.New(n), make([]float64, n)
		for row := range 100 {
			for i := range x {
				x[i] = 5 + rng.NormFloat64()
				if row%10 == 3 {
					x[i] = math.Round(x[i])
				}
			}
			sample.Load(x)
			sampleQuantiles(sample, n, levels, got)
			for k, p := range levels {
				if want := numpyQuantile(x, p); got[k] != want {
					t.Fatalf("%d values, row %d, level %v: got %v, want %v", n, row, p, got[k], want)
				}
			}
		}
	}
}
