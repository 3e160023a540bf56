package calendar

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// substitution says when a holiday has a substitute.
type substitution int

const (
	never   substitution = iota
	sunday               // if it falls on a Sunday or another holiday: Seollal and Chuseok
	weekend              // if it falls on a Saturday, a Sunday or another holiday
)

// Substitute holidays were introduced in three steps (Regulation on Holidays of Public Offices, article 3): Seollal,
// Chuseok and Children's Day from 2013-11-05; the national days from 2021-08-04; Buddha's Birthday and Christmas from
// 2023-05-04. Labour Day, previously a holiday of the exchange and of private companies only, became a public holiday
// with a substitute in 2026. New Year's Day and Memorial Day have no substitute.
var (
	substituteFamily    = day("2013-11-05")
	substituteNational  = day("2021-08-04")
	substituteReligious = day("2023-05-04")
	substituteLabour    = day("2026-05-01")
)

type koreanHoliday struct {
	date  etf.Session
	name  string
	rule  substitution
	since etf.Session // the rule's first day
}

// xkrxHolidays returns one year's public holidays and Labour Day, with their substitutes under the law of the time.
func xkrxHolidays(year int) []Closure {
	holidays := koreanHolidays(year)
	off := map[etf.Session]int{}
	var list []Closure
	for _, h := range holidays {
		off[h.date]++
		list = append(list, Closure{Date: h.date, Name: h.name})
	}
	for _, h := range holidays {
		if h.rule == never || h.date < h.since {
			continue
		}
		clash := off[h.date] > 1 || h.date.Weekday() == time.Sunday ||
			h.rule == weekend && h.date.Weekday() == time.Saturday
		if !clash {
			continue
		}
		if off[h.date] > 1 {
			off[h.date]-- // two holidays on one day have only one substitute
		}
		s := h.date + 1
		for off[s] > 0 || !weekday(s) {
			s++
		}
		off[s]++
		list = append(list, Closure{Date: s, Name: "substitute holiday for " + h.name})
	}
	return list
}

// koreanHolidays lists a year's holidays in the order in which substitutes are assigned.
func koreanHolidays(year int) []koreanHoliday {
	var list []koreanHoliday
	add := func(s etf.Session, name string, rule substitution, since etf.Session) {
		list = append(list, koreanHoliday{s, name, rule, since})
	}
	on := func(m time.Month, d int) etf.Session { return etf.NewSession(year, m, d) }
	moon := lunar(year)

	add(on(time.January, 1), "New Year's Day", never, 0) // three days until 1989, two until 1998
	if year <= 1998 {
		add(on(time.January, 2), "New Year holiday", never, 0)
	}
	for _, offset := range []int{-1, 0, 1} {
		add(moon.seollal.AddDays(offset), "Seollal", sunday, substituteFamily)
	}
	add(on(time.March, 1), "Independence Movement Day", weekend, substituteNational)
	if year <= 1993 {
		add(on(time.March, 10), "Labour Day", never, 0)
	}
	if year <= 2005 { // it and Constitution Day lost their status with the five-day week
		add(on(time.April, 5), "Arbor Day", never, 0)
	}
	if year >= 1994 {
		add(on(time.May, 1), "Labour Day", weekend, substituteLabour)
	}
	add(on(time.May, 5), "Children's Day", weekend, substituteFamily)
	add(moon.buddha, "Buddha's Birthday", weekend, substituteReligious)
	add(on(time.June, 6), "Memorial Day", never, 0)
	if year <= 2007 || year >= 2026 { // restored by the Public Holidays Act as amended in January 2026
		add(on(time.July, 17), "Constitution Day", weekend, substituteNational)
	}
	add(on(time.August, 15), "Liberation Day", weekend, substituteNational)
	for _, offset := range []int{-1, 0, 1} {
		add(moon.chuseok.AddDays(offset), "Chuseok", sunday, substituteFamily)
	}
	if year <= 1990 {
		add(on(time.October, 1), "Armed Forces Day", never, 0)
	}
	add(on(time.October, 3), "National Foundation Day", weekend, substituteNational)
	if year <= 1990 || year >= 2013 { // dropped with Armed Forces Day in November 1990
		add(on(time.October, 9), "Hangul Day", weekend, substituteNational)
	}
	add(on(time.December, 25), "Christmas Day", weekend, substituteReligious)
	return list
}

// xkrxYearEnd returns one year's closures at the end of December, when the registers of shareholders are closed: from
// the 27th on until 1991, the last three days of the trading week from 1992 to 2000, the last one since then.
func xkrxYearEnd(year int) []Closure {
	var list []Closure
	add := func(s etf.Session) { list = append(list, Closure{Date: s, Name: "year-end closure"}) }
	last := etf.NewSession(year, time.December, 31)
	if year <= 1991 {
		for s := etf.NewSession(year, time.December, 27); s <= last; s++ {
			add(s)
		}
		return list
	}
	days := 1
	if year <= 2000 {
		days = 3
	}
	for s := last; len(list) < days; s-- {
		if xkrxWeek(s) {
			add(s)
		}
	}
	return list
}
