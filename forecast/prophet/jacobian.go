package prophet

import (
	"gonum.org/v1/gonum/floats"
)

// jacobian holds the derivatives of mu with respect to every parameter.
type jacobian struct {
	smooth, kinked [][]float64
	byRate, byOff  []float64 // logistic: derivative of the trend with respect to its segment's rate and offset
}

func newJacobian(n, b, s int) *jacobian {
	block := make([]float64, (b+s+2)*n)
	next := func() []float64 {
		x := block[:n:n]
		block = block[n:]
		return x
	}
	j := &jacobian{}
	for range b {
		j.smooth = append(j.smooth, next())
	}
	for range s {
		j.kinked = append(j.kinked, next())
	}
	j.byRate, j.byOff = next(), next()
	return j
}

// fill computes the derivatives at x, for which p.residuals has just been called.
func (q *jacobian) fill(p *posterior, x *mode) {
	n := len(p.t)
	if !p.anyMul {
		for i := range p.times {
			p.times[i] = 1
		}
	}
	at := 2 // the first feature column
	switch p.growth {
	case Flat:
		copy(q.smooth[0], p.times)
		at = 1
	case Logistic:
		q.logistic(p, x)
	default:
		for i := range n {
			q.smooth[0][i], q.smooth[1][i] = p.times[i]*p.t[i], p.times[i]
		}
		for j, c := range p.c {
			h := q.kinked[j]
			for i := p.start[j]; i < n; i++ {
				h[i] = p.times[i] * (p.t[i] - c)
			}
		}
	}
	for j, col := range p.x {
		dst := q.smooth[at+j]
		switch {
		case p.none[j]:
			clear(dst)
		case p.mul[j]:
			floats.MulTo(dst, col, p.g)
		default:
			copy(dst, col)
		}
	}
}

// logistic fills the trend's columns by the chain rule through the rate and offset of each segment.
func (q *jacobian) logistic(p *posterior, x *mode) {
	s := len(p.c)
	p.eachSegment(func(seg, lo, hi int) {
		rate, offset := p.rate[seg], p.offset[seg]
		for i := lo; i < hi; i++ {
			slope := p.times[i] * p.g[i] * (1 - p.g[i]/p.limit[i])
			q.byRate[i], q.byOff[i] = slope*(p.t[i]-offset), -slope*rate
		}
	})
	// Derivatives of each segment's rate and offset with respect to one parameter, propagated from segment to segment.
	column := func(dst []float64, dRate, dOffset float64, from int) {
		clear(dst)
		rates, offsets := make([]float64, s+1), make([]float64, s+1)
		rates[0], offsets[0] = dRate, dOffset
		for j := range s {
			rates[j+1] = rates[j]
			if j == from {
				rates[j+1]++
			}
			gap, a, b := p.c[j]-p.offset[j], p.rate[j], p.rate[j+1]
			offsets[j+1] = offsets[j]*a/b - gap*(rates[j]*b-a*rates[j+1])/(b*b)
		}
		p.eachSegment(func(seg, lo, hi int) {
			for i := lo; i < hi; i++ {
				dst[i] = q.byRate[i]*rates[seg] + q.byOff[i]*offsets[seg]
			}
		})
	}
	column(q.smooth[0], 1, 0, -1)
	column(q.smooth[1], 0, 1, -1)
	for j := range s {
		column(q.kinked[j], 0, 0, j)
	}
}
