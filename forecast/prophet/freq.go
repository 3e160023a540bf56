package prophet

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Freq is the distance between the rows of a future frame.
type Freq struct {
	unit     unit
	n        int          // how many units; of unitTime, microseconds
	weekday  time.Weekday // of unitWeek: the last day of the week; of unitWeekOfMonth and unitLastWeekOfMonth
	month    time.Month   // of quarters and years: one in which they start or end
	day      int          // of unitSemiMonth...: the second day of the month that counts; of unitWeekOfMonth: which week, from 1
	exchange string       // of unitSession
}

type unit int

const (
	unitInferred unit = iota
	unitTime          // n is in microseconds
	unitBusinessDay
	unitWeek
	unitSemiMonthStart
	unitSemiMonthEnd
	unitMonthStart
	unitMonthEnd
	unitBusinessMonthStart
	unitBusinessMonthEnd
	unitQuarterStart
	unitQuarterEnd
	unitBusinessQuarterStart
	unitBusinessQuarterEnd
	unitYearStart
	unitYearEnd
	unitBusinessYearStart
	unitBusinessYearEnd
	unitWeekOfMonth
	unitLastWeekOfMonth
	unitSession
)

// sessionPrefix is the prefix of frequencies of trading sessions.
const sessionPrefix = "session:"

// Frequencies lists the units of frequencies, as error messages and the help name them.
const Frequencies = "D, B, W-SUN to W-SAT, SMS, SME, MS, ME, BMS, BME, QS, QE, BQS, BQE, YS, YE, BYS, BYE (the last eight also with a month, QS-FEB), " +
	"WOM-3FRI, LWOM-FRI, h, min, s, ms, us, optionally after a multiple (2D, 1h30min), or session:XNYS"

// fixedUnits are the units of constant length, in microseconds, calendarUnits all others, under the names of pandas 3 and, if they mean nothing else there, of earlier releases.
var (
	fixedUnits = map[string]float64{"D": float64(Day), "d": float64(Day), "h": float64(Hour), "H": float64(Hour), "min": float64(Minute), "MIN": float64(Minute),
		"T": float64(Minute), "s": float64(Second), "S": float64(Second),
		"ms": 1000, "L": 1000, "us": 1, "U": 1, "ns": 1e-3, "N": 1e-3}
	calendarUnits = map[string]unit{"B": unitBusinessDay, "b": unitBusinessDay, "W": unitWeek, "w": unitWeek,
		"SMS": unitSemiMonthStart, "SME": unitSemiMonthEnd, "SM": unitSemiMonthEnd,
		"MS": unitMonthStart, "ME": unitMonthEnd, "M": unitMonthEnd, "BMS": unitBusinessMonthStart, "BME": unitBusinessMonthEnd, "BM": unitBusinessMonthEnd,
		"QS": unitQuarterStart, "QE": unitQuarterEnd, "Q": unitQuarterEnd, "BQS": unitBusinessQuarterStart, "BQE": unitBusinessQuarterEnd, "BQ": unitBusinessQuarterEnd,
		"YS": unitYearStart, "AS": unitYearStart, "YE": unitYearEnd, "Y": unitYearEnd, "A": unitYearEnd,
		"BYS": unitBusinessYearStart, "BAS": unitBusinessYearStart, "BYE": unitBusinessYearEnd, "BY": unitBusinessYearEnd, "BA": unitBusinessYearEnd,
		"WOM": unitWeekOfMonth, "LWOM": unitLastWeekOfMonth}
	weekdays = map[string]time.Weekday{"SUN": time.Sunday, "MON": time.Monday, "TUE": time.Tuesday, "WED": time.Wednesday,
		"THU": time.Thursday, "FRI": time.Friday, "SAT": time.Saturday}
	months = map[string]time.Month{"JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6, "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12}
)

// freqPart is a multiple, a unit and what anchors it: 2QS-FEB. (Pandas' own pattern also allows a sign.)
var freqPart = regexp.MustCompile(`^\s*\+?(\d*\.?\d*)\s*([A-Za-z]+)(?:-([0-9A-Za-z-]*))?\s*`)

