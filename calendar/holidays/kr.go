package holidays

import (
	"slices"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Dates from which holidays have substitutes: Seollal, Chuseok and Children's Day; the national days; Buddha's Birthday
// and Christmas; Labour Day. New Year's Day and Memorial Day never have one.
var (
	substituteFamily    = etf.MustSession("2013-11-05")
	substituteNational  = etf.MustSession("2021-08-04")
	substituteReligious = etf.MustSession("2023-05-04")
	substituteLabour    = etf.MustSession("2026-05-01")
)

// southKorea lists one year's public holidays, their substitutes, the election days and the temporary holidays.
func southKorea(year int) []Holiday {
	k := korean{names: map[etf.Session][]string{}, festival: map[etf.Session]string{}}
	on := func(month time.Month, day int) etf.Session { return etf.NewSession(year, month, day) }
	moon := lunarDates[year-lunarFirstYear]

	k.add(on(time.January, 1), "New Year's Day")
	if year <= 1998 {
		k.add(on(time.January, 2), "New Year's Day")
	}
	k.addFestival(moon.seollal.in(year), "Korean New Year")
	k.addWithSubstitute(on(time.March, 1), "Independence Movement Day", substituteNational)
	if year <= 2005 {
		k.add(on(time.April, 5), "Tree Planting Day")
	}
	k.addWithSubstitute(moon.buddha.in(year), "Buddha's Birthday", substituteReligious)
	if year >= 2026 { // before, a holiday of private companies only
		k.addWithSubstitute(on(time.May, 1), "Labor Day", substituteLabour)
	}
	k.addWithSubstitute(on(time.May, 5), "Children's Day", substituteFamily)
	k.add(on(time.June, 6), "Memorial Day")
	if year <= 2007 || year >= 2026 { // restored by the Public Holidays Act as amended in January 2026
		k.addWithSubstitute(on(time.July, 17), "Constitution Day", substituteNational)
	}
	k.addWithSubstitute(on(time.August, 15), "Liberation Day", substituteNational)
	k.addFestival(moon.chuseok.in(year), "Chuseok")
	if year <= 1990 { // abolished in November 1990 together with Hangul Day
		k.add(on(time.October, 1), "Armed Forces Day")
	}
	k.addWithSubstitute(on(time.October, 3), "National Foundation Day", substituteNational)
	if year <= 1990 || year >= 2013 {
		k.addWithSubstitute(on(time.October, 9), "Hangul Day", substituteNational)
	}
	k.addWithSubstitute(on(time.December, 25), "Christmas Day", substituteReligious)

	koreanElections(year, k.add) // before the substitutes, which must not fall on an election day
	k.addSubstitutes()
	for _, h := range koreanDecisions {
		k.add(h.Date, h.Name) // after the substitutes, none of which has fallen on such a day
	}

	var list []Holiday
	for date, names := range k.names {
		for _, name := range names {
			list = append(list, Holiday{date, name})
		}
	}
	return list
}

// korean is a year under construction.
type korean struct {
	names    map[etf.Session][]string
	due      []etf.Session          // days that have a substitute if they clash
	festival map[etf.Session]string // days of Seollal and Chuseok, with the festival's name
}

func (k *korean) add(date etf.Session, name string) { k.names[date] = append(k.names[date], name) }

// addWithSubstitute adds a holiday that has a substitute from the given day on.
func (k *korean) addWithSubstitute(date etf.Session, name string, since etf.Session) {
	k.add(date, name)
	if date >= since {
		k.due = append(k.due, date)
	}
}

// addFestival adds a festival with the days before and after.
func (k *korean) addFestival(date etf.Session, name string) {
	k.add(date-1, "The day preceding "+name)
	k.add(date, name)
	k.add(date+1, "The second day of "+name)
	for d := date - 1; d <= date+1; d++ {
		k.festival[d] = name
		if d >= substituteFamily {
			k.due = append(k.due, d)
		}
	}
}

// addSubstitutes assigns the next free working day, in order of date, to each due day that clashes with another holiday,
// a Sunday or, outside the festivals, a Saturday. Two holidays on one day have one substitute under both names; a day of
// a festival has one under the festival's name.
func (k *korean) addSubstitutes() {
	slices.Sort(k.due)
	for _, date := range slices.Compact(k.due) {
		festival, family := k.festival[date]
		clash := len(k.names[date]) > 1 || date.Weekday() == time.Sunday ||
			!family && date.Weekday() == time.Saturday
		if !clash {
			continue
		}
		names := k.names[date]
		if family {
			names = []string{festival}
		}
		free := date + 1
		for len(k.names[free]) > 0 || weekend(free) {
			free++
		}
		for _, name := range names {
			k.add(free, "Alternative holiday for "+name)
		}
	}
}

const (
	assemblyElection     = "National Assembly Election Day"
	presidentialElection = "Presidential Election Day"
	localElection        = "Local Election Day"
	temporaryHoliday     = "Temporary Public Holiday"
)

// koreanElections adds the regular elections, which the law puts on the first Wednesday on or after a day: 50 days before
// the end of the assembly's term on May 29, 70 days before the end of a president's term, which is June 3 since 2025, and
// 30 days before the end of the local councils' term on June 30; a week later if that day or the day before or after is
// a holiday.
func koreanElections(year int, add func(etf.Session, string)) {
	wednesday := func(month time.Month, day int) etf.Session {
		return from(etf.NewSession(year, month, day), time.Wednesday)
	}
	if year >= 2008 && year%4 == 0 {
		add(wednesday(time.April, 9), assemblyElection)
	}
	if year >= 2030 && year%5 == 0 {
		add(wednesday(time.March, 25), presidentialElection)
	}
	if year >= 2010 && year%4 == 2 {
		day := wednesday(time.May, 31)
		if memorial := etf.NewSession(year, time.June, 6); day == memorial || day == memorial-1 {
			day += 7
		}
		add(day, localElection)
	}
}

// koreanDecisions lists what does not follow from today's rules: elections before 2008, presidential elections since, and
// temporary holidays decided by the cabinet. Those of other years are dropped at the end.
var koreanDecisions = []Holiday{
	{etf.MustSession("1991-03-26"), localElection}, // districts
	{etf.MustSession("1991-06-20"), localElection}, // provinces
	{etf.MustSession("1992-03-24"), assemblyElection},
	{etf.MustSession("1992-12-18"), presidentialElection},
	{etf.MustSession("1995-06-27"), localElection},
	{etf.MustSession("1996-04-11"), assemblyElection},
	{etf.MustSession("1997-12-18"), presidentialElection},
	{etf.MustSession("1998-06-04"), localElection},
	{etf.MustSession("2000-04-13"), assemblyElection},
	{etf.MustSession("2002-06-13"), localElection},
	{etf.MustSession("2002-07-01"), "2002 FIFA World Cup National Team Semi-Finals Celebrations"},
	{etf.MustSession("2002-12-19"), presidentialElection},
	{etf.MustSession("2004-04-15"), assemblyElection},
	{etf.MustSession("2006-05-31"), localElection},
	{etf.MustSession("2007-12-19"), presidentialElection},
	{etf.MustSession("2012-12-19"), presidentialElection},
	{etf.MustSession("2015-08-14"), temporaryHoliday},
	{etf.MustSession("2016-05-06"), temporaryHoliday},
	{etf.MustSession("2017-05-09"), presidentialElection}, // the president was removed from office
	{etf.MustSession("2017-10-02"), temporaryHoliday},
	{etf.MustSession("2020-08-17"), temporaryHoliday},
	{etf.MustSession("2022-03-09"), presidentialElection}, // a week later because of Independence Movement Day
	{etf.MustSession("2023-10-02"), temporaryHoliday},
	{etf.MustSession("2024-10-01"), "Armed Forces Day"},
	{etf.MustSession("2025-01-27"), temporaryHoliday},
	{etf.MustSession("2025-06-03"), presidentialElection}, // the president was removed from office
}
