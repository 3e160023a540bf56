package prophet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Freq is the distance between the rows of a future frame.
type Freq struct {
	unit     unit
	n        int
	weekday  time.Weekday // of unitWeek: the last day of the week
	exchange string       // of unitSession
}

type unit int

const (
	unitInferred unit = iota
	unitTime          // n is in microseconds
	unitBusinessDay
	unitWeek
	unitMonthStart
	unitMonthEnd
	unitBusinessMonthStart
	unitBusinessMonthEnd
	unitQuarterStart
	unitQuarterEnd
	unitYearStart
	unitYearEnd
	unitSession
)

// sessionPrefix is the prefix of frequencies of trading sessions.
const sessionPrefix = "session:"

// maxPeriods limits a future frame to 274 years of days.
const maxPeriods = 100_000

// fixedUnits are the units of constant length, calendarUnits all others, under pandas' names.
var (
	fixedUnits    = map[string]Stamp{"D": Day, "h": Hour, "H": Hour, "min": Minute, "T": Minute, "s": Second, "S": Second}
	calendarUnits = map[string]unit{"B": unitBusinessDay, "MS": unitMonthStart, "ME": unitMonthEnd, "M": unitMonthEnd,
		"BMS": unitBusinessMonthStart, "BME": unitBusinessMonthEnd, "BM": unitBusinessMonthEnd,
		"QS": unitQuarterStart, "QE": unitQuarterEnd, "Q": unitQuarterEnd, "YS": unitYearStart, "YE": unitYearEnd, "Y": unitYearEnd}
	weekdays = map[string]time.Weekday{"SUN": time.Sunday, "MON": time.Monday, "TUE": time.Tuesday, "WED": time.Wednesday,
		"THU": time.Thursday, "FRI": time.Friday, "SAT": time.Saturday}
)

// ParseFreq parses a frequency by pandas' name, with an optional multiple before it: D (calendar days), B (Monday to
// Friday), W or W-SUN to W-SAT, MS, ME, QS, QE, YS, YE (starts and ends of months, quarters, years), BMS and BME (first
// and last business day of a month), h, min, s; or session:XNYS and session:XKRX, the trading sessions of an exchange.
// Empty means inferred from the history. Errors are of KindInvalid.
func ParseFreq(text string) (Freq, error) {
	if text == "" {
		return Freq{}, nil
	}
	bad := func() (Freq, error) {
		return Freq{}, etf.Invalid("freq", fmt.Sprintf("%q is not a frequency", text), "use D, B, W, MS, ME, BMS, BME, QS, QE, YS, YE, h, min or s, optionally after a multiple such as 2D, or session:XNYS")
	}
	if exchange, ok := strings.CutPrefix(text, sessionPrefix); ok {
		if _, err := tradingCalendar(exchange); err != nil {
			return Freq{}, etf.Invalid("freq", fmt.Sprintf("%q has no calendar", exchange), "use session:XNYS or session:XKRX")
		}
		return Freq{unit: unitSession, n: 1, exchange: exchange}, nil
	}
	name := strings.TrimLeft(text, "0123456789")
	n := 1
	if digits := text[:len(text)-len(name)]; digits != "" {
		var err error
		if n, err = strconv.Atoi(digits); err != nil || n < 1 || n > maxPeriods {
			return bad()
		}
	}
	if length, ok := fixedUnits[name]; ok {
		return Freq{unit: unitTime, n: n * int(length)}, nil
	}
	if u, ok := calendarUnits[name]; ok {
		return Freq{unit: u, n: n}, nil
	}
	day, found := strings.CutPrefix(name, "W-")
	if name == "W" {
		day, found = "SUN", true
	}
	if weekday, ok := weekdays[day]; ok && found {
		return Freq{unit: unitWeek, n: n, weekday: weekday}, nil
	}
	return bad()
}

// first returns the first stamp of the frequency at or after s and keeps its time of day.
func (q Freq) first(s Stamp) Stamp {
	date, clock := s.Date(), s-s.Date()
	for !q.on(date) {
		date += Day
	}
	return date + clock
}

func businessDay(t time.Time) bool { return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday }

// on reports whether the frequency includes a date, ignoring its multiple.
func (q Freq) on(date Stamp) bool {
	t := date.Time()
	next := (date + Day).Time()
	switch q.unit {
	case unitBusinessDay:
		return businessDay(t)
	case unitWeek:
		return t.Weekday() == q.weekday
	case unitMonthStart:
		return t.Day() == 1
	case unitMonthEnd:
		return next.Day() == 1
	case unitBusinessMonthStart:
		return businessDay(t) && (t.Day() == 1 || t.Day() <= 3 && t.Weekday() == time.Monday)
	case unitBusinessMonthEnd:
		return businessDay(t) && (next.Day() == 1 || t.Weekday() == time.Friday && (date+3*Day).Time().Day() <= 3)
	case unitQuarterStart:
		return t.Day() == 1 && t.Month()%3 == 1
	case unitQuarterEnd:
		return next.Day() == 1 && next.Month()%3 == 1
	case unitYearStart:
		return t.YearDay() == 1
	case unitYearEnd:
		return next.YearDay() == 1
	}
	return true
}

