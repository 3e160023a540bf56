package prophet

import "math"

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

// tracker finds the quantiles of successive samples with similar distributions, such as those of neighbouring rows. Their
// quantiles lie about as far from the centre each time, so it only examines values near the last sample's quantiles. The
// results are exact.
type tracker struct {
	levels []float64
	offset []float64 // each quantile's distance from the centre in the last sample; nil before the first
	band   float64   // how far from there to search
	near   [2][]float64
}

// at writes the quantiles of x to out. It may reorder x.
func (t *tracker) at(x []float64, centre float64, out []float64) {
	if t.offset == nil || !t.guessed(x, centre, out) {
		quantiles(x, t.levels, out)
	}
	t.offset = t.offset[:0]
	for _, q := range out {
		t.offset = append(t.offset, q-centre)
	}
	// With 1,000 values the standard error of a quantile in the tails is a twentieth of the standard deviation. The
	// outermost levels of an interval are a few standard deviations apart.
	t.band = 0.08 * (out[len(out)-1] - out[0])
}

// guessed searches near the guesses and reports whether it found all quantiles there. It takes levels in pairs from the
// outside in, so that most values are skipped for both at once.
func (t *tracker) guessed(x []float64, centre float64, out []float64) bool {
	for i := range t.near {
		if len(t.near[i]) < len(x)+1 {
			t.near[i] = make([]float64, len(x)+1)
		}
	}
	for a, b := 0, len(t.levels)-1; a <= b; a, b = a+1, b-1 {
		low, high := centre+t.offset[a], centre+t.offset[b]
		if a == b || !(low+t.band < high-t.band) {
			for _, k := range []int{a, b} {
				at := centre + t.offset[k]
				near, below, _, _ := t.gather(x, at-t.band, at+t.band, math.Inf(1), math.Inf(1))
				if !pick(near, below, len(x), t.levels[k], &out[k]) {
					return false
				}
			}
			continue
		}
		lower, below, upper, notAbove := t.gather(x, low-t.band, low+t.band, high-t.band, high+t.band)
		if !pick(lower, below, len(x), t.levels[a], &out[a]) || !pick(upper, notAbove, len(x), t.levels[b], &out[b]) {
			return false
		}
	}
	return true
}

// gather returns the values within each of two bands, the first below the second, and the number of values below each.
func (t *tracker) gather(x []float64, lo1, hi1, lo2, hi2 float64) (near1 []float64, below1 int, near2 []float64, below2 int) {
	buffer1, buffer2 := t.near[0], t.near[1]
	found1, first, found2, second := 0, 0, 0, 0
	for _, v := range x {
		if v > hi1 {
			if v < lo2 {
				continue
			}
			second++
			buffer2[found2] = v // kept if it is within the band, otherwise overwritten
			found2 += truth(v <= hi2)
			continue
		}
		first++
		buffer1[found1] = v
		found1 += truth(v >= lo1)
	}
	return buffer1[:found1], first - found1, buffer2[:found2], len(x) - second
}

// pick writes the quantile of a sample of n values to out, given the values near it and the number of values below those.
// It reports whether the quantile is among them.
func pick(near []float64, below, n int, p float64, out *float64) bool {
	at := float64(n-1) * p
	i := min(int(math.Floor(at)), n-1)
	last := i
	if at != float64(i) && i < n-1 {
		last++
	}
	part := at - float64(i)
	i, last = i-below, last-below
	if i < 0 || last >= len(near) {
		return false
	}
	selectNth(near, i)
	if last == i {
		*out = near[i]
		return true
	}
	next := math.Inf(1)
	for _, v := range near[i+1:] {
		if v < next {
			next = v
		}
	}
	*out = interpolate(near[i], next, part)
	return true
}
