package order

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every value is that of the sorted sample, whatever the sample is like and in whatever order they are asked for.
func TestValueIsThatOfTheSortedSample(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]func() float64{
		"normal":      rng.NormFloat64,
		"one far out": func() float64 { return math.Exp(20 * rng.NormFloat64()) },
		"ties":        func() float64 { return float64(rng.IntN(3)) },
		"all alike":   func() float64 { return 7 },
		"huge":        func() float64 { return math.MaxFloat64 * (2*rng.Float64() - 1) },
		"tiny":        func() float64 { return math.SmallestNonzeroFloat64 * float64(rng.IntN(5)) },
		"infinite":    func() float64 { return math.Inf(rng.IntN(2)*2 - 1) },
		"not numbers": func() float64 { return []float64{math.NaN(), 1, 2, math.Inf(1)}[rng.IntN(4)] },
	}
	same := func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
	for _, n := range []int{1, 2, 17, 100, 1000, 20000} {
		s := New(n)
		for name, draw := range kinds {
			x := make([]float64, n)
			for i := range x {
				x[i] = draw()
			}
			given := slices.Clone(x)
			s.Load(x)
			if !slices.EqualFunc(x, given, same) {
				t.Fatalf("%s: the sample changes", name)
			}
			slices.Sort(x)
			for range 50 {
				i := rng.IntN(n)
				if got := s.Value(i); !same(got, x[i]) {
					t.Fatalf("%s, %d values: value %d is %v, want %v", name, n, i, got, x[i])
				}
			}
		}
	}
}

func BenchmarkSample(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, 1000)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	s := New(len(x))
	for b.Loop() {
		s.Load(x)
		for _, i := range []int{24, 49, 99, 249, 499, 749, 899, 949, 974} {
			s.Value(i)
			s.Value(i + 1)
		}
	}
}
