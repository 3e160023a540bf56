package report

import (
	"math"
	"strconv"
	"time"

	"gonum.org/v1/plot/vg"

	"github.com/etfcast/etfcast/etf"
)

// tick is a place on an axis with its label.
type tick struct {
	at    float64
	label string
}

// frame is the part of a drawing between its axes.
type frame struct {
	*drawing
	x0, x1, y0, y1     vg.Length
	xLo, xHi, yLo, yHi float64
}

func (f *frame) x(v float64) vg.Length {
	return f.x0 + vg.Length((v-f.xLo)/(f.xHi-f.xLo))*(f.x1-f.x0)
}

func (f *frame) y(v float64) vg.Length {
	return f.y0 + vg.Length((v-f.yLo)/(f.yHi-f.yLo))*(f.y1-f.y0)
}

func (f *frame) at(x, y float64) vg.Point { return vg.Point{X: f.x(x), Y: f.y(y)} }

// Lengths in points.
const (
	chartWidth  = 360
	chartHeight = 220
	edge        = 4
	gap         = 5
	ascent      = .73 * textSize
	lineWidth   = 1.4
	thinWidth   = .7
)

// newFrame makes a drawing with a grid and labelled axes. right is the room to the right of the frame. Labels that would touch are left out.
func newFrame(w, h, right vg.Length, xLo, xHi, yLo, yHi float64, xTicks, yTicks []tick) *frame {
	d := newDrawing(w, h)
	var widest vg.Length
	for _, t := range yTicks {
		widest = max(widest, widthOf(t.label))
	}
	f := &frame{drawing: d, x0: edge + widest + gap, x1: w - edge - right, y0: edge + ascent + gap, y1: h - edge - ascent/2, xLo: xLo, xHi: xHi, yLo: yLo, yHi: yHi}
	for _, t := range yTicks {
		y := f.y(t.at)
		d.segment(f.x0, y, f.x1, y, grid, thinWidth, nil)
		d.text(f.x0-gap, y-ascent/2, 1, muted, t.label)
	}
	end := vg.Length(math.Inf(-1))
	for _, t := range xTicks {
		x, half := f.x(t.at), widthOf(t.label)/2
		if x-half < end+gap || x-half < 0 || x+half > w {
			continue
		}
		end = x + half
		d.segment(x, f.y0, x, f.y0-3, muted, thinWidth, nil)
		d.text(x, edge, .5, muted, t.label)
	}
	d.segment(f.x0, f.y0, f.x1, f.y0, muted, thinWidth, nil)
	return f
}

// nice returns at most n+1 round numbers from lo to hi, with as many digits as tell them apart.
func nice(lo, hi float64, n int, format func(v float64, digits int) string) []tick {
	if !(hi > lo) || n < 1 {
		return nil
	}
	power := math.Pow(10, math.Floor(math.Log10((hi-lo)/float64(n))))
	step := power
	for _, k := range []float64{1, 2, 5, 10} {
		if step = k * power; (hi-lo)/step <= float64(n) {
			break
		}
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var out []tick
	for k := math.Ceil(lo/step - 1e-9); k*step <= hi+1e-9*step; k++ {
		v := k * step
		if v == 0 {
			v = 0 // not -0
		}
		out = append(out, tick{v, format(v, digits)})
	}
	return out
}

func plainNumber(v float64, digits int) string {
	return minus(strconv.FormatFloat(v, 'f', digits, 64))
}

func percent(v float64, digits int) string {
	return minus(strconv.FormatFloat(100*v, 'f', max(digits-2, 0), 64))
}

// minus writes the sign of a negative number as a minus, not as a hyphen.
func minus(number string) string {
	if number != "" && number[0] == '-' {
		return "−" + number[1:]
	}
	return number
}

// dateTicks returns dates from lo to hi: years, months or days, at most about n.
func dateTicks(lo, hi etf.Session, n int) []tick {
	span := float64(hi - lo)
	var out []tick
	add := func(s etf.Session, layout string) {
		if s >= lo && s <= hi {
			out = append(out, tick{float64(s), s.Time().Format(layout)})
		}
	}
	firstYear, _, _ := lo.Date()
	lastYear, _, _ := hi.Date()
	switch {
	case span > 900:
		step := max(1, int(math.Ceil(span/365.25/float64(n))))
		for y := firstYear; y <= lastYear; y++ {
			if y%step == 0 {
				add(etf.NewSession(y, time.January, 1), "2006")
			}
		}
	case span > 50:
		step := 12
		for _, k := range []int{1, 2, 3, 6} {
			if span/30.4/float64(k) <= float64(n) {
				step = k
				break
			}
		}
		for y := firstYear; y <= lastYear; y++ {
			for m := 1; m <= 12; m += step {
				add(etf.NewSession(y, time.Month(m), 1), "2006-01")
			}
		}
	default:
		step := max(1, int(math.Ceil(span/float64(n))))
		for s := lo; s <= hi; s = s.AddDays(step) {
			add(s, "01-02")
		}
	}
	return out
}

// around returns the range of values with a margin, and room if all are equal.
func around(values []float64) (lo, hi float64, ok bool) {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if !ok {
			lo, hi, ok = v, v, true
		}
		lo, hi = min(lo, v), max(hi, v)
	}
	if pad := (hi - lo) * .05; pad > 1e-12*max(math.Abs(lo), math.Abs(hi)) {
		return lo - pad, hi + pad, ok
	}
	pad := max(math.Abs(lo)*.05, 1e-6)
	return lo - pad, hi + pad, ok
}
