package calendar

import (
	"math"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// xtksPlan specifies the Tokyo Stock Exchange: closed on the holidays of the Act on National Holidays (Act 178 of 1948), from 1 to 3
// January and on 31 December.
func xtksPlan() plan {
	p := plan{exchange: etf.XTKS, zone: "Asia/Tokyo", from: from2000, week: weekday, hours: xtksHours}
	p.closures = append(p.closures, Closure{Date: day("2020-10-01"), Name: "failure of the trading system", Announced: day("2020-10-01")})
	first, last := p.from.Time().Year(), span.To.Time().Year()
	for year := first; year <= last; year++ {
		p.closures = append(p.closures, xtksHolidays(year)...)
	}
	p.special = append(p.special, xtksHalfDays(p.closures, first)...)
	p.special = append(p.special,
		sameDay("2005-11-01", at(13, 30), 0, "failure of the trading system"),
		sameDay("2006-01-18", 0, at(14, 40), "number of orders near the system's limit"),
	)
	return p
}

var hours2024 = day("2024-11-05")

// xtksHours returns the first open and the last close of a day. There is a break around noon.
func xtksHours(s etf.Session) (open, end clock) {
	if s < hours2024 {
		return at(9, 0), at(15, 0)
	}
	return at(9, 0), at(15, 30)
}

// xtksHalfDays returns the mornings, until 11:00, of each year's first session until 2009 and last session until 2008.
func xtksHalfDays(closures []Closure, firstYear int) []irregular {
	closed := map[etf.Session]bool{}
	for _, x := range closures {
		closed[x.Date] = true
	}
	var list []irregular
	for year := firstYear; year <= 2009; year++ {
		s := etf.NewSession(year, time.January, 1)
		for closed[s] || !weekday(s) {
			s++
		}
		list = append(list, irregular{session: s, close: at(11, 0), reason: "first session of the year"})
		if year == 2009 {
			break
		}
		s = etf.NewSession(year, time.December, 31)
		for closed[s] || !weekday(s) {
			s--
		}
		list = append(list, irregular{session: s, close: at(11, 0), reason: "last session of the year"})
	}
	return list
}

// xtksHolidays returns one year's holidays, with the substitutes and the days between two holidays under the law of the time, and the
// exchange's own at the turn of the year.
func xtksHolidays(year int) []Closure {
	on := func(month time.Month, d int) etf.Session { return etf.NewSession(year, month, d) }
	list := japaneseHolidays(year)
	holiday := map[etf.Session]bool{}
	for _, x := range list {
		holiday[x.Date] = true
	}
	substitutes := map[etf.Session]bool{}
	for _, x := range list[:len(list):len(list)] {
		if x.Date.Weekday() != time.Sunday {
			continue
		}
		s := x.Date + 1
		// Until 2006 the substitute was the Monday, which then was another holiday only by accident; since 2007 it is the next day
		// that is no holiday (article 3, paragraph 2).
		for year >= 2007 && holiday[s] {
			s++
		}
		substitutes[s] = true
		list = append(list, Closure{Date: s, Name: x.Name + " (substitute)"})
	}
	// A day between two holidays is a holiday (paragraph 3).
	for s := on(time.January, 2); s < on(time.December, 31); s++ {
		if !holiday[s] && !substitutes[s] && s.Weekday() != time.Sunday && holiday[s-1] && holiday[s+1] {
			list = append(list, Closure{Date: s, Name: "day between two holidays"})
		}
	}
	return append(list,
		Closure{Date: on(time.January, 2), Name: "New Year holiday of the exchange"},
		Closure{Date: on(time.January, 3), Name: "New Year holiday of the exchange"},
		Closure{Date: on(time.December, 31), Name: "year-end holiday of the exchange"},
	)
}

// japaneseHolidays lists a year's holidays of article 2 of the act. In 2020 and 2021 three were moved for the Olympic Games.
func japaneseHolidays(year int) []Closure {
	var list []Closure
	add := func(s etf.Session, name string) { list = append(list, Closure{Date: s, Name: name}) }
	on := func(month time.Month, d int) etf.Session { return etf.NewSession(year, month, d) }
	// olympic returns the regular day but in 2020 and 2021.
	olympic := func(regular, in2020, in2021 etf.Session) etf.Session {
		switch year {
		case 2020:
			return in2020
		case 2021:
			return in2021
		}
		return regular
	}

	add(on(time.January, 1), "New Year's Day")
	add(nthWeekday(year, time.January, time.Monday, 2), "Coming of Age Day")
	add(on(time.February, 11), "National Foundation Day")
	if year >= 2020 {
		add(on(time.February, 23), "Emperor's Birthday")
	}
	add(on(time.March, equinox(year, 20.8431)), "Vernal Equinox Day")
	if year <= 2006 {
		add(on(time.April, 29), "Greenery Day")
	} else {
		add(on(time.April, 29), "Showa Day")
		add(on(time.May, 4), "Greenery Day") // until then a day between two holidays
	}
	if year == 2019 { // by an act of 2018-12-14, with the ceremony in October
		list = append(list, Closure{Date: day("2019-05-01"), Name: "accession of the Emperor", Announced: day("2018-12-14")})
	}
	add(on(time.May, 3), "Constitution Memorial Day")
	add(on(time.May, 5), "Children's Day")
	if year <= 2002 {
		add(on(time.July, 20), "Marine Day")
		add(on(time.September, 15), "Respect for the Aged Day")
	} else {
		add(olympic(nthWeekday(year, time.July, time.Monday, 3), day("2020-07-23"), day("2021-07-22")), "Marine Day")
		add(nthWeekday(year, time.September, time.Monday, 3), "Respect for the Aged Day")
	}
	if year >= 2016 {
		add(olympic(on(time.August, 11), day("2020-08-10"), day("2021-08-08")), "Mountain Day")
	}
	add(on(time.September, equinox(year, 23.2488)), "Autumnal Equinox Day")
	add(olympic(nthWeekday(year, time.October, time.Monday, 2), day("2020-07-24"), day("2021-07-23")), "Sports Day")
	if year == 2019 {
		list = append(list, Closure{Date: day("2019-10-22"), Name: "enthronement of the Emperor", Announced: day("2018-12-14")})
	}
	add(on(time.November, 3), "Culture Day")
	add(on(time.November, 23), "Labour Thanksgiving Day")
	if year <= 2018 {
		add(on(time.December, 23), "Emperor's Birthday")
	}
	return list
}

// equinox returns the day of the month of an equinox in Japan by the usual approximation for 1980 to 2099, whose constant is its
// instant in 1980. The government announces the day in February of the year before; no announced day has differed.
func equinox(year int, in1980 float64) int {
	n := year - 1980
	return int(math.Floor(in1980+0.242194*float64(n))) - n/4
}
