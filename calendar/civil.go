package calendar

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// nthWeekday returns the n-th given weekday of a month; n = -1 is the last one.
func nthWeekday(year int, month time.Month, weekday time.Weekday, n int) etf.Session {
	if n > 0 {
		first := etf.NewSession(year, month, 1)
		return first.AddDays((int(weekday)-int(first.Weekday())+7)%7 + 7*(n-1))
	}
	last := etf.NewSession(year, month+1, 1) - 1
	return last.AddDays(-((int(last.Weekday()) - int(weekday) + 7) % 7))
}

// easter returns Easter Sunday in the Gregorian calendar, by the Meeus/Jones/Butcher algorithm.
func easter(year int) etf.Session {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 19*l) / 433
	n := (h + l - 7*m + 90) / 25
	return etf.NewSession(year, time.Month(n), (h+l-7*m+33*n+19)%32)
}

func day(text string) etf.Session { return etf.MustSession(text) }

func weekday(s etf.Session) bool {
	return s.Weekday() != time.Saturday && s.Weekday() != time.Sunday
}
