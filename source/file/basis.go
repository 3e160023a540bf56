package file

import (
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// Closes that are adjusted differently from open, high and low lie on one side of them, by a factor that changes only at
// distributions and splits. Wrong columns and bad rows look otherwise: their closes lie on both sides, or in single rows.

const (
	// basisRun is how many consecutive closes must lie beyond the same end of their rows.
	basisRun = 10
	// basisWindow is a longer run of rows in which half of the closes must, and basisOther the most that may lie beyond the
	// other end: a small factor moves only those closes out of the day's range that are near its end.
	basisWindow = 40
	basisOther  = 1
	// basisLeast is the least distance of those closes, as a logarithm; closer ones are rounded differently.
	basisLeast = 0.001
	// basisRows is how many rows it takes to see that one column stands apart from the three others.
	basisRows = 20
	// basisApart is the least distance of such a column, as a logarithm.
	basisApart = 0.005
)

// basisBreak is a run of rows whose closes are on another basis.
type basisBreak struct {
	from, to int // lines
	rows     int // informative ones
	beyond   int // closes beyond the same end
	factor   float64
	what     string
	column   role
}

// otherBasis looks for closes, or another column, on another basis than the rest.
func (t *table) otherBasis() (basisBreak, bool) {
	type point struct {
		row  int32
		side int8 // 1 above the high, -1 below the low
	}
	points := make([]point, 0, len(t.bars))
	sides := 0
	for i, b := range t.bars {
		if b.Close <= 0 || b.High <= 0 || b.Low <= 0 || b.Low > b.High {
			continue
		}
		hi, lo := b.High, b.Low
		if b.Open > 0 {
			hi, lo = max(hi, b.Open), min(lo, b.Open)
		}
		p := point{row: int32(i)}
		switch {
		case b.Close > hi+hi/fitTolerancePart:
			p.side = 1
			sides++
		case b.Close < lo-lo/fitTolerancePart:
			p.side = -1
			sides++
		}
		points = append(points, p)
	}
	if sides < 3 {
		return t.columnApart()
	}
	// The run of rows is extended from the first window that shows it.
	found, start, end := false, 0, 0
	var side int8
	run, above, below := 0, 0, 0
	for i, p := range points {
		if i > 0 && p.side != 0 && p.side == points[i-1].side {
			run++
		} else {
			run = 1
		}
		above, below = above+b2i(p.side > 0), below+b2i(p.side < 0)
		if i >= basisWindow {
			above, below = above-b2i(points[i-basisWindow].side > 0), below-b2i(points[i-basisWindow].side < 0)
		}
		switch {
		case p.side != 0 && run >= basisRun:
			found, side, start, end = true, p.side, i-run+1, i
		case i+1 >= basisWindow && above*2 >= basisWindow && below <= basisOther:
			found, side, start, end = true, 1, i-basisWindow+1, i
		case i+1 >= basisWindow && below*2 >= basisWindow && above <= basisOther:
			found, side, start, end = true, -1, i-basisWindow+1, i
		}
		if found {
			break
		}
	}
	if !found && len(points) >= 3 && len(points) < basisRun { // a short file in which every close is beyond
		side, found = points[0].side, points[0].side != 0
		for _, p := range points {
			found = found && p.side == side
		}
		start, end = 0, len(points)-1
	}
	if !found {
		return t.columnApart()
	}
	for inside := 0; end+1 < len(points) && inside < basisWindow; {
		end++
		if inside++; points[end].side == side {
			inside = 0
		}
	}
	for end > start && points[end].side != side {
		end--
	}
	r := basisBreak{from: t.lines[points[start].row], to: t.lines[points[end].row], rows: end - start + 1, column: closing}
	var by []float64
	for _, p := range points[start : end+1] {
		if p.side != side {
			continue
		}
		r.beyond++
		b := t.bars[p.row]
		bound := max(b.High, b.Open)
		if side < 0 {
			bound = b.Low
			if b.Open > 0 {
				bound = min(b.Low, b.Open)
			}
		}
		by = append(by, math.Log(b.Close.Float()/bound.Float()))
		if side > 0 {
			first(&r.what, fmt.Sprintf("close %s is above high %s", b.Close, b.High))
		} else {
			first(&r.what, fmt.Sprintf("close %s is below low %s", b.Close, b.Low))
		}
	}
	slices.Sort(by)
	r.factor = math.Exp(by[len(by)/2])
	if math.Abs(by[len(by)/2]) < basisLeast {
		return t.columnApart()
	}
	return r, true
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// columnApart looks for a column other than the close that stands apart from the three others in the whole file, as a close
// that is called the high does.
func (t *table) columnApart() (basisBreak, bool) {
	var columns [closing + 1][]float64
	for r := open; r <= closing; r++ {
		columns[r] = make([]float64, 0, len(t.bars))
	}
	for _, b := range t.bars {
		if b.Open > 0 && b.High > 0 && b.Low > 0 && b.Close > 0 {
			for r, p := range [...]etf.Price{open: b.Open, high: b.High, low: b.Low, closing: b.Close} {
				if role(r) < open {
					continue
				}
				columns[r] = append(columns[r], p.Float())
			}
		}
	}
	for r := open; r < closing; r++ {
		var others [][]float64
		for o := open; o <= closing; o++ {
			if o != r {
				others = append(others, columns[o])
			}
		}
		if standsApart(1, columns[r], others[0], others[1], others[2]) {
			from, to := t.lines[0], t.lines[len(t.lines)-1]
			return basisBreak{from: min(from, to), to: max(from, to), rows: len(columns[r]), beyond: len(columns[r]), column: r,
				what: fmt.Sprintf("%s %s stands apart from %s, %s and %s", roleNames[r], number(columns[r][0]), number(others[0][0]), number(others[1][0]), number(others[2][0]))}, true
		}
	}
	return basisBreak{}, false
}

func number(f float64) string {
	p, _ := etf.PriceFromFloat(f)
	return p.String()
}

// standsApart reports whether x lies farther from a, b and c, on the same side in nine rows of ten, than a part of the distance of these
// from one another. The high of a session is near its open or close on many days.
func standsApart(part float64, x, a, b, c []float64) bool {
	if len(x) < basisRows {
		return false
	}
	over, under := 0, 0
	for i := range x { // most columns are told by this alone
		if x[i] > max(a[i], b[i], c[i])*(1+basisApart) {
			over++
		} else if x[i] < min(a[i], b[i], c[i])*(1-basisApart/2) {
			under++
		}
	}
	if max(over, under)*10 < len(x)*9-10 {
		return false
	}
	above, below, spread := make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x))
	for i := range x {
		hi, lo := max(a[i], b[i], c[i]), min(a[i], b[i], c[i])
		above[i], below[i], spread[i] = math.Log(x[i]/hi), math.Log(lo/x[i]), math.Log(hi/lo)
		if math.IsNaN(above[i]) || math.IsNaN(spread[i]) {
			above[i], below[i], spread[i] = 0, 0, 0
		}
	}
	slices.Sort(above)
	slices.Sort(below)
	slices.Sort(spread)
	least, most := max(part*spread[len(spread)/2], basisApart), math.Log(fitRange) // farther away it is no price at all
	return above[len(x)/10] > least && above[len(x)/2] < most || below[len(x)/10] > least && below[len(x)/2] < most
}

// basisError rejects a file for a column on another basis.
func (t *table) basisError(r basisBreak) error {
	message := fmt.Sprintf("the %ss are on another basis than %s: %s", roleNames[r.column], map[role]string{open: "high, low and close", high: "open, low and close",
		low: "open, high and close", closing: "open, high and low"}[r.column], r.what)
	if r.column != closing && t.columns.at[r.column] == t.headerClose() { // the reference names another column the close
		message = fmt.Sprintf("the closes, which columns= calls %s, are on another basis than open, high and low: %s", roleNames[r.column], r.what)
	}
	if r.column == closing {
		end := "above the high"
		if r.factor < 1 {
			end = "below the low"
		}
		message += fmt.Sprintf(", and %d of %d rows from line %d to %d have the close %s, by the factor %.4g", r.beyond, r.rows, r.from, r.to, end, r.factor)
	}
	return &etf.Error{
		Kind: etf.KindCorrupt, Field: fmt.Sprintf("%s:%d", t.name, r.from), Message: message,
		Remedy: "export all prices as traded, or all of them adjusted; no order of columns mends this",
	}
}
