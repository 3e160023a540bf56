package chart

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// mostTicks is the most ticks a horizontal axis has.
const mostTicks = 12

// stepFor returns a step of 1, 2, 2.5 or 5 times a power of ten, of which at most n fit between lo and hi, as a
// multiplier and a power: step = m * 10^e.
func stepFor(lo, hi float64, n int) (m float64, e int) {
	raw := (hi - lo) / float64(max(n, 1))
	e = int(math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*math.Pow10(e) >= raw*(1-1e-9) {
			return m, e
		}
	}
	return 1, e + 1
}

// numberTicks returns at most about n ticks on round numbers. Numbers too long to read are labelled as multiples of a
// power of ten, which is returned as "1e8".
func numberTicks(lo, hi float64, n int, percent bool) ([]tick, string) {
	n = min(max(n, 2), 9)
	m, e := stepFor(lo, hi, n)
	shift, factor := 0, ""
	if size := int(math.Floor(math.Log10(max(math.Abs(lo), math.Abs(hi))))); !percent && (size >= 7 || size <= -4) {
		shift, factor = size, "1e"+strconv.Itoa(size)
	}
	decimals := shift - e
	if m == 2.5 {
		decimals++
	}
	decimals = min(max(decimals, 0), 17)
	suffix := ""
	if percent {
		suffix = "%"
	}
	var out []tick
	step := m * math.Pow10(e)
	for k := math.Ceil(lo / step); k*step <= hi && len(out) <= 2*n; k++ {
		out = append(out, tick{k * step, number(k*m*math.Pow10(e-shift), decimals) + suffix})
	}
	return out, factor
}

// number writes a number with a true minus sign, zero without one.
func number(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if digits, negative := strings.CutPrefix(text, "-"); negative {
		if strings.Trim(digits, "0.") == "" {
			return digits
		}
		return "−" + digits
	}
	return text
}

// linear returns a ticker of round numbers with the given steps, or any round step beyond the last of them. unit is
// the length of 1 on the axis.
func linear(unit float64, steps ...float64) ticker {
	return func(lo, hi float64, fits func([]tick) bool) []tick {
		lo, hi = lo/unit, hi/unit
		at := func(step float64) []tick {
			var out []tick
			decimals := 0
			if step < 1 {
				decimals = int(math.Ceil(-math.Log10(step) - 1e-9))
			}
			for k := math.Ceil(lo / step); k*step <= hi; k++ {
				out = append(out, tick{k * step * unit, number(k*step, decimals)})
			}
			return out
		}
		for _, step := range steps {
			if (hi-lo)/step <= mostTicks {
				if out := at(step); fits(out) {
					return out
				}
			}
		}
		for n := mostTicks; n > 1; n-- {
			m, e := stepFor(lo, hi, n)
			if m == 2.5 {
				m = 5 // keeps whole numbers whole
			}
			if out := at(m * math.Pow10(e)); fits(out) {
				return out
			}
		}
		return nil
	}
}

var dayTicks = linear(float64(prophet.Day), 1, 2, 5, 10)

// clockTicks are times of day on an axis that starts at midnight.
func clockTicks(lo, hi float64, fits func([]tick) bool) []tick {
	for _, minutes := range []prophet.Stamp{1, 5, 15, 30, 60, 120, 180, 360, 720, 1440} {
		step := float64(minutes * prophet.Minute)
		if (hi-lo)/step > mostTicks {
			continue
		}
		var out []tick
		for k := math.Ceil(lo / step); k*step <= hi; k++ {
			at := k * step
			out = append(out, tick{at, prophet.Stamp(at).Time().Format("15:04")})
		}
		if fits(out) {
			return out
		}
	}
	return nil
}

// thinned returns a ticker of the given ticks, or every second of them, or every third, whatever fits.
func thinned(all []tick) ticker {
	return func(_, _ float64, fits func([]tick) bool) []tick {
		for every := 1; every <= len(all); every++ {
			var out []tick
			for i := 0; i < len(all); i += every {
				out = append(out, all[i])
			}
			if fits(out) {
				return out
			}
		}
		return nil
	}
}

// weekdayTicks names the days of seven rows, placed at 0, 1, 2...
func weekdayTicks(ds []prophet.Stamp) ticker {
	var all []tick
	for i, s := range ds {
		all = append(all, tick{float64(i), s.Weekday().String()})
	}
	return thinned(all)
}

// weekTicks names the days of a week's rows at the beginning of each day, counted from the first row.
func weekTicks(ds []prophet.Stamp) ticker {
	if len(ds) == 0 {
		return nil
	}
	var all []tick
	for day := ds[0].Date(); day <= ds[len(ds)-1]; day += prophet.Day {
		if day >= ds[0] {
			all = append(all, tick{float64(day - ds[0]), day.Weekday().String()})
		}
	}
	return thinned(all)
}

