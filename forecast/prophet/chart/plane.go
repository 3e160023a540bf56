package chart

import (
	"image/color"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/plot/vg"
)

// plane is a laid-out panel: the rectangle of its frame and what it shows.
type plane struct {
	canvas
	*panel
	x0, x1, y0, y1     vg.Length
	xLo, xHi, yLo, yHi float64
	xTicks, yTicks     []tick
	factor             string // the tick labels of the vertical axis are multiples of it
}

func (pl *plane) x(v float64) vg.Length {
	return pl.x0 + vg.Length((v-pl.xLo)/(pl.xHi-pl.xLo))*(pl.x1-pl.x0)
}

func (pl *plane) y(v float64) vg.Length {
	if pl.percent {
		v *= 100
	}
	return pl.yAt(v)
}

// yAt is y for a value in the units of the axis.
func (pl *plane) yAt(v float64) vg.Length {
	return pl.y0 + vg.Length((v-pl.yLo)/(pl.yHi-pl.yLo))*(pl.y1-pl.y0)
}

// fits reports whether the labels of neighbouring ticks are far enough apart.
func (pl *plane) fits(ticks []tick) bool {
	for i := 1; i < len(ticks); i++ {
		room := pl.x(ticks[i].at) - pl.x(ticks[i-1].at)
		if room < (textWidth(ticks[i].label)+textWidth(ticks[i-1].label))/2+labelSpace {
			return false
		}
	}
	return true
}

// drawAll draws the grid, the panel's data, the frame, ticks and labels.
func (pl *plane) drawAll() {
	if pl.under != nil {
		pl.under(pl)
	}
	for _, t := range pl.xTicks {
		x := pl.snap(pl.x(t.at))
		pl.segment(x, pl.y0, x, pl.y1, gridLine)
	}
	for _, t := range pl.yTicks {
		y := pl.snap(pl.yAt(t.at))
		pl.segment(pl.x0, y, pl.x1, y, gridLine)
	}
	pl.draw(pl)

	x0, x1, y0, y1 := pl.snap(pl.x0), pl.snap(pl.x1), pl.snap(pl.y0), pl.snap(pl.y1)
	pl.stroke(box(x0, y0, x1, y1), frameLine)
	base := pl.y0 - tickLength - tickGap - ascent
	for _, t := range pl.xTicks {
		x := pl.snap(pl.x(t.at))
		pl.segment(x, y0, x, y0-tickLength, frameLine)
		pl.text(pl.x(t.at), base, 0.5, t.label)
	}
	pl.text((pl.x0+pl.x1)/2, base-labelGap-descent-ascent+descent, 0.5, shortened(pl.xLabel, pl.x1-pl.x0))
	for _, t := range pl.yTicks {
		y := pl.snap(pl.yAt(t.at))
		pl.segment(x0, y, x0-tickLength, y, frameLine)
		pl.text(pl.x0-tickLength-tickGap, pl.yAt(t.at)-ascent/2, 1, t.label)
	}
	pl.text(pl.x0, pl.y1+labelGap/2, 0, pl.factor)
	pl.textUpwards(edge+ascent, (pl.y0+pl.y1)/2, shortened(pl.yLabel, pl.y1-pl.y0+2*(ascent+tickGap)))
}

// runs splits rows into stretches without NaN, as points on the plane.
func (pl *plane) runs(x, y []float64) [][]vg.Point {
	var out [][]vg.Point
	open := false
	for i, v := range y {
		if math.IsNaN(v) {
			open = false
			continue
		}
		if !open {
			out, open = append(out, nil), true
		}
		last := &out[len(out)-1]
		*last = append(*last, vg.Point{X: pl.x(x[i]), Y: pl.y(v)})
	}
	return out
}

// line joins the values in the order of rows; an isolated row between gaps is a dot.
func (pl *plane) line(x, y []float64, with pen) {
	for _, run := range pl.runs(x, y) {
		if len(run) == 1 {
			pl.fill(circle(nil, run[0], dotRadius), with.color)
			continue
		}
		run = visible(run)
		if pl.dots == 0 || with.dash != nil {
			pl.stroke(polyline(run), with)
			continue
		}
		// Neighbouring pieces share a segment, so that each corner is drawn whole in one of them.
		for ; len(run) > piece; run = run[piece-2:] {
			pl.stroke(polyline(run[:piece]), with)
		}
		pl.stroke(polyline(run), with)
	}
}

