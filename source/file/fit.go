package file

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// A header can name the wrong columns and yet every row be readable. What gives it away is that the rows contradict
// it: a high below the low, an open that is a price change, a low that is a volume. Some rows are just bad, and those
// are not this package's to judge, so a file is rejected only if more than a third of its informative rows contradict
// the header. A row is informative unless its four prices are all the same or there was no trade in the session.

const (
	// fitTolerance is how far low <= open, close <= high may be violated, as a fraction of the high: 0.02%, twice the
	// rounding error seen in adjusted files.
	fitTolerance = 0.0002
	// fitTolerancePart is 1/fitTolerance, for exact numbers.
	fitTolerancePart = 5000
	// fitRange is the largest ratio of high to low within a session. The largest in the real files is below 2.
	fitRange = 3
	// swapRows is how many consecutive rows it takes to tell open and close apart.
	swapRows = 60
	// swapFactor is the threshold for the distance from each close to the next open, over the distance from each open to
	// the next close. In the real files of at least swapRows rows the ratio is at most 0.66, so with the columns swapped
	// it is at least 1.5.
	swapFactor = 1.1
)

// contradiction says how a bar contradicts the header, "" if it does not. informative is false for a bar that never can.
func contradiction(b etf.Bar) (what string, informative bool) {
	// Without a volume column, three zeros alone mean that there was no trade; package quality reads them the same way.
	untraded := b.Open == 0 && b.High == 0 && b.Low == 0 && b.Close > 0 && b.Volume <= 0
	if untraded || (b.Open == b.High && b.High == b.Low && b.Low == b.Close) {
		return "", false
	}
	if b.Close == 0 || b.High == 0 && b.Low == 0 {
		return "", false
	}
	// A price of 0 is one that is missing, in many an old row; it shows nothing, and what else the row has still does.
	if b.High == 0 {
		b.High = max(b.Open, b.Close)
	}
	if b.Low == 0 {
		b.Low = min(b.Close, b.High)
		if b.Open != 0 {
			b.Low = min(b.Low, b.Open)
		}
	}
	if b.Open == 0 {
		b.Open = b.Close
	}
	slack := max(b.High, -b.High) / fitTolerancePart
	switch {
	case b.Low > b.High+slack:
		return fmt.Sprintf("low %s is above high %s", b.Low, b.High), true
	case b.Open > b.High+slack:
		return fmt.Sprintf("open %s is above high %s", b.Open, b.High), true
	case b.Close > b.High+slack:
		return fmt.Sprintf("close %s is above high %s", b.Close, b.High), true
	case b.Open < b.Low-slack:
		return fmt.Sprintf("open %s is below low %s", b.Open, b.Low), true
	case b.Close < b.Low-slack:
		return fmt.Sprintf("close %s is below low %s", b.Close, b.Low), true
	case b.Low <= 0:
		return fmt.Sprintf("low %s is not a price", b.Low), true
	case b.Low < b.High/fitRange:
		return fmt.Sprintf("high %s is more than %d times low %s", b.High, fitRange, b.Low), true
	}
	return "", true
}

