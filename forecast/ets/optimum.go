package ets

import (
	"math"
	"slices"
)

// The usual bounds of the parameters, those of Hyndman et al. (2008) and the reference programs. beta is at most alpha.
const (
	lowest, highest = 1e-4, 1 - 1e-4
	phiLow, phiHigh = .8, .98
)

// logit of highest; that of lowest is its negative.
var logitHigh = math.Log(highest / (1 - highest))

// point is a place in the unit box: alpha on a logit scale, beta on a logarithmic one from its lowest value to alpha, phi on a linear one.
type point [3]float64

func (k shape) dimensions() int {
	switch {
	case k.damped:
		return 3
	case k.trend:
		return 2
	}
	return 1
}

// smoothing returns the parameters at a point.
func (k shape) smoothing(u point) smoothing {
	p := smoothing{alpha: 1 / (1 + math.Exp(logitHigh*(1-2*u[0]))), phi: 1}
	p.alpha = min(max(p.alpha, lowest), highest)
	if k.trend {
		p.beta = min(max(lowest*math.Exp(u[1]*math.Log(p.alpha/lowest)), lowest), p.alpha)
	}
	if k.damped {
		p.phi = phiLow + u[2]*(phiHigh-phiLow)
	}
	return p
}

// optimum is a local optimum of the criterion.
type optimum struct {
	u       point
	value   float64
	initial state
}

// The grid on which the search looks first. Alphas are .0001, .01, .05, .18, .5, .82, .95, .99 and .9999.
var grid = [3][]float64{
	{0, .25, .34, .418, .5, .582, .66, .75, 1},
	{0, .35, .6, .8, .95},
	{0, .5, 1},
}

// search returns the best local optima, the best first, of those that the lowest places of the grid lead to. It is deterministic.
func (v *profile) search(k shape) []optimum {
	dims := k.dimensions()
	sizes := [3]int{1, 1, 1}
	for d := range dims {
		sizes[d] = len(grid[d])
	}
	values := make([]float64, sizes[0]*sizes[1]*sizes[2])
	index := func(i [3]int) int { return (i[0]*sizes[1]+i[1])*sizes[2] + i[2] }
	at := func(i [3]int) (u point) {
		for d := range dims {
			u[d] = grid[d][i[d]]
		}
		return u
	}
	each := func(visit func(i [3]int)) {
		for a := range sizes[0] {
			for b := range sizes[1] {
				for c := range sizes[2] {
					visit([3]int{a, b, c})
				}
			}
		}
	}
	each(func(i [3]int) { values[index(i)], _ = v.best(k, k.smoothing(at(i))) })

	var starts []optimum
	each(func(i [3]int) {
		here := values[index(i)]
		for d := range dims {
			for _, side := range []int{-1, 1} {
				j := i
				if j[d] += side; j[d] >= 0 && j[d] < sizes[d] && values[index(j)] < here {
					return
				}
			}
		}
		starts = append(starts, optimum{u: at(i), value: here})
	})
	slices.SortStableFunc(starts, byValue)
	return v.refine(k, starts[:min(len(starts), maxStarts)])
}

// maxStarts is how many places the search goes on from.
const maxStarts = 3

// refine goes on from each start to a local optimum, and returns these, the best first.
func (v *profile) refine(k shape, starts []optimum) []optimum {
	var found []optimum
	for _, s := range starts {
		found = append(found, v.descend(k, s.u))
	}
	slices.SortStableFunc(found, byValue)
	return found
}

func byValue(a, b optimum) int {
	switch {
	case a.value < b.value:
		return -1
	case a.value > b.value:
		return 1
	}
	return 0
}

const (
	difference   = 2e-4 // of the finite differences, in the unit box
	tolerance    = 1e-9 // of the criterion
	maxIteration = 50
)