// ParseFreq parses a frequency by pandas' name, with an optional multiple before it:
//
//	D B            calendar days; Monday to Friday
//	W W-FRI        weeks that end on Sunday, or on the day named
//	SMS SME        twice a month: on the 1st and 15th, the 15th and the last (SMS-10: the 1st and 10th)
//	MS ME          the first, the last day of a month
//	QS QE YS YE    of a quarter, of a year; QS-FEB: quarters that start in February
//	BMS .. BYE     the first, the last day from Monday to Friday of a month, quarter or year
//	WOM-3FRI       the third Friday of a month; LWOM-FRI the last
//	h min s ms us  hours to microseconds; these and D may have a fraction and be added up: 1.5h, 1h30min
//	session:XNYS   the trading sessions of an exchange
//
// Empty means inferred from the history. Errors are of KindInvalid.
func ParseFreq(text string) (Freq, error) {
	if text == "" {
		return Freq{}, nil
	}
	refuse := func(message string) (Freq, error) {
		return Freq{}, etf.Invalid("freq", fmt.Sprintf("%q %s", etf.Clip(text, etf.MaxQuoted), message), "use "+Frequencies)
	}
	if exchange, ok := strings.CutPrefix(text, sessionPrefix); ok {
		if _, err := tradingCalendar(exchange); err != nil {
			return Freq{}, etf.Invalid("freq", fmt.Sprintf("%q has no calendar", etf.Clip(exchange, etf.MaxQuoted)), "use session:XNYS or session: and another of "+etf.ExchangeList())
		}
		return Freq{unit: unitSession, n: 1, exchange: exchange}, nil
	}
	var length float64 // microseconds
	for rest, first := text, true; rest != "" || first; first = false {
		part := freqPart.FindStringSubmatch(rest)
		if part == nil {
			return refuse("is not a frequency")
		}
		rest = rest[len(part[0]):]
		multiple, name, anchor := part[1], part[2], part[3]
		anchored := strings.Contains(part[0], "-")
		if multiple == "" {
			multiple = "1"
		}
		if one, fixed := fixedUnits[name]; fixed && !anchored {
			n, err := strconv.ParseFloat(multiple, 64)
			if err != nil {
				return refuse("is not a frequency")
			}
			length += n * one
			continue
		}
		switch name {
		case "C", "CBMS", "CBME", "bh", "cbh", "RE", "REQ":
			return refuse("is a frequency of pandas that etfcast does not have")
		}
		q, ok := calendarFreq(name, anchor, anchored)
		if !ok {
			return refuse("is not a frequency")
		}
		if !first || rest != "" {
			return refuse("adds up units that have no fixed length")
		}
		var err error
		if q.n, err = strconv.Atoi(multiple); err != nil || q.n < 1 || q.n > maxPeriods {
			return refuse(fmt.Sprintf("has a multiple that is not a whole number from 1 to %d", maxPeriods))
		}
		return q, nil
	}
	rounded := math.Round(length)
	if !(rounded >= 1) || rounded > float64(maxPeriods)*float64(Day) || math.Abs(length-rounded) > 1e-9*rounded {
		return refuse(fmt.Sprintf("is not a whole number of microseconds up to %d days", maxPeriods))
	}
	return Freq{unit: unitTime, n: int(rounded)}, nil
}

// calendarFreq returns one unit without a fixed length.
func calendarFreq(name, anchor string, anchored bool) (q Freq, ok bool) {
	u, known := calendarUnits[name]
	if !known {
		return Freq{}, false
	}
	q = Freq{unit: u, n: 1, weekday: time.Sunday}
	anchor = strings.ToUpper(anchor)
	switch u {
	case unitWeek:
		if anchored {
			q.weekday, ok = weekdays[anchor]
			return q, ok
		}
	case unitSemiMonthStart, unitSemiMonthEnd:
		q.day = 15
		if anchored {
			from := 1
			if u == unitSemiMonthStart {
				from = 2
			}
			var err error
			q.day, err = strconv.Atoi(anchor)
			return q, err == nil && q.day >= from && q.day <= 27
		}
	case unitQuarterStart, unitBusinessQuarterStart, unitYearStart, unitBusinessYearStart, unitQuarterEnd, unitBusinessQuarterEnd, unitYearEnd, unitBusinessYearEnd:
		q.month = time.December // in which quarters and years end
		if u == unitQuarterStart || u == unitBusinessQuarterStart || u == unitYearStart || u == unitBusinessYearStart {
			q.month = time.January
		}
		if anchored {
			q.month, ok = months[anchor]
			return q, ok
		}
	case unitWeekOfMonth:
		if len(anchor) != 4 || anchor[0] < '1' || anchor[0] > '4' {
			return Freq{}, false
		}
		q.day = int(anchor[0] - '0')
		q.weekday, ok = weekdays[anchor[1:]]
		return q, ok
	case unitLastWeekOfMonth:
		q.weekday, ok = weekdays[anchor]
		return q, ok
	}
	return q, !anchored
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
	firstOfMonth, lastOfMonth := t.Day() == 1, next.Day() == 1
	firstBusiness := businessDay(t) && (firstOfMonth || t.Day() <= 3 && t.Weekday() == time.Monday)
	lastBusiness := businessDay(t) && (lastOfMonth || t.Weekday() == time.Friday && (date+3*Day).Time().Day() <= 3)
	quarter, year := (t.Month()-q.month)%3 == 0, t.Month() == q.month
	switch q.unit {
	case unitBusinessDay:
		return businessDay(t)
	case unitWeek:
		return t.Weekday() == q.weekday
	case unitSemiMonthStart:
		return firstOfMonth || t.Day() == q.day
	case unitSemiMonthEnd:
		return lastOfMonth || t.Day() == q.day
	case unitMonthStart:
		return firstOfMonth
	case unitMonthEnd:
		return lastOfMonth
	case unitBusinessMonthStart:
		return firstBusiness
	case unitBusinessMonthEnd:
		return lastBusiness
	case unitQuarterStart:
		return firstOfMonth && quarter
	case unitQuarterEnd:
		return lastOfMonth && quarter
	case unitBusinessQuarterStart:
		return firstBusiness && quarter
	case unitBusinessQuarterEnd:
		return lastBusiness && quarter
	case unitYearStart:
		return firstOfMonth && year
	case unitYearEnd:
		return lastOfMonth && year
	case unitBusinessYearStart:
		return firstBusiness && year
	case unitBusinessYearEnd:
		return lastBusiness && year
	case unitWeekOfMonth:
		return t.Weekday() == q.weekday && (t.Day()-1)/7+1 == q.day
	case unitLastWeekOfMonth:
		return t.Weekday() == q.weekday && (date+7*Day).Time().Month() != t.Month()
	}
	return true
}