// checkFit rejects a file whose rows contradict its header, or whose closes are on another basis than its other prices.
func (t *table) checkFit() error {
	compared, against := 0, 0
	what, line := "", 0
	for i, b := range t.bars {
		w, informative := contradiction(b)
		if !informative {
			continue
		}
		compared++
		if w != "" {
			if against == 0 {
				what, line = w, t.lines[i]
			}
			against++
		}
	}
	better := order{}
	wrong, swapped := against >= 2 && against*3 > compared, t.swapped()
	wanders := t.adjustmentWanders()
	run, broken := t.otherBasis()
	if wrong || swapped || wanders || broken {
		better = t.betterColumns()
	}
	if broken && !(better.found && better.natural && !better.same) {
		return t.basisError(run)
	}
	switch {
	case wrong:
		what = fmt.Sprintf("%s, and %d of %d rows contradict it", what, against, compared)
	// A fund whose overnight gaps are partly reversed during the day looks swapped too, but then nothing fits better.
	case swapped && !better.same:
		what, line = "the opens are farther from the closes before them than the closes from the opens before them, as if open and close were swapped", t.first
	case wanders:
		what, line = "the adjusted close moves independently of the close", t.first
	case broken:
		what, line = run.what, run.from
	default:
		return nil
	}
	e := &etf.Error{
		Kind: etf.KindCorrupt, Field: fmt.Sprintf("%s:%d", t.name, line),
		Message: fmt.Sprintf("the header %s does not fit the numbers under it: %s", etf.Clip(t.header, etf.MaxDefectText), what),
		Remedy:  "correct the header, or export the file again",
	}
	// Another order is suggested only if every row agrees with it and it does not make another column the close.
	if better.found && better.keepsClose && better.consistent && !(wrong && better.same) { // the first rows may fit where the rest is broken
		e.Message += "; they fit " + better.columns
		e.Remedy = "correct the header, or put columns=" + better.columns + " in the reference"
	}
	return e
}

// swapped reports whether open and close look swapped, which no single row shows: normally an open is near the close
// before it, and a close is farther from the open before it.
func (t *table) swapped() bool {
	if len(t.bars) < swapRows {
		return false
	}
	descending := t.bars[0].Session > t.bars[len(t.bars)-1].Session
	night, twoDays := 0.0, 0.0
	for i := 1; i < len(t.bars); i++ {
		before, b := t.bars[i-1], t.bars[i]
		if descending {
			before, b = b, before
		}
		if min(before.Open, before.Close, b.Open, b.Close) <= 0 {
			continue
		}
		// Capped, so that a level shift or a bad tick counts as no more than one big move.
		night += math.Min(math.Abs(math.Log(b.Open.Float()/before.Close.Float())), .1)
		twoDays += math.Min(math.Abs(math.Log(b.Close.Float()/before.Open.Float())), .1)
	}
	return night > swapFactor*twoDays
}

const (
	sampleRows    = 400 // rows used to look for columns that fit
	maxCandidates = 10  // columns considered; every ordered choice of four of them is tried
)

const (
	// adjustedLeast keeps out prices so low that two decimals are too coarse for the comparison below.
	adjustedLeast = etf.Price(20 * 1e8)
	// adjustedSlack is how far rounding alone may change the ratio of adjusted to traded close: two decimals at 20.
	adjustedSlack = 0.001
)

// adjustmentWanders reports whether the column of adjusted closes holds something else: the ratio of a real one to the
// close changes only at a distribution or split, not on most days.
func (t *table) adjustmentWanders() bool {
	compared, changed := 0, 0
	previous := math.NaN() // compares as unchanged
	for _, b := range t.bars {
		if b.AdjClose < adjustedLeast || b.Close < adjustedLeast {
			continue
		}
		ratio := math.Log(b.AdjClose.Float() / b.Close.Float())
		if math.Abs(ratio-previous) > adjustedSlack {
			changed++
		}
		compared++
		previous = ratio
	}
	return compared >= swapRows && changed*2 > compared
}

// order is an order of columns that the numbers fit.
type order struct {
	found      bool
	columns    string // in the form of the option "columns"
	same       bool   // the four prices are where the header says
	keepsClose bool   // the close is the column that the file's header calls the close
	consistent bool   // every row agrees with it
	natural    bool   // nearly every row agrees with it, and no column of prices stands apart from the three others
}

