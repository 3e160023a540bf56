// Package order finds order statistics of many samples of one size, each in time linear in the size: what the quantiles of simulated paths need.
package order

import (
	"math"
	"slices"
	"sort"
)

// The parts that a sample's range is cut into: one for four values, within limits.
const (
	perPart    = 4
	leastParts = 16
	mostParts  = 4096
)

// Sample holds a sample. It is reused by Load and not safe for concurrent use.
type Sample struct {
	values []float64 // part by part; a part that Value has looked into is in order
	part   []uint16
	ends   []int // where each part ends in values
}

// New returns a Sample for n values.
func New(n int) *Sample {
	return &Sample{values: make([]float64, n), part: make([]uint16, n), ends: make([]int, min(max(n/perPart, leastParts), mostParts))}
}

// Load replaces the sample. x has the length that the Sample was made for, and is not changed.
func (s *Sample) Load(x []float64) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	parts := len(s.ends)
	scale := float64(parts) / (hi - lo)
	if !(scale > 0) || math.IsInf(scale, 1) { // values that are all the same or not finite
		copy(s.values, x)
		for p := range s.ends {
			s.ends[p] = len(x)
		}
		return
	}
	clear(s.ends)
	for i, v := range x {
		p := uint16(min(int((v-lo)*scale), parts-1))
		s.part[i] = p
		s.ends[p]++
	}
	begin := 0
	for p, n := range s.ends {
		s.ends[p] = begin
		begin += n
	}
	for i, v := range x {
		p := s.part[i]
		s.values[s.ends[p]] = v
		s.ends[p]++
	}
}

// Value returns the value that x[i] would have if the sample x were sorted, NaN first.
func (s *Sample) Value(i int) float64 {
	p := sort.SearchInts(s.ends, i+1)
	begin := 0
	if p > 0 {
		begin = s.ends[p-1]
	}
	if part := s.values[begin:s.ends[p]]; !slices.IsSorted(part) {
		slices.Sort(part)
	}
	return s.values[i]
}
