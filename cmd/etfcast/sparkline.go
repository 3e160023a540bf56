package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/filecheck"
)

// blocks are the heights of a sparkline.
var blocks = []rune("▁▂▃▄▅▆▇█")

// marks stand below the columns that have a marked session. Without colours they are all there is to tell severities apart.
var marks = map[etf.Severity]rune{etf.SeverityError: '^', etf.SeverityWarning: '·'}

// column is one character of a sparkline.
type column struct {
	block    rune         // ' ' without a price
	severity etf.Severity // the worst of its sessions; empty if none is marked
}

// sparkline draws closes on a logarithmic scale, the last of each column, and marks the sessions of errors and warnings.
// A few sessions marked by an error don't count for the scale: a price of 100 times the others would flatten them.
func sparkline(bars []etf.Bar, lines []filecheck.Line, width int) []column {
	bars = slices.DeleteFunc(slices.Clone(bars), func(b etf.Bar) bool { return b.Session.IsZero() })
	slices.SortStableFunc(bars, func(a, b etf.Bar) int { return cmp.Compare(a.Session, b.Session) })
	width = min(width, len(bars))
	if width < 1 {
		return nil
	}
	severity := make([]etf.Severity, len(bars))
	for _, l := range lines {
		if l.From.IsZero() || l.Severity == etf.SeverityInfo {
			continue
		}
		from, _ := slices.BinarySearchFunc(bars, l.From, func(b etf.Bar, s etf.Session) int { return cmp.Compare(b.Session, s) })
		to, _ := slices.BinarySearchFunc(bars, l.To+1, func(b etf.Bar, s etf.Session) int { return cmp.Compare(b.Session, s) })
		if from == to { // sessions without a row
			from, to = max(from-1, 0), max(from, 1)
		}
		for i := from; i < to; i++ {
			if severity[i] != etf.SeverityError {
				severity[i] = l.Severity
			}
		}
	}
	faulty := 0
	for _, s := range severity {
		if s == etf.SeverityError {
			faulty++
		}
	}
	few := faulty <= len(bars)/10
	low, high := closeRange(bars, func(i int) bool { return !few || severity[i] != etf.SeverityError })
	columns := make([]column, width)
	for c := range columns {
		columns[c].block = ' '
		for i := c * len(bars) / width; i < (c+1)*len(bars)/width; i++ {
			if severity[i] != "" && columns[c].severity != etf.SeverityError {
				columns[c].severity = severity[i]
			}
			if bars[i].Close <= 0 {
				continue
			}
			height := 0.0
			if high > low {
				height = (math.Log(bars[i].Close.Float()) - low) / (high - low)
			}
			columns[c].block = blocks[min(max(int(height*float64(len(blocks))), 0), len(blocks)-1)]
		}
	}
	return columns
}

// closeRange returns the logarithms of the lowest and highest close of the rows that count; low > high without any.
func closeRange(bars []etf.Bar, counts func(int) bool) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for i, b := range bars {
		if b.Close > 0 && counts(i) {
			x := math.Log(b.Close.Float())
			low, high = min(low, x), max(high, x)
		}
	}
	return low, high
}

// sparkline writes the closes in the width of the terminal, and below them the marks.
func (v checkView) sparkline(r filecheck.Result) {
	columns := sparkline(r.Bars, r.Lines, v.width)
	if len(columns) < 2 {
		return
	}
	var below strings.Builder
	for i := 0; i < len(columns); {
		j := i
		var run strings.Builder
		for j < len(columns) && columns[j].severity == columns[i].severity {
			run.WriteRune(columns[j].block)
			j++
		}
		v.coloured(columns[i].severity, run.String())
		i = j
	}
	fmt.Fprintln(v.out)
	for _, c := range columns {
		mark, ok := marks[c.severity]
		if !ok {
			mark = ' '
		}
		below.WriteRune(mark)
	}
	if text := strings.TrimRight(below.String(), " "); text != "" {
		fmt.Fprintln(v.out, text)
	}
}