// piece is how much of a path is drawn into a PNG at once: corners of a line, dots, or a band's width in a PNG's dots.
// The time a long path takes grows with the square of its length, because each row of dots is a list that is searched
// from its start.
const piece = 64

// band fills the area between two lines where both have values.
func (pl *plane) band(x, lower, upper []float64, with color.Color) {
	if lower == nil {
		return
	}
	both := make([]bool, len(x))
	for i := range x {
		both[i] = math.IsNaN(lower[i]) || math.IsNaN(upper[i])
	}
	lo, hi := pl.runs(x, without(lower, both)), pl.runs(x, without(upper, both))
	for i := range lo {
		switch {
		case len(lo[i]) == 1:
		case vg.Length(len(lo[i]))*resolution < pl.x1-pl.x0:
			path := between(lo[i], hi[i])
			pl.fill(path, with)
			pl.stroke(path, pen{color: with, width: bandEdge}) // where the band is very thin, only its edge is visible
		default:
			pl.dense(extremes(lo[i], func(a, b vg.Length) bool { return a < b }), extremes(hi[i], func(a, b vg.Length) bool { return a > b }), with)
		}
	}
}

// dense fills the area between lines with very many corners; for a PNG, in pieces that meet on the edge between two
// dots and so show no seam.
func (pl *plane) dense(lo, hi []vg.Point, with color.Color) {
	if pl.dots > 0 {
		width := vg.Length(piece / pl.dots)
		for x := vg.Length(math.Floor(float64(pl.x0/width))) * width; x < pl.x1; x += width {
			var left, top []vg.Point
			left, lo = cut(lo, x)
			top, hi = cut(hi, x)
			if len(left) > 0 && len(top) > 0 {
				pl.fill(between(left, top), with)
			}
		}
	}
	if len(lo) > 0 && len(hi) > 0 {
		pl.fill(between(lo, hi), with)
	}
}

// cut divides a line, ascending in X, at x.
func cut(line []vg.Point, x vg.Length) (left, right []vg.Point) {
	k := sort.Search(len(line), func(i int) bool { return line[i].X >= x })
	if k == 0 || k == len(line) {
		return line[:k], line[k:]
	}
	a, b := line[k-1], line[k]
	at := vg.Point{X: x, Y: a.Y + (b.Y-a.Y)*(x-a.X)/(b.X-a.X)}
	return append(slices.Clone(line[:k]), at), append([]vg.Point{at}, line[k:]...)
}

// between is the area between two lines, ascending in X.
func between(lo, hi []vg.Point) vg.Path {
	path := polyline(hi)
	for k := len(lo) - 1; k >= 0; k-- {
		path.Line(lo[k])
	}
	path.Close()
	return path
}

// extremes keeps, of the corners within one resolution of width, the one that comes first in the given order, moved to
// the level of any earlier one within half the width of a band's edge, as if the edge were drawn. The line still
// begins and ends where it did.
func extremes(line []vg.Point, before func(a, b vg.Length) bool) []vg.Point {
	var best []vg.Point
	column := func(p vg.Point) float64 { return math.Floor(float64(p.X) / resolution) }
	for i, p := range line {
		switch last := len(best) - 1; {
		case i == 0 || column(p) != column(line[i-1]):
			best = append(best, p)
		case before(p.Y, best[last].Y):
			best[last] = p
		}
	}
	out := make([]vg.Point, 0, len(best)+2)
	out = append(out, vg.Point{X: line[0].X, Y: best[0].Y})
	for i, p := range best {
		for _, k := range [...]int{i - 1, i + 1} {
			if k >= 0 && k < len(best) && max(best[k].X-best[i].X, best[i].X-best[k].X) <= bandEdge/2+resolution/2 && before(best[k].Y, p.Y) {
				p.Y = best[k].Y
			}
		}
		out = append(out, p)
	}
	return append(out, vg.Point{X: line[len(line)-1].X, Y: out[len(out)-1].Y})
}

// manyPoints is the number above which points are drawn small, so that they do not run together.
const manyPoints = 1000

