package report

import (
	"html/template"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/etfcast/etfcast/etf"
)

// finite reports whether p is a number that can be shown.
func finite(p *float64) bool { return p != nil && !math.IsNaN(*p) && !math.IsInf(*p, 0) }

// drawRatios draws a ratio to the benchmark for each model, with its interval. Empty if there is none.
func drawRatios(rows []etf.BacktestResult, of func(etf.BacktestResult) (ratio, low, high *float64), title, description string) template.HTML {
	var shown []etf.BacktestResult
	values := []float64{1}
	var widest vg.Length
	for _, r := range rows {
		ratio, low, high := of(r)
		if !finite(ratio) {
			continue
		}
		shown = append(shown, r)
		widest = max(widest, widthOf(r.Model))
		for _, p := range []*float64{ratio, low, high} {
			if finite(p) {
				values = append(values, min(max(*p, .2), 3)) // a hopeless model doesn't press the others together
			}
		}
	}
	if len(shown) == 0 {
		return ""
	}
	lo, hi, _ := around(values)
	yTicks := make([]tick, len(shown))
	for i, r := range shown {
		yTicks[i] = tick{float64(-i), r.Model}
	}
	f := newFrame(chartWidth, vg.Length(34+18*len(shown)), 0, lo, hi, .5-float64(len(shown)), .5, nice(lo, hi, 5, plainNumber), yTicks)
	f.segment(f.x(1), f.y0, f.x(1), f.y1, ink, thinWidth, []vg.Length{3, 2})
	within := func(v float64) float64 { return min(max(v, lo), hi) }
	for i, r := range shown {
		ratio, low, high := of(r)
		y := f.y(float64(-i))
		if finite(low) && finite(high) {
			f.segment(f.x(within(*low)), y, f.x(within(*high)), y, centre, lineWidth, nil)
		}
		if *ratio >= lo && *ratio <= hi {
			f.fill(diamond(f.x(*ratio), y, 3.5), centre)
		} else { // beyond the axis: an arrow at its end
			x, tip := f.x1, vg.Length(6)
			if *ratio < lo {
				x, tip = f.x0, -6
			}
			f.fill(path(vg.Point{X: x - tip, Y: y + 4}, vg.Point{X: x, Y: y}, vg.Point{X: x - tip, Y: y - 4}), centre)
		}
	}
	return f.inline(title, description)
}

// mostSteps is the number of points of a line that are drawn.
const mostSteps = 140

// thin returns at most n of the elements, the first and the last included.
func thin[T any](x []T, n int) []T {
	if len(x) <= n {
		return x
	}
	out := make([]T, n)
	for i := range out {
		out[i] = x[i*(len(x)-1)/(n-1)]
	}
	return out
}

// drawSums draws the cumulative differences from the benchmark, each line with its model's name at the end. number gives a model the same
// colour and dashes everywhere.
func drawSums(rows []etf.BacktestResult, number func(model string) int, title, description string) template.HTML {
	type curve struct {
		model string
		steps []etf.BacktestStep
		label float64 // height of its name
	}
	var curves []curve
	values := []float64{0}
	var first, last etf.Session
	var room vg.Length
	for _, r := range rows {
		steps := slices.DeleteFunc(slices.Clone(r.Steps), func(s etf.BacktestStep) bool { return math.IsNaN(s.Sum) || math.IsInf(s.Sum, 0) })
		if len(steps) < 2 {
			continue
		}
		steps = thin(steps, mostSteps)
		for _, s := range steps {
			values = append(values, s.Sum)
		}
		if first == 0 || steps[0].Origin < first {
			first = steps[0].Origin
		}
		last = max(last, steps[len(steps)-1].Origin)
		room = max(room, widthOf(r.Model))
		curves = append(curves, curve{model: r.Model, steps: steps})
	}
	if len(curves) == 0 || first == last {
		return ""
	}
	lo, hi, _ := around(values)
	const height = chartHeight + 30
	f := newFrame(chartWidth, height, room+2*gap, float64(first), float64(last), lo, hi, dateTicks(first, last, 6), nice(lo, hi, 6, plainNumber))
	f.segment(f.x0, f.y(0), f.x1, f.y(0), ink, thinWidth, []vg.Length{3, 2})
	for i := range curves {
		c := &curves[i]
		r, dash := lineOf(number(c.model))
		points := make([]vg.Point, len(c.steps))
		for k, s := range c.steps {
			points[k] = f.at(float64(s.Origin), s.Sum)
		}
		f.stroke(path(points...), r, lineWidth, dash)
		c.label = float64(points[len(points)-1].Y)
	}
	// Names that would overlap are moved apart: first up from the lowest, then down from the top edge.
	slices.SortStableFunc(curves, func(a, b curve) int {
		switch {
		case a.label < b.label:
			return -1
		case a.label > b.label:
			return 1
		}
		return 0
	})
	const apart = textSize + 1
	for i := range curves {
		least := float64(f.y0) + ascent/2
		if i > 0 {
			least = curves[i-1].label + apart
		}
		curves[i].label = max(curves[i].label, least)
	}
	for i := len(curves) - 1; i >= 0; i-- {
		most := float64(height) - ascent
		if i < len(curves)-1 {
			most = curves[i+1].label - apart
		}
		curves[i].label = min(curves[i].label, most)
	}
	for _, c := range curves {
		r, _ := lineOf(number(c.model))
		f.segment(f.x(float64(c.steps[len(c.steps)-1].Origin)), f.y(c.steps[len(c.steps)-1].Sum), f.x1+gap, vg.Length(c.label), r, thinWidth, nil)
		f.text(f.x1+gap+2, vg.Length(c.label)-ascent/2, 0, r, c.model)
	}
	return f.inline(title, description)
}

