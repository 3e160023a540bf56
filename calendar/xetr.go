package calendar

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// xetrPlan specifies Xetra, by the trading calendars of Deutsche Börse.
func xetrPlan() plan {
	p := plan{exchange: etf.XETR, zone: "Europe/Berlin", from: from2000, week: weekday, hours: xetrHours}
	for year := p.from.Time().Year(); year <= span.To.Time().Year(); year++ {
		p.closures = append(p.closures, xetrHolidays(year)...)
		if year >= 2003 {
			p.special = append(p.special, xetrLastSession(year))
		}
	}
	return p
}

// Xetra traded until 20:00 from 2000-06-02 to 2003-10-31.
var (
	xetrLonger  = day("2000-06-02")
	xetrShorter = day("2003-11-03")
)

func xetrHours(s etf.Session) (open, end clock) {
	if s >= xetrLonger && s < xetrShorter {
		return at(9, 0), at(20, 0)
	}
	return at(9, 0), at(17, 30)
}

// xetrHolidays returns one year's holidays. Those on a weekend are not observed on another day. On most public holidays of Germany
// Xetra trades; on Whit Monday and German Unity Day it was closed for some years.
func xetrHolidays(year int) []Closure {
	on := func(month time.Month, d int) etf.Session { return etf.NewSession(year, month, d) }
	list := []Closure{
		{Date: on(time.January, 1), Name: "New Year's Day"},
		{Date: easter(year) - 2, Name: "Good Friday"},
		{Date: easter(year) + 1, Name: "Easter Monday"},
		{Date: on(time.May, 1), Name: "Labour Day"},
		{Date: on(time.December, 24), Name: "Christmas Eve"},
		{Date: on(time.December, 25), Name: "Christmas Day"},
		{Date: on(time.December, 26), Name: "St. Stephen's Day"},
		{Date: on(time.December, 31), Name: "New Year's Eve"},
	}
	if year == 2007 || year >= 2015 && year <= 2021 {
		list = append(list, Closure{Date: easter(year) + 50, Name: "Whit Monday"})
	}
	if year == 2000 || year >= 2014 && year <= 2021 {
		list = append(list, Closure{Date: on(time.October, 3), Name: "German Unity Day"})
	}
	if year == 2017 { // a public holiday in all of Germany in that year only
		list = append(list, Closure{Date: on(time.October, 31), Name: "Reformation Day"})
	}
	return list
}

// xetrLastSession returns the hours of a year's last session, which ends at 14:00: documented for 2005, 2008 and since 2010. What it was
// before 2003 is not known.
func xetrLastSession(year int) irregular {
	s := etf.NewSession(year, time.December, 30)
	for !weekday(s) {
		s--
	}
	return irregular{session: s, close: at(14, 0), reason: "last session of the year"}
}
