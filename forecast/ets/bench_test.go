package ets

import (
	"context"
	"math/rand/v2"
	"testing"
)

// BenchmarkFit fits ten years of a random walk: the six models, choice included.
func BenchmarkFit(b *testing.B) {
	s := walk(rand.New(rand.NewPCG(1, 1)), 2520, .0003, .01)
	m := Default()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Fit(context.Background(), s, 0, nil); err != nil {
			b.Fatal(err)
		}
	}
}
