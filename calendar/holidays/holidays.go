package holidays

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Holiday is one name of one day. A holiday of several days is several of them, each with a name of its own, and
// so is a day kept for several reasons.
type Holiday struct {
	Date etf.Session // a civil date of the country, weekends included
	Name string
}

type country struct {
	first, last int // years covered, both inclusive
	// year may return days of other years, which are dropped, and no row twice.
	year func(int) []Holiday
}

var countries = map[string]country{
	"KR": {first: lunarFirstYear, last: lunarFirstYear + len(lunarDates) - 1, year: southKorea},
	"US": {first: 1971, last: 2050, year: unitedStates},
}

// aliases are the other names under which Python finds the same countries. Case counts, as it does there.
var aliases = map[string]string{
	"KOR": "KR", "Korea": "KR", "SouthKorea": "KR",
	"USA": "US", "UnitedStates": "US",
}

// Names are those of the years 1995 to 2044 in Prophet's get_holiday_names.
const namesFrom, namesTo = 1995, 2044

// Countries returns the codes of the countries there are holidays for, in ascending order.
func Countries() []string { return slices.Sorted(maps.Keys(countries)) }

// Of returns the public holidays of one civil year, in order of date, then of the name's bytes; no row is there
// twice. The country is a code of Countries or one of the other names Python knows it by (USA, UnitedStates, KOR,
// Korea, SouthKorea).
//
// Where Python joins the names of one day by "; ", Prophet splits them again, and here they are rows of their own.
// Python has no holidays at all outside the years it knows; here such a year is an error. Errors are of
// KindInvalid with Field "country_holidays" and name the countries or years there are.
func Of(name string, year int) ([]Holiday, error) {
	c, err := find(name)
	if err != nil {
		return nil, err
	}
	if year < c.first || year > c.last {
		return nil, etf.Invalid("country_holidays", fmt.Sprintf("the public holidays of %s are not known for the year %d", name, year),
			fmt.Sprintf("use dates of the years %d to %d or fit without country_holidays", c.first, c.last))
	}
	return c.of(year), nil
}

// Names returns, in order of bytes, every name a day has from 1995 to 2044: the names Prophet refuses for the
// holidays, seasonalities and regressors beside country_holidays. As there, a day with several names has them
// joined by "; "; each of them is in the list by itself, too. Errors are those of an unknown country in Of.
func Names(name string) ([]string, error) {
	c, err := find(name)
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for year := namesFrom; year <= namesTo; year++ {
		day := map[etf.Session][]string{}
		for _, h := range c.of(year) {
			day[h.Date] = append(day[h.Date], h.Name)
		}
		for _, names := range day {
			all[strings.Join(names, "; ")] = true
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}

func find(name string) (country, error) {
	c, ok := countries[cmp.Or(aliases[name], name)]
	if !ok {
		return country{}, etf.Invalid("country_holidays", fmt.Sprintf("there are no public holidays for the country %q", name),
			"use one of "+strings.Join(Countries(), ", ")+", or give the days as holidays of your own")
	}
	return c, nil
}

func (c country) of(year int) []Holiday {
	list := slices.DeleteFunc(c.year(year), func(h Holiday) bool {
		y, _, _ := h.Date.Date()
		return y != year
	})
	slices.SortFunc(list, func(a, b Holiday) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), strings.Compare(a.Name, b.Name))
	})
	return list
}

// from returns the first day of that weekday on or after the date.
func from(date etf.Session, weekday time.Weekday) etf.Session {
	return date.AddDays((int(weekday) - int(date.Weekday()) + 7) % 7)
}

func weekend(s etf.Session) bool {
	return s.Weekday() == time.Saturday || s.Weekday() == time.Sunday
}
