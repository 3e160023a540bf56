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

// Holiday is one name of one day. A holiday of several days is several Holidays, each with its own name, and so is a day
// that is a holiday for several reasons.
type Holiday struct {
	Date etf.Session // a civil date of the country, weekends included
	Name string
}

type country struct {
	first, last int // years covered, both inclusive
	// year returns the holidays of a year, none twice. It may return days of other years, which are dropped.
	year func(int) []Holiday
}

var countries = map[string]country{
	"KR": {first: lunarFirstYear, last: lunarFirstYear + len(lunarDates) - 1, year: southKorea},
	"US": {first: 1971, last: 2050, year: unitedStates},

	"AU": tabled("AU", 1990, 2050),
	"CA": tabled("CA", 1990, 2050),
	"CH": tabled("CH", 1990, 2050),
	"CN": tabled("CN", 1990, 2050),
	"DE": tabled("DE", 1991, 2050),
	"FR": tabled("FR", 1990, 2050),
	"GB": tabled("GB", 1990, 2050),
	"HK": tabled("HK", 1990, 2050),
	"IE": tabled("IE", 1990, 2050),
	"IN": tabled("IN", 1990, 2050),
	"IT": tabled("IT", 1990, 2050),
	"JP": tabled("JP", 1990, 2050),
	"NL": tabled("NL", 1990, 2050),
	"SE": tabled("SE", 1990, 2050),
	"TW": tabled("TW", 1998, 2050),
}

// aliases are the other names of the countries in the Python package. They are case-sensitive, as they are there.
var aliases = map[string]string{
	"KOR": "KR", "Korea": "KR", "SouthKorea": "KR",
	"USA": "US", "UnitedStates": "US",
	"AUS": "AU", "Australia": "AU",
	"CAN": "CA", "Canada": "CA",
	"CHE": "CH", "Switzerland": "CH",
	"CHN": "CN", "China": "CN",
	"DEU": "DE", "Germany": "DE",
	"FRA": "FR", "France": "FR",
	"GBR": "GB", "UK": "GB", "UnitedKingdom": "GB",
	"HKG": "HK", "HongKong": "HK",
	"IRL": "IE", "Ireland": "IE",
	"IND": "IN", "India": "IN",
	"ITA": "IT", "Italy": "IT",
	"JPN": "JP", "Japan": "JP",
	"NLD": "NL", "Netherlands": "NL",
	"SWE": "SE", "Sweden": "SE",
	"TWN": "TW", "Taiwan": "TW",
}

// Names covers the years 1995 to 2044, as Prophet's get_holiday_names does.
const namesFrom, namesTo = 1995, 2044

// Years returns the first and the last year covered of one of Countries.
func Years(code string) (first, last int) { return countries[code].first, countries[code].last }

// Countries returns the codes of the supported countries in ascending order.
func Countries() []string { return slices.Sorted(maps.Keys(countries)) }

// Of returns the public holidays of one civil year, sorted by date, then bytewise by name, without duplicates. The
// country is one of Countries or another of its names in the Python package (USA, UnitedStates, KOR, Korea, ...).
//
// The Python package joins several names of one day with "; " and Prophet splits them again; here each name is a
// separate Holiday. In years it does not cover, the Python package has no holidays; here such a year is an error. Errors
// are of KindInvalid with Field "country_holidays" and name the supported countries or years.
func Of(name string, year int) ([]Holiday, error) {
	c, err := find(name)
	if err != nil {
		return nil, err
	}
	if year < c.first || year > c.last {
		return nil, etf.Invalid("country_holidays", fmt.Sprintf("the public holidays of %s are not known for the year %d", name, year),
			fmt.Sprintf("use dates in the years %d to %d, or fit without country_holidays", c.first, c.last))
	}
	return c.of(year), nil
}

// Names returns, in bytewise order, every name that a day has from 1995 to 2044: the names that Prophet does not allow
// for the other holidays, seasonalities and regressors of a model with country_holidays. As in Prophet, several names of
// one day are joined with "; "; each of them is also in the list alone. An unknown country is an error as in Of.
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
		return country{}, etf.Invalid("country_holidays", fmt.Sprintf("the public holidays of the country %q are not known", name),
			"use one of "+strings.Join(Countries(), ", ")+", or list the days as custom holidays")
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

// from returns the first such weekday on or after the date.
func from(date etf.Session, weekday time.Weekday) etf.Session {
	return date.AddDays((int(weekday) - int(date.Weekday()) + 7) % 7)
}

func weekend(s etf.Session) bool {
	return s.Weekday() == time.Saturday || s.Weekday() == time.Sunday
}