// drawPIT draws how many prices fell into each part of the forecast distribution; dashed, how many should have.
func drawPIT(counts []int, title, description string) template.HTML {
	total, most := 0, 0
	for _, n := range counts {
		total, most = total+n, max(most, n)
	}
	if total == 0 {
		return ""
	}
	share := func(n int) float64 { return float64(n) / float64(total) }
	even := 1 / float64(len(counts))
	top := max(share(most), 2*even) * 1.05
	f := newFrame(180, 110, 0, 0, 1, 0, top, []tick{{0, "0"}, {.5, ".5"}, {1, "1"}}, nice(0, top, 3, func(v float64, digits int) string { return percent(v, digits) + "%" }))
	var bars vg.Path
	for i, n := range counts {
		if n > 0 {
			pad := .08 * even
			bars = append(bars, box(f.x(float64(i)*even+pad), f.y0, f.x(float64(i+1)*even-pad), f.y(share(n)))...)
		}
	}
	f.fill(bars, centre)
	f.segment(f.x0, f.y(even), f.x1, f.y(even), ink, 1, []vg.Length{3, 2})
	return f.inline(title, description)
}

// levels of the intervals, with what a slice and a result say of them.
var levels = [...]struct {
	nominal float64
	slice   func(etf.BacktestSlice) *float64
	result  func(etf.BacktestResult) (share, se *float64)
}{
	{.50, func(s etf.BacktestSlice) *float64 { return s.Coverage50 }, func(r etf.BacktestResult) (share, se *float64) { return r.Coverage50, r.Coverage50SE }},
	{.80, func(s etf.BacktestSlice) *float64 { return s.Coverage80 }, func(r etf.BacktestResult) (share, se *float64) { return r.Coverage80, r.Coverage80SE }},
	{.90, func(s etf.BacktestSlice) *float64 { return s.Coverage90 }, func(r etf.BacktestResult) (share, se *float64) { return r.Coverage90, r.Coverage90SE }},
	{.95, func(s etf.BacktestSlice) *float64 { return s.Coverage95 }, func(r etf.BacktestResult) (share, se *float64) { return r.Coverage95, r.Coverage95SE }},
}

