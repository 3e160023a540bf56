package holidays

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// unitedStates lists one year's holidays under 5 U.S.C. 6103(a), with the names of the Python package: the statute says
// "Birthday of Martin Luther King, Jr.".
func unitedStates(year int) []Holiday {
	var list []Holiday
	add := func(date etf.Session, name string) { list = append(list, Holiday{date, name}) }
	on := func(month time.Month, day int) etf.Session { return etf.NewSession(year, month, day) }
	// The holidays of the Uniform Monday Holiday Act never fall on a weekend. If another one does, the Friday before or
	// the Monday after is a holiday as well (Executive Order 11582).
	addObserved := func(date etf.Session, name string) {
		add(date, name)
		switch date.Weekday() {
		case time.Saturday:
			add(date-1, name+" (observed)")
		case time.Sunday:
			add(date+1, name+" (observed)")
		}
	}

	addObserved(on(time.January, 1), "New Year's Day")
	addObserved(etf.NewSession(year+1, time.January, 1), "New Year's Day") // on a Saturday it is observed on December 31
	if year >= 1986 {
		add(from(on(time.January, 15), time.Monday), "Martin Luther King Jr. Day")
	}
	add(from(on(time.February, 15), time.Monday), "Washington's Birthday")
	add(from(on(time.May, 25), time.Monday), "Memorial Day")
	if year >= 2021 {
		addObserved(on(time.June, 19), "Juneteenth National Independence Day")
	}
	addObserved(on(time.July, 4), "Independence Day")
	add(from(on(time.September, 1), time.Monday), "Labor Day")
	add(from(on(time.October, 8), time.Monday), "Columbus Day")
	if year <= 1977 {
		add(from(on(time.October, 22), time.Monday), "Veterans Day")
	} else {
		addObserved(on(time.November, 11), "Veterans Day")
	}
	add(from(on(time.November, 22), time.Thursday), "Thanksgiving Day")
	addObserved(on(time.December, 25), "Christmas Day")
	return list
}
