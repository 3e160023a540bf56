package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const rulePriceRange = "price_range"

// strangeRange is how far an open, high or low may lie from the other prices of its session, in daily volatilities or usual
// excursions, whichever are more, without a warning. impossibleRange is how far, in daily volatilities of 1 to 1.5 %, it can't
// lie on any day: on 2010-05-06 a fund of midsize companies traded at 60 % below its close, and thinly traded funds open
// 15 % away from all other trades.
const (
	strangeRange    = 6.2
	impossibleRange = 100.0
)

// turmoilVolume is the log of the factor by which the volume exceeds the usual one on a day of turmoil.
var turmoilVolume = math.Log(2.5)

// excursion is how far, as a log return, the open, high and low of a row lie beyond the close and the close before, and
// which of them lies farthest. The open of a row may lie anywhere between these two, the high and low next to the open.
func excursion(b etf.Bar, before etf.Price) (size float64, which string) {
	if min(b.Open, b.High, b.Low, b.Close) <= 0 {
		return 0, ""
	}
	if before <= 0 {
		before = b.Close
	}
	ratio := 1.0
	note := func(a, b etf.Price, name string) {
		if r := float64(a) / float64(b); r > ratio {
			ratio, which = r, name
		}
	}
	note(b.High, max(b.Open, b.Close), "high")
	note(min(b.Open, b.Close), b.Low, "low")
	note(b.Open, max(before, b.Close), "open")
	note(min(before, b.Close), b.Open, "open")
	return math.Log(ratio), which
}

// checkPriceRange watches open, high and low as checkLevels watches the close.
func checkPriceRange(s *state) {
	l := s.levels()
	rows := l.rows
	excursions := make([]float64, len(rows))
	for i := range rows {
		var before etf.Price
		if i > 0 {
			before = rows[i-1].Close
		}
		excursions[i], _ = excursion(rows[i].Bar, before)
	}
	type strange struct {
		row   int
		score float64
		text  string
	}
	var list []strange
	usual := newVolatility(excursions[:min(len(rows), 60)])
	for i := range rows {
		floor := floorAt(s.in.Exchange, rows[i].Close)
		quick := usual.quick(floor)
		usual.add(excursions[i], floor)
		if excursions[i] <= looking*quick || rows[i].stored || rows[i].ordinal < 0 {
			continue
		}
		sigma := max(around(l.sizes, i-1, i, floor), around(excursions, i-1, i, floor))
		score := excursions[i] / sigma
		if score <= strangeRange {
			continue
		}
		var before etf.Price
		if i > 0 {
			before = rows[i-1].Close
		}
		_, which := excursion(rows[i].Bar, before)
		text := fmt.Sprintf("%s: %s; the %s is %s daily volatilities of %s away from the other prices", rows[i].Session, ohlc(rows[i].Bar), which, short(score), fraction(sigma))
		if excursions[i] > impossibleRange*min(max(sigma, 0.01), 0.015) {
			s.quarantine(rulePriceRange, rows[i].ordinal, score, text)
			continue
		}
		severity := etf.SeverityWarning
		if turmoil, thin := l.trading(i); turmoil {
			severity, text = etf.SeverityInfo, text+", but the volume is high: a day of turmoil"
		} else if thin {
			list = append(list, strange{i, score, text})
			continue
		}
		s.flag(rulePriceRange, severity, rows[i].Session, score, text)
	}
	// Single trades far away are usual in a fund that hardly trades, if it has several.
	for _, x := range list {
		alike := 0
		for _, y := range list {
			if y.score > x.score/2 {
				alike++
			}
		}
		severity := etf.SeverityWarning
		if alike > 2 {
			severity, x.text = etf.SeverityInfo, x.text+", as in other sessions of this thinly traded fund"
		}
		s.flag(rulePriceRange, severity, rows[x.row].Session, x.score, x.text)
	}
}

// trading says whether the volume of row i is far above that of the rows around it, as in turmoil, and whether the fund
// trades so thinly that its volume varies by a factor of e and more.
func (l *levels) trading(i int) (turmoil, thin bool) {
	var logs []float64
	for k := max(i-localReach, 0); k < min(i+localReach+1, len(l.rows)); k++ {
		if v := l.rows[k].Volume; v > 0 && k != i {
			logs = append(logs, math.Log(v.Float()))
		}
	}
	if len(logs) < leastVolume {
		return false, false
	}
	center := median(logs)
	turmoil = l.rows[i].Volume > 0 && math.Log(l.rows[i].Volume.Float())-center > turmoilVolume
	for k := range logs {
		logs[k] = math.Abs(logs[k] - center)
	}
	return turmoil, spread(logs) > 1
}
