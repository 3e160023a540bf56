package calendar

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// xnysPlan specifies the New York Stock Exchange: NYSE Rule 7.2 (holidays) and Rule 51, now 7.1 (hours).
func xnysPlan() plan {
	p := plan{
		exchange: etf.XNYS,
		zone:     "America/New_York",
		week:     weekday,
		// 09:30 to 16:00 since 1985-09-30.
		hours: func(etf.Session) (clock, clock) { return at(9, 30), at(16, 0) },
	}
	p.closures = append(p.closures, xnysUnscheduled...)
	for year := span.From.Time().Year(); year <= span.To.Time().Year(); year++ {
		p.closures = append(p.closures, xnysHolidays(year)...)
		p.special = append(p.special, xnysEarlyCloses(year)...)
	}
	p.special = append(p.special, xnysIrregular...)
	return p
}

// xnysHolidays returns one year's holidays. A holiday on a Sunday is observed on Monday and one on a Saturday on the
// Friday before, unless that Friday ends a month or year: New Year's Day on a Saturday is not observed on another day.
func xnysHolidays(year int) []Closure {
	on := func(s etf.Session, name string) Closure {
		switch s.Weekday() {
		case time.Saturday:
			s--
			name += " (observed)"
		case time.Sunday:
			s++
			name += " (observed)"
		}
		return Closure{Date: s, Name: name}
	}
	var list []Closure
	if s := etf.NewSession(year, time.January, 1); s.Weekday() != time.Saturday {
		list = append(list, on(s, "New Year's Day"))
	}
	if year >= 1998 {
		list = append(list, on(nthWeekday(year, time.January, time.Monday, 3), "Martin Luther King Jr. Day"))
	}
	list = append(list,
		on(nthWeekday(year, time.February, time.Monday, 3), "Washington's Birthday"),
		on(easter(year)-2, "Good Friday"),
		on(nthWeekday(year, time.May, time.Monday, -1), "Memorial Day"),
	)
	if year >= 2022 {
		list = append(list, on(etf.NewSession(year, time.June, 19), "Juneteenth National Independence Day"))
	}
	return append(list,
		on(etf.NewSession(year, time.July, 4), "Independence Day"),
		on(nthWeekday(year, time.September, time.Monday, 1), "Labor Day"),
		on(nthWeekday(year, time.November, time.Thursday, 4), "Thanksgiving Day"),
		on(etf.NewSession(year, time.December, 25), "Christmas Day"),
	)
}

// xnysEarlyCloses returns one year's regular early closes: 13:00 since 1993, 14:00 before.
func xnysEarlyCloses(year int) []irregular {
	early := at(13, 0)
	if year < 1993 {
		early = at(14, 0)
	}
	var list []irregular
	add := func(s etf.Session, reason string) {
		list = append(list, irregular{session: s, close: early, reason: reason})
	}
	if year >= 1995 {
		switch fourth := etf.NewSession(year, time.July, 4); fourth.Weekday() {
		case time.Tuesday, time.Wednesday, time.Friday:
			add(fourth-1, "day before Independence Day")
		case time.Thursday:
			// In 2013 the short day moved from the Friday after to the Wednesday before.
			if year < 2013 {
				add(fourth+1, "day after Independence Day")
			} else {
				add(fourth-1, "day before Independence Day")
			}
		}
	}
	if year >= 1992 {
		add(nthWeekday(year, time.November, time.Thursday, 4)+1, "day after Thanksgiving")
	}
	switch eve := etf.NewSession(year, time.December, 24); eve.Weekday() {
	case time.Monday, time.Tuesday, time.Wednesday, time.Thursday:
		add(eve, "Christmas Eve")
	}
	return list
}