// drawSlices draws the coverage of the intervals of one model by volatility, then by year, each level beside its dashed nominal line.
func drawSlices(parts []etf.BacktestSlice, name func(etf.BacktestSlice) string, title, description string) template.HTML {
	var by [2][]etf.BacktestSlice
	for _, s := range parts {
		if s.By == "volatility" {
			by[0] = append(by[0], s)
		} else {
			by[1] = append(by[1], s)
		}
	}
	all := append(by[0], by[1]...)
	lowest := .45
	any := false
	for _, s := range all {
		for _, l := range levels {
			if p := l.slice(s); finite(p) {
				lowest, any = min(lowest, *p-.02), true
			}
		}
	}
	if !any {
		return ""
	}
	// A space apart, volatility and years.
	place := func(i int) float64 {
		if i >= len(by[0]) && len(by[0]) > 0 {
			return float64(i) + .7
		}
		return float64(i)
	}
	xTicks := make([]tick, len(all))
	for i, s := range all {
		xTicks[i] = tick{place(i), name(s)}
	}
	var yTicks []tick
	for _, l := range levels {
		if l.nominal != .95 {
			yTicks = append(yTicks, tick{l.nominal, percent(l.nominal, 0) + "%"})
		}
	}
	f := newFrame(chartWidth, 170, 26, -.5, place(len(all)-1)+.5, lowest, 1.01, xTicks, yTicks)
	for k, l := range levels {
		r, dash := lineOf(k)
		f.segment(f.x0, f.y(l.nominal), f.x1, f.y(l.nominal), r, thinWidth, []vg.Length{3, 2})
		f.text(f.x1+3, f.y(l.nominal)-ascent/2, 0, r, percent(l.nominal, 0))
		for part, from := range []int{0, len(by[0])} {
			var run []vg.Point
			for i, s := range by[part] {
				if p := l.slice(s); finite(p) {
					at := f.at(place(from+i), *p)
					run = append(run, at)
					f.fill(diamond(at.X, at.Y, 3), r)
				}
			}
			if len(run) > 1 {
				f.stroke(path(run...), r, 1, dash)
			}
		}
	}
	return f.inline(title, description)
}

// drawFan draws a forecast: the closes before it, its intervals (50, 80, 90 and, if there are tails, 95 %), its median, and the closes that came.
func drawFan(fan etf.BacktestFan, title, description string) template.HTML {
	if len(fan.Points) == 0 || len(fan.Before) == 0 {
		return ""
	}
	points := slices.Clone(fan.Points)
	tails := len(fan.Tails) == len(points)
	var values []float64
	for _, c := range slices.Concat(fan.Before, fan.After) {
		values = append(values, c.Close)
	}
	for i, p := range points {
		values = append(values, p.Quantiles[:]...)
		if tails {
			values = append(values, fan.Tails[i][0], fan.Tails[i][1])
		}
	}
	if slices.ContainsFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
		return ""
	}
	lo, hi, _ := around(values)
	first, last := fan.Before[0].Session, points[len(points)-1].Target
	if n := len(fan.After); n > 0 {
		last = max(last, fan.After[n-1].Session)
	}
	if first >= last {
		return ""
	}
	f := newFrame(chartWidth, chartHeight, 0, float64(first), float64(last), lo, hi, dateTicks(first, last, 5), nice(lo, hi, 6, plainNumber))
	start := fan.Before[len(fan.Before)-1]
	// Each interval begins at the close of the origin.
	area := func(low, high func(i int) float64) {
		edge := []vg.Point{f.at(float64(start.Session), start.Close)}
		for i, p := range points {
			edge = append(edge, f.at(float64(p.Target), high(i)))
		}
		for i := len(points) - 1; i >= 0; i-- {
			edge = append(edge, f.at(float64(points[i].Target), low(i)))
		}
		whole := path(edge...)
		whole.Close()
		f.fill(whole, band)
	}
	if tails {
		area(func(i int) float64 { return fan.Tails[i][0] }, func(i int) float64 { return fan.Tails[i][1] })
	}
	for k := range 3 {
		area(func(i int) float64 { return points[i].Quantiles[k] }, func(i int) float64 { return points[i].Quantiles[6-k] })
	}
	line := func(from []vg.Point, r role, width vg.Length, dash []vg.Length) {
		if len(from) > 1 {
			f.stroke(path(from...), r, width, dash)
		}
	}
	var before, median, after []vg.Point
	for _, c := range fan.Before {
		before = append(before, f.at(float64(c.Session), c.Close))
	}
	median = append(median, before[len(before)-1])
	for _, p := range points {
		median = append(median, f.at(float64(p.Target), p.Quantiles[3]))
	}
	after = append(after, before[len(before)-1])
	for _, c := range fan.After {
		if c.Session > start.Session {
			after = append(after, f.at(float64(c.Session), c.Close))
		}
	}
	line(before, ink, 1.1, nil)
	line(median, centre, lineWidth, []vg.Length{5, 2})
	line(after, came, 1.3, nil)
	return f.inline(title, description)
}
