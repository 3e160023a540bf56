package calendar

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// from2000 is the first day of the calendars of XLON, XETR and XTKS. Exchange-traded funds were first listed in London and
// Frankfurt in April 2000.
var from2000 = day("2000-01-01")

// xlonPlan specifies the London Stock Exchange: closed on the bank holidays of England and Wales (Banking and Financial Dealings
// Act 1971, schedule 1, and royal proclamations under it). Regular trading ends with the closing auction's call at 16:30.
func xlonPlan() plan {
	p := plan{
		exchange: etf.XLON,
		zone:     "Europe/London",
		from:     from2000,
		week:     weekday,
		// 08:00 to 16:30 since 1999-09-20.
		hours: func(etf.Session) (clock, clock) { return at(8, 0), at(16, 30) },
	}
	p.closures = append(p.closures, xlonOneOff...)
	for year := p.from.Time().Year(); year <= span.To.Time().Year(); year++ {
		p.closures = append(p.closures, xlonHolidays(year)...)
		p.special = append(p.special, xlonHalfDays(year)...)
	}
	return p
}

// xlonHolidays returns one year's bank holidays but those of xlonOneOff.
func xlonHolidays(year int) []Closure {
	on := func(month time.Month, d int) etf.Session { return etf.NewSession(year, month, d) }
	list := []Closure{
		toMonday(on(time.January, 1), "New Year's Day"),
		{Date: easter(year) - 2, Name: "Good Friday"},
		{Date: easter(year) + 1, Name: "Easter Monday"},
		{Date: nthWeekday(year, time.August, time.Monday, -1), Name: "summer bank holiday"},
	}
	if year != 2020 { // moved to the 8th
		list = append(list, Closure{Date: nthWeekday(year, time.May, time.Monday, 1), Name: "early May bank holiday"})
	}
	if year != 2002 && year != 2012 && year != 2022 { // moved to the jubilee
		list = append(list, Closure{Date: nthWeekday(year, time.May, time.Monday, -1), Name: "spring bank holiday"})
	}
	// The substitutes of Christmas Day and Boxing Day are the next weekdays that are neither.
	christmas := on(time.December, 25)
	list = append(list, Closure{Date: christmas, Name: "Christmas Day"}, Closure{Date: christmas + 1, Name: "Boxing Day"})
	switch christmas.Weekday() {
	case time.Friday:
		list = append(list, Closure{Date: christmas + 3, Name: "Boxing Day (substitute)"})
	case time.Saturday:
		list = append(list, Closure{Date: christmas + 2, Name: "Christmas Day (substitute)"}, Closure{Date: christmas + 3, Name: "Boxing Day (substitute)"})
	case time.Sunday:
		list = append(list, Closure{Date: christmas + 2, Name: "Christmas Day (substitute)"})
	}
	return list
}

// toMonday returns a holiday on its own day or, on a weekend, on the next Monday.
func toMonday(s etf.Session, name string) Closure {
	switch s.Weekday() {
	case time.Saturday:
		return Closure{Date: s + 2, Name: name + " (substitute)"}
	case time.Sunday:
		return Closure{Date: s + 1, Name: name + " (substitute)"}
	}
	return Closure{Date: s, Name: name}
}

// xlonHalfDays returns one year's half days: the last sessions before Christmas Day and before the end of the year close at 12:30.
func xlonHalfDays(year int) []irregular {
	var list []irregular
	for d, reason := range map[int]string{24: "Christmas Eve", 31: "New Year's Eve"} {
		s := etf.NewSession(year, time.December, d)
		for !weekday(s) {
			s--
		}
		list = append(list, irregular{session: s, close: at(12, 30), reason: reason})
	}
	return list
}

// xlonOneOff lists the bank holidays that a royal proclamation added or moved, with the day of the government's announcement; without
// one, it was known more than a year ahead and is in the exchange's yearly calendar.
var xlonOneOff = []Closure{
	{Date: day("2002-06-03"), Name: "Golden Jubilee of Elizabeth II"},
	{Date: day("2002-06-04"), Name: "spring bank holiday (moved)"},
	{Date: day("2011-04-29"), Name: "wedding of Prince William", Announced: day("2010-11-23")},
	{Date: day("2012-06-04"), Name: "spring bank holiday (moved)", Announced: day("2010-01-05")},
	{Date: day("2012-06-05"), Name: "Diamond Jubilee of Elizabeth II", Announced: day("2010-01-05")},
	{Date: day("2020-05-08"), Name: "early May bank holiday (moved to VE Day)", Announced: day("2019-06-07")},
	{Date: day("2022-06-02"), Name: "spring bank holiday (moved)", Announced: day("2020-11-12")},
	{Date: day("2022-06-03"), Name: "Platinum Jubilee of Elizabeth II", Announced: day("2020-11-12")},
	{Date: day("2022-09-19"), Name: "state funeral of Elizabeth II", Announced: day("2022-09-10")},
	{Date: day("2023-05-08"), Name: "coronation of Charles III", Announced: day("2022-11-06")},
}