// step returns the stamp n units after s, which is one of the frequency, or one beyond the last possible stamp.
func (q Freq) step(s Stamp) Stamp {
	for i := 0; i < q.n && s < maxStamp; i++ {
		s = q.first(s + Day)
	}
	return s
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
		for s := q.first(last); len(out) < n; s = q.step(s) {
			if err := add(s); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// infer finds the frequency of the last five stamps of a history as pandas does: years, quarters or months, by the first or
// last day or business day, every or every n-th; otherwise a constant distance; otherwise Monday to Friday; otherwise the same week and
// weekday of a month.
func infer(dates []Stamp) (Freq, error) {
	tail := dates[max(0, len(dates)-5):]
	refuse := func() (Freq, error) {
		return Freq{}, etf.Invalid("freq", fmt.Sprintf("the frequency can't be inferred from the last %d dates of the history", len(tail)), "give a frequency such as D")
	}
	if len(tail) < 3 {
		return refuse()
	}
	if q, ok := inferMonths(tail); ok {
		return q, nil
	}
	gap, constant := tail[1]-tail[0], true
	for i := 2; i < len(tail); i++ {
		constant = constant && tail[i]-tail[i-1] == gap
	}
	follows := func(q Freq) bool {
		for i := 1; i < len(tail); i++ {
			if q.step(tail[i-1]) != tail[i] {
				return false
			}
		}
		return q.on(tail[0].Date())
	}
	first := tail[0]
	switch {
	case constant && gap%(7*Day) == 0:
		return Freq{unit: unitWeek, n: int(gap / (7 * Day)), weekday: first.Weekday()}, nil
	case constant:
		return Freq{unit: unitTime, n: int(gap)}, nil
	case follows(Freq{unit: unitBusinessDay, n: 1}):
		return Freq{unit: unitBusinessDay, n: 1}, nil
	}
	week := Freq{unit: unitWeekOfMonth, n: 1, weekday: first.Weekday(), day: (first.Time().Day()-1)/7 + 1}
	clock := first - first.Date()
	if week.day < 5 && !slices.ContainsFunc(tail, func(s Stamp) bool { return !week.on(s.Date()) || s-s.Date() != clock }) {
		return week, nil
	}
	return refuse()
}

// inferMonths finds frequencies of months, quarters and years.
func inferMonths(tail []Stamp) (Freq, bool) {
	clock := tail[0] - tail[0].Date()
	monthOf := func(s Stamp) int { return s.Time().Year()*12 + int(s.Time().Month()) }
	n := monthOf(tail[1]) - monthOf(tail[0])
	for i, s := range tail {
		if s-s.Date() != clock || i > 0 && monthOf(s)-monthOf(tail[i-1]) != n || n < 1 {
			return Freq{}, false
		}
	}
	// In the order in which pandas prefers them.
	for _, month := range []Freq{{unit: unitMonthEnd}, {unit: unitBusinessMonthEnd}, {unit: unitMonthStart}, {unit: unitBusinessMonthStart}} {
		if !slices.ContainsFunc(tail, func(s Stamp) bool { return !month.on(s.Date()) }) {
			month.n = n
			return month, true
		}
	}
	return Freq{}, false
}
