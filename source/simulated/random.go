package simulated

import "math"

// hash64 is the finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads every input bit. It must
// never change, because every price depends on it; TestMarketNeverChanges pins them.
func hash64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hashText is FNV-1a, finalized by hash64.
func hashText(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return hash64(h)
}

// normals are the 4,096 midpoint quantiles of the standard normal distribution in millionths. A 12-bit draw is one
// lookup, in integers, so that sums are the same on every processor.
var normals = func() (t [4096]int32) {
	for i := range t {
		p := (float64(i) + .5) / float64(len(t))
		t[i] = int32(math.Round(math.Sqrt2 * math.Erfinv(2*p-1) * 1e6))
	}
	return t
}()

// normal returns a standard normal in millionths from 12 bits of h.
func normal(h uint64, shift uint) int64 { return int64(normals[h>>shift&4095]) }

// uniform returns a number in [0, 1) from 16 bits of h.
func uniform(h uint64, shift uint) float64 { return float64(h>>shift&0xffff) / 65536 }