// after returns the first n stamps of the frequency after last.
func (q Freq) after(last Stamp, n int) ([]Stamp, error) {
	out := make([]Stamp, 0, n)
	add := func(s Stamp) error {
		if s >= maxStamp {
			return etf.Invalid("periods", fmt.Sprintf("%d periods reach beyond 2261-12-31", n), "ask for fewer")
		}
		if s > last {
			out = append(out, s)
		}
		return nil
	}
	switch q.unit {
	case unitTime:
		for s := last; len(out) < n; s += Stamp(q.n) {
			if err := add(s); err != nil {
				return nil, err
			}
		}
	case unitSession:
		cal, err := tradingCalendar(q.exchange)
		if err != nil {
			return nil, err
		}
		at := last.session()
		for len(out) < n {
			if at, err = cal.Next(at); err != nil {
				return nil, fmt.Errorf("future sessions of %s: %w", q.exchange, err)
			}
			out = append(out, SessionStamp(at))
		}
	default:
		skip := 0
		for s := q.first(last); len(out) < n; s = q.first(s + Day) {
			if skip == 0 {
				if err := add(s); err != nil {
					return nil, err
				}
				skip = q.n
			}
			skip--
		}
	}
	return out, nil
}

// infer finds the frequency of the last five stamps of a history as pandas does, if it is one of these: starts or ends of
// years, quarters or months, otherwise a constant distance, otherwise Monday to Friday. (Pandas also recognises multiples
// of years, quarters and months and the n-th weekday of a month.)
func infer(dates []Stamp) (Freq, error) {
	tail := dates[max(0, len(dates)-5):]
	refuse := func() (Freq, error) {
		return Freq{}, etf.Invalid("freq", fmt.Sprintf("the frequency can't be inferred from the last %d dates of the history", len(tail)), "give a frequency such as D")
	}
	if len(tail) < 3 {
		return refuse()
	}
	follows := func(u unit) bool {
		q := Freq{unit: u, n: 1}
		if !q.on(tail[0].Date()) {
			return false
		}
		for i := 1; i < len(tail); i++ {
			if q.first(tail[i-1]+Day) != tail[i] {
				return false
			}
		}
		return true
	}
	for _, u := range []unit{unitYearStart, unitYearEnd, unitQuarterStart, unitQuarterEnd, unitMonthStart, unitMonthEnd, unitBusinessMonthStart, unitBusinessMonthEnd} {
		if follows(u) {
			return Freq{unit: u, n: 1}, nil
		}
	}
	gap, constant := tail[1]-tail[0], true
	for i := 2; i < len(tail); i++ {
		constant = constant && tail[i]-tail[i-1] == gap
	}
	switch {
	case constant && gap == 7*Day:
		return Freq{unit: unitWeek, n: 1, weekday: tail[0].Weekday()}, nil
	case constant:
		return Freq{unit: unitTime, n: int(gap)}, nil
	case follows(unitBusinessDay):
		return Freq{unit: unitBusinessDay, n: 1}, nil
	}
	return refuse()
}

// MakeFuture returns a frame of dates to predict: periods stamps after the last date of the history (rows without y
// included), preceded by the history's dates if includeHistory is true. Only DS is filled in. A zero Freq means the
// sessions of Market.Exchange, or without one the frequency inferred from the last five dates.
//
// Errors are of KindInvalid: periods out of range, a frequency that can't be inferred, a calendar that does not extend
// that far.
func (f *Fitted) MakeFuture(periods int, freq Freq, includeHistory bool) (*Frame, error) {
	if periods < 0 || periods > maxPeriods || periods == 0 && !includeHistory {
		return nil, etf.Invalid("periods", fmt.Sprintf("%d periods are out of range", periods), fmt.Sprintf("ask for 1 to %d", maxPeriods))
	}
	dates := f.s.HistoryDates
	if len(dates) == 0 {
		dates = slices.Compact(slices.Clone(f.s.History.DS))
	}
	var err error
	if freq.unit == unitInferred {
		if k := f.s.Options.Market; k.Exchange != "" {
			freq = Freq{unit: unitSession, n: 1, exchange: k.Exchange}
		} else if freq, err = infer(dates); err != nil {
			return nil, err
		}
	}
	ahead, err := freq.after(dates[len(dates)-1], periods)
	if err != nil {
		return nil, err
	}
	out := &Frame{}
	if includeHistory {
		out.DS = append(out.DS, dates...)
	}
	out.DS = append(out.DS, ahead...)
	return out, nil
}