// descend minimises the criterion in the unit box from u, by Newton's method with derivatives from finite differences and the damping of
// Levenberg and Marquardt; coordinates at a bound stay there while the criterion falls towards it.
func (v *profile) descend(k shape, u point) optimum {
	dims := k.dimensions()
	value, initial := v.best(k, k.smoothing(u))
	at := optimum{u, value, initial}
	damping := 1e-3
	for range maxIteration {
		if math.IsInf(at.value, 1) {
			break
		}
		g, h := v.derivatives(k, at.u)
		var free [3]bool
		var slope float64
		for d := range dims {
			free[d] = !(at.u[d] <= 0 && g[d] >= 0 || at.u[d] >= 1 && g[d] <= 0)
			if free[d] {
				slope = max(slope, math.Abs(g[d]))
			}
		}
		if !(slope > 0) {
			break
		}
		improved := false
		var gain float64
		for damping < 1e10 {
			step, ok := newton(g, h, free, dims, damping)
			if ok {
				u := at.u
				for d := range dims {
					u[d] = min(max(u[d]+step[d], 0), 1)
				}
				if u == at.u {
					break
				}
				if value, initial := v.best(k, k.smoothing(u)); value < at.value {
					gain = at.value - value
					at, improved = optimum{u, value, initial}, true
					damping = max(damping/10, 1e-8)
					break
				}
				// Less than this the step could not gain: the optimum is found.
				if expect(g, h, step, dims) < tolerance {
					return at
				}
			}
			damping *= 8
		}
		if !improved || gain < tolerance && damping < 1e-2 { // a small gain with strong damping says little
			break
		}
	}
	return at
}

// expect is what the quadratic model of the criterion says a step gains.
func expect(g point, h [3][3]float64, step point, dims int) float64 {
	var sum float64
	for i := range dims {
		sum -= g[i] * step[i]
		for j := range dims {
			sum -= h[i][j] * step[i] * step[j] / 2
		}
	}
	return sum
}

// derivatives returns gradient and Hessian at u by finite differences, around a place that keeps the differences in the box.
func (v *profile) derivatives(k shape, u point) (g point, h [3][3]float64) {
	dims := k.dimensions()
	centre := u
	for d := range dims {
		centre[d] = min(max(u[d], difference), 1-difference)
	}
	at := func(moves ...int) float64 {
		p := centre
		for _, m := range moves {
			if m > 0 {
				p[m-1] += difference
			} else {
				p[-m-1] -= difference
			}
		}
		value, _ := v.best(k, k.smoothing(p))
		return value
	}
	middle := at()
	var up, down [3]float64
	for d := range dims {
		up[d], down[d] = at(d+1), at(-d-1)
		g[d] = (up[d] - down[d]) / (2 * difference)
		h[d][d] = (up[d] - 2*middle + down[d]) / (difference * difference)
	}
	for i := range dims {
		for j := range i {
			both := at(i+1, j+1)
			h[i][j] = (both - up[i] - up[j] + middle) / (difference * difference)
			// The mean of the third derivatives' effect: the other diagonal cancels it.
			h[i][j] = (h[i][j] + (at(-i-1, -j-1)-down[i]-down[j]+middle)/(difference*difference)) / 2
			h[j][i] = h[i][j]
		}
	}
	for i := range dims {
		for j := range dims {
			g[i] += h[i][j] * (u[j] - centre[j])
		}
	}
	return g, h
}

// newton solves (h + damping D) step = -g for the free coordinates, by Cholesky's method; ok says whether the matrix is positive definite.
// D has the sizes of h's diagonal.
func newton(g point, h [3][3]float64, free [3]bool, dims int, damping float64) (step point, ok bool) {
	var l [3][3]float64
	var z point
	for i := range dims {
		if !free[i] {
			continue
		}
		for j := range i + 1 {
			if !free[j] {
				continue
			}
			sum := h[i][j]
			if i == j {
				sum += damping * max(math.Abs(h[i][i]), 1e-3)
			}
			for m := range j {
				sum -= l[i][m] * l[j][m]
			}
			if i == j {
				if !(sum > 0) || math.IsInf(sum, 1) {
					return step, false
				}
				l[i][i] = math.Sqrt(sum)
			} else {
				l[i][j] = sum / l[j][j]
			}
		}
		sum := -g[i]
		for m := range i {
			sum -= l[i][m] * z[m]
		}
		z[i] = sum / l[i][i]
	}
	for i := dims - 1; i >= 0; i-- {
		if !free[i] {
			continue
		}
		sum := z[i]
		for m := i + 1; m < dims; m++ {
			sum -= l[m][i] * step[m]
		}
		step[i] = sum / l[i][i]
	}
	return step, true
}
