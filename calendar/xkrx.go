package calendar

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// xkrxPlan states the Korea Exchange: closed on public holidays (the Regulation on Holidays of Public Offices
// and, since 2022, the Public Holidays Act), on Labour Day and at the end of the year.
func xkrxPlan() plan {
	p := plan{
		exchange: etf.XKRX,
		zone:     "Asia/Seoul",
		week: func(s etf.Session) bool {
			return weekday(s) || s.Weekday() == time.Saturday && s <= lastSaturdaySession
		},
		hours: xkrxHours,
	}
	p.closures = append(p.closures, xkrxOneOff...)
	for year := 1990; year <= 2030; year++ {
		p.closures = append(p.closures, xkrxHolidays(year)...)
	}
	p.closures = append(p.closures, xkrxYearEnds(p.closures)...)
	p.special = xkrxSpecialHours(p)
	return p
}

// The Saturday session was given up together with the move of the open to 09:00 on Monday 1998-12-07.
var (
	lastSaturdaySession = day("1998-12-05")
	openAtNine          = day("1998-12-07")
	closeAtHalfPast     = day("2016-08-01")
)

func xkrxHours(s etf.Session) (open, end clock) {
	switch {
	case s < day("1995-01-01"):
		open, end = at(9, 40), at(15, 20)
	case s < openAtNine:
		open, end = at(9, 30), at(15, 0)
	case s < closeAtHalfPast:
		open, end = at(9, 0), at(15, 0)
	default:
		open, end = at(9, 0), at(15, 30)
	}
	if s.Weekday() == time.Saturday {
		// Mornings only: the afternoon trading of weekdays after the mid-day break fell away.
		end = at(11, 40)
		if s >= day("1995-01-01") {
			end = at(11, 30)
		}
	}
	return open, end
}

// xkrxSpecialHours shifts the first session of a year (open one hour later) and the day of the university
// entrance exam (open and close later by the same amount, so that the roads are free for the candidates).
func xkrxSpecialHours(p plan) []irregular {
	var list []irregular
	closed := map[etf.Session]bool{}
	for _, x := range p.closures {
		closed[x.Date] = true
	}
	for year := 1990; year <= 2030; year++ {
		s := etf.NewSession(year, time.January, 1)
		for closed[s] || !p.week(s) {
			s++
		}
		open, _ := p.hours(s)
		list = append(list, irregular{session: s, open: open + at(1, 0), reason: "first session of the year"})
	}
	for _, exam := range xkrxExams {
		shift := at(1, 0)
		if exam.session <= day("1998-11-18") {
			shift = at(0, 30)
		}
		open, end := p.hours(exam.session)
		exam.open, exam.close = open+shift, end+shift
		exam.reason = "university entrance exam"
		list = append(list, exam)
	}
	return list
}
