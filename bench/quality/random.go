package main

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// random is a source of random numbers that depends on the seed and a name alone, so that a defect stays the same when
// others are added.
type random struct{ *rand.Rand }

func newRandom(seed uint64, name string) random {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return random{rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// between returns a number from lo to hi, both included.
func (r random) between(lo, hi int) int { return lo + r.IntN(hi-lo+1) }

// sign returns 1 or -1.
func (r random) sign() float64 { return float64(2*r.IntN(2) - 1) }

// student returns a draw from Student's t with 5 degrees of freedom, scaled to a standard deviation of 1.
func (r random) student() float64 {
	chi := 0.0
	for range 5 {
		x := r.NormFloat64()
		chi += x * x
	}
	return r.NormFloat64() / math.Sqrt(chi/5) * math.Sqrt(3.0/5)
}

// pick returns one of the values.
func pick[T any](r random, values ...T) T { return values[r.IntN(len(values))] }