// betterColumns returns the order of columns that the numbers fit best.
func (t *table) betterColumns() order {
	n := t.columns.count
	values := make([][]float64, n) // by column; NaN where there is no number
	for i := range t.raw {
		l := &t.raw[i]
		if l.cells == nil || l.action != "" || l.cut {
			continue
		}
		fields, err := t.split(l.text, nil)
		if err != nil {
			continue
		}
		for i, f := range fields {
			v := math.NaN()
			if n, ok := lexNumber(f); ok && i != t.columns.at[date] && !n.percent {
				if text, err := t.decimal.normal(n); err == nil {
					v, _ = strconv.ParseFloat(text, 64)
				}
			}
			if n := v; n <= 0 {
				v = math.NaN()
			}
			values[i] = append(values[i], v)
		}
	}
	if len(values[0]) == 0 {
		return order{}
	}
	if len(t.bars) > 1 && t.bars[0].Session > t.bars[len(t.bars)-1].Session {
		for i := range values {
			slices.Reverse(values[i])
		}
	}
	sample := make([][]float64, n)
	numeric := make([]int, 0, maxCandidates)
	for i, column := range values {
		sample[i] = column[:min(len(column), sampleRows)]
		missing := 0
		for _, v := range sample[i] {
			if math.IsNaN(v) {
				missing++
			}
		}
		if missing <= len(sample[i])/50 && len(numeric) < maxCandidates {
			numeric = append(numeric, i)
		}
	}
	var best [4]int
	found, least := false, math.Inf(1)
	for _, o := range numeric {
		for _, h := range numeric {
			for _, l := range numeric {
				for _, c := range numeric {
					if o == h || o == l || o == c || h == l || h == c || l == c {
						continue
					}
					score, ok := fits(sample[o], sample[h], sample[l], sample[c])
					if !ok {
						continue
					}
					// A few rows fit in many ways, so the header counts for something.
					for i, r := range [4]role{open, high, low, closing} {
						if t.columns.at[r] != [4]int{o, h, l, c}[i] {
							score *= 1.1
						}
					}
					if score < least {
						best, found, least = [4]int{o, h, l, c}, true, score
					}
				}
			}
		}
	}
	if !found {
		return order{}
	}
	of := make([]role, n)
	for r := role(0); r < roles; r++ {
		// Other columns keep their names, unless they turned out to hold a price.
		if i := t.columns.at[r]; i >= 0 && (r < open || r > adjClose) {
			of[i] = r
		}
	}
	of[best[0]], of[best[1]], of[best[2]], of[best[3]] = open, high, low, closing
	list := make([]string, n)
	for i, r := range of {
		list[i] = roleNames[r]
	}
	o, h, l, c := values[best[0]], values[best[1]], values[best[2]], values[best[3]]
	result := order{
		found: true, columns: strings.Join(list, ","), consistent: true,
		same:       best == [4]int{t.columns.at[open], t.columns.at[high], t.columns.at[low], t.columns.at[closing]},
		keepsClose: best[3] == t.headerClose(),
		natural:    !standsApart(.5, h, o, l, c) && !standsApart(.5, l, o, h, c) && !standsApart(.5, o, h, l, c) && !standsApart(.5, c, o, h, l),
	}
	bad := 0
	for i := range o {
		if slack := h[i] * fitTolerance; l[i] > min(o[i], c[i])+slack || max(o[i], c[i]) > h[i]+slack { // a row without a number shows nothing
			bad++
		}
	}
	result.consistent = bad == 0
	result.natural = result.natural && bad <= len(o)/50
	return result
}

// headerClose returns the column that the file's header calls the close, or without a header the reference.
func (t *table) headerClose() int {
	if len(t.names.cells) == t.columns.count {
		if c, _ := newColumns(t.names.rolesOf()); c.at[closing] >= 0 {
			return c.at[closing]
		}
	}
	return t.columns.at[closing]
}

// fits reports whether four columns are consistent prices in 98% of the rows. The score is lower the closer the opens
// are to the closes before them, which tells open from close, and the closer the high is to the low, which tells a low
// from an adjusted close that happens to be lower still.
func fits(o, h, l, c []float64) (score float64, ok bool) {
	allowed := len(o) / 50
	for i := range o {
		slack := h[i] * fitTolerance
		if !(l[i] <= min(o[i], c[i])+slack && max(o[i], c[i]) <= h[i]+slack && l[i]*fitRange > h[i]) { // NaN fails
			if allowed--; allowed < 0 {
				return 0, false
			}
			continue
		}
		score += math.Log(h[i] / l[i])
		if i > 0 && c[i-1] > 0 {
			score += math.Abs(math.Log(o[i] / c[i-1]))
		}
	}
	return score, true
}
