package calendar

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// xkrxPlan specifies the Korea Exchange: closed on public holidays (the Regulation on Holidays of Public Offices and,
// since 2022, the Public Holidays Act), on Labour Day and at the end of the year.
func xkrxPlan() plan {
	p := plan{exchange: etf.XKRX, zone: "Asia/Seoul", week: xkrxWeek, hours: xkrxHours}
	p.closures = append(p.closures, xkrxOneOff...)
	p.closures = append(p.closures, xkrxElections...)
	for year := span.From.Time().Year(); year <= span.To.Time().Year(); year++ {
		p.closures = append(p.closures, xkrxHolidays(year)...)
		p.closures = append(p.closures, xkrxYearEnd(year)...)
	}
	p.special = append(p.special, xkrxFirstSessions(p.closures)...)
	p.special = append(p.special, xkrxExamDays()...)
	p.special = append(p.special, xkrxIrregular...)
	return p
}

// Dates on which the exchange's hours changed.
var (
	hours1995           = day("1995-01-01")
	lastSaturdaySession = day("1998-12-05")
	hours1998           = day("1998-12-07")
	hours2016           = day("2016-08-01")
)

func xkrxWeek(s etf.Session) bool {
	return weekday(s) || s.Weekday() == time.Saturday && s <= lastSaturdaySession
}

// xkrxHours returns the first open and the last close of a day. Until 2000-05-21 there was a break of 60 to 100 minutes
// around noon; on Saturdays there was only the morning part.
func xkrxHours(s etf.Session) (open, end clock) {
	saturday := s.Weekday() == time.Saturday
	switch {
	case s < hours1995 && saturday:
		return at(9, 40), at(11, 40)
	case s < hours1995:
		return at(9, 40), at(15, 20)
	case saturday:
		return at(9, 30), at(11, 30)
	case s < hours1998:
		return at(9, 30), at(15, 0)
	case s < hours2016:
		return at(9, 0), at(15, 0)
	default:
		return at(9, 0), at(15, 30)
	}
}

// xkrxFirstSessions returns the hours of each year's first session, which begins after the opening ceremony: 11:00 to
// 13:00 until 1998, 10:00 to 13:00 in 1999 and 2000, and 10:00 to the regular close since then.
func xkrxFirstSessions(closures []Closure) []irregular {
	closed := map[etf.Session]bool{}
	for _, x := range closures {
		closed[x.Date] = true
	}
	var list []irregular
	for year := span.From.Time().Year(); year <= span.To.Time().Year(); year++ {
		s := etf.NewSession(year, time.January, 1)
		for closed[s] || !xkrxWeek(s) {
			s++
		}
		first := irregular{session: s, open: at(10, 0), reason: "first session of the year"}
		if year <= 1998 {
			first.open = at(11, 0)
		}
		if year <= 2000 {
			first.close = at(13, 0)
		}
		list = append(list, first)
	}
	return list
}

// xkrxExamDays returns the hours on the days of the university entrance exam. Open and close are later, to keep the
// roads clear for the candidates: by half an hour until 1998, by an hour since then.
func xkrxExamDays() []irregular {
	var list []irregular
	add := func(text, reason string) {
		s := day(text)
		shift := at(1, 0)
		if s < hours1998 {
			shift = at(0, 30)
		}
		open, end := xkrxHours(s)
		list = append(list, irregular{session: s, open: open + shift, close: end + shift, reason: reason})
	}
	for _, text := range xkrxExams {
		add(text, "university entrance exam")
	}
	for _, text := range xkrxExamsExpected {
		add(text, "university entrance exam (expected date)")
	}
	return list
}