// monthTicks are the first days of every second month, or third and so on where there is less room. Labels leave the
// year out: any year stands for all.
func monthTicks(lo, hi float64, fits func([]tick) bool) []tick {
	for _, every := range []int{2, 3, 4, 6, 12} {
		if out := months(lo, hi, every, "January 2"); fits(out) {
			return out
		}
	}
	return nil
}

func months(lo, hi float64, every int, layout string) []tick {
	var out []tick
	first := prophet.Stamp(lo).Time()
	count := first.Year()*12 + int(first.Month()) - 1
	for count -= (count%every + every) % every; ; count += every {
		at := prophet.DateOf(0, time.Month(count+1), 1)
		if float64(at) > hi {
			return out
		}
		if float64(at) >= lo {
			out = append(out, tick{float64(at), at.Time().Format(layout)})
		}
	}
}

// dateStep is a distance of ticks on a time axis.
type dateStep struct {
	length prophet.Stamp // about, for months
	months int           // 0 for steps of one length
	origin prophet.Stamp // that steps are counted from
	layout string        // of the labels
}

// dateSteps are the distances tried, from small to large. Weeks begin on Monday: 1970-01-05 was one.
var dateSteps = func() []dateStep {
	var out []dateStep
	add := func(unit prophet.Stamp, layout string, multiples ...prophet.Stamp) {
		for _, n := range multiples {
			out = append(out, dateStep{length: n * unit, layout: layout})
		}
	}
	add(prophet.Microsecond, "05.000000", 1, 2, 5, 10, 20, 50, 100, 200, 500)
	add(1000*prophet.Microsecond, "05.000", 1, 2, 5, 10, 20, 50, 100, 200, 500)
	add(prophet.Second, "15:04:05", 1, 2, 5, 15, 30)
	add(prophet.Minute, "01-02 15:04", 1, 2, 5, 15, 30)
	add(prophet.Hour, "01-02 15:04", 1, 2, 3, 6, 12)
	add(prophet.Day, "2006-01-02", 1, 2)
	for _, weeks := range []prophet.Stamp{1, 2} {
		out = append(out, dateStep{length: weeks * 7 * prophet.Day, origin: prophet.DateOf(1970, time.January, 5), layout: "2006-01-02"})
	}
	for _, n := range []int{1, 2, 3, 6} {
		out = append(out, dateStep{length: prophet.Stamp(n) * 28 * prophet.Day, months: n, layout: "2006-01"})
	}
	for _, n := range []int{1, 2, 5, 10, 20, 50, 100, 200} {
		out = append(out, dateStep{length: prophet.Stamp(n) * 365 * prophet.Day, months: 12 * n, layout: "2006"})
	}
	return out
}()

func (d dateStep) ticks(lo, hi float64) []tick {
	if d.months > 0 {
		return months(lo, hi, d.months, d.layout)
	}
	var out []tick
	at := d.origin + prophet.Stamp(math.Ceil((lo-float64(d.origin))/float64(d.length)))*d.length
	for ; float64(at) <= hi; at += d.length {
		out = append(out, tick{float64(at), at.Time().Format(d.layout)})
	}
	return out
}

// dateTicks are as close together as their labels allow. The last resort is the widest step.
func dateTicks(lo, hi float64, fits func([]tick) bool) []tick {
	var out []tick
	for _, d := range dateSteps {
		if (hi-lo)/float64(d.length) > mostTicks+1 {
			continue
		}
		if out = d.ticks(lo, hi); len(out) <= mostTicks && fits(out) {
			return out
		}
	}
	return out
}

// unit is a unit of horizons.
type unit struct {
	length prophet.Stamp
	name   string
	ticks  ticker
}

var units = []unit{
	{prophet.Day, "days", linear(1, 1, 2, 5, 7, 10, 14, 20, 30)},
	{prophet.Hour, "hours", linear(1, 1, 2, 3, 6, 12, 24)},
	{prophet.Minute, "minutes", linear(1, 1, 2, 5, 10, 15, 30, 60)},
	{prophet.Second, "seconds", linear(1, 1, 2, 5, 10, 15, 30, 60)},
	{1000 * prophet.Microsecond, "milliseconds", linear(1)},
	{prophet.Microsecond, "microseconds", linear(1)},
}

// horizonUnit returns the largest unit that fits more than once into a tenth of the longest horizon, so that there are
// ten ticks or more to choose from.
func horizonUnit(longest prophet.Stamp) unit {
	i := slices.IndexFunc(units, func(u unit) bool { return float64(u.length) < float64(longest)/10 })
	if i < 0 {
		i = len(units) - 1
	}
	return units[i]
}
