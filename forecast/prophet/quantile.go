package prophet

import (
	"math"

	"github.com/etfcast/etfcast/forecast/order"
)

// sortedQuantile returns a quantile of an ascending sample by linear interpolation at (n-1)p, numpy's default.
func sortedQuantile(x []float64, p float64) float64 {
	at := float64(len(x)-1) * p
	i := int(math.Floor(at))
	if i >= len(x)-1 {
		return x[len(x)-1]
	}
	return interpolate(x[i], x[i+1], at-float64(i))
}

func interpolate(a, b, part float64) float64 {
	if part == 0 {
		return a
	}
	return a + (b-a)*part
}

// quantiles writes the quantiles of a sample at ascending levels to out. It reorders x, in linear time.
func quantiles(x, levels, out []float64) {
	from := 0
	for k, p := range levels {
		at := float64(len(x)-1) * p
		i := min(int(math.Floor(at)), len(x)-1)
		if i >= from {
			selectNth(x[from:], i-from)
			from = i
		}
		if i == len(x)-1 || at == float64(i) {
			out[k] = x[i]
			continue
		}
		next := math.Inf(1)
		for _, v := range x[i+1:] {
			if v < next {
				next = v
			}
		}
		out[k] = interpolate(x[i], next, at-float64(i))
	}
}

// selectNth reorders x so that x[k] is what it would be if x were sorted, with no larger value before it and no smaller
// value after it: Hoare's selection. Values are moved whatever the comparison gives, because a branch that can't be
// predicted costs several times as much as the move.
func selectNth(x []float64, k int) {
	lo, hi := 0, len(x)
	for hi-lo > 1 {
		pivot := x[lo+(hi-lo)/2]
		if hi-lo > 64 {
			pivot = nearRank(x[lo:hi], k-lo)
		}
		below := lo
		for i := lo; i < hi; i++ {
			v := x[i]
			x[i] = x[below]
			x[below] = v
			below += truth(v < pivot)
		}
		if k < below {
			hi = below
			continue
		}
		same := below
		for i := below; i < hi; i++ {
			v := x[i]
			x[i] = x[same]
			x[same] = v
			same += truth(v <= pivot)
		}
		if k < same || same == lo { // same == lo if the pivot is NaN
			return
		}
		lo = same
	}
}

func truth(b bool) int {
	var n int
	if b {
		n = 1
	}
	return n
}

// nearRank returns a value of x whose rank is probably close to k: the value of the corresponding rank in a sample of 15.
func nearRank(x []float64, k int) float64 {
	var s [15]float64
	step := len(x) / len(s)
	for i := range s {
		v := x[i*step]
		j := i
		for j > 0 && s[j-1] > v {
			s[j] = s[j-1]
			j--
		}
		s[j] = v
	}
	return s[min(k*len(s)/len(x), len(s)-1)]
}

// sampleQuantiles writes the quantiles of a loaded sample of n values at some levels to out, by the same interpolation.
func sampleQuantiles(x *order.Sample, n int, levels, out []float64) {
	for k, p := range levels {
		at := float64(n-1) * p
		i := min(int(math.Floor(at)), n-1)
		out[k] = x.Value(i)
		if part := at - float64(i); part != 0 && i < n-1 {
			out[k] = interpolate(out[k], x.Value(i+1), part)
		}
	}
}