// points draws rows as dots.
func (pl *plane) points(x, y []float64, with color.Color) {
	const limit = 20_000
	var all []vg.Point
	for _, run := range pl.runs(x, y) {
		all = append(all, run...)
	}
	if len(all) == 0 {
		return
	}
	radius := vg.Length(dotRadius)
	if len(all) > manyPoints {
		radius = smallRadius
	}
	all, _ = distinct(all, limit)
	each := len(all)
	if pl.dots > 0 {
		each = piece
	}
	for some := range slices.Chunk(all, each) {
		var path vg.Path
		for _, p := range some {
			path = circle(path, p, radius)
		}
		pl.fill(path, with)
	}
}

// haze draws rows as transparent dots that darken where many overlap.
func (pl *plane) haze(x, y []float64, with ink) {
	const limit = 5_000
	var all []vg.Point
	for _, run := range pl.runs(x, y) {
		all = append(all, run...)
	}
	all, count := distinct(all, limit)
	var total int
	for _, n := range count {
		total += n
	}
	// A few dots must each be visible. The original's opacity of 0.1 is right for many thousands.
	opacity := min(max(9/math.Sqrt(float64(max(total, 1))), 0.1), 0.5)
	for i, p := range all {
		with.a = uint8(math.Round(255 * (1 - math.Pow(1-opacity, float64(count[i])))))
		pl.fill(circle(nil, p, dotRadius), with)
	}
}

// vertical draws a vertical line, if it is within the plane.
func (pl *plane) vertical(at float64, with pen) {
	if at < pl.xLo || at > pl.xHi {
		return
	}
	x := pl.x(at)
	pl.segment(x, pl.y0, x, pl.y1, with)
}

// column fills the plane between two places of the horizontal axis.
func (pl *plane) column(from, to float64, with color.Color) {
	x0, x1 := max(pl.x(from), pl.x0), min(pl.x(to), pl.x1)
	pl.fill(box(x0, pl.y0, x1, pl.y1), with)
}

func polyline(points []vg.Point) vg.Path {
	path := make(vg.Path, 0, len(points))
	path.Move(points[0])
	for _, p := range points[1:] {
		path.Line(p)
	}
	return path
}

func circle(path vg.Path, at vg.Point, radius vg.Length) vg.Path {
	path.Move(vg.Point{X: at.X + radius, Y: at.Y})
	path.Arc(at, radius, 0, 2*math.Pi)
	path.Close()
	return path
}

// resolution is the distance in points below which no difference is visible: two thirds of a dot at 100 dots per inch.
const resolution = 0.5

// visible leaves out the corners of a line that can't be seen: of those within one resolution of width it keeps the
// first, the lowest, the highest and the last, in order. Points are ascending in X.
func visible(line []vg.Point) []vg.Point {
	out := make([]vg.Point, 0, len(line))
	for i := 0; i < len(line); {
		column := math.Floor(float64(line[i].X) / resolution)
		lowest, highest, end := i, i, i
		for ; end < len(line) && math.Floor(float64(line[end].X)/resolution) == column; end++ {
			if line[end].Y < line[lowest].Y {
				lowest = end
			}
			if line[end].Y > line[highest].Y {
				highest = end
			}
		}
		last := -1
		for _, k := range [...]int{i, min(lowest, highest), max(lowest, highest), end - 1} {
			if k != last {
				out = append(out, line[k])
				last = k
			}
		}
		i = end
	}
	return out
}

// distinct merges points within one resolution of each other, and returns how many each remaining one stands for.
// While more than limit remain, it doubles the distance and starts over.
func distinct(points []vg.Point, limit int) ([]vg.Point, []int) {
	type cell struct{ x, y int }
	for size := float64(resolution); ; size *= 2 {
		at := make(map[cell]int, len(points))
		var out []vg.Point
		var count []int
		for _, p := range points {
			c := cell{int(math.Floor(float64(p.X) / size)), int(math.Floor(float64(p.Y) / size))}
			k, ok := at[c]
			if !ok {
				k = len(out)
				at[c] = k
				out, count = append(out, p), append(count, 0)
			}
			count[k]++
		}
		if len(out) <= limit {
			return out, count
		}
	}
}
