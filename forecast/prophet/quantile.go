package prophet

import "math"

// sortedQuantile returns a quantile of an ascending sample by linear interpolation at (n-1)p, as numpy's default.
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
			next = min(next, v)
		}
		out[k] = interpolate(x[i], next, at-float64(i))
	}
}

// selectNth reorders x so that x[k] is what it would be if x were sorted, with nothing above it before it and nothing
// below it after it: Hoare's selection with the median of three.
func selectNth(x []float64, k int) {
	lo, hi := 0, len(x)-1
	for hi > lo {
		mid := lo + (hi-lo)/2
		if x[mid] < x[lo] {
			x[mid], x[lo] = x[lo], x[mid]
		}
		if x[hi] < x[lo] {
			x[hi], x[lo] = x[lo], x[hi]
		}
		if x[hi] < x[mid] {
			x[hi], x[mid] = x[mid], x[hi]
		}
		pivot := x[mid]
		i, j := lo, hi
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for pivot < x[j] {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return
		}
	}
}
