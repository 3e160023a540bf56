package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// fan is a chart of closes and of the forecast that follows them, drawn in characters.
type fan struct {
	closes []etf.Bar
	points []etf.ForecastPoint
	width  int  // columns in all
	height int  // lines of the plot
	ascii  bool // no other characters
}

// The fan is drawn from the outside in: the interval between two levels, by their place in etf.QuantileLevels.
var fanBands = []struct {
	low, high      int
	percent        int
	block, inASCII rune
}{
	{0, 6, 90, '░', '.'},
	{1, 5, 80, '▒', ':'},
	{2, 4, 50, '▓', '#'},
}

const (
	medianLevel            = 3 // in etf.QuantileLevels
	medianLine, medianDash = '━', '='
)

// braille has the bit of each dot of a braille character, by line and column.
var braille = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

// priceText writes a price as people do: without decimals where they would be of no weight.
func priceText(x float64) string {
	if math.Abs(x) >= 10_000 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// draw returns the lines of the chart: the plot with the scale on its left, the axis, and dates below it. It returns nil if there is
// nothing to draw.
func (f fan) draw() []string {
	if len(f.points) == 0 {
		return nil
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range f.points {
		low, high = min(low, p.Quantiles[0]), max(high, p.Quantiles[len(p.Quantiles)-1])
	}
	labelled := func() int { return max(len(priceText(low)), len(priceText(high))) }
	plot := f.width - labelled() - 2
	// A forecast of 21 sessions takes at most half of the chart, the closes the rest.
	step := min(max(1, plot/2/len(f.points)), 3)
	known := min(len(f.closes), max(0, plot/step-len(f.points)))
	closes := f.closes[len(f.closes)-known:]
	for _, b := range closes {
		low, high = min(low, b.Close.Float()), max(high, b.Close.Float())
	}
	if high <= low {
		low, high = low-1, high+1
	}
	label := labelled()
	columns := (known + len(f.points)) * step
	cells := make([][]rune, f.height)
	for i := range cells {
		cells[i] = []rune(strings.Repeat(" ", columns))
	}
	// at is the place of a price, in units of which there are n: 0 is the top.
	at := func(price float64, n int) int {
		return min(max(int(math.Round((high-price)/(high-low)*float64(n-1))), 0), n-1)
	}
	for i, p := range f.points {
		for _, band := range fanBands {
			mark := band.block
			if f.ascii {
				mark = band.inASCII
			}
			for y := at(p.Quantiles[band.high], f.height); y <= at(p.Quantiles[band.low], f.height); y++ {
				for x := range step {
					cells[y][(known+i)*step+x] = mark
				}
			}
		}
		mark := medianLine
		if f.ascii {
			mark = medianDash
		}
		for x := range step {
			cells[at(p.Quantiles[medianLevel], f.height)][(known+i)*step+x] = mark
		}
	}
	f.history(cells, closes, step, at)

	lines := make([]string, 0, f.height+2)
	for y, row := range cells {
		text := ""
		if y%max(1, (f.height-1)/4) == 0 {
			text = priceText(high - (high-low)*float64(y)/float64(f.height-1))
		}
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%*s %c%s", label, text, f.pick('┤', '|'), string(row)), " "))
	}
	axis, dates := f.axis(closes, known, step, columns)
	indent := strings.Repeat(" ", label+1)
	return append(lines, indent+string(f.pick('└', '+'))+axis, strings.TrimRight(indent+" "+dates, " "))
}

func (f fan) pick(block, inASCII rune) rune {
	if f.ascii {
		return inASCII
	}
	return block
}

// history draws the closes as a line: in dots of braille, or as one mark for each close.
func (f fan) history(cells [][]rune, closes []etf.Bar, step int, at func(float64, int) int) {
	if f.ascii {
		for i, b := range closes {
			cells[at(b.Close.Float(), f.height)][i*step] = '*'
		}
		return
	}
	dot := func(x, y int) {
		cell := &cells[y/4][x/2]
		if *cell < 0x2800 || *cell > 0x28ff {
			*cell = 0x2800
		}
		*cell |= braille[y%4][x%2]
	}
	for i, b := range closes {
		x, y := 2*step*i, at(b.Close.Float(), 4*f.height)
		dot(x, y)
		if i+1 == len(closes) {
			break
		}
		next := at(closes[i+1].Close.Float(), 4*f.height)
		n := max(2*step, abs(next-y))
		for k := 1; k < n; k++ {
			dot(x+2*step*k/n, y+int(math.Round(float64((next-y)*k)/float64(n))))
		}
	}
}

func abs(n int) int { return max(n, -n) }

// axis returns the line below the plot, with a tick at each date, and the dates: those of the origin and of the last target in full,
// the others, as far as there is room, as month and day.
func (f fan) axis(closes []etf.Bar, known, step, columns int) (axis, dates string) {
	line, text := []rune(strings.Repeat(string(f.pick('─', '-')), columns)), []rune(strings.Repeat(" ", columns+10))
	place := func(x int, label string, right bool) {
		from := x
		if right {
			from = max(0, x-len(label)+1)
		}
		if from+len(label) > len(text) {
			return
		}
		for i := max(0, from-1); i < min(len(text), from+len(label)+1); i++ {
			if text[i] != ' ' {
				return
			}
		}
		copy(text[from:], []rune(label))
		line[x] = f.pick('┴', '+')
	}
	if known > 0 {
		place((known-1)*step, closes[known-1].Session.String(), true)
		place(0, closes[0].Session.String(), false)
	}
	last := len(f.points) - 1
	place((known+last)*step, f.points[last].Target.String(), true)
	for i, p := range f.points {
		if p.Horizon%5 == 0 || p.Horizon == 1 {
			place((known+i)*step, p.Target.String()[5:], false)
		}
	}
	for i := known - 1; i >= 0; i-- {
		if (known-1-i)%10 == 0 {
			place(i*step, closes[i].Session.String()[5:], false)
		}
	}
	return string(line), strings.TrimRight(string(text), " ")
}

// legend says what the marks are.
func (f fan) legend() string {
	parts := []string{string(f.pick('⠒', '*')) + " close", string(f.pick(medianLine, medianDash)) + " median"}
	for i := len(fanBands) - 1; i >= 0; i-- {
		b := fanBands[i]
		parts = append(parts, fmt.Sprintf("%c %d %%", f.pick(b.block, b.inASCII), b.percent))
	}
	return strings.Join(parts, "   ")
}
